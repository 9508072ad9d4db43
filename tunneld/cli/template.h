/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * template.h - manual page and completions: what the descriptions of verbs fill
 * in
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <turnout/compiler.h>

#include <stdio.h>

struct verb;

/* Copies lines; one that is "@WHAT@" or "@WHAT VERB@" is replaced. 0, -EBADMSG
 * (it has been said what is wrong in `name`), or -EIO. */
int template_fill(FILE *from, const char *name, FILE *to) MUST_CHECK;

/* The parts. A sub-verb has no own place in the manual page. */
void template_man_synopsis(FILE *to);
void template_man_verb(const struct verb *verb, FILE *to);
void template_man_status(FILE *to);
void template_man_environment(FILE *to);
void template_man_examples(FILE *to);
/* For bash and zsh: rows with | between fields. */
void template_table(FILE *to);
void template_fish(FILE *to);

/* Every key of the configuration; the last has a NULL section. */
struct template_key {
	const char *section, *key;
};
extern const struct template_key template_keys[];

#endif
