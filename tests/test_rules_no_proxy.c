/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_rules_no_proxy.c - what an entry of no_proxy matches
 *
 * The conventions of libcurl 7.88.1, wget, Go, Java and Chromium, side by side;
 * where they differ, whatever one of them takes is taken.
 */
#include <config.h>

#include "../tunneld/addr.h"
#include "../tunneld/hostname.h"
#include "../tunneld/rules.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct page_table *table;

static int set_up(void)
{
	table = calloc(1, sizeof(*table));
	return table == NULL;
}

static int tear_down(void)
{
	free(table);
	return 0;
}

/* Does TCP to `dest` (HOST, HOST:PORT, [V6]:PORT) pass the proxy by? */
static bool passes(const char *entry, const char *dest)
{
	static const struct rules nothing;
	const char *const list[] = { entry, NULL };
	const struct rules_context ctx = {
		.user = &nothing,
		.no_proxy = list,
		.have_proxy = true,
	};
	char host[CONTROL_NAME_MAX + 1], name[CONTROL_NAME_MAX + 1];
	enum policy_action action;
	uint16_t port = 443;
	struct endpoint e;

	CU_ASSERT_TRUE_FATAL(
		addr_split_host_port(dest, host, sizeof(host), &port));
	if (addr_parse_ip(host, &e)) {
		e.port_be = htons(port);
		CU_ASSERT_EQUAL_FATAL(rules_compile(&ctx, table, NULL), 0);
		action = page_table_decide(table, POLICY_TCP, &e, NULL);
	} else {
		CU_ASSERT_TRUE_FATAL(hostname_normalise(host, name));
		action = rules_decide_name(&ctx, name, port, POLICY_TCP, false,
					   NULL);
	}
	CU_ASSERT(action == POLICY_DIRECT || action == POLICY_PROXY);
	return action == POLICY_DIRECT;
}

static void test_matches(void)
{
	static const struct {
		const char *entry, *dest;
	} rows[] = {
		/* libcurl 7.88.1, as measured */
		{ "192.0.2.0/24", "192.0.2.3" },
		{ ".corp.test", "a.corp.test" },
		{ ".corp.test", "corp.test" },
		{ "corp.test", "a.corp.test" },
		{ "corp.test", "corp.test" },
		{ "corp.test.", "a.corp.test" },
		{ ".corp.test.", "a.corp.test" },
		{ "corp.test", "a.corp.test." },
		{ "CORP.Test", "a.corp.test" },
		{ "corp.test", "A.CORP.TEST" },
		{ "2001:db8::1", "[2001:db8::1]" },
		{ "*", "a.test" },
		{ "*", "192.0.2.1" },
		{ "*", "[2001:db8::1]" },
		/* libcurl does not, others do */
		{ "*.corp.test", "a.corp.test" },
		{ "*.corp.test", "b.a.corp.test" },
		{ "192.*", "192.0.2.1" },
		{ "192.0.*", "192.0.2.1" },
		{ "192.0.2.*", "192.0.2.1" },
		{ "192.*.*.*", "192.0.2.1" },
		{ "192.*:80", "192.0.2.1:80" },
		{ "a.corp.test:80", "a.corp.test:80" },
		{ "a.corp.test:80", "b.a.corp.test:80" },
		{ "corp.test:80-90", "corp.test:85" },
		{ "192.0.2.1:80", "192.0.2.1:80" },
		{ "[2001:db8::1]", "[2001:db8::1]" },
		{ "[2001:db8::1]:80", "[2001:db8::1]:80" },
		{ "2001:db8::/32", "[2001:db8::9]" },
		{ "[2001:db8::]/32", "[2001:db8::9]" },
		{ "[2001:db8::/32]", "[2001:db8::9]" },
		{ "<local>", "printer" },
		{ "<LOCAL>", "printer" },
		/* Go masks what stands behind the prefix */
		{ "192.0.2.77/24", "192.0.2.3" },
		{ "2001:db8::77/32", "[2001:db8::9]" },
		{ "::ffff:192.0.2.0/120", "192.0.2.3" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1", "[::ffff:192.0.2.1]" },
		/* Chromium */
		{ "foobar.test", "foobar.test" },
		{ "*foobar.test", "afoobar.test" },
		{ "*foobar.test", "foobar.test" },
		{ "*foobar.test:99", "a.foobar.test:99" },
		{ "*.org.test", "x.org.test" },
		{ "https://x.*.y.test:99", "x.mm.y.test:99" },
		{ "http://foo.test", "foo.test:80" },
		{ "https://foo.test", "foo.test:443" },
		{ "wss://foo.test", "foo.test:443" },
		{ "HTTP://foo.test", "foo.test:80" },
		{ "http://[2001:db8::1]:99", "[2001:db8::1]:99" },
		{ "[2001:db8:0:0::1]", "[2001:db8::1]" },
		{ "https://192.0.2.0/24", "192.0.2.9:443" },
		/* any glob */
		{ "*voip*", "my-voip.test" },
		{ "*voip*", "voip" },
		{ "*voip*", "a.voip.b.test" },
		{ "host-?.test", "host-1.test" },
		{ "host-*.test", "host-1.a.test" },
		{ "Host-*.Test.", "host-1.test" },
		/* loopback passes by whatever stands there */
		{ "<-loopback>", "127.0.0.1" },
		{ "<-loopback>", "localhost" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = passes(rows[i].entry, rows[i].dest);

		if (!ok)
			printf("%s, %s\n", rows[i].entry, rows[i].dest);
		CU_ASSERT(ok);
	}
}

static void test_others(void)
{
	static const struct {
		const char *entry, *dest;
	} rows[] = {
		{ "orp.test", "corp.test" },
		{ ".orp.test", "corp.test" },
		{ "*.orp.test", "corp.test" },
		{ "corp.test", "corp.test.example" },
		{ "corp.test:80", "corp.test:81" },
		{ "corp.test:80", "corp.test" },
		{ "192.*:80", "192.0.2.1:81" },
		{ "192.0.2.0/24", "192.0.3.1" },
		{ "192.0.2.1", "192.0.2.11" },
		{ "2001:db8::/32", "[2001:db9::1]" },
		{ "::/0", "192.0.2.1" },
		{ "0.0.0.0/0", "[2001:db8::1]" },
		/* ranges are for addresses: the proxy looks names up */
		{ "192.0.2.0/24", "a.test" },
		{ "0.0.0.0/0", "a.test" },
		{ "<local>", "a.test" },
		{ "<local>", "192.0.2.1" },
		{ "<-loopback>", "a.test" },
		{ "<-loopback>", "192.0.2.1" },
		{ "https://foo.test", "foo.test:80" },
		{ "host-?.test", "host-10.test" },
		{ "host-?.test", "host-.test" },
		{ "*voip*", "192.0.2.1" },
		{ "*foobar.test", "foobar.test.example" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = !passes(rows[i].entry, rows[i].dest);

		if (!ok)
			printf("%s, %s\n", rows[i].entry, rows[i].dest);
		CU_ASSERT(ok);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *entry, *about;
	} rows[] = {
		{ "", "HOST, .SUFFIX or ADDRESS/BITS" },
		{ "a b", "HOST, .SUFFIX or ADDRESS/BITS" },
		{ "a;b", "HOST, .SUFFIX or ADDRESS/BITS" },
		{ "10.1.2", "not a whole address" },
		{ "127.1", "not a whole address" },
		{ "1*", "not a whole address" },
		{ "**", "not a whole address" },
		{ "256.*", "not a whole address" },
		{ "10.*.*.*.*", "not a whole address" },
		{ "10.*.1.*", "not a whole address" },
		{ "0x7f.1", "neither a host name" },
		{ "10.0.0.0/33", "not a network" },
		{ "10.0.0.0/255.0.0.0", "not a network" },
		{ "10.1.2/24", "not a network" },
		{ "[::1", "closing ]" },
		{ "fe80::1%eth0", "not a network" },
		{ "gopher://a.test", "scheme" },
		{ "http://", "neither a host name" },
		{ "a.test:0", "not a port" },
		{ "a.test:http", "not a port" },
		{ "192.*:x", "not a port" },
		{ ".*.test", "neither a host name" },
		{ "a..*.test", "neither a host name" },
		{ "<other>", "neither a host name" },
		{ "a_b!.test", "neither a host name" },
	};
	char words[300], text[400] = "";
	struct rule r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int error = rules_parse_no_proxy(rows[i].entry, &r, words,
						 sizeof(words));

		CU_ASSERT_EQUAL(error, -EINVAL);
		if (error == 0 || strstr(words, rows[i].about) == NULL)
			printf("%s: %s\n", rows[i].entry, words);
		CU_ASSERT_PTR_NOT_NULL(strstr(words, rows[i].about));
	}
	memset(text, 'a', sizeof(text) - 1);
	CU_ASSERT_EQUAL(rules_parse_no_proxy(text, &r, words, sizeof(words)),
			-EINVAL);
}

static CU_TestInfo tests[] = {
	{ "what an entry matches", test_matches },
	{ "what it does not", test_others },
	{ "what is no entry", test_refused },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "rules_no_proxy",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
