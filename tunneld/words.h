/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* words.h - what is wrong with a value, and what would be right, for people */
#ifndef WORDS_H
#define WORDS_H

#include <turnout/compiler.h>

#include <stddef.h>

/* Where to put the words; the caller's storage. */
struct words {
	char *text;
	size_t max;
};

/* Always -EINVAL, so that a parser can end by it. */
int words_wrong(const struct words *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
