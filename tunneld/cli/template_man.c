/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template_man.c - descriptions of verbs -> parts of turnout(1), in man(7) */
#include <config.h>

#include "template.h"
#include "verb_help.h"
#include "verbs.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define COLUMNS 78u /* of the source */

/* As it stands: no request, no escape, and a hyphen that can be copied. */
static void put_bytes(FILE *to, const char *text, size_t len, bool line_begins)
{
	if (line_begins && len > 0 && (text[0] == '.' || text[0] == '\''))
		fputs("\\&", to);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			fputs("\\e", to);
		else if (text[i] == '-')
			fputs("\\-", to);
		else if (text[i] == '\'')
			fputs("\\(aq", to);
		else
			fputc(text[i], to);
	}
}

/* A text of its own lines; a sentence that ends begins a line, as man(7) has
 * it. `column` is what stands in the first one already. */
static void put_text(FILE *to, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");
		bool ends = len > 1 && text[len - 1] == '.' &&
			    text[len] == ' ' &&
			    isupper((unsigned char)text[len + 1]);

		if (column > 0 && column + 1 + len > COLUMNS) {
			fputc('\n', to);
			column = 0;
		} else if (column > 0) {
			fputc(' ', to);
			column++;
		}
		put_bytes(to, text, len, column == 0);
		column += len;
		text += len;
		text += *text == ' ';
		if (ends) {
			fputc('\n', to);
			column = 0;
		}
	}
	if (column > 0)
		fputc('\n', to);
}

/* One line of a macro: quoted, for it may have blanks. */
static void put_macro(FILE *to, const char *macro, const char *text)
{
	fprintf(to, ".%s \"", macro);
	put_bytes(to, text, strlen(text), false);
	fputs("\"\n", to);
}

void template_man_synopsis(FILE *to)
{
	for (size_t i = 0; verbs[i] != NULL; i++) {
		for (size_t j = 0; verbs[i]->usage[j] != NULL; j++) {
			if (i + j > 0)
				fputs(".br\n", to);
			fprintf(to, ".B turnout %s\n", verbs[i]->name);
			put_text(to, verbs[i]->usage[j]);
		}
	}
	fputs(".br\n.B turnout \\-\\-version\n", to);
}

static void put_paragraphs(FILE *to, const char *const *text, bool *first)
{
	for (; text != NULL && *text != NULL; text++) {
		if (!*first)
			fputs(".PP\n", to);
		*first = false;
		put_text(to, *text);
	}
}

/* "-c, --config FILE" */
static void put_options(FILE *to, const struct verb_option *o)
{
	char name[64];

	for (; o != NULL && o->name != NULL; o++) {
		if (o->hidden)
			continue;
		verb_help_option(o, name, sizeof(name));
		fputs(".TP\n", to);
		put_macro(to, "B", name);
		put_text(to, o->help);
	}
}

static void put_body(FILE *to, const struct verb *verb, bool *first)
{
	put_paragraphs(to, verb->about, first);
	put_options(to, verb->options);
	for (size_t i = 0; verb->subs != NULL && verb->subs[i] != NULL; i++)
		put_body(to, verb->subs[i], first);
	put_paragraphs(to, verb->notes, first);
}

void template_man_verb(const struct verb *verb, FILE *to)
{
	bool first = true;

	fprintf(to, ".SS %s\n", verb->name);
	if (verb->about == NULL && verb->subs == NULL) {
		put_text(to, verb->summary);
		first = false;
	}
	put_body(to, verb, &first);
}

void template_man_status(FILE *to)
{
	const struct verb_status *s;

	for (size_t i = 0; verbs[i] != NULL; i++) {
		s = verbs[i]->status ? verbs[i]->status : verb_help_status;
		put_macro(to, "TP\n.B", verbs[i]->name);
		for (bool first = true; s->status != NULL; s++) {
			if (!first)
				fputs(".br\n", to);
			first = false;
			put_macro(to, "B", s->status);
			if (s->when != NULL)
				put_text(to, s->when);
		}
	}
}

void template_man_environment(FILE *to)
{
	const struct verb_variable *v;

	for (size_t i = 0; verbs[i] != NULL; i++) {
		v = verbs[i]->environment;
		for (; v != NULL && v->name != NULL; v++) {
			put_macro(to, "TP\n.B", v->name);
			put_text(to, v->help);
		}
	}
}

void template_man_examples(FILE *to)
{
	const struct verb_example *e;
	bool first = true;

	for (size_t i = 0; verbs[i] != NULL; i++) {
		e = verbs[i]->examples;
		for (; e != NULL && e->command != NULL; e++) {
			if (!first)
				fputs(".PP\n", to);
			first = false;
			put_bytes(to, e->help, strlen(e->help), true);
			fputs(":\n.PP\n.EX\n", to);
			put_bytes(to, e->command, strlen(e->command), true);
			fputs("\n.EE\n", to);
		}
	}
}
