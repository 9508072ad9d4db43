/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redact_private.h - what the files of redact.c share */
#ifndef REDACT_PRIVATE_H
#define REDACT_PRIVATE_H

#include "redact.h"

struct redact_entry {
	enum redact_kind kind;
	bool known; /* see redact_know() */
	size_t number;
	size_t len;
	char *text;
};

/* No more different things get a name of their own. */
#define REDACT_ENTRIES_MAX 8192

struct redact {
	struct redact_entry *entry;
	size_t count, room;
	size_t numbers[REDACT_NUM_KINDS];
};

/* A view of the text. */
struct piece {
	const char *at;
	size_t len;
};

/* redact_names.c */
void redact_put(struct redact *r, enum redact_kind kind, struct piece p,
		FILE *to);
/* The first place where a known name stands in `p`; NULL: none does. */
const struct redact_entry *redact_find_known(const struct redact *r,
					     struct piece p, size_t *at);

/* redact_words.c */
bool redact_word_is_ours(struct piece word);
bool redact_path_is_ours(struct piece path);
bool redact_file_is_ours(struct piece name);

#endif
