/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json_text.c - text as JSON strings (RFC 8259), for output
 *
 * Turns bytes into a string that every reader of JSON takes: file names and
 * values of a configuration may be anything.
 */
#include <config.h>

#include "json_text.h"

#include <stddef.h>
#include <stdint.h>

/* The bytes of one well-formed sequence of UTF-8 (RFC 3629, 4); 0: none. */
static size_t utf8_length(const unsigned char *s)
{
	uint32_t code, min;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	min = len == 2 ? 0x80 : len == 3 ? 0x800 : 0x10000;
	code = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the end of the string, too */
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	return code < min || code > 0x10ffff ||
			       (code >= 0xd800 && code < 0xe000)
		       ? 0
		       : len;
}

void json_text_put(FILE *to, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	putc('"', to);
	while (*s != '\0') {
		size_t len = utf8_length(s);

		if (len == 0)
			fputs("\\ufffd", to);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(to, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else
			fwrite(s, 1, len, to);
		s += len > 0 ? len : 1;
	}
	putc('"', to);
}

void json_text_member(FILE *to, const char *name, const char *text)
{
	fprintf(to, "\"%s\": ", name);
	if (text != NULL)
		json_text_put(to, text);
	else
		fputs("null", to);
}
