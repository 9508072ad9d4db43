/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template_fish.c - descriptions of verbs -> complete(1) of fish */
#include <config.h>

#include "template.h"
#include "verbs.h"

#include <turnout/compiler.h>

#include <stddef.h>

/* What completes a value; the functions stand in the template. */
static const char *const completers[VERB_NUM_KINDS] = {
	[VERB_KIND_COMMAND] = "__fish_complete_command",
	[VERB_KIND_SETTING] = "__turnout_settings",
	[VERB_KIND_KEY] = "__turnout_keys",
	[VERB_KIND_RELAY] = "__turnout_relays",
	[VERB_KIND_USER] = "__fish_complete_users",
	[VERB_KIND_VERB] = "__turnout_verbs",
};

static void put_quoted(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('\'', to);
}

static void put_values(FILE *to, enum verb_kind kind, const char *words)
{
	if (kind == VERB_KIND_FILE)
		fputs(" -F", to);
	else
		fputs(" -f", to);
	if (kind == VERB_KIND_WORD && words != NULL) {
		fputs(" -a ", to);
		put_quoted(to, words);
	} else if (completers[kind] != NULL) {
		fprintf(to, " -a '(%s)'", completers[kind]);
	}
}

/* `verb` and, for a sub-verb, its name. */
static void put_where(FILE *to, const char *verb, const char *sub)
{
	fprintf(to, "complete -c turnout -n '__turnout_in %s%s%s'", verb,
		sub ? " " : "", sub ? sub : "");
}

static void put_options(FILE *to, const char *verb, const char *sub,
			const struct verb_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (o->hidden)
			continue;
		put_where(to, verb, sub);
		if (o->code < VERB_LONG)
			fprintf(to, " -s %c", o->code);
		fprintf(to, " -l %s", o->name);
		if (o->value != NULL && !o->optional)
			fputs(" -r", to);
		if (o->value != NULL)
			put_values(to, o->kind, o->words);
		fputs(" -d ", to);
		put_quoted(to, o->help);
		fputc('\n', to);
	}
}

static void put_operands(FILE *to, const char *verb, const char *sub,
			 const struct verb *v)
{
	if (v->operands_max == 0 || v->operand == VERB_KIND_TEXT)
		return;
	put_where(to, verb, sub);
	put_values(to, v->operand, v->operand_words);
	fputc('\n', to);
}

static void put_verb(FILE *to, const struct verb *verb)
{
	put_options(to, verb->name, NULL, verb->options);
	put_options(to, verb->name, NULL, verb->more);
	put_operands(to, verb->name, NULL, verb);
	for (size_t i = 0; verb->subs != NULL && verb->subs[i] != NULL; i++) {
		const struct verb *sub = verb->subs[i];

		fprintf(to, "complete -c turnout -f -n '__turnout_at %s' -a %s",
			verb->name, sub->name);
		fputc('\n', to);
		put_options(to, verb->name, sub->name, sub->options);
		put_operands(to, verb->name, sub->name, sub);
	}
}

void template_fish(FILE *to)
{
	for (size_t i = 0; verbs[i] != NULL; i++) {
		fprintf(to,
			"complete -c turnout -f -n __turnout_no_verb -a %s "
			"-d ",
			verbs[i]->name);
		put_quoted(to, verbs[i]->summary);
		fputc('\n', to);
	}
	for (size_t i = 0; verbs[i] != NULL; i++)
		put_verb(to, verbs[i]);
	fputs("set -g __turnout_known_keys", to);
	for (const struct template_key *k = template_keys; k->section; k++)
		fprintf(to, " %s.%s", k->section, k->key);
	fputc('\n', to);
}
