/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_pac_text.c - any bytes as a script, in each charset
 *
 * What comes out is a text without a NUL, and UTF-8 where that was made here.
 */
#include <config.h>

#include "../../tunneld/pac_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Every lead byte has as many bytes behind it as it says. */
static void check_utf8(const char *text)
{
	for (const char *c = text; *c != '\0';) {
		unsigned char lead = (unsigned char)*c++;
		int more = lead < 0x80   ? 0
			   : lead < 0xc2 ? -1
			   : lead < 0xe0 ? 1
			   : lead < 0xf0 ? 2
			   : lead < 0xf5 ? 3
					 : -1;

		if (more < 0)
			abort();
		for (; more > 0; more--)
			if (((unsigned char)*c++ & 0xc0) != 0x80)
				abort();
	}
}

static void check(const char *type, const uint8_t *data, size_t bytes)
{
	char *text;
	size_t len;

	if (pac_text_decode(type, (const char *)data, bytes, &text, &len) < 0)
		return;
	if (len == 0 || strlen(text) != len)
		abort();
	/* it may have said by a mark that it is UTF-8 already */
	if (bytes < 3 || memcmp(data, "\xef\xbb\xbf", 3) != 0)
		check_utf8(text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const char *const types[] = { NULL, "x; charset=utf-16",
					     "x; charset=utf-16le" };
	char *type = malloc(bytes + 1);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		check(types[i], data, bytes);
	if (type == NULL)
		return 0;
	memcpy(type, data, bytes);
	type[bytes] = '\0';
	if (strcasestr(type, "charset=") == NULL)
		check(type, data, bytes);
	free(type);
	return 0;
}
