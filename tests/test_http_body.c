/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_http_body.c - bodies in pieces of every size, and those that are none */
#include <config.h>

#include "http_body.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Read `text` in pieces of `step`, into room for `room` at a time. How much
 * of it is the body's, or -1. */
static int read_all(struct http_body *b, const char *text, size_t step,
		    size_t room, char *content)
{
	size_t len = strlen(text), at = 0, got = 0;

	while (at < len && !http_body_is_done(b)) {
		size_t n = len - at < step ? len - at : step, used = 0;
		int64_t rc = http_body_read(b, text + at, n, &used,
					    content + got, room);

		if (rc < 0)
			return -1;
		CU_ASSERT(used <= n && (size_t)rc <= room);
		CU_ASSERT_FATAL(used > 0);
		got += (size_t)rc;
		at += used;
	}
	content[got] = '\0';
	return (int)at;
}

static void check(const char *text, const char *content, size_t whole)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		struct http_body b;
		char out[256];
		size_t used;

		http_body_init(&b, HTTP_FRAMING_CHUNKED, 0);
		CU_ASSERT_EQUAL(read_all(&b, text, step, 3, out), (int)whole);
		CU_ASSERT_TRUE(http_body_is_done(&b));
		CU_ASSERT_STRING_EQUAL(out, content);
		/* Only counted. */
		http_body_init(&b, HTTP_FRAMING_CHUNKED, 0);
		CU_ASSERT_EQUAL(
			http_body_read(&b, text, strlen(text), &used, NULL, 0),
			(int64_t)strlen(content));
		CU_ASSERT_EQUAL(used, whole);
		CU_ASSERT_TRUE(http_body_is_done(&b));
	}
}

static void chunks(void)
{
	check("5\r\nhello\r\n0\r\n\r\n", "hello", 15);
	check("5\nhello\n0\n\n", "hello", 11);
	check("0\r\n\r\nGET / HTTP/1.1\r\n", "", 5);
	check("3;a=\"b\"\r\nabc\r\n00A ; x\r\n0123456789\r\n0\r\n\r\n",
	      "abc0123456789", 40);
	check("1\r\na\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nmore", "a", 27);
	check("0000000000001\r\na\r\n0\r\n\r\n", "a", 23);
}

static void bad_chunks(void)
{
	static const char *const rows[] = {
		"\r\n",
		"g\r\n",
		"-1\r\n",
		"0x5\r\nhello\r\n",
		" 5\r\nhello\r\n",
		"5\r\nhelloo\r\n",
		"5\r\nhello0\r\n",
		"5\r\nhello\r\r\n",
		"5\rhello\r\n",
		"5\r\r\nhello",
		"5\r;\nhello\r\n",
		"5;\x01\r\n",
		"5;a\rb\r\n",
		"0\r\nX: \x7f\r\n\r\n",
		"0\r\nX: a\rb\r\n",
		"0\r\n\rX\r\n\r\n",
		"1000000000000000\r",
		"0000000000000000\r\n",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_body b;
		char out[256];
		int rc;

		http_body_init(&b, HTTP_FRAMING_CHUNKED, 0);
		rc = read_all(&b, rows[i], 1, 100, out);
		CU_ASSERT_EQUAL(rc, -1);
		if (rc != -1)
			fprintf(stderr, "\n%zu: %s\n", i, rows[i]);
	}
}

static void overhead(void)
{
	static char text[70000];
	struct http_body b;
	size_t used;

	memset(text, 'x', sizeof(text));
	memcpy(text, "5;", 2);
	http_body_init(&b, HTTP_FRAMING_CHUNKED, 0);
	CU_ASSERT_EQUAL(http_body_read(&b, text, sizeof(text), &used, NULL, 0),
			-EBADMSG);
	memcpy(text, "0\r\n", 3);
	for (size_t i = 3; i < sizeof(text); i += 100)
		text[i] = '\n';
	text[3] = 'x';
	http_body_init(&b, HTTP_FRAMING_CHUNKED, 0);
	CU_ASSERT_EQUAL(http_body_read(&b, text, sizeof(text), &used, NULL, 0),
			-EBADMSG);
}

static void lengths(void)
{
	struct http_body b;
	char out[8];
	size_t used;

	http_body_init(&b, HTTP_FRAMING_LENGTH, 5);
	CU_ASSERT_EQUAL(http_body_read(&b, "hello, you", 10, &used, out, 3), 3);
	CU_ASSERT_EQUAL(used, 3);
	CU_ASSERT_FALSE(http_body_is_done(&b));
	CU_ASSERT_EQUAL(http_body_read(&b, "lo, you", 7, &used, out, 8), 2);
	CU_ASSERT_EQUAL(used, 2);
	CU_ASSERT_TRUE(http_body_is_done(&b));
	http_body_init(&b, HTTP_FRAMING_LENGTH, 0);
	CU_ASSERT_TRUE(http_body_is_done(&b));
	http_body_init(&b, HTTP_FRAMING_NONE, 0);
	CU_ASSERT_TRUE(http_body_is_done(&b));
	http_body_init(&b, HTTP_FRAMING_TO_END, 0);
	CU_ASSERT_EQUAL(http_body_read(&b, "hello", 5, &used, NULL, 0), 5);
	CU_ASSERT_EQUAL(used, 5);
	CU_ASSERT_FALSE(http_body_is_done(&b));
}

static CU_TestInfo tests[] = {
	{ "chunks", chunks },
	{ "what is not chunked", bad_chunks },
	{ "no endless extensions and trailers", overhead },
	{ "lengths", lengths },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "http_body", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
