/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preload_env.c - LD_PRELOAD with and without turnout's library
 *
 * Elements are separated by colons or spaces (ld.so(8)). Two copies of the
 * library, of two installations, would hook each other: one goes.
 */
#include <config.h>

#include "preload_env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ": "
#define OUR_NAME   "libturnout.so"

static bool is_ours(const char *element, size_t len)
{
	size_t name = strlen(OUR_NAME);

	if (len < name || memcmp(element + len - name, OUR_NAME, name) != 0)
		return false;
	return len == name || element[len - name - 1] == '/';
}

/* Append the elements of `old` that are not ours to `out`. */
static void append_others(char *out, const char *old)
{
	size_t len;

	for (; old != NULL && *old != '\0'; old += len) {
		old += strspn(old, SEPARATORS);
		len = strcspn(old, SEPARATORS);
		if (len == 0 || is_ours(old, len))
			continue;
		if (*out != '\0')
			strcat(out, ":");
		strncat(out, old, len);
	}
}

char *preload_env_with(const char *old, const char *library)
{
	size_t max = strlen(library) + (old ? strlen(old) : 0) + 2;
	char *out = calloc(1, max);

	if (out == NULL)
		return NULL;
	strcpy(out, library);
	append_others(out, old);
	return out;
}

char *preload_env_without(const char *old)
{
	char *out = calloc(1, (old ? strlen(old) : 0) + 1);

	if (out != NULL)
		append_others(out, old);
	return out;
}
