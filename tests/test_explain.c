/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_explain.c - what would be done with a destination, told as a running
 * tunneld tells it
 */
#include <config.h>

#include "../tunneld/explain.h"

#include "../tunneld/addr.h"
#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "../tunneld/egress.h"
#include "../tunneld/names.h"
#include "../tunneld/policy.h"
#include "../tunneld/proxy.h"
#include "../tunneld/proxy_auth.h"
#include "../tunneld/proxy_creds.h"
#include "../tunneld/proxy_health.h"
#include "../tunneld/proxy_seen.h"
#include "../tunneld/relay.h"
#include "../tunneld/rules.h"
#include "../tunneld/tunnel.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rules rules;
static struct proxy *proxies[2];
static struct tunnel_env tunnel;
static struct explain_env env;
static char *text;

static struct proxy *make_proxy(const char *host, bool basic)
{
	static const struct proxy_creds_opts opts = { .kind = PROXY_CREDS_FIXED,
						      .username = "joe",
						      .password = "hunter2" };
	struct proxy *p = proxy_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	snprintf(p->host, sizeof(p->host), "%s", host);
	p->port = 3128;
	p->creds = proxy_creds_new(&opts);
	p->scheme[p->scheme_count++] = PROXY_SCHEME_DIGEST;
	p->scheme[p->scheme_count++] = PROXY_SCHEME_BASIC;
	p->basic_over_http = basic;
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->creds);
	return p;
}

static void add_rule(const char *line)
{
	struct rule rule;
	char words[200];

	CU_ASSERT_EQUAL_FATAL(
		rules_parse_line(line, &rule, words, sizeof(words)), 0);
	strcpy(rule.origin, "x.conf:7");
	CU_ASSERT_EQUAL_FATAL(rules_add(&rules, &rule), 0);
}

static struct relay_set *make_relays(void)
{
	struct relay_set *set = relay_set_new(2);

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (size_t i = 0; i < 2; i++) {
		strcpy(set->relay[i].name, "main");
		strcpy(set->relay[i].host, "relay.example");
		set->relay[i].port = (uint16_t)(i + 1);
		set->relay[i].transport = i == 0 ? RELAY_TRANSPORT_UDP
						 : RELAY_TRANSPORT_TCP;
	}
	return set;
}

static void build(bool with_proxy, bool with_relays)
{
	struct egress_opts opts = { .proxy = proxies, .count = 2 };
	struct names_opts pools = { .pool4_bits = 15 };
	struct rules_context ctx = {
		.user = &rules,
		.have_proxy = with_proxy,
		.tunnel_udp = true,
		.lookup = RULES_LOOKUP_SYNTHETIC,
		.pool4_bits = 15,
	};
	struct egress *egress = NULL;

	CU_ASSERT_TRUE_FATAL(addr_parse_ip("198.18.0.0", &pools.pool4));
	ctx.pool4 = pools.pool4;
	proxies[0] = make_proxy("a.proxy", false);
	proxies[1] = make_proxy("b.proxy", true);
	add_rule("block tcp evil.example");
	if (with_proxy)
		egress = egress_new(&opts);
	tunnel.auth = proxy_auth_new();
	tunnel.health = proxy_health_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(tunnel.auth);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tunnel.health);
	env = (struct explain_env){
		.policy = policy_new(&ctx, egress),
		.names = names_new(&pools),
		.relays = with_relays ? make_relays() : relay_set_new(0),
		.tunnel = &tunnel,
	};
	egress_put(egress);
	CU_ASSERT_PTR_NOT_NULL_FATAL(env.policy);
	CU_ASSERT_PTR_NOT_NULL_FATAL(env.names);
	CU_ASSERT_PTR_NOT_NULL_FATAL(env.relays);
}

static void clear(void)
{
	free(text);
	text = NULL;
	policy_put(env.policy);
	relay_set_put(env.relays);
	names_free(env.names);
	proxy_auth_free(tunnel.auth);
	proxy_health_free(tunnel.health);
	proxy_put(proxies[0]);
	proxy_put(proxies[1]);
	rules_fini(&rules);
	rules = (struct rules){ .count = 0 };
}

/* The verdict; what was printed is in `text`. */
static enum explain_verdict ask(const char *target, bool json)
{
	struct explain_query q = { .json = json };
	enum explain_verdict verdict;
	struct cancel cancel;
	char words[160];
	size_t bytes;
	FILE *to;

	free(text);
	text = NULL;
	to = open_memstream(&text, &bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	CU_ASSERT_EQUAL_FATAL(
		explain_target_parse(target, &q.target, words, sizeof(words)),
		0);
	cancel_init(&cancel);
	verdict = explain(&q, &env, clock_now_ms() + 1000, &cancel, to);
	cancel_fini(&cancel);
	fclose(to);
	CU_ASSERT_PTR_NULL(strstr(text, "hunter2"));
	return verdict;
}

static void says(const char *words)
{
	if (strstr(text, words) == NULL)
		printf("not `%s` in:\n%s", words, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
}

static void test_proxy(void)
{
	build(true, true);
	CU_ASSERT_EQUAL(ask("https://www.example.com", false), EXPLAIN_GOES);
	says("decision  proxy, because no rule is about it");
	says("address   198.1");
	says(", which stands for the name\n");
	/* Basic is not possible there unless it is allowed. */
	says("way       http://a.proxy:3128\n  login   if it asks: Digest\n"
	     "else      http://b.proxy:3128\n"
	     "  login   if it asks: Digest, Basic\n");
	says("answer    it goes through http://a.proxy:3128, and elsewhere");
	CU_ASSERT_EQUAL(ask("https://www.example.com", true), EXPLAIN_GOES);
	says("\"proxies\": [{\"proxy\": \"http://a.proxy:3128\", \"login\": "
	     "\"if it asks: Digest\", \"rests\": false}, {");
	says("\"rule\": null, \"origin\": null");
	clear();
	build(false, true);
	CU_ASSERT_EQUAL(ask("203.0.113.1:443", false), EXPLAIN_GOES);
	says("decision  direct, because");
	clear();
}

/* The address that an app was given leads back to the name and its rule. */
static void test_synthetic(void)
{
	struct endpoint ip;
	char target[ADDR_TEXT_MAX + 8], address[ADDR_TEXT_MAX];

	build(true, true);
	CU_ASSERT_TRUE_FATAL(
		names_address(env.names, "evil.example", ENDPOINT_IPV4, &ip));
	snprintf(target, sizeof(target), "%s:443",
		 addr_format_ip(&ip, address));
	CU_ASSERT_EQUAL(ask(target, false), EXPLAIN_BLOCKED);
	says("it stands for the name evil.example\n");
	says("block, because of the rule `block tcp evil.example` (x.conf:7)");
	says("ECONNREFUSED");
	CU_ASSERT_EQUAL(ask("evil.example:1", true), EXPLAIN_BLOCKED);
	says("\"rule\": \"block tcp evil.example\", \"origin\": \"x.conf:7\"");
	says("\"goes\": false");
	clear();
}

static void test_refused(void)
{
	struct proxy_login login = { .host = "a.proxy",
				     .port = 3128,
				     .username = "joe",
				     .password = "hunter2" };
	struct cancel cancel;

	build(true, true);
	cancel_init(&cancel);
	CU_ASSERT_EQUAL_FATAL(proxy_auth_begin(tunnel.auth, &login,
					       clock_now_ms() + 1000, &cancel),
			      0);
	proxy_auth_end(tunnel.auth, &login, PROXY_AUTH_REFUSED);
	cancel_fini(&cancel);
	CU_ASSERT_EQUAL(ask("www.example.com:443", false), EXPLAIN_GOES);
	says("way       http://a.proxy:3128\n"
	     "  login   the proxy has refused this password");
	says("else      http://b.proxy:3128\n  login   if it asks");
	clear();
}

/* What worked last goes first, and who could not be reached goes last. */
static void test_remembered(void)
{
	struct proxy_seen *seen;

	build(true, true);
	seen = proxy_auth_seen(tunnel.auth);
	proxy_seen_worked(seen, proxies[0], PROXY_SCHEME_DIGEST, "St\33[1maff");
	proxy_seen_worked(seen, proxies[1], PROXY_SCHEME_NONE, "");
	CU_ASSERT_TRUE(proxy_health_note(tunnel.health, proxies[0],
					 PROXY_HEALTH_UNREACHED, clock_now_ms(),
					 clock_now_ms()));
	CU_ASSERT_EQUAL(ask("www.example.com:443", false), EXPLAIN_GOES);
	says("way       http://b.proxy:3128\n"
	     "  login   none was needed the last time\n"
	     "else      http://a.proxy:3128, which could not be reached\n"
	     "  login   Digest, which worked the last time (realm "
	     "`St?[1maff`)\n");
	CU_ASSERT_EQUAL(ask("www.example.com:443", true), EXPLAIN_GOES);
	says("\"rests\": false}, {\"proxy\": \"http://a.proxy:3128\"");
	says("(realm `St\\u001b[1maff`)\", \"rests\": true}]");
	clear();
}

static void test_relays(void)
{
	build(true, true);
	CU_ASSERT_EQUAL(ask("udp://203.0.113.1:5000", false), EXPLAIN_GOES);
	says("decision  tunnel, because no rule is about it");
	says("relay     main, udp relay.example:1 directly\n"
	     "else      main, tcp relay.example:2 directly\n");
	CU_ASSERT_FALSE(relay_failed(env.relays, &env.relays->relay[0],
				     RELAY_BLAME_PATH, 0, clock_now_ms()));
	CU_ASSERT_EQUAL(ask("udp://203.0.113.1:5000", true), EXPLAIN_GOES);
	says("\"relays\": [\"main, tcp relay.example:2 directly\", \"main, udp "
	     "relay.example:1 directly, has just failed\"]");
	CU_ASSERT_EQUAL(ask("udp://203.0.113.1:53", false), EXPLAIN_GOES);
	says("answer    tunneld answers queries itself\n");
	clear();
	build(true, false);
	CU_ASSERT_EQUAL(ask("udp://203.0.113.1:5000", false), EXPLAIN_BLOCKED);
	says("there is no way: no relay is known");
	clear();
}

static CU_TestInfo tests[] = {
	{ "proxies and logins", test_proxy },
	{ "addresses that stand for names", test_synthetic },
	{ "a password that was refused", test_refused },
	{ "what is remembered of proxies", test_remembered },
	{ "relays", test_relays },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "explain", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
