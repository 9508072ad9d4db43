/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_saslprep.c - usernames and passwords in one spelling, or a clear no */
#include <config.h>

#include "../tunneld/saslprep.h"

#include "lib/unit.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <string.h>

static void test_ascii(void)
{
	char all[0x7f - 0x20 + 1], out[sizeof(all)];

	for (size_t i = 0; i < sizeof(all) - 1; i++)
		all[i] = (char)(0x20 + i);
	all[sizeof(all) - 1] = '\0';
	CU_ASSERT_EQUAL(saslprep(all, out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, all);
	CU_ASSERT_EQUAL(saslprep("", out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "");
}

/* RFC 4013, 3; RFC 5769, 2.4 and RFC 8489, B.1. */
static void test_vectors(void)
{
	static const struct {
		const char *in;
		int err;
		const char *out;
	} rows[] = {
		{ "I\xc2\xadX", 0, "IX" }, /* soft hyphen */
		{ "user", 0, "user" },
		{ "USER", 0, "USER" },       /* case stays */
		{ "\xc2\xaa", 0, "a" },      /* feminine ordinal */
		{ "\xe2\x85\xa8", 0, "IX" }, /* Roman numeral nine */
		{ "\x07", -EBADMSG, "" },
		{ "\xd8\xa7"
		  "1",
		  -EDOM, "" }, /* alef, then no letter of its kind */
		{ "The\xc2\xadM\xc2\xaatr\xe2\x85\xa8", 0, "TheMatrIX" },
		/* a decomposed e with acute accent */
		{ "e\xcc\x81", 0, "\xc3\xa9" },
		{ "a\xc2\xa0z", 0, "a z" }, /* a space that does not break */
		/* younger than Unicode 3.2: what is typed, is asked for */
		{ "\xf0\x9f\x98\x80", 0, "\xf0\x9f\x98\x80" },
	};
	char out[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_EQUAL(saslprep(rows[i].in, out, sizeof(out)),
				rows[i].err);
		CU_ASSERT_STRING_EQUAL(out, rows[i].out);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *in;
		int err;
		const char *words;
	} rows[] = {
		{ "a\nb", -EBADMSG, "forbids" },
		{ "a\x7f", -EBADMSG, "forbids" },
		{ "\xee\x80\x80", -EBADMSG, "forbids" }, /* private use */
		{ "\xff\xfe", -EILSEQ, "UTF-8" },
		{ "caf\xe9", -EILSEQ, "UTF-8" }, /* Latin-1 */
		{ "\xc0\x80", -EILSEQ, "UTF-8" },
		{ "\xed\xa0\x80", -EILSEQ, "UTF-8" }, /* a surrogate */
		{ "\xf0\x9f", -EILSEQ, "UTF-8" },
		{ "a\xd8\xa7", -EDOM, "right-to-left" },
	};
	char out[64], name[510];
	const char *words;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(out, 'x', sizeof(out));
		CU_ASSERT_EQUAL(saslprep(rows[i].in, out, sizeof(out)),
				rows[i].err);
		CU_ASSERT_STRING_EQUAL(out, "");
		words = saslprep_complaint(rows[i].in, "pass");
		CU_ASSERT_PTR_NOT_NULL_FATAL(words);
		CU_ASSERT_PTR_NOT_NULL(strstr(words, "the username"));
		CU_ASSERT_PTR_NOT_NULL(strstr(words, rows[i].words));
		words = saslprep_complaint("user", rows[i].in);
		CU_ASSERT_PTR_NOT_NULL_FATAL(words);
		CU_ASSERT_PTR_NOT_NULL(strstr(words, "the password"));
		CU_ASSERT_PTR_NOT_NULL(strstr(words, rows[i].words));
	}
	CU_ASSERT_PTR_NULL(saslprep_complaint("user", "pass"));
	CU_ASSERT_PTR_NULL(saslprep_complaint("user", NULL));
	CU_ASSERT_PTR_NULL(saslprep_complaint(NULL, "\xc2\xad"));
	memset(name, 'n', sizeof(name));
	name[509] = '\0';
	CU_ASSERT_PTR_NOT_NULL(saslprep_complaint(name, NULL));
	name[508] = '\0';
	CU_ASSERT_PTR_NULL(saslprep_complaint(name, NULL));
}

static void test_size(void)
{
	/* one character that becomes 18, in 33 bytes */
	static const char longest[] = "\xef\xb7\xba";
	char out[64];

	CU_ASSERT_EQUAL(saslprep("abc", out, 3), -ENOBUFS);
	CU_ASSERT_EQUAL(saslprep("abc", out, 4), 0);
	for (size_t max = 0; max < 34; max++) {
		out[max] = '#';
		CU_ASSERT_EQUAL(saslprep(longest, out, max), -ENOBUFS);
		CU_ASSERT_EQUAL(out[max], '#');
	}
	CU_ASSERT_EQUAL(saslprep(longest, out, 34), 0);
	CU_ASSERT_EQUAL(strlen(out), 33);
}

static CU_TestInfo tests[] = {
	{ "ASCII stays as it is", test_ascii },
	{ "the examples of the RFCs", test_vectors },
	{ "what is refused, and the words for it", test_refused },
	{ "never past the end", test_size },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "saslprep", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
