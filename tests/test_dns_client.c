/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_dns_client.c - our queries, byte for byte, and answers of all kinds */
#include <config.h>

#include "dns_client.h"

#include "addr.h"
#include "buf.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

#define QUESTION "\3www\7Example\3com\0\0\1\0\1"
#define HEAD(flags, answers) \
	"\x12\x34" flags "\0\1\0" answers "\0\0\0\0" QUESTION
#define A(ip)                   "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" ip
#define CNAME                   "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1x\xc0\x10"
#define OK                      "\x81\x80"
#define EXPECTS(expected, text) expect((expected), "" text, sizeof(text) - 1)

static struct endpoint addrs[4];

static int get(const char *data, size_t len)
{
	return dns_client_get((const uint8_t *)data, len, 0x1234,
			      "www.example.com", DNS_TYPE_A, addrs, 4);
}

static void expect(int expected, const char *data, size_t len)
{
	CU_ASSERT_EQUAL(get(data, len), expected);
	/* Cut off anywhere, it is no answer, or one with less in it. */
	for (size_t n = 0; n < len; n++) {
		char copy[512];

		memcpy(copy, data, n);
		CU_ASSERT(get(copy, n) < 0);
	}
}

static void test_query(void)
{
	static const char expected[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0"
				       "\3www\7example\3com\0\0\x1c\0\1";
	uint8_t out[64];
	struct buf b;

	buf_init(&b, out, sizeof(out));
	dns_client_put(&b, 0x1234, "www.example.com", DNS_TYPE_AAAA);
	CU_ASSERT_EQUAL_FATAL(b.len, sizeof(expected) - 1);
	CU_ASSERT_EQUAL(memcmp(out, expected, b.len), 0);
}

static void test_answers(void)
{
	char text[ADDR_TEXT_MAX];

	EXPECTS(1, HEAD(OK, "\1") A("\xc0\0\2\1"));
	CU_ASSERT_STRING_EQUAL(addr_format_ip(&addrs[0], text), "192.0.2.1");
	CU_ASSERT_EQUAL(addrs[0].port_be, 0);
	CU_ASSERT_EQUAL(get(HEAD(OK, "\3") CNAME A("\xc0\0\2\1")
				    A("\xc0\0\2\2"),
			    sizeof(HEAD(OK, "\3") CNAME A("\xc0\0\2\1")
					   A("\xc0\0\2\2")) -
				    1),
			2);
	CU_ASSERT_STRING_EQUAL(addr_format_ip(&addrs[1], text), "192.0.2.2");
}

static void test_failures(void)
{
	EXPECTS(-ENODATA, HEAD(OK, "\0"));
	EXPECTS(-ENODATA, HEAD(OK, "\1") CNAME);
	EXPECTS(-ENOENT, HEAD("\x81\x83", "\0"));
	EXPECTS(-EAGAIN, HEAD("\x81\x82", "\0"));           /* SERVFAIL */
	EXPECTS(-EAGAIN, HEAD("\x83\x80", "\1") A("abcd")); /* cut: TC */
	EXPECTS(-EBADMSG, HEAD("\1\x80", "\0"));            /* a query */
	EXPECTS(-EBADMSG, HEAD(OK, "\1")); /* fewer than said */
	EXPECTS(-EBADMSG, HEAD(OK, "\1") "\xc0");
	/* Of another id, for another name, of another type. */
	EXPECTS(-EBADMSG, "\x12\x35" OK "\0\1\0\0\0\0\0\0" QUESTION);
	EXPECTS(-EBADMSG,
		"\x12\x34" OK "\0\1\0\0\0\0\0\0\3wwx\7example\3com\0\0\1\0\1");
	EXPECTS(-EBADMSG, "\x12\x34" OK
			  "\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\x1c\0\1");
	EXPECTS(-EBADMSG, "\x12\x34" OK "\0\0\0\0\0\0\0\0");
	/* An address of the wrong length is none. */
	EXPECTS(-ENODATA, HEAD(OK, "\1") "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\3abc");
}

/* A thousand of them: no more than there is room for. */
static void test_many(void)
{
	static uint8_t data[64 + 100 * 16];
	size_t len = sizeof(HEAD(OK, "\x64")) - 1;

	memcpy(data, HEAD(OK, "\x64"), len);
	for (int i = 0; i < 100; i++, len += 16)
		memcpy(data + len, A("\xc0\0\2\1"), 16);
	CU_ASSERT_EQUAL(get((const char *)data, len), 4);
}

static CU_TestInfo tests[] = {
	{ "a query", test_query },
	{ "addresses", test_answers },
	{ "everything else", test_failures },
	{ "many addresses", test_many },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "dns_client", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
