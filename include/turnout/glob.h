/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glob.h - `*` (any bytes, none included) and `?` (one byte) against a text
 *
 * Takes no more than the product of both lengths, whatever the pattern.
 */
#ifndef TURNOUT_GLOB_H
#define TURNOUT_GLOB_H

#include <stdbool.h>
#include <stddef.h>

static inline bool glob_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			/* What the last star covers grows by one. */
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

#endif
