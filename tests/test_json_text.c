/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_json_text.c - strings that every reader of JSON takes */
#include <config.h>

#include "../tunneld/json_text.h"

#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void is(const char *text, const char *expected)
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&out, &bytes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	json_text_put(f, text);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(out, expected);
	free(out);
}

static void test_put(void)
{
	is("", "\"\"");
	is("a/b = c", "\"a/b = c\"");
	is("\"\\", "\"\\\"\\\\\"");
	is("\n\x01\x7f", "\"\\u000a\\u0001\\u007f\"");
	is("\u00e4\u20ac\U0001f600", "\"\u00e4\u20ac\U0001f600\"");
}

/* RFC 3629: overlong, surrogates, beyond U+10FFFF, cut off. */
static void test_not_utf8(void)
{
	is("\xff", "\"\\ufffd\"");
	is("a\x80z", "\"a\\ufffdz\"");
	is("\xc0\x80", "\"\\ufffd\\ufffd\"");
	is("\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	is("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	is("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	is("\xe2\x82", "\"\\ufffd\\ufffd\"");
	is("\xf0\x9f\x98", "\"\\ufffd\\ufffd\\ufffd\"");
}

static void test_member(void)
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&out, &bytes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	json_text_member(f, "a", "b");
	json_text_member(f, "c", NULL);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(out, "\"a\": \"b\"\"c\": null");
	free(out);
}

static CU_TestInfo tests[] = {
	{ "strings", test_put },
	{ "what is not UTF-8", test_not_utf8 },
	{ "members", test_member },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "json_text", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
