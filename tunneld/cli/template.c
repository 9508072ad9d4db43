/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * template.c - a template and the descriptions of all verbs -> the manual page,
 * or the completions of a shell
 *
 * The manual page has prose of its own behind some verbs; "@verbs@" stands for
 * all those that no line before has named, so that none is forgotten.
 */
#include <config.h>

#include "template.h"

#include "say.h"
#include "verbs.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LINE_MAX_BYTES 1024
#define VERBS_MAX      64

static const struct {
	const char *name;
	void (*put)(FILE *to);
} parts[] = {
	{ "synopsis", template_man_synopsis },
	{ "status", template_man_status },
	{ "environment", template_man_environment },
	{ "examples", template_man_examples },
	{ "table", template_table },
	{ "fish", template_fish },
};

struct filling {
	bool seen[VERBS_MAX]; /* by the verb's place in verbs[] */
};

static bool put_verb(struct filling *f, const char *name, FILE *to)
{
	for (size_t i = 0; verbs[i] != NULL && i < VERBS_MAX; i++) {
		if (strcmp(verbs[i]->name, name) != 0)
			continue;
		f->seen[i] = true;
		template_man_verb(verbs[i], to);
		return true;
	}
	return false;
}

static void put_others(const struct filling *f, FILE *to)
{
	for (size_t i = 0; verbs[i] != NULL && i < VERBS_MAX; i++)
		if (!f->seen[i])
			template_man_verb(verbs[i], to);
}

/* `what` stood between the two @. */
static bool put_part(struct filling *f, const char *what, FILE *to)
{
	if (strncmp(what, "verb ", 5) == 0)
		return put_verb(f, what + 5, to);
	if (strcmp(what, "verbs") == 0) {
		put_others(f, to);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strcmp(parts[i].name, what) != 0)
			continue;
		parts[i].put(to);
		return true;
	}
	return false;
}

static int put_line(struct filling *f, char *line, const char *name, FILE *to)
{
	size_t len = strcspn(line, "\n");

	/* A name in @ within a line is for configure's sed. */
	if (len < 3 || line[0] != '@' || line[len - 1] != '@') {
		fputs(line, to);
		return 0;
	}
	line[len - 1] = '\0';
	if (put_part(f, line + 1, to))
		return 0;
	say("help: %s: there is no '%s' to fill in", name, line + 1);
	return -EBADMSG;
}

int template_fill(FILE *from, const char *name, FILE *to)
{
	struct filling f = { .seen = { false } };
	char line[LINE_MAX_BYTES];
	int err = 0;

	while (err == 0 && fgets(line, sizeof(line), from) != NULL)
		err = put_line(&f, line, name, to);
	if (err == 0 && (ferror(from) || fflush(to) == EOF || ferror(to)))
		err = -EIO;
	return err;
}
