/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_dns_serve.c - the names table: what a resolver inside an app hears, by
 * name, type, mode and server */
#include <config.h>

#include "dns_serve.h"

#include "addr.h"
#include "buf.h"
#include "dns.h"
#include "lib/unit.h"
#include "loop.h"
#include "names.h"
#include "policy.h"
#include "rules.h"
#include "stats.h"

#include <stdio.h>
#include <string.h>

#define DIRECT "10.0.0.53"    /* a name server of the inside */
#define FAR    "203.0.113.53" /* one that is out of reach */

static struct loop *loop;
static struct names *names;
static struct worker_stats stats;
static uint8_t answer[600];
static size_t answer_len;
static unsigned int passed;
static struct dns_learn *learning;

static void on_reply(void *arg, const struct endpoint *server,
		     const uint8_t *data, size_t len, uint64_t now_ms)
{
	(void)arg, (void)server, (void)now_ms;
	CU_ASSERT_FATAL(len <= sizeof(answer) && len >= 12);
	memcpy(answer, data, len);
	answer_len = len;
}

static bool on_pass(void *arg, const struct endpoint *server,
		    const uint8_t *data, size_t len)
{
	(void)arg, (void)data;
	CU_ASSERT_EQUAL(server->ip[0], 10);
	CU_ASSERT(len >= 12);
	passed++;
	return true;
}

/* The control loop's part: names below corp.test are of the inside, and the
 * name server there answers. */
static void on_learn(void *arg, struct dns_learn *q)
{
	(void)arg;
	CU_ASSERT_PTR_NULL(learning);
	q->inside = q->records || strstr(q->name, ".corp.test") != NULL;
	learning = q;
}

static int setup(void)
{
	struct names_opts opts = { .pool4_bits = 15, .pool6_bits = 96 };

	if (!addr_parse_ip("198.18.0.0", &opts.pool4) ||
	    !addr_parse_ip("fd74::", &opts.pool6))
		return 1;
	loop = loop_new();
	names = names_new(&opts);
	return loop == NULL || names == NULL;
}

static int teardown(void)
{
	names_free(names);
	loop_free(loop);
	return 0;
}

static struct policy *make_policy(enum rules_lookup lookup)
{
	static const char *const lines[] = { "direct .intern.test",
					     "block .bad.test",
					     "proxy .named.corp.test" };
	struct rules rules = { 0 };
	struct rules_context ctx = { .user = &rules,
				     .have_proxy = true,
				     .tunnel_udp = true,
				     .lookup = lookup };
	struct policy *policy;
	char words[128];
	struct rule rule;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CU_ASSERT_EQUAL(
			rules_parse_line(lines[i], &rule, words, sizeof(words)),
			0);
		CU_ASSERT_EQUAL(rules_add(&rules, &rule), 0);
	}
	policy = policy_new(&ctx, NULL);
	rules_fini(&rules);
	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	return policy;
}

static size_t make_query(uint8_t *out, size_t max, const char *name,
			 uint16_t type, uint16_t class)
{
	struct buf b;

	buf_init(&b, out, max);
	buf_put_u16(&b, 7);
	buf_put_u16(&b, 0x0100);
	buf_put_u16(&b, 1);
	buf_put_zero(&b, 6);
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		buf_put_u8(&b, (uint8_t)n);
		buf_put(&b, name, n);
		name += n + (name[n] == '.');
	}
	buf_put_u8(&b, 0);
	buf_put_u16(&b, type);
	buf_put_u16(&b, class);
	CU_ASSERT_FALSE(b.failed);
	return b.len;
}

/* "pass"; "ours" with how many records; or an rcode without any. */
static const char *ask(enum rules_lookup lookup, const char *server,
		       const char *name, uint16_t type, uint16_t class)
{
	static char text[32];
	struct policy *policy = make_policy(lookup);
	struct dns_serve *s = dns_serve_new(loop, names, &stats, on_reply,
					    NULL);
	struct endpoint at;
	uint8_t query[300];
	size_t len = make_query(query, sizeof(query), name, type, class);

	CU_ASSERT_TRUE(addr_parse_ip(server, &at));
	at.port_be = 0x3500; /* 53 */
	dns_serve_set_pass(s, on_pass, NULL);
	dns_serve_set_learn(s, on_learn, NULL);
	passed = 0;
	answer_len = 0;
	dns_serve_query(s, policy, &at, query, len, 0);
	if (learning != NULL) {
		struct dns_learn *q = learning;

		CU_ASSERT_EQUAL(passed + answer_len, 0);
		learning = NULL;
		dns_serve_learned(q, 0);
	}
	dns_serve_free(s);
	policy_put(policy);
	CU_ASSERT_EQUAL(passed + (answer_len > 0), 1);
	if (passed > 0)
		return "pass";
	if ((answer[3] & 15) == 0 && answer[7] > 0)
		snprintf(text, sizeof(text), "ours %d", answer[7]);
	else
		snprintf(text, sizeof(text), "code %d", answer[3] & 15);
	return text;
}

/* By mode: synthetic, auto, system; then by a server that is out of reach, with
 * auto. `ours N`: a synthetic answer of N records. */
static const struct {
	const char *name;
	uint16_t type;
	const char *synthetic, *automatic, *system, *far;
} table[] = {
	/* a name of the outside, in each type that apps ask for */
	{ "a.example", 1, "ours 1", "ours 1", "pass", "ours 1" },
	{ "a.example", 28, "ours 1", "ours 1", "pass", "ours 1" },
	{ "a.example", 255, "ours 2", "ours 2", "pass", "ours 2" },
	{ "a.example", 65, "code 0", "code 0", "pass", "code 0" },
	{ "a.example", 64, "code 0", "code 0", "pass", "code 0" },
	{ "a.example", 16, "code 0", "pass", "pass", "code 0" },
	{ "A.EXAMPLE", 1, "ours 1", "ours 1", "pass", "ours 1" },
	{ "_stun._udp.a.example", 33, "code 0", "pass", "pass", "code 0" },
	{ "a.example", 35, "code 0", "pass", "pass", "code 0" },
	/* DNSSEC: the zone's own words, where its server is in reach */
	{ "a.example", 43, "pass", "pass", "pass", "code 0" },
	{ "a.example", 46, "pass", "pass", "pass", "code 0" },
	{ "a.example", 48, "pass", "pass", "pass", "code 0" },
	/* of the inside */
	{ "www.corp.test", 1, "ours 1", "pass", "pass", "ours 1" },
	{ "www.corp.test", 28, "ours 1", "pass", "pass", "ours 1" },
	{ "_ldap._tcp.corp.test", 33, "code 0", "pass", "pass", "code 0" },
	/* by rules */
	{ "www.intern.test", 1, "pass", "pass", "pass", "code 2" },
	{ "www.bad.test", 1, "code 3", "code 3", "code 3", "code 3" },
	{ "www.named.corp.test", 1, "ours 1", "ours 1", "ours 1", "ours 1" },
	/* that never leave: of this machine and of its network */
	{ "printer", 1, "pass", "pass", "pass", "code 2" },
	{ "printer.local", 1, "pass", "pass", "pass", "code 2" },
	{ "localhost", 28, "pass", "pass", "pass", "code 2" },
	{ "x.localhost", 1, "pass", "pass", "pass", "code 2" },
	{ "", 2, "pass", "pass", "pass", "code 2" },
	{ "odd name.example", 1, "pass", "pass", "pass", "code 2" },
	/* with a meaning of their own */
	{ "ipv4only.arpa", 28, "pass", "pass", "pass", "code 2" },
	{ "x.home.arpa", 1, "pass", "pass", "pass", "code 2" },
	{ "_dns.resolver.arpa", 64, "code 0", "code 0", "code 0", "code 0" },
	{ "use-application-dns.net", 1, "code 3", "code 3", "code 3",
	  "code 3" },
	{ "x.onion", 1, "code 3", "code 3", "code 3", "code 3" },
	{ "x.invalid", 1, "code 3", "code 3", "code 3", "code 3" },
	/* addresses */
	{ "1.1.0.10.in-addr.arpa", 12, "pass", "pass", "pass", "code 2" },
	{ "1.1.18.198.in-addr.arpa", 12, "code 3", "code 3", "code 3",
	  "code 3" },
	{ "nonsense.in-addr.arpa", 12, "pass", "pass", "pass", "code 2" },
};

static void expect(size_t row, enum rules_lookup lookup, const char *server,
		   const char *expected)
{
	const char *got = ask(lookup, server, table[row].name, table[row].type,
			      1);

	CU_ASSERT_STRING_EQUAL(got, expected);
	if (strcmp(got, expected) != 0)
		printf("\n%s %u, mode %d, by %s: %s, not %s\n", table[row].name,
		       table[row].type, lookup, server, got, expected);
}

static void test_table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		expect(i, RULES_LOOKUP_SYNTHETIC, DIRECT, table[i].synthetic);
		expect(i, RULES_LOOKUP_AUTO, DIRECT, table[i].automatic);
		expect(i, RULES_LOOKUP_SYSTEM, DIRECT, table[i].system);
		expect(i, RULES_LOOKUP_AUTO, FAR, table[i].far);
	}
}

static void test_classes(void)
{
	CU_ASSERT_STRING_EQUAL(
		ask(RULES_LOOKUP_AUTO, DIRECT, "a.example", 1, 255), "ours 1");
	CU_ASSERT_STRING_EQUAL(
		ask(RULES_LOOKUP_AUTO, DIRECT, "version.bind", 16, 3), "pass");
	CU_ASSERT_STRING_EQUAL(
		ask(RULES_LOOKUP_AUTO, FAR, "version.bind", 16, 3), "code 2");
}

/* The addresses of an answer are those that getaddrinfo() gives, and have the
 * name when they are asked for it. */
static void test_there_and_back(void)
{
	struct endpoint v4 = { .family = ENDPOINT_IPV4 }, again;
	struct endpoint v6 = { .family = ENDPOINT_IPV6 };
	char text[64];

	ask(RULES_LOOKUP_SYNTHETIC, FAR, "B.example", 1, 1);
	memcpy(v4.ip, answer + answer_len - 4, 4);
	CU_ASSERT_TRUE(
		names_address(names, "b.example", ENDPOINT_IPV4, &again));
	CU_ASSERT_TRUE(endpoint_equal(&v4, &again));
	ask(RULES_LOOKUP_SYNTHETIC, FAR, "b.example", 28, 1);
	memcpy(v6.ip, answer + answer_len - 16, 16);
	CU_ASSERT_TRUE(
		names_address(names, "b.example", ENDPOINT_IPV6, &again));
	CU_ASSERT_TRUE(endpoint_equal(&v6, &again));
	snprintf(text, sizeof(text), "%d.%d.%d.%d.in-addr.arpa", v4.ip[3],
		 v4.ip[2], v4.ip[1], v4.ip[0]);
	CU_ASSERT_STRING_EQUAL(ask(RULES_LOOKUP_SYSTEM, FAR, text, 12, 1),
			       "ours 1");
	CU_ASSERT_EQUAL(memcmp(answer + answer_len - 11, "\1b\7example\0", 11),
			0);
}

/* Requests that are no queries are the server's, if it is in reach; nonsense
 * is nobody's. */
static void test_other_requests(void)
{
	struct policy *policy = make_policy(RULES_LOOKUP_AUTO);
	struct dns_serve *s = dns_serve_new(loop, names, &stats, on_reply,
					    NULL);
	uint8_t update[300];
	size_t len = make_query(update, sizeof(update), "corp.test", 6, 1);
	struct endpoint near, far;

	CU_ASSERT_TRUE(addr_parse_ip(DIRECT, &near));
	CU_ASSERT_TRUE(addr_parse_ip(FAR, &far));
	near.port_be = far.port_be = 0x3500;
	update[2] = 0x28; /* opcode 5 */
	dns_serve_set_pass(s, on_pass, NULL);
	passed = 0;
	answer_len = 0;
	dns_serve_query(s, policy, &near, update, len, 0);
	CU_ASSERT_EQUAL(passed, 1);
	dns_serve_query(s, policy, &far, update, len, 0);
	dns_serve_query(s, policy, &near, update, 11, 0);
	update[2] = 0x80;
	dns_serve_query(s, policy, &near, update, len, 0);
	CU_ASSERT_EQUAL(passed, 1);
	CU_ASSERT_EQUAL(answer_len, 0);
	CU_ASSERT_EQUAL(stats_get(&stats.drop_malformed), 3);
	dns_serve_free(s);
	policy_put(policy);
}

/* The app's socket may go while its query waits. */
static void test_gone(void)
{
	struct policy *policy = make_policy(RULES_LOOKUP_AUTO);
	struct dns_serve *s = dns_serve_new(loop, names, &stats, on_reply,
					    NULL);
	uint8_t query[300];
	size_t len = make_query(query, sizeof(query), "a.corp.test", 1, 1);
	struct endpoint near;

	CU_ASSERT_TRUE(addr_parse_ip(DIRECT, &near));
	dns_serve_set_pass(s, on_pass, NULL);
	dns_serve_set_learn(s, on_learn, NULL);
	passed = 0;
	answer_len = 0;
	dns_serve_query(s, policy, &near, query, len, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(learning);
	dns_serve_free(s);
	dns_serve_learned(learning, 0);
	learning = NULL;
	CU_ASSERT_EQUAL(passed + answer_len, 0);
	policy_put(policy);
}

static CU_TestInfo tests[] = {
	{ "the names table", test_table },
	{ "other classes", test_classes },
	{ "there and back", test_there_and_back },
	{ "requests that are no queries", test_other_requests },
	{ "a socket that is gone", test_gone },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "dns_serve",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
