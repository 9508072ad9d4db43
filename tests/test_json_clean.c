/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_json_clean.c - text from outside as JSON strings */
#include <config.h>

#include "json_clean.h"

#include "unit.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BAD "\xef\xbf\xbd"

static void check(const char *text, const char *clean)
{
	json_t *string = json_clean(text);

	CU_ASSERT_PTR_NOT_NULL_FATAL(string);
	CU_ASSERT_STRING_EQUAL(json_string_value(string), clean);
	json_decref(string);
}

static void test_text(void)
{
	json_t *null = json_clean(NULL);

	CU_ASSERT(json_is_null(null));
	check("", "");
	check("/opt/Ärger/😀 \"x\" \\", "/opt/Ärger/😀 \"x\" \\");
	check("\x1b[31mred\a\x7f", BAD "[31mred" BAD BAD);
	check("c1: \xc2\x9b"
	      "5m",
	      "c1: " BAD "5m");
	check("line\nbreak\t", "line" BAD "break" BAD);
}

/* RFC 3629: what no encoder writes. */
static void test_not_utf8(void)
{
	check("\xff", BAD);
	check("a\xc3", "a" BAD);    /* cut off */
	check("\xc0\xaf", BAD BAD); /* overlong */
	check("\xe0\x80\xaf", BAD BAD BAD);
	check("\xed\xa0\x80", BAD BAD BAD); /* a surrogate */
	check("\xf4\x90\x80\x80", BAD BAD BAD BAD);
	check("\xef\xbf\xbf", "\xef\xbf\xbf");
	check("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

/* jansson takes all that comes out. */
static void test_random(void)
{
	uint32_t dice = 7;
	char text[33];
	json_t *string;

	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(text) - 1; k++) {
			dice = dice * 1664525u + 1013904223u;
			text[k] = (char)(dice >> 24 | (k % 3 ? 0x80 : 0));
		}
		text[dice >> 27] = '\0';
		string = json_clean(text);
		CU_ASSERT_PTR_NOT_NULL(string);
		json_decref(string);
	}
}

static CU_TestInfo tests[] = {
	{ "text, and what moves a cursor", test_text },
	{ "what is not UTF-8", test_not_utf8 },
	{ "anything", test_random },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "json_clean", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
