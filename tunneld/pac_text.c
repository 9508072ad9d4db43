/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_text.c - the charsets in which proxy auto-config scripts are found
 *
 * Turns UTF-8, UTF-16 (RFC 2781) and ISO-8859-1 into UTF-8 (RFC 3629). UTF-8
 * is not checked: the script's engine takes bytes.
 */
#include <config.h>

#include "pac_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum charset {
	CHARSET_LATIN1 = 0,
	CHARSET_UTF8,
	CHARSET_UTF16_LE,
	CHARSET_UTF16_BE,
};

struct mark {
	enum charset charset;
	size_t len;
	const char *bytes;
};

static const struct mark marks[] = {
	{ CHARSET_UTF8, 3, "\xef\xbb\xbf" },
	{ CHARSET_UTF16_LE, 2, "\xff\xfe" },
	{ CHARSET_UTF16_BE, 2, "\xfe\xff" },
};

struct name {
	const char *name;
	enum charset charset;
};

/* RFC 2781, 4.3: UTF-16 without a mark is big-endian. */
static const struct name names[] = {
	{ "utf-8", CHARSET_UTF8 },        { "utf8", CHARSET_UTF8 },
	{ "utf-16", CHARSET_UTF16_BE },   { "utf-16be", CHARSET_UTF16_BE },
	{ "utf-16le", CHARSET_UTF16_LE },
};

static enum charset charset_of(const char *content_type)
{
	static const char key[] = "charset=";
	const char *value = content_type ? strcasestr(content_type, key) : NULL;
	size_t len;

	if (value == NULL)
		return CHARSET_LATIN1;
	value += sizeof(key) - 1;
	if (*value == '"' || *value == '\'')
		value++;
	len = strcspn(value, "\"' \t;");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i].name) == len &&
		    strncasecmp(names[i].name, value, len) == 0)
			return names[i].charset;
	return CHARSET_LATIN1;
}

static size_t put(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static size_t from_latin1(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += put((unsigned char)in[i], out + n);
	return n;
}

static uint32_t unit(const char *in, bool le)
{
	unsigned char a = (unsigned char)in[0], b = (unsigned char)in[1];

	return le ? (uint32_t)(b << 8 | a) : (uint32_t)(a << 8 | b);
}

/* RFC 2781, 2.2; half a pair becomes U+FFFD. */
static size_t from_utf16(const char *in, size_t len, bool le, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint32_t c = unit(in + i, le);
		uint32_t next = i + 3 < len ? unit(in + i + 2, le) : 0;

		if (c >= 0xd800 && c < 0xdc00 && next >= 0xdc00 &&
		    next < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
			i += 2;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		n += put(c, out + n);
	}
	return n;
}

int pac_text_decode(const char *content_type, const char *bytes, size_t len,
		    char **out, size_t *out_len)
{
	enum charset charset = charset_of(content_type);
	char *text = malloc(2 * len + 1); /* of each kind at most */
	size_t n;

	if (text == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (len < marks[i].len ||
		    memcmp(bytes, marks[i].bytes, marks[i].len) != 0)
			continue;
		charset = marks[i].charset;
		bytes += marks[i].len;
		len -= marks[i].len;
		break;
	}
	if (charset == CHARSET_LATIN1)
		n = from_latin1(bytes, len, text);
	else if (charset == CHARSET_UTF8)
		memcpy(text, bytes, n = len);
	else
		n = from_utf16(bytes, len, charset == CHARSET_UTF16_LE, text);
	text[n] = '\0';
	if (n == 0 || strlen(text) != n ||
	    (charset >= CHARSET_UTF16_LE && len % 2 != 0)) {
		free(text);
		return -EBADMSG;
	}
	*out = text;
	*out_len = n;
	return 0;
}
