/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_rules_explain.c - why a destination is reached as it is
 *
 * Each row is asked and its whole sentence compared: people read it.
 */
#include <config.h>

#include "../tunneld/addr.h"
#include "../tunneld/rules.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rules user;
static struct page_table *table;
static struct rules_note *notes;

static void add(const char *text, const char *origin)
{
	char words[300] = "";
	struct rule rule;

	CU_ASSERT_EQUAL_FATAL(
		rules_parse_line(text, &rule, words, sizeof(words)), 0);
	CU_ASSERT_STRING_EQUAL(rule.origin, "");
	snprintf(rule.origin, sizeof(rule.origin), "%s", origin);
	CU_ASSERT_EQUAL_FATAL(rules_add(&user, &rule), 0);
}

static const char *const no_proxy[] = { ".corp.test", "203.0.113.0/24", NULL };
static const char *const hop_names[] = { "proxy.test", NULL };
static struct endpoint hop;
static struct rules_learned learned = { .name = "a.corp.test" };

static struct rules_context context(void)
{
	struct rules_context ctx = {
		.user = &user,
		.no_proxy = no_proxy,
		.have_proxy = true,
		.tunnel_udp = true,
		.hops = &hop,
		.hop_count = 1,
		.hop_names = hop_names,
		.learned = &learned,
		.learned_count = 1,
	};

	CU_ASSERT_TRUE_FATAL(addr_parse_prefix("198.18.0.0/15", &ctx.pool4,
					       &ctx.pool4_bits));
	rules_fini(&user);
	add("block tcp evil.test:443", "/etc/x.conf:3");
	add("proxy 192.0.2.1", "--set rules.rule");
	add("tunnel 192.0.2.1", "");
	add("direct udp 192.0.2.1:53", "/etc/x.conf:4");
	return ctx;
}

static int set_up(void)
{
	table = calloc(1, sizeof(*table));
	notes = calloc(PAGE_RULES_MAX, sizeof(*notes));
	if (table == NULL || notes == NULL ||
	    !addr_parse_ip("192.0.2.9", &hop) ||
	    !addr_parse_ip("192.0.2.8", &learned.ip))
		return 1;
	hop.port_be = htons(3128);
	return 0;
}

static int tear_down(void)
{
	rules_fini(&user);
	free(table);
	free(notes);
	return 0;
}

struct row {
	const char *dest;
	uint16_t port;
	enum policy_protocol protocol;
	enum policy_action action;
	enum rules_reason reason;
	const char *words;
};

static void check(const struct row *row, const struct rules_answer *got)
{
	CU_ASSERT_EQUAL(got->action, row->action);
	CU_ASSERT_EQUAL(got->reason, row->reason);
	CU_ASSERT_EQUAL(got->rule != NULL, row->reason == RULES_REASON_RULE);
	if (strcmp(got->words, row->words) != 0)
		printf("%s: %s\n", row->dest, got->words);
	CU_ASSERT_STRING_EQUAL(got->words, row->words);
}

static void check_ip(const struct rules_context *ctx, const struct row *row)
{
	struct rules_answer got;
	struct endpoint e;

	CU_ASSERT_TRUE_FATAL(addr_parse_ip(row->dest, &e));
	e.port_be = htons(row->port);
	CU_ASSERT_EQUAL_FATAL(rules_compile(ctx, table, notes), 0);
	rules_explain_ip(ctx, table, notes, row->protocol, &e, NULL, &got);
	check(row, &got);
}

static void test_addresses(void)
{
	static const struct row rows[] = {
		{ "198.51.100.1", 443, POLICY_TCP, POLICY_PROXY,
		  RULES_REASON_DEFAULT,
		  "no rule is about it, and TCP goes to the proxy by default" },
		{ "198.51.100.1", 443, POLICY_UDP, POLICY_TUNNEL,
		  RULES_REASON_DEFAULT,
		  "no rule is about it, and UDP goes to the relay by default" },
		{ "192.0.2.1", 443, POLICY_TCP, POLICY_PROXY, RULES_REASON_RULE,
		  "of the rule `proxy tcp 192.0.2.1` (--set rules.rule)" },
		{ "192.0.2.1", 443, POLICY_UDP, POLICY_TUNNEL,
		  RULES_REASON_RULE, "of the rule `tunnel udp 192.0.2.1`" },
		{ "192.0.2.1", 53, POLICY_UDP, POLICY_DIRECT, RULES_REASON_RULE,
		  "of the rule `direct udp 192.0.2.1:53` (/etc/x.conf:4)" },
		{ "192.0.2.2", 53, POLICY_UDP, POLICY_TUNNEL, RULES_REASON_DNS,
		  "tunneld itself answers queries to port 53" },
		{ "127.0.0.53", 53, POLICY_UDP, POLICY_TUNNEL, RULES_REASON_DNS,
		  "tunneld itself answers queries to port 53" },
		{ "127.0.0.53", 53, POLICY_TCP, POLICY_PROXY, RULES_REASON_DNS,
		  "tunneld itself answers queries to port 53" },
		{ "127.0.0.53", 54, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_LOOPBACK, "it is this machine itself" },
		{ "0.0.0.0", 80, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_LOOPBACK, "it is this machine itself" },
		{ "10.1.2.3", 80, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_SURROUNDINGS,
		  "10.0.0.0/8 is private (RFC 1918)" },
		{ "fe80::1", 80, POLICY_UDP, POLICY_DIRECT,
		  RULES_REASON_SURROUNDINGS,
		  "fe80::/10 is link-local (RFC 4291)" },
		{ "203.0.113.5", 80, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_NO_PROXY, "no_proxy has `203.0.113.0/24`" },
		{ "192.0.2.9", 3128, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_HOP, "it is the proxy or a relay itself" },
		{ "198.18.0.1", 443, POLICY_TCP, POLICY_PROXY,
		  RULES_REASON_POOL, "it stands for a name, which decides" },
		{ "192.0.2.8", 443, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_LEARNED,
		  "it is an address of `a.corp.test`, which is direct because "
		  "no_proxy has `.corp.test`" },
	};
	struct rules_context ctx = context();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_ip(&ctx, &rows[i]);
}

static void test_missing_ways(void)
{
	static const struct row blocked[] = {
		{ "192.0.2.1", 443, POLICY_TCP, POLICY_BLOCK, RULES_REASON_RULE,
		  "of the rule `proxy tcp 192.0.2.1` (--set rules.rule), and "
		  "there is no proxy" },
		{ "192.0.2.1", 443, POLICY_UDP, POLICY_BLOCK, RULES_REASON_RULE,
		  "of the rule `tunnel udp 192.0.2.1`, and there is no relay" },
		{ "198.51.100.1", 443, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_DEFAULT,
		  "no rule is about it, and no proxy is configured for TCP" },
		{ "198.51.100.1", 443, POLICY_UDP, POLICY_BLOCK,
		  RULES_REASON_DEFAULT,
		  "no rule is about it, and UDP has no way: no relay is "
		  "configured" },
	};
	static const struct row open = {
		"198.51.100.1",
		443,
		POLICY_UDP,
		POLICY_PREFER_DIRECT,
		RULES_REASON_DEFAULT,
		"no rule is about it, and UDP works directly in this network"
	};
	struct rules_context ctx = context();

	ctx.udp_direct = true;
	check_ip(&ctx, &open);
	ctx.udp_direct = ctx.have_proxy = ctx.tunnel_udp = false;
	ctx.refuse_udp = true;
	for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
		check_ip(&ctx, &blocked[i]);
}

static void test_names(void)
{
	static const struct row rows[] = {
		{ "evil.test", 443, POLICY_TCP, POLICY_BLOCK, RULES_REASON_RULE,
		  "of the rule `block tcp evil.test:443` (/etc/x.conf:3)" },
		{ "evil.test", 80, POLICY_TCP, POLICY_PROXY,
		  RULES_REASON_DEFAULT,
		  "no rule is about it, and TCP goes to the proxy by default" },
		{ "proxy.test", 3128, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_HOP, "it is the proxy or a relay itself" },
		{ "a.corp.test", 443, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_NO_PROXY, "no_proxy has `.corp.test`" },
		{ "printer", 443, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_LOCAL_NAME,
		  "`printer` is a single label, which only the local network "
		  "knows" },
		{ "x.localhost", 443, POLICY_TCP, POLICY_DIRECT,
		  RULES_REASON_LOCAL_NAME,
		  "`x.localhost` is this machine (RFC 6761)" },
		{ "tv.local", 443, POLICY_UDP, POLICY_DIRECT,
		  RULES_REASON_LOCAL_NAME,
		  "`tv.local` is of the local link (RFC 6762)" },
	};
	static const struct row in_hosts = { "a.test",
					     443,
					     POLICY_TCP,
					     POLICY_DIRECT,
					     RULES_REASON_LOCAL_NAME,
					     "the hosts file has `a.test`" };
	static const struct row at_look_up = {
		"evil.test",
		0,
		POLICY_TCP,
		POLICY_PROXY,
		RULES_REASON_PORT,
		"rules for some of its ports leave it to tunneld"
	};
	struct rules_context ctx = context();
	struct rules_answer got;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rules_explain_name(&ctx, rows[i].dest, rows[i].port,
				   rows[i].protocol, false, NULL, &got);
		check(&rows[i], &got);
	}
	rules_explain_name(&ctx, "a.test", 443, POLICY_TCP, true, NULL, &got);
	check(&in_hosts, &got);
	ctx.have_proxy = false;
	rules_explain_name(&ctx, "evil.test", 0, POLICY_TCP, false, NULL, &got);
	check(&at_look_up, &got);
}

/* The program that nobody can tell may be the one that is blocked. */
static void test_who(void)
{
	static const struct policy_client unseen = { 1000, NULL },
					  app = { 1000, "/opt/app" };
	struct rules_context ctx = context();
	struct rules_answer got;
	struct endpoint e;

	add("block .who.test program=app user=1000", "/etc/x.conf:9");
	add("block 192.0.2.77 program=/opt/*", "");
	rules_explain_name(&ctx, "a.who.test", 443, POLICY_TCP, false, &app,
			   &got);
	CU_ASSERT_STRING_EQUAL(got.words,
			       "of the rule `block .who.test program=app "
			       "user=1000` (/etc/x.conf:9)");
	CU_ASSERT_TRUE_FATAL(addr_parse_ip("192.0.2.77", &e));
	CU_ASSERT_EQUAL_FATAL(rules_compile(&ctx, table, notes), 0);
	rules_explain_ip(&ctx, table, notes, POLICY_UDP, &e, &unseen, &got);
	CU_ASSERT_EQUAL(got.action, POLICY_BLOCK);
	CU_ASSERT_STRING_EQUAL(got.words,
			       "of the rule `block 192.0.2.77 program=/opt/*`, "
			       "for it cannot be told which program this is");
	rules_explain_ip(&ctx, table, notes, POLICY_UDP, &e, NULL, &got);
	CU_ASSERT_EQUAL(got.reason, RULES_REASON_DEFAULT);
}

static CU_TestInfo tests[] = {
	{ "addresses", test_addresses },
	{ "addresses whose way is missing or free", test_missing_ways },
	{ "names", test_names },
	{ "programs", test_who },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "rules_explain",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
