/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json_clean.c - text from outside as JSON strings (RFC 3629) */
#include <config.h>

#include "json_clean.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* How long the character is that begins here; 0: it is none. */
static size_t sequence(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t mask, value, low, high; /* bounds of the second byte */
	} kinds[] = {
		{ 0xff, 0xe0, 0xa0, 0xbf }, { 0xff, 0xed, 0x80, 0x9f },
		{ 0xf0, 0xe0, 0x80, 0xbf }, { 0xff, 0xf0, 0x90, 0xbf },
		{ 0xff, 0xf4, 0x80, 0x8f }, { 0xfc, 0xf0, 0x80, 0xbf },
	};
	size_t len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	size_t kind = 0;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if (len == 2)
		return 2;
	while (kind < ARRAY_SIZE(kinds) &&
	       (at[0] & kinds[kind].mask) != kinds[kind].value)
		kind++;
	return kind < ARRAY_SIZE(kinds) && at[1] >= kinds[kind].low &&
			       at[1] <= kinds[kind].high
		       ? len
		       : 0;
}

/* C0, DEL, and C1, which some terminals take for escapes. */
static bool is_control(const uint8_t *at, size_t len)
{
	return (len == 1 && (at[0] < 0x20 || at[0] == 0x7f)) ||
	       (len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

json_t *json_clean(const char *text)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t left, len = 0;
	json_t *string;
	char *out;

	if (text == NULL)
		return json_null();
	left = strlen(text);
	out = malloc(left * strlen(REPLACEMENT) + 1);
	if (out == NULL)
		return NULL;
	while (left > 0) {
		size_t n = sequence(at, left);
		bool good = n > 0 && !is_control(at, n);

		if (n == 0)
			n = 1;
		memcpy(out + len, good ? (const char *)at : REPLACEMENT,
		       good ? n : strlen(REPLACEMENT));
		len += good ? n : strlen(REPLACEMENT);
		at += n;
		left -= n;
	}
	string = json_stringn(out, len);
	free(out);
	return string;
}
