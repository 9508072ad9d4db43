/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verb_help.c - the description of a verb -> text for a terminal */
#include <config.h>

#include "verb_help.h"

#include <string.h>

#define COLUMNS     80u
#define HELP_COLUMN 27u /* where the words about an option begin */

const struct verb_status verb_help_status[] = {
	{ "0", "if all went well" },
	{ "1", "if not" },
	{ "2", "for wrong usage" },
	{ NULL, NULL },
};

/* Words, broken at blanks; `column` is where the first one goes. */
static void put_wrapped(FILE *to, const char *text, size_t column,
			size_t indent)
{
	bool first = true;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (!first && column + 1 + len > COLUMNS) {
			fprintf(to, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', to);
			column++;
		}
		fwrite(text, 1, len, to);
		column += len;
		text += len;
		text += *text == ' ';
		first = false;
	}
	fputc('\n', to);
}

static void put_paragraphs(FILE *to, const char *const *text)
{
	for (; text != NULL && *text != NULL; text++) {
		fputc('\n', to);
		put_wrapped(to, *text, 0, 0);
	}
}

void verb_help_option(const struct verb_option *o, char *text, size_t max)
{
	const char *open = "", *close = "";

	if (o->value != NULL && o->optional) {
		open = "[=";
		close = "]";
	} else if (o->value != NULL) {
		open = " ";
	}
	if (o->code < VERB_LONG)
		snprintf(text, max, "-%c, --%s%s%s%s", o->code, o->name, open,
			 o->value ? o->value : "", close);
	else
		snprintf(text, max, "--%s%s%s%s", o->name, open,
			 o->value ? o->value : "", close);
}

static void put_options(FILE *to, const struct verb_option *o)
{
	char name[64];

	for (; o != NULL && o->name != NULL; o++) {
		size_t at = o->code < VERB_LONG ? 2 : 6;

		if (o->hidden)
			continue;
		verb_help_option(o, name, sizeof(name));
		fprintf(to, "%*s%s", (int)at, "", name);
		at += strlen(name);
		if (at + 2 > HELP_COLUMN)
			fprintf(to, "\n%*s", (int)HELP_COLUMN, "");
		else
			fprintf(to, "%*s", (int)(HELP_COLUMN - at), "");
		put_wrapped(to, o->help, HELP_COLUMN, HELP_COLUMN);
	}
}

static bool has_options(const struct verb_option *o)
{
	for (; o != NULL && o->name != NULL; o++)
		if (!o->hidden)
			return true;
	return false;
}

static void put_body(FILE *to, const struct verb *verb)
{
	put_paragraphs(to, verb->about);
	if (has_options(verb->options))
		fputc('\n', to);
	put_options(to, verb->options);
	for (size_t i = 0; verb->subs != NULL && verb->subs[i] != NULL; i++)
		put_body(to, verb->subs[i]);
	put_paragraphs(to, verb->notes);
}

static void put_status(FILE *to, const struct verb_status *s)
{
	char text[1024] = "Exit status:";
	size_t len = strlen(text);

	for (; s->status != NULL && len < sizeof(text); s++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, " %s%s%s%s", s->status,
			s->when ? " " : "", s->when ? s->when : "",
			s[1].status ? "," : ".");
	fputc('\n', to);
	put_wrapped(to, text, 0, 0);
}

void verb_help_print(const struct verb *verb, FILE *to)
{
	for (size_t i = 0; verb->usage[i] != NULL; i++)
		fprintf(to, "%s turnout %s%s%s\n",
			i ? "      " : "Usage:", verb->name,
			verb->usage[i][0] ? " " : "", verb->usage[i]);
	put_body(to, verb);
	put_status(to, verb->status ? verb->status : verb_help_status);
}
