/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * template_table.c - descriptions of verbs -> rows that bash and zsh can read
 *
 *	verb|NAME|KIND|WORDS|SUMMARY            KIND of its operands
 *	option|NAME|-c|--config|VALUE|KIND|WORDS|HELP
 *	key|SECTION|KEY
 *
 * NAME is "config show" for a sub-verb; VALUE is none, needs or may. KIND is a
 * word of kinds[]. No text has a | in it: tests/cli/words sees to that.
 */
#include <config.h>

#include "template.h"
#include "verbs.h"

#include <turnout/compiler.h>

#include <stddef.h>

static const char *const kinds[] = {
	[VERB_KIND_TEXT] = "text",       [VERB_KIND_WORD] = "word",
	[VERB_KIND_FILE] = "file",       [VERB_KIND_COMMAND] = "command",
	[VERB_KIND_SETTING] = "setting", [VERB_KIND_KEY] = "key",
	[VERB_KIND_RELAY] = "relay",     [VERB_KIND_USER] = "user",
	[VERB_KIND_VERB] = "verb",
};
_Static_assert(ARRAY_SIZE(kinds) == VERB_NUM_KINDS, "a name each");

#define CONF_KEY(section, key, repeatable, value, form, help) \
	{ #section, #key },
const struct template_key template_keys[] = {
#include "conf_keys.def"
	{ NULL, NULL },
};
#undef CONF_KEY

static void put_options(FILE *to, const char *parent, const char *name,
			const struct verb_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (o->hidden)
			continue;
		fprintf(to, "option|%s%s|", parent, name);
		if (o->code < VERB_LONG)
			fprintf(to, "-%c", o->code);
		fprintf(to, "|--%s|%s|%s|%s|%s\n", o->name,
			o->value == NULL ? "none"
			: o->optional    ? "may"
					 : "needs",
			kinds[o->kind], o->words ? o->words : "", o->help);
	}
}

static const char *operand_of(const struct verb *verb)
{
	return verb->operands_max == 0 ? "none" : kinds[verb->operand];
}

static void put_subs(FILE *to, const struct verb *verb)
{
	char parent[32];

	snprintf(parent, sizeof(parent), "%s ", verb->name);
	for (size_t i = 0; verb->subs[i] != NULL; i++) {
		const struct verb *sub = verb->subs[i];

		fprintf(to, "verb|%s%s|%s|%s|%s\n", parent, sub->name,
			operand_of(sub),
			sub->operand_words ? sub->operand_words : "",
			sub->summary ? sub->summary : "");
		put_options(to, parent, sub->name, sub->options);
	}
}

void template_table(FILE *to)
{
	for (size_t i = 0; verbs[i] != NULL; i++) {
		const struct verb *verb = verbs[i];

		fprintf(to, "verb|%s|%s|%s|%s\n", verb->name,
			verb->subs ? "sub" : operand_of(verb),
			verb->operand_words ? verb->operand_words : "",
			verb->summary);
		put_options(to, "", verb->name, verb->options);
		put_options(to, "", verb->name, verb->more);
		if (verb->subs != NULL)
			put_subs(to, verb);
	}
	for (const struct template_key *k = template_keys; k->section; k++)
		fprintf(to, "key|%s|%s\n", k->section, k->key);
}
