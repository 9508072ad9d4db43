/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redact.h - text without what is anybody's own
 *
 * By construction: what goes through is what turnout itself can say, small
 * numbers, and times. All else becomes a pseudonym, the same for the same thing
 * for as long as the redact lives.
 */
#ifndef REDACT_H
#define REDACT_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct redact;

enum redact_kind {
	REDACT_WORD = 0,
	REDACT_HOST,
	REDACT_ADDRESS,
	REDACT_USER,
	REDACT_RELAY,
	REDACT_PATH,
	REDACT_NUM_KINDS,
};

struct redact *redact_new(void) MUST_CHECK;
void redact_free(struct redact *r);

#define REDACT_NAME_MAX 24
/* "host-1" */
const char *redact_name(struct redact *r, enum redact_kind kind,
			const char *text, char out[REDACT_NAME_MAX]);
/* A name that is known: it is replaced wherever it stands between other
 * letters, even if it is a word that turnout says. Before any text. */
void redact_know(struct redact *r, enum redact_kind kind, const char *text);
/* How many of a kind have a pseudonym. */
size_t redact_count(const struct redact *r, enum redact_kind kind);
const char *redact_kind_name(enum redact_kind kind); /* "host" */

/* `text` may hold many lines. `numbers`: long ones go through, too. */
void redact_text(struct redact *r, const char *text, size_t len, bool numbers,
		 FILE *to);
/* Can turnout say that? One word, or several with _ and - between them. */
bool redact_is_ours(const char *text, size_t len);

#endif
