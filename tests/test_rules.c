/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_rules.c - rules read, compiled and applied to names
 *
 * Addresses are decided by the compiled table, as apps do.
 */
#include <config.h>

#include "../tunneld/rules.h"

#include "../tunneld/addr.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct rules user;
static struct page_table *table;

static int set_up(void)
{
	table = calloc(1, sizeof(*table));
	return table == NULL;
}

static int tear_down(void)
{
	rules_fini(&user);
	free(table);
	return 0;
}

/* The context that most tests start from: a proxy, a relay, both pools. */
static struct rules_context context(void)
{
	struct rules_context ctx = {
		.user = &user,
		.have_proxy = true,
		.tunnel_udp = true,
	};

	CU_ASSERT_TRUE_FATAL(addr_parse_prefix("198.18.0.0/15", &ctx.pool4,
					       &ctx.pool4_bits));
	CU_ASSERT_TRUE_FATAL(addr_parse_prefix("fd74:7572:6e6f:7574::/96",
					       &ctx.pool6, &ctx.pool6_bits));
	rules_fini(&user);
	return ctx;
}

static void add(const char *text)
{
	char words[300] = "";
	struct rule rule;

	if (rules_parse_line(text, &rule, words, sizeof(words)) < 0)
		printf("%s: %s\n", text, words);
	CU_ASSERT_STRING_EQUAL(words, "");
	CU_ASSERT_EQUAL(rules_add(&user, &rule), 0);
}

static enum policy_action decide(enum policy_protocol protocol,
				 const char *dest)
{
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port = 443;
	struct endpoint e;

	CU_ASSERT_TRUE_FATAL(
		addr_split_host_port(dest, host, sizeof(host), &port));
	CU_ASSERT_TRUE_FATAL(addr_parse_ip(host, &e));
	e.port_be = htons(port);
	return page_table_decide(table, protocol, &e, NULL);
}

#define TCP(dest) decide(POLICY_TCP, dest)
#define UDP(dest) decide(POLICY_UDP, dest)

static void compile(const struct rules_context *ctx)
{
	memset(table, 0xee, sizeof(*table));
	CU_ASSERT_EQUAL_FATAL(rules_compile(ctx, table, NULL), 0);
}

/* ---- text ---- */

static void parses(const char *text, enum policy_action action,
		   enum policy_protocol protocol, const char *target,
		   uint8_t bits, uint16_t port_min, uint16_t port_max)
{
	char words[300] = "", ip[ADDR_TEXT_MAX];
	struct rule r;

	CU_ASSERT_EQUAL(rules_parse_line(text, &r, words, sizeof(words)), 0);
	CU_ASSERT_STRING_EQUAL(words, "");
	CU_ASSERT_EQUAL(r.action, action);
	CU_ASSERT_EQUAL(r.protocol, protocol);
	CU_ASSERT_STRING_EQUAL(r.name[0] ? r.name : addr_format_ip(&r.ip, ip),
			       target);
	CU_ASSERT_EQUAL(r.prefix_bits, bits);
	CU_ASSERT_EQUAL(r.port_min, port_min);
	CU_ASSERT_EQUAL(r.port_max, port_max);
}

static void test_parse(void)
{
	parses("direct 10.0.0.0/8", POLICY_DIRECT, POLICY_ANY, "10.0.0.0", 8, 0,
	       65535);
	parses("  block\tudp 192.0.2.1:5000-5100 ", POLICY_BLOCK, POLICY_UDP,
	       "192.0.2.1", 32, 5000, 5100);
	parses("proxy Call.Example.COM.:443", POLICY_PROXY, POLICY_TCP,
	       "call.example.com", 0, 443, 443);
	parses("tunnel .example.com", POLICY_TUNNEL, POLICY_UDP, ".example.com",
	       0, 0, 65535);
	parses("direct *.example.com", POLICY_DIRECT, POLICY_ANY,
	       ".example.com", 0, 0, 65535);
	parses("direct Host-*.Example.:80", POLICY_DIRECT, POLICY_ANY,
	       "host-*.example", 0, 80, 80);
	parses("block *voip*", POLICY_BLOCK, POLICY_ANY, "*voip*", 0, 0, 65535);
	parses("block *:25", POLICY_BLOCK, POLICY_ANY, "*", 0, 25, 25);
	parses("direct tcp [2001:db8::1]:80", POLICY_DIRECT, POLICY_TCP,
	       "2001:db8::1", 128, 80, 80);
	parses("direct [2001:db8::]/32:1-2", POLICY_DIRECT, POLICY_ANY,
	       "2001:db8::", 32, 1, 2);
	parses("direct [2001:db8::/32]", POLICY_DIRECT, POLICY_ANY,
	       "2001:db8::", 32, 0, 65535);
	parses("direct 2001:db8::/32", POLICY_DIRECT, POLICY_ANY,
	       "2001:db8::", 32, 0, 65535);
}

/* What is written is read as the same rule. */
static void test_format(void)
{
	static const char *const lines[] = {
		"direct 10.0.0.0/8",
		"block udp 192.0.2.1:5000-5100",
		"proxy tcp call.example.com:443",
		"tunnel udp .example.com",
		"block *:25",
		"block *",
		"block host-?.example:25",
		"direct tcp [2001:db8::1]:80",
		"direct [2001:db8::]/32:1-2",
		"direct 2001:db8::/32",
		"direct 2001:db8::1",
		"block * program=app",
		"block *.x*.example:1-9 program=/opt/*/app user=1000",
		"direct tcp 192.0.2.0/24 user=root",
	};
	char words[300], text[RULES_TEXT_MAX];
	struct rule r;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CU_ASSERT_EQUAL(
			rules_parse_line(lines[i], &r, words, sizeof(words)),
			0);
		CU_ASSERT_STRING_EQUAL(rules_format(&r, text), lines[i]);
	}
}

static void refuses(const char *text, const char *about)
{
	char words[300] = "";
	struct rule r;

	CU_ASSERT_EQUAL(rules_parse_line(text, &r, words, sizeof(words)),
			-EINVAL);
	if (strstr(words, about) == NULL)
		printf("%s: %s\n", text, words);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, about));
}

static void test_refuse(void)
{
	char text[600] = "direct ", program[600] = "block * program=";

	refuses("direct a program=", "no program");
	refuses("direct a program=bin/x", "no program");
	refuses("direct a program=/bin/", "no program");
	refuses("direct a program=x program=y", "one program=");
	refuses("direct a user=0 user=1", "one user=");
	refuses("direct a user=", "no user");
	refuses("direct a user=0x1", "no user");
	refuses("direct a user=4294967295", "no user");
	refuses("direct a user=99999999999999999999", "no user");
	refuses("direct a user=no-such-user!", "no user");
	refuses("direct a group=0", "program= and user=");
	memset(program + strlen(program), 'x', 250);
	refuses(program, "no program");

	refuses("", "starts with");
	refuses("allow 10.0.0.0/8", "not an action");
	refuses("direct", "destination is missing");
	refuses("direct tcp", "destination is missing");
	refuses("direct a b", "one destination");
	refuses("direct 10.0.0.0/8 ; LAN", "one destination");
	refuses("proxy udp a.example", "TCP only");
	refuses("tunnel tcp a.example", "UDP only");
	refuses("direct 10.0.0.1/8", "zero bits");
	refuses("direct 10.0.0.0/33", "not a network");
	refuses("direct a:0", "not a port");
	refuses("direct a:65536", "not a port");
	refuses("direct a:", "not a port");
	refuses("direct a:9-1", "backwards");
	refuses("direct a:1-", "not a port");
	refuses("direct a:http", "not a port");
	refuses("direct a_b!", "neither a host name");
	refuses("direct a..b", "neither a host name");
	refuses("direct 10.1.2", "not a whole address");
	refuses("direct 10.*", "not a whole address");
	refuses("direct <local>", "neither a host name");
	refuses("direct [::1", "closing ]");
	refuses("direct [a]", "brackets");
	refuses("direct [::1]x", "not a network");
	memset(text + 7, 'a', 500);
	refuses(text, "longer than any name");
}

/* ---- addresses ---- */

static void test_defaults(void)
{
	struct rules_context ctx = context();

	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(TCP("[2001:db8::1]:80"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("[2001:db8::1]:80"), POLICY_TUNNEL);

	ctx.have_proxy = false;
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_TUNNEL);

	ctx.tunnel_udp = false;
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_DIRECT);
	ctx.refuse_udp = true;
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(UDP("192.168.1.1"), POLICY_DIRECT);
}

static void test_surroundings(void)
{
	static const char *const direct[] = {
		"0.0.0.0",
		"10.255.255.255",
		"100.64.0.1",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.1.1",
		"172.16.0.1",
		"172.31.255.255",
		"192.168.0.1",
		"224.0.0.251",
		"239.255.255.255",
		"255.255.255.255",
		"::",
		"::1",
		"fc00::1",
		"fdff::1",
		"fe80::1",
		"febf::1",
		"ff02::fb",
	};
	static const char *const outside[] = {
		"0.0.0.1",     "9.255.255.255",
		"11.0.0.0",    "100.63.255.255",
		"100.128.0.0", "128.0.0.1",
		"169.253.0.1", "172.15.255.255",
		"172.32.0.0",  "192.167.0.1",
		"240.0.0.1",   "255.255.255.254",
		"::2",         "fbff::1",
		"fec0::1",     "2001:db8::",
	};
	struct rules_context ctx = context();

	compile(&ctx);
	for (size_t i = 0; i < ARRAY_SIZE(direct); i++) {
		CU_ASSERT_EQUAL(TCP(direct[i]), POLICY_DIRECT);
		CU_ASSERT_EQUAL(UDP(direct[i]), POLICY_DIRECT);
	}
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		CU_ASSERT_EQUAL(TCP(outside[i]), POLICY_PROXY);
		CU_ASSERT_EQUAL(UDP(outside[i]), POLICY_TUNNEL);
	}
}

static void test_pools(void)
{
	struct rules_context ctx = context();

	/* The pool comes before all rules: the daemon decides by name. */
	add("block *");
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("198.18.0.1"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("198.19.255.254"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(TCP("[fd74:7572:6e6f:7574::1]:1"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("[fd74:7572:6e6f:7574::1]:1"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(TCP("198.20.0.1"), POLICY_BLOCK);

	/* Without a relay UDP to a name cannot go anywhere: say so at once. */
	ctx.tunnel_udp = ctx.have_proxy = false;
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("198.18.0.1"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("198.18.0.1"), POLICY_BLOCK);

	ctx.pool6.family = ENDPOINT_NONE;
	rules_fini(&user);
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("[fd74:7572:6e6f:7574::1]:1"), POLICY_DIRECT);
}

static void test_hops(void)
{
	struct rules_context ctx = context();
	struct endpoint hops[3];

	CU_ASSERT_TRUE(addr_parse_ip("203.0.113.1", &hops[0]));
	CU_ASSERT_TRUE(addr_parse_ip("203.0.113.2", &hops[1]));
	CU_ASSERT_TRUE(addr_parse_ip("2001:db8::2", &hops[2]));
	hops[0].port_be = htons(3128);
	hops[1].port_be = htons(443);
	hops[2].port_be = htons(443);
	ctx.hops = hops;
	ctx.hop_count = 3;
	ctx.udp_hop_count = 2;
	add("block 203.0.113.0/24");
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.1:3128"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.1:3128"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("203.0.113.1:3129"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("203.0.113.2:443"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.2:443"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("[2001:db8::2]:443"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("[2001:db8::2]:53"), POLICY_TUNNEL);
}

static void test_dns_port(void)
{
	struct rules_context ctx = context();

	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("10.0.0.53:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("127.0.0.53:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("[::1]:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(TCP("10.0.0.53:53"), POLICY_PROXY);
	CU_ASSERT_EQUAL(TCP("127.0.0.53:53"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("10.0.0.53:5353"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(TCP("10.0.0.53:853"), POLICY_DIRECT);

	/* A rule that names the port wins, another one does not. */
	add("block 10.0.0.0/8");
	add("direct udp 10.0.0.53:53");
	add("direct 192.168.0.0/16");
	add("direct tcp 172.16.0.1:53");
	add("direct 172.16.0.2:1-1023");
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("10.0.0.53:53"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("10.0.0.54:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("10.0.0.53:54"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(UDP("192.168.0.1:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("172.16.0.1:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("172.16.0.2:53"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(TCP("10.0.0.53:53"), POLICY_PROXY);
	CU_ASSERT_EQUAL(TCP("172.16.0.1:53"), POLICY_DIRECT);

	/* A proxy alone makes names ours, so their queries too. */
	ctx.tunnel_udp = false;
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("10.0.0.54:53"), POLICY_TUNNEL);
	ctx.have_proxy = false;
	rules_fini(&user);
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("10.0.0.54:53"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(TCP("10.0.0.54:53"), POLICY_DIRECT);
}

static void test_user_order(void)
{
	struct rules_context ctx = context();
	static const char *const no_proxy[] = {
		"203.0.113.0/24",   "10.*", ".example", "bad/entry!",
		"[2001:db8::1]:80", NULL
	};

	add("direct tcp 203.0.113.7:22");
	add("block 203.0.113.7");
	add("proxy 10.1.0.0/16");
	add("tunnel 192.168.5.0/24");
	add("direct udp 198.51.100.0/24:5000-5001");
	ctx.no_proxy = no_proxy;
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.7:22"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.7:22"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("203.0.113.7:23"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("10.1.2.3"), POLICY_PROXY);
	CU_ASSERT_EQUAL(UDP("10.1.2.3"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("192.168.5.1"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("198.51.100.9:4999"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("198.51.100.9:5001"), POLICY_DIRECT);
	/* no_proxy comes after the rules, and is about TCP. */
	CU_ASSERT_EQUAL(TCP("203.0.113.8"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.8"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(TCP("[2001:db8::1]:80"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(TCP("[2001:db8::1]:81"), POLICY_PROXY);
}

/* Addresses of direct names are direct, whatever rules say of addresses. */
static void test_learned(void)
{
	struct rules_context ctx = context();
	static const char *const no_proxy[] = { ".corp.test", NULL };
	struct rules_learned learned[3] = { { .name = "a.corp.test" },
					    { .name = "b.test" },
					    { .name = "c.test" } };

	add("block 203.0.113.0/24");
	add("direct b.test");
	add("direct tcp c.test:22");
	ctx.no_proxy = no_proxy;
	for (size_t i = 0; i < ARRAY_SIZE(learned); i++)
		learned[i].ip = (struct endpoint){ .family = ENDPOINT_IPV4,
						   .ip = { 203, 0, 113,
							   (uint8_t)(1 + i) } };
	CU_ASSERT(rules_must_learn(&ctx, "a.corp.test"));
	CU_ASSERT(rules_must_learn(&ctx, "b.test"));
	CU_ASSERT_FALSE(rules_must_learn(&ctx, "d.test"));
	CU_ASSERT_FALSE(rules_must_learn(&ctx, "localhost"));
	ctx.learned = learned;
	ctx.learned_count = ARRAY_SIZE(learned);
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.1:443"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.1:443"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("203.0.113.2:443"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("203.0.113.2:443"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(TCP("203.0.113.3:22"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("203.0.113.4:443"), POLICY_BLOCK);
	ctx.have_proxy = ctx.tunnel_udp = false;
	CU_ASSERT_FALSE(rules_must_learn(&ctx, "b.test"));
}

static void test_any(void)
{
	struct rules_context ctx = context();

	add("block *");
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(UDP("[2001:db8::1]:1"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("192.168.1.1"), POLICY_BLOCK);
	/* But not the machine itself. */
	CU_ASSERT_EQUAL(TCP("127.0.0.1"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(UDP("[::1]:1"), POLICY_DIRECT);
}

static void test_missing_hop(void)
{
	struct rules_context ctx = context();

	ctx.have_proxy = ctx.tunnel_udp = false;
	add("proxy 203.0.113.1");
	add("tunnel 203.0.113.1");
	compile(&ctx);
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(TCP("203.0.113.2"), POLICY_DIRECT);
}

static void test_too_many(void)
{
	struct rules_context ctx = context();

	for (size_t i = 0; i < PAGE_RULES_MAX; i++)
		add("direct 203.0.113.1");
	CU_ASSERT_EQUAL(rules_compile(&ctx, table, NULL), -E2BIG);
}

static enum policy_action ask(const char *ip, uint32_t uid, const char *program)
{
	const struct policy_client client = { uid, program };
	struct endpoint e;

	CU_ASSERT_TRUE_FATAL(addr_parse_ip(ip, &e));
	e.port_be = htons(443);
	return page_table_decide(table, POLICY_TCP, &e, &client);
}

static void test_who(void)
{
	struct rules_context ctx = context();

	add("block 203.0.113.1 program=app");
	add("direct 203.0.113.0/24 user=1000");
	add("direct 203.0.113.0/24 program=/opt/*");
	add("block 203.0.113.2");
	compile(&ctx);
	CU_ASSERT_EQUAL(table->who_count, 3);
	CU_ASSERT_EQUAL(ask("203.0.113.1", 1000, "/bin/app"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(ask("203.0.113.1", 1000, "/bin/other"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(ask("203.0.113.1", 1, "/opt/x/app2"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(ask("203.0.113.1", 1, "/bin/other"), POLICY_PROXY);
	CU_ASSERT_EQUAL(ask("203.0.113.2", 1000, "/bin/other"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(ask("203.0.113.2", 1, "/bin/other"), POLICY_BLOCK);
	/* Not to be told: what blocks means it, what lets through does not. */
	CU_ASSERT_EQUAL(ask("203.0.113.1", 1000, NULL), POLICY_BLOCK);
	CU_ASSERT_EQUAL(ask("203.0.113.3", 1, NULL), POLICY_PROXY);
	CU_ASSERT_EQUAL(ask("203.0.113.3", 1000, NULL), POLICY_DIRECT);
	/* Nobody in particular. */
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_PROXY);
	CU_ASSERT_EQUAL(ask("203.0.113.1", 0, ""), POLICY_PROXY);
}

/* ---- names ---- */

static enum policy_action look_up(const struct rules_context *ctx,
				  const char *name)
{
	return rules_decide_name(ctx, name, 0, POLICY_ANY, false, NULL);
}

static void test_name_defaults(void)
{
	struct rules_context ctx = context();
	static const char *const hop_names[] = { "proxy.corp.example", NULL };

	ctx.hop_names = hop_names;
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_PROXY);
	CU_ASSERT_EQUAL(look_up(&ctx, "intranet"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "localhost"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "x.localhost"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "8d5c.local"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "notlocal.example"), POLICY_PROXY);
	CU_ASSERT_EQUAL(look_up(&ctx, "proxy.corp.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(
		rules_decide_name(&ctx, "a.example", 0, POLICY_ANY, true, NULL),
		POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.example", 443, POLICY_TCP,
					  false, NULL),
			POLICY_PROXY);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.example", 443, POLICY_UDP,
					  false, NULL),
			POLICY_TUNNEL);

	/* Only a relay: ours for the sake of UDP. Nothing: not ours. */
	ctx.have_proxy = false;
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_TUNNEL);
	ctx.tunnel_udp = false;
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_DIRECT);
	/* The page blocks UDP by default on its own. */
	ctx.refuse_udp = true;
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.example", 1, POLICY_UDP,
					  false, NULL),
			POLICY_BLOCK);
}

/* Direct UDP was proven: what no rule names need not be tunnelled any more. */
static void test_udp_direct(void)
{
	struct rules_context ctx = context();

	add("tunnel udp 192.0.2.0/24");
	ctx.udp_direct = true;
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_PREFER_DIRECT);
	CU_ASSERT_EQUAL(UDP("192.0.2.1"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("198.18.0.1"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(UDP("203.0.113.1:53"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_PROXY);
	/* Names: the proxy still needs them; without it the network's own
	 * resolver may do. */
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_PROXY);
	ctx.have_proxy = false;
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_DIRECT);
	/* Nothing to prefer it to. */
	ctx.tunnel_udp = false;
	ctx.refuse_udp = true;
	compile(&ctx);
	CU_ASSERT_EQUAL(UDP("203.0.113.1"), POLICY_BLOCK);
}

static void test_name_rules(void)
{
	struct rules_context ctx = context();

	add("proxy intranet");
	add("direct .corp.example");
	add("block evil.example");
	add("block tcp half.example");
	add("direct tcp mail.example:25");
	add("direct .lan.example");
	CU_ASSERT_EQUAL(look_up(&ctx, "intranet"), POLICY_PROXY);
	CU_ASSERT_EQUAL(look_up(&ctx, "corp.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "a.b.corp.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "notcorp.example"), POLICY_PROXY);
	CU_ASSERT_EQUAL(look_up(&ctx, "evil.example"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(look_up(&ctx, "not.evil.example"), POLICY_PROXY);
	/* One protocol blocked: ours by the other one. */
	CU_ASSERT_EQUAL(look_up(&ctx, "half.example"), POLICY_TUNNEL);
	CU_ASSERT_EQUAL(look_up(&ctx, "mail.example"), POLICY_PROXY);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "mail.example", 25, POLICY_TCP,
					  false, NULL),
			POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "mail.example", 26, POLICY_TCP,
					  false, NULL),
			POLICY_PROXY);
	/* A rule that names a machine's own name counts. */
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "evil.example", 0, POLICY_ANY,
					  true, NULL),
			POLICY_BLOCK);
}

static void test_name_globs(void)
{
	struct rules_context ctx = context();

	add("block *voip*");
	add("direct host-?.example");
	add("proxy print*");
	CU_ASSERT_EQUAL(look_up(&ctx, "a.voip.test"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(look_up(&ctx, "voip"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(look_up(&ctx, "host-1.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "host-10.example"), POLICY_PROXY);
	/* Other than `*`, a pattern names what it matches. */
	CU_ASSERT_EQUAL(look_up(&ctx, "printer"), POLICY_PROXY);
	CU_ASSERT(rules_must_learn(&ctx, "host-1.example"));
	compile(&ctx);
	CU_ASSERT_EQUAL(table->default_action[POLICY_TCP], POLICY_PROXY);
	CU_ASSERT_EQUAL(TCP("203.0.113.1"), POLICY_PROXY);
}

static void test_name_who(void)
{
	static const struct policy_client app = { 1000, "/opt/app" },
					  other = { 1000, "/bin/other" },
					  unseen = { 1000, NULL },
					  root = { 0, "/bin/other" };
	struct rules_learned learned = { .name = "a.corp.test" };
	struct rules_context ctx = context();

	add("block evil.test program=app");
	add("direct .corp.test program=app");
	add("block .corp.test user=0");
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "evil.test", 0, POLICY_ANY,
					  false, &app),
			POLICY_BLOCK);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "evil.test", 0, POLICY_ANY,
					  false, &other),
			POLICY_PROXY);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "evil.test", 0, POLICY_ANY,
					  false, &unseen),
			POLICY_BLOCK);
	CU_ASSERT_EQUAL(look_up(&ctx, "evil.test"), POLICY_PROXY);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.corp.test", 443, POLICY_TCP,
					  false, &app),
			POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.corp.test", 443, POLICY_TCP,
					  false, &root),
			POLICY_BLOCK);
	/* Direct for one program: so is its address, and for no other. */
	CU_ASSERT(rules_must_learn(&ctx, "a.corp.test"));
	CU_ASSERT_FALSE(rules_must_learn(&ctx, "evil.test"));
	CU_ASSERT_TRUE(addr_parse_ip("203.0.113.9", &learned.ip));
	ctx.learned = &learned;
	ctx.learned_count = 1;
	compile(&ctx);
	CU_ASSERT_EQUAL(ask("203.0.113.9", 1000, "/opt/app"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(ask("203.0.113.9", 1000, "/bin/other"), POLICY_PROXY);
	CU_ASSERT_EQUAL(ask("203.0.113.9", 0, "/bin/other"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(ask("203.0.113.9", 1000, NULL), POLICY_PROXY);
	/* What depends on the port is not direct. */
	rules_fini(&user);
	add("block tcp .corp.test:25");
	add("direct .corp.test program=app");
	compile(&ctx);
	CU_ASSERT_EQUAL(ask("203.0.113.9", 1000, "/opt/app"), POLICY_PROXY);
}

static void test_name_ports(void)
{
	struct rules_context ctx = context();

	ctx.have_proxy = ctx.tunnel_udp = false;
	add("block tcp a.example:22");
	add("direct tcp b.example:443");
	add("block b.example");
	/* Partly blocked, else direct: ours, so that the block holds. */
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_PROXY);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.example", 22, POLICY_TCP,
					  false, NULL),
			POLICY_BLOCK);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "a.example", 23, POLICY_TCP,
					  false, NULL),
			POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "b.example", 443, POLICY_TCP,
					  false, NULL),
			POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "b.example", 80, POLICY_TCP,
					  false, NULL),
			POLICY_BLOCK);
}

/* `direct tcp b:443` and `block b`: the name must resolve for port 443. */
static void test_name_partly_direct(void)
{
	struct rules_context ctx = context();

	add("direct tcp b.example:443");
	add("block b.example");
	CU_ASSERT_NOT_EQUAL(look_up(&ctx, "b.example"), POLICY_BLOCK);
	CU_ASSERT_NOT_EQUAL(look_up(&ctx, "b.example"), POLICY_DIRECT);
}

static void test_name_any(void)
{
	struct rules_context ctx = context();

	add("direct .example");
	add("block *");
	CU_ASSERT_EQUAL(look_up(&ctx, "a.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "a.test"), POLICY_BLOCK);
	CU_ASSERT_EQUAL(look_up(&ctx, "localhost"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(
		rules_decide_name(&ctx, "a.test", 0, POLICY_ANY, true, NULL),
		POLICY_DIRECT);
}

static void test_name_no_proxy(void)
{
	struct rules_context ctx = context();
	static const char *const no_proxy[] = {
		"corp.example", ".sub.test", "*.star.test", "port.test:8080",
		"10.0.0.0/8",   "<local>",   NULL
	};
	static const char *const all[] = { "*", NULL };

	ctx.no_proxy = no_proxy;
	CU_ASSERT_EQUAL(look_up(&ctx, "corp.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "a.corp.example"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "acorp.example"), POLICY_PROXY);
	CU_ASSERT_EQUAL(look_up(&ctx, "sub.test"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "x.star.test"), POLICY_DIRECT);
	CU_ASSERT_EQUAL(look_up(&ctx, "port.test"), POLICY_PROXY);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "port.test", 8080, POLICY_TCP,
					  false, NULL),
			POLICY_DIRECT);
	CU_ASSERT_EQUAL(rules_decide_name(&ctx, "port.test", 80, POLICY_TCP,
					  false, NULL),
			POLICY_PROXY);
	/* A rule comes first. */
	add("proxy a.corp.example");
	CU_ASSERT_EQUAL(look_up(&ctx, "a.corp.example"), POLICY_PROXY);
	ctx.no_proxy = all;
	CU_ASSERT_EQUAL(look_up(&ctx, "any.test"), POLICY_DIRECT);
}

static CU_TestInfo tests[] = {
	{ "addresses of direct names", test_learned },
	{ "a rule is read", test_parse },
	{ "a rule is written", test_format },
	{ "a bad rule is refused in words", test_refuse },
	{ "defaults follow from what is configured", test_defaults },
	{ "the surroundings are direct", test_surroundings },
	{ "UDP that works directly is preferred", test_udp_direct },
	{ "pools are ours before all rules", test_pools },
	{ "hops are direct at their ports", test_hops },
	{ "DNS is ours unless a rule names its port", test_dns_port },
	{ "the first rule wins, no_proxy after them", test_user_order },
	{ "* leaves out the machine itself", test_any },
	{ "a rule without its hop blocks", test_missing_hop },
	{ "rules about programs and users", test_who },
	{ "more rules than fit are an error", test_too_many },
	{ "names: defaults", test_name_defaults },
	{ "names: rules", test_name_rules },
	{ "names: patterns", test_name_globs },
	{ "names: programs and users", test_name_who },
	{ "names: rules with ports", test_name_ports },
	{ "names: blocked but for a port", test_name_partly_direct },
	{ "names: *", test_name_any },
	{ "names: no_proxy", test_name_no_proxy },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "rules",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
