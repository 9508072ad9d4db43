/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_addr.c - endpoints, prefixes and HOST:PORT as text */
#include <config.h>

#include "../tunneld/addr.h"

#include "lib/unit.h"

#include <string.h>

#include <arpa/inet.h>

static void test_parse_and_format(void)
{
	static const struct {
		const char *text, *ip, *with_port; /* NULL: refused */
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1:3478" },
		{ "0.0.0.0", "0.0.0.0", "0.0.0.0:3478" },
		{ "2001:db8::1", "2001:db8::1", "[2001:db8::1]:3478" },
		{ "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:3478" },
		{ "2001:DB8:0:0::1", "2001:db8::1", "[2001:db8::1]:3478" },
		{ "::", "::", "[::]:3478" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:3478" },
		/* endpoints are never v4-mapped */
		{ "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:3478" },
		{ "", NULL, NULL },
		{ "[]", NULL, NULL },
		{ "[", NULL, NULL },
		{ "[192.0.2.1]", NULL, NULL },
		{ "192.0.2", NULL, NULL },
		{ "192.0.2.256", NULL, NULL },
		{ "192.0.2.1 ", NULL, NULL },
		{ "010.0.0.1", NULL, NULL },
		{ "0x7f.0.0.1", NULL, NULL },
		{ "1", NULL, NULL },
		{ "fe80::1%lo", NULL, NULL },
		{ "[2001:db8::1", NULL, NULL },
		{ "2001:db8::1]", NULL, NULL },
		{ "2001:db8::1:3478:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0", NULL,
		  NULL },
		{ "example.org", NULL, NULL },
	};
	char text[ADDR_TEXT_MAX];
	struct endpoint e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = addr_parse_ip(rows[i].text, &e);

		CU_ASSERT_EQUAL(ok, rows[i].ip != NULL);
		if (!ok || rows[i].ip == NULL)
			continue;
		CU_ASSERT_EQUAL(e.port_be, 0);
		CU_ASSERT_STRING_EQUAL(addr_format_ip(&e, text), rows[i].ip);
		e.port_be = htons(3478);
		CU_ASSERT_STRING_EQUAL(addr_format(&e, text),
				       rows[i].with_port);
	}
	memset(&e, 0, sizeof(e));
	CU_ASSERT_STRING_EQUAL(addr_format(&e, text), "(none)");
	CU_ASSERT_STRING_EQUAL(addr_format_ip(&e, text), "(none)");
}

static void test_prefixes(void)
{
	static const struct {
		const char *text;
		int bits; /* -1: refused */
	} rows[] = {
		{ "10.0.0.0/8", 8 },
		{ "0.0.0.0/0", 0 },
		{ "192.0.2.1", 32 },
		{ "192.0.2.1/32", 32 },
		{ "192.0.2.128/25", 25 },
		{ "2001:db8::/32", 32 },
		{ "[2001:db8::]/32", 32 },
		{ "::/0", 0 },
		{ "::1", 128 },
		{ "::ffff:10.0.0.0/104", 8 },
		{ "::ffff:0.0.0.0/96", 0 },
		{ "::ffff:10.0.0.0/80", -1 },
		{ "10.0.0.1/8", -1 },
		{ "192.0.2.128/24", -1 },
		{ "2001:db8::1/64", -1 },
		{ "10.0.0.0/33", -1 },
		{ "::/129", -1 },
		{ "10.0.0.0/", -1 },
		{ "10.0.0.0/ 8", -1 },
		{ "10.0.0.0/+8", -1 },
		{ "10.0.0.0/-1", -1 },
		{ "10.0.0.0/8x", -1 },
		{ "10.0.0.0/99999999999999999999", -1 },
		{ "/8", -1 },
		{ "", -1 },
	};
	struct endpoint e;
	uint8_t bits;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = addr_parse_prefix(rows[i].text, &e, &bits);

		CU_ASSERT_EQUAL(ok, rows[i].bits >= 0);
		if (ok)
			CU_ASSERT_EQUAL(bits, rows[i].bits);
	}
}

/* Host bits may be anything here, and are cleared. */
static void test_network(void)
{
	static const struct {
		const char *text, *ip;
		int bits; /* -1: refused */
	} rows[] = {
		{ "10.1.2.3/8", "10.0.0.0", 8 },
		{ "10.1.2.3/0", "0.0.0.0", 0 },
		{ "192.0.2.129/25", "192.0.2.128", 25 },
		{ "192.0.2.1", "192.0.2.1", 32 },
		{ "2001:db8::1/33", "2001:db8::", 33 },
		{ "::ffff:192.0.2.1/120", "192.0.2.0", 24 },
		{ "10.0.0.0/33", "", -1 },
		{ "10.0.0/8", "", -1 },
	};
	char text[ADDR_TEXT_MAX];
	struct endpoint e;
	uint8_t bits;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = addr_parse_network(rows[i].text, &e, &bits);

		CU_ASSERT_EQUAL(ok, rows[i].bits >= 0);
		if (!ok)
			continue;
		CU_ASSERT_EQUAL(bits, rows[i].bits);
		CU_ASSERT_STRING_EQUAL(addr_format_ip(&e, text), rows[i].ip);
	}
}

static void test_in_prefix(void)
{
	static const struct {
		const char *ip, *prefix;
		bool in;
	} rows[] = {
		{ "10.255.0.1", "10.0.0.0/8", true },
		{ "11.0.0.0", "10.0.0.0/8", false },
		{ "198.19.255.255", "198.18.0.0/15", true },
		{ "198.20.0.0", "198.18.0.0/15", false },
		{ "192.0.2.1", "0.0.0.0/0", true },
		{ "192.0.2.1", "192.0.2.1/32", true },
		{ "192.0.2.0", "192.0.2.1/32", false },
		{ "192.0.2.1", "::/0", false },
		{ "2001:db8::1", "0.0.0.0/0", false },
		{ "fdff::1", "fc00::/7", true },
		{ "fe00::1", "fc00::/7", false },
		{ "2001:db8::1", "2001:db8::1/128", true },
		{ "::ffff:10.1.2.3", "10.0.0.0/8", true },
	};
	struct endpoint e, prefix, none = { 0 };
	uint8_t bits;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_TRUE_FATAL(addr_parse_ip(rows[i].ip, &e));
		CU_ASSERT_TRUE_FATAL(
			addr_parse_prefix(rows[i].prefix, &prefix, &bits));
		CU_ASSERT_EQUAL(addr_in_prefix(&e, &prefix, bits), rows[i].in);
	}
	/* the port plays no part; nonsense is in nothing */
	CU_ASSERT_TRUE_FATAL(addr_parse_prefix("10.0.0.0/8", &prefix, &bits));
	CU_ASSERT_TRUE_FATAL(addr_parse_ip("10.1.1.1", &e));
	e.port_be = 1;
	CU_ASSERT_TRUE(addr_in_prefix(&e, &prefix, bits));
	CU_ASSERT_FALSE(addr_in_prefix(&e, &prefix, 33));
	CU_ASSERT_FALSE(addr_in_prefix(&none, &none, 0));
}

static void test_loopback(void)
{
	static const struct {
		const char *ip;
		bool loopback;
	} rows[] = { { "127.0.0.1", true },   { "127.255.1.2", true },
		     { "128.0.0.1", false },  { "::1", true },
		     { "::2", false },        { "::ffff:127.0.0.1", true },
		     { "::127.0.0.1", false } };
	struct endpoint e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_TRUE_FATAL(addr_parse_ip(rows[i].ip, &e));
		CU_ASSERT_EQUAL(addr_is_loopback(&e), rows[i].loopback);
	}
}

static void test_host_port(void)
{
	static const struct {
		const char *text, *host; /* NULL: refused */
		uint16_t port;
	} rows[] = {
		{ "proxy.corp:3128", "proxy.corp", 3128 },
		{ "proxy.corp", "proxy.corp", 7 },
		{ "192.0.2.1:1", "192.0.2.1", 1 },
		{ "[2001:db8::1]:65535", "2001:db8::1", 65535 },
		{ "[2001:db8::1]", "2001:db8::1", 7 },
		{ "2001:db8::1", "2001:db8::1", 7 },
		{ "proxy:0", NULL, 7 },
		{ "proxy:65536", NULL, 7 },
		{ "proxy:", NULL, 7 },
		{ "proxy:8x", NULL, 7 },
		{ "proxy:-1", NULL, 7 },
		{ ":3128", NULL, 7 },
		{ "", NULL, 7 },
		{ "[]:1", NULL, 7 },
		{ "[::1", NULL, 7 },
		{ "[::1]x", NULL, 7 },
		{ "[::1]:", NULL, 7 },
		{ "a b:1", NULL, 7 },
		{ "user@host:1", NULL, 7 },
		{ "host/path:1", NULL, 7 },
		{ "h\r\nX:1", NULL, 7 },
		{ "\xc3\xa9:1", NULL, 7 },
	};
	char host[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t port = 7;
		bool ok = addr_split_host_port(rows[i].text, host, sizeof(host),
					       &port);

		CU_ASSERT_EQUAL(ok, rows[i].host != NULL);
		CU_ASSERT_EQUAL(port, rows[i].port);
		if (ok && rows[i].host != NULL)
			CU_ASSERT_STRING_EQUAL(host, rows[i].host);
	}
}

static void test_host_too_long(void)
{
	uint16_t port = 1;
	char host[5];

	CU_ASSERT_TRUE(addr_split_host_port("abcd:9", host, 5, &port));
	CU_ASSERT_EQUAL(port, 9);
	CU_ASSERT_FALSE(addr_split_host_port("abcde:9", host, 5, &port));
}

static CU_TestInfo tests[] = {
	{ "addresses to text and back", test_parse_and_format },
	{ "prefixes", test_prefixes },
	{ "networks with host bits", test_network },
	{ "addresses in prefixes", test_in_prefix },
	{ "loopback", test_loopback },
	{ "HOST:PORT", test_host_port },
	{ "a host name longer than its room", test_host_too_long },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "addr", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
