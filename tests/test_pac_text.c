/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pac_text.c - scripts in the charsets of the world */
#include <config.h>

#include "../tunneld/pac_text.h"

#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

struct row {
	const char *type;
	const char *bytes;
	size_t len;
	const char *text; /* NULL: -EBADMSG */
};

static const struct row rows[] = {
	{ NULL, BYTES("a\xe9"), "a\xc3\xa9" },
	{ "text/plain", BYTES("\x80\xff"), "\xc2\x80\xc3\xbf" },
	{ "x; charset=utf-8", BYTES("a\xc3\xa9"), "a\xc3\xa9" },
	{ "x; Charset=\"UTF-8\"; y", BYTES("\xc3\xa9"), "\xc3\xa9" },
	{ "x;charset='utf8'", BYTES("\xc3\xa9"), "\xc3\xa9" },
	{ "x; charset=utf-85", BYTES("\xe9"), "\xc3\xa9" },
	{ "x; charset=iso-8859-1", BYTES("\xe9"), "\xc3\xa9" },
	{ "x; charset=koi8-r", BYTES("a\xe9"), "a\xc3\xa9" },
	{ "x; charset=", BYTES("\xe9"), "\xc3\xa9" },
	/* the mark says more than the header */
	{ NULL, BYTES("\xef\xbb\xbf\xc3\xa9"), "\xc3\xa9" },
	{ "x; charset=utf-8", BYTES("\xff\xfe\xe9\x00"), "\xc3\xa9" },
	{ "x; charset=utf-8", BYTES("\xfe\xff\x00\xe9"), "\xc3\xa9" },
	{ "x; charset=utf-16", BYTES("\x20\xac"), "\xe2\x82\xac" },
	{ "x; charset=utf-16le", BYTES("\xac\x20"), "\xe2\x82\xac" },
	{ "x; charset=utf-16be", BYTES("\xd8\x3d\xde\x00"),
	  "\xf0\x9f\x98\x80" },
	{ "x; charset=utf-16be", BYTES("\xd8\x3d\x00\x61"),
	  "\xef\xbf\xbd\x61" },
	{ "x; charset=utf-16be", BYTES("\xd8\x3d"), "\xef\xbf\xbd" },
	{ "x; charset=utf-16be", BYTES("\xde\x00\x00\x61"),
	  "\xef\xbf\xbd\x61" },
	{ NULL, BYTES(""), NULL },
	{ NULL, BYTES("\xef\xbb\xbf"), NULL },
	{ NULL, BYTES("a\0b"), NULL },
	{ "x; charset=utf-16", BYTES("\x00\x61\x00"), NULL },
	{ "x; charset=utf-16", BYTES("\x00\x61\x00\x00"), NULL },
};

static void test_table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		char *copy = malloc(row->len + 1), *out = NULL;
		size_t len = 0;
		int rc;

		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, row->bytes, row->len);
		rc = pac_text_decode(row->type, copy, row->len, &out, &len);
		CU_ASSERT_EQUAL(rc, row->text != NULL ? 0 : -EBADMSG);
		if (rc == 0 && row->text != NULL) {
			CU_ASSERT_STRING_EQUAL(out, row->text);
			CU_ASSERT_EQUAL(len, strlen(row->text));
		} else if (row->text != NULL) {
			printf("row %zu: %d\n", i, rc);
		}
		free(out);
		free(copy);
	}
}

static CU_TestInfo tests[] = {
	{ "charsets and marks", test_table },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "pac_text", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
