/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pac_list.c - lists of proxies, as scripts and desktops write them */
#include <config.h>

#include "../tunneld/pac_list.h"

#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct row {
	const char *text;
	const char *hops; /* "kind host port, …" */
	int rc;
	const char *skipped; /* the first; NULL: none */
};

static const struct row pac_rows[] = {
	{ .text = "DIRECT", .hops = "direct" },
	{ .text = "", .hops = "direct" },
	{ .text = "null", .hops = "direct" },
	{ .text = " ; ;", .hops = "direct" },
	{ .text = "PROXY a.test:3128", .hops = "http a.test 3128" },
	{ .text = "PROXY a.test", .hops = "http a.test 80" },
	{ .text = "proxy A.Test.:8080 ;", .hops = "http a.test 8080" },
	{ .text = "HTTP a.test", .hops = "http a.test 80" },
	{ .text = "HTTPS a.test", .hops = "https a.test 443" },
	{ .text = "SOCKS a.test", .hops = "socks5 a.test 1080" },
	{ .text = "SOCKS5 a.test:1", .hops = "socks5 a.test 1" },
	{ .text = "PROXY 192.0.2.1:65535", .hops = "http 192.0.2.1 65535" },
	{ .text = "PROXY [2001:db8::1]:3128", .hops = "http 2001:db8::1 3128" },
	{ .text = "PROXY [2001:db8::1]", .hops = "http 2001:db8::1 80" },
	{ .text = "PROXY a:1; PROXY b:2;SOCKS5 c ;DIRECT",
	  .hops = "http a 1, http b 2, socks5 c 1080, direct" },
	{ .text = "PROXY\ta:1\n;\n\tDIRECT\r\n", .hops = "http a 1, direct" },
	{ .text = "SOCKS4 a:1080; PROXY b:2",
	  .hops = "http b 2",
	  .skipped = "SOCKS4 a:1080" },
	{ .text = "QUIC a:443; DIRECT",
	  .hops = "direct",
	  .skipped = "QUIC a:443" },
	{ .text = "SOCKS4 a:1080", .rc = -EPROTO, .skipped = "SOCKS4 a:1080" },
	{ .text = "PROXY", .rc = -EPROTO, .skipped = "PROXY" },
	{ .text = "undefined", .rc = -EPROTO, .skipped = "undefined" },
	{ .text = "PROXY a:0", .rc = -EPROTO, .skipped = "PROXY a:0" },
	{ .text = "PROXY a:65536", .rc = -EPROTO, .skipped = "PROXY a:65536" },
	{ .text = "PROXY a:", .rc = -EPROTO, .skipped = "PROXY a:" },
	{ .text = "PROXY a:1x", .rc = -EPROTO, .skipped = "PROXY a:1x" },
	{ .text = "PROXY a:+1", .rc = -EPROTO, .skipped = "PROXY a:+1" },
	{ .text = "PROXY a:1 b:2", .rc = -EPROTO, .skipped = "PROXY a:1 b:2" },
	{ .text = "PROXY http://a:1",
	  .rc = -EPROTO,
	  .skipped = "PROXY http://a:1" },
	{ .text = "PROXY u:p@a:1", .rc = -EPROTO, .skipped = "PROXY u:p@a:1" },
	{ .text = "PROXY 2001:db8::1",
	  .rc = -EPROTO,
	  .skipped = "PROXY 2001:db8::1" },
	{ .text = "PROXY [2001:db8::1",
	  .rc = -EPROTO,
	  .skipped = "PROXY [2001:db8::1" },
	{ .text = "PROXY []:1", .rc = -EPROTO, .skipped = "PROXY []:1" },
	{ .text = "PROXY [::1]x", .rc = -EPROTO, .skipped = "PROXY [::1]x" },
	{ .text = "PROXY [192.0.2.1]:1",
	  .rc = -EPROTO,
	  .skipped = "PROXY [192.0.2.1]:1" },
	{ .text = "PROXY 127.1:1", .rc = -EPROTO, .skipped = "PROXY 127.1:1" },
	{ .text = "DIRECT a", .rc = -EPROTO, .skipped = "DIRECT a" },
	{ .text = "PROXY \xc3\xa9:1", .rc = -EPROTO, .skipped = "PROXY ??:1" },
	{ .text = "DIRECT;DIRECT;DIRECT;DIRECT;DIRECT;DIRECT;DIRECT;DIRECT;"
		  "PROXY ninth",
	  .hops = "direct, direct, direct, direct, direct, direct, direct, "
		  "direct",
	  .skipped = "PROXY ninth" },
};

static const struct row url_rows[] = {
	{ .text = "direct://\n", .hops = "direct" },
	{ .text = "http://a.test:3128\n", .hops = "http a.test 3128" },
	{ .text = "http://a.test:3128/ direct://",
	  .hops = "http a.test 3128, direct" },
	{ .text = "https://a socks://b socks5://c:2",
	  .hops = "https a 443, socks5 b 1080, socks5 c 2" },
	{ .text = "http://[2001:db8::1]:8080",
	  .hops = "http 2001:db8::1 8080" },
	{ .text = "http://user:p%40ss@a:1", .hops = "http a 1" },
	{ .text = "http://user:p@ss@a:1", .hops = "http a 1" },
	/* nothing of what may be a login */
	{ .text = "http://user:p/ss@a:1", .rc = -EPROTO, .skipped = "http" },
	{ .text = "socks4://a:1 direct://",
	  .hops = "direct",
	  .skipped = "socks4" },
	{ .text = "wpad://", .rc = -EPROTO, .skipped = "wpad" },
	{ .text = "http:a", .rc = -EPROTO, .skipped = "http" },
	{ .text = "", .rc = -EPROTO },
};

static void describe(const struct pac_list *list, char *out, size_t max)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->count && n < max; i++) {
		const struct pac_hop *h = &list->hop[i];

		n += (size_t)snprintf(out + n, max - n, "%s%s",
				      i > 0 ? ", " : "",
				      pac_hop_kind_name(h->kind));
		if (h->kind != PAC_HOP_DIRECT)
			n += (size_t)snprintf(out + n, max - n, " %s %u",
					      h->host, (unsigned int)h->port);
	}
}

static void check(const struct row *row,
		  int (*parse)(const char *, struct pac_list *))
{
	char hops[1024];
	struct pac_list list;
	int rc = parse(row->text, &list);

	describe(&list, hops, sizeof(hops));
	if (rc != row->rc || strcmp(hops, row->hops ? row->hops : "") != 0 ||
	    strcmp(list.first_skipped, row->skipped ? row->skipped : "") != 0)
		printf("%s: %d, %s, %s\n", row->text, rc, hops,
		       list.first_skipped);
	CU_ASSERT_EQUAL(rc, row->rc);
	CU_ASSERT_STRING_EQUAL(hops, row->hops ? row->hops : "");
	CU_ASSERT_STRING_EQUAL(list.first_skipped,
			       row->skipped ? row->skipped : "");
	CU_ASSERT_EQUAL(list.skipped > 0, row->skipped != NULL);
}

static void test_pac(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pac_rows); i++)
		check(&pac_rows[i], pac_list_parse);
}

static void test_urls(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(url_rows); i++)
		check(&url_rows[i], pac_list_parse_urls);
}

static void test_bounds(void)
{
	char text[PAC_LIST_BYTES_MAX + 2];
	struct pac_list list;

	memset(text, ' ', sizeof(text));
	memcpy(text, "DIRECT;", 7);
	text[PAC_LIST_BYTES_MAX] = '\0';
	CU_ASSERT_EQUAL(pac_list_parse(text, &list), 0);
	text[PAC_LIST_BYTES_MAX] = ' ';
	text[PAC_LIST_BYTES_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(pac_list_parse(text, &list), -E2BIG);
	CU_ASSERT_EQUAL(pac_list_parse_urls(text, &list), -E2BIG);
	memset(text, 'a', 300);
	memcpy(text, "PROXY ", 6);
	text[300] = '\0';
	CU_ASSERT_EQUAL(pac_list_parse(text, &list), -EPROTO);
	CU_ASSERT_EQUAL(strlen(list.first_skipped),
			sizeof(list.first_skipped) - 1);
}

static CU_TestInfo tests[] = {
	{ "what scripts return", test_pac },
	{ "what libproxy prints", test_urls },
	{ "bounds", test_bounds },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "pac_list", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
