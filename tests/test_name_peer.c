/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_name_peer.c - the real addresses of UDP peers, by the system and through
 * the relay */
#include <config.h>

#include "name_peer.h"

#include "addr.h"
#include "clock.h"
#include "dial.h"
#include "dns.h"
#include "lib/unit.h"
#include "loop.h"
#include "names.h"
#include "policy.h"
#include "resolver.h"
#include "rules.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct loop *loop;
static struct dial_pool *pool;
static struct names *names;
static struct name_peers *peers;
/* What went through the relay. */
static unsigned int asked;
static uint8_t query[512];
static size_t query_len;

static const struct endpoint resolver = { .family = ENDPOINT_IPV4,
					  .port_be = 0x3500,
					  .ip = { 203, 0, 113, 53 } };

static void on_send(void *arg, const struct endpoint *to, const uint8_t *data,
		    size_t len, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
	CU_ASSERT_TRUE(endpoint_equal(to, &resolver));
	CU_ASSERT_FATAL(len <= sizeof(query));
	memcpy(query, data, len);
	query_len = len;
	asked++;
	loop_stop(loop);
}

static int setup(void)
{
	struct names_opts opts = { .pool4_bits = 15 };
	struct name_peers_opts all = { .send = on_send };

	if (!addr_parse_ip("198.18.0.0", &opts.pool4))
		return 1;
	all.loop = loop = loop_new();
	all.pool = pool = dial_pool_new(8);
	all.names = names = names_new(&opts);
	peers = name_peers_new(&all);
	return loop == NULL || pool == NULL || names == NULL || peers == NULL;
}

static int teardown(void)
{
	name_peers_free(peers);
	dial_pool_free(pool);
	names_free(names);
	loop_free(loop);
	return 0;
}

static struct policy *make_policy(enum policy_resolver_kind kind,
				  bool relay_dns, const char *direct)
{
	struct rules rules = { 0 };
	struct rules_context ctx = { .user = &rules, .tunnel_udp = true };
	struct policy_resolver r = { .kind = kind };
	struct policy *policy;
	char words[128];
	struct rule rule;

	if (direct != NULL) {
		CU_ASSERT_EQUAL(
			rules_parse_line(direct, &rule, words, sizeof(words)),
			0);
		CU_ASSERT_EQUAL(rules_add(&rules, &rule), 0);
	}
	if (relay_dns)
		r.relay_dns = resolver;
	policy = policy_new(&ctx, NULL);
	rules_fini(&rules);
	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	policy_set_resolver(policy, &r);
	return policy;
}

static struct endpoint synthetic(const char *name)
{
	struct endpoint e = { .family = ENDPOINT_NONE };

	CU_ASSERT_TRUE(names_address(names, name, ENDPOINT_IPV4, &e));
	e.port_be = 0x960d; /* 3478 */
	return e;
}

static void on_time(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
	loop_stop(loop);
}

static void turn_for(uint64_t ms)
{
	struct loop_timer timer = { 0 };

	loop_timer_set(loop, &timer, clock_now_ms() + ms, on_time, NULL);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	loop_timer_stop(loop, &timer);
}

/* Ask for the peer until it is there, or the time is over. */
static const char *real(struct policy *policy, const struct endpoint *e,
			uint64_t ms)
{
	static char text[ADDR_TEXT_MAX];
	uint64_t until = clock_now_ms() + ms;
	const struct endpoint *found;

	while ((found = name_peers_real(peers, policy, e, clock_now_ms())) ==
		       NULL &&
	       clock_now_ms() < until)
		turn_for(10);
	if (found == NULL)
		return "";
	CU_ASSERT_EQUAL(found->port_be, e->port_be);
	CU_ASSERT_TRUE(endpoint_equal(name_peers_shown(peers, found), e));
	return addr_format_ip(found, text);
}

static void test_system(void)
{
	struct policy *policy = make_policy(POLICY_RESOLVER_SYSTEM, true, NULL);
	struct endpoint e = synthetic("one.test"), f = synthetic("nosuch.test");

	CU_ASSERT_PTR_NULL(name_peers_real(peers, policy, &e, clock_now_ms()));
	CU_ASSERT_STRING_EQUAL(real(policy, &e, 3000), "127.0.0.1");
	CU_ASSERT_STRING_EQUAL(real(policy, &f, 600), "");
	CU_ASSERT_EQUAL(asked, 0);
	policy_put(policy);
}

/* The answer to the last query, with its id changed by `mask`. */
static void answer(uint8_t mask, const char *record, size_t len)
{
	uint8_t data[600];

	memcpy(data, query, query_len);
	data[0] ^= mask;
	data[2] = 0x81;
	data[3] = 0x80;
	data[7] = len > 0;
	memcpy(data + query_len, record, len);
	CU_ASSERT_TRUE(name_peers_answer(peers, &resolver, data,
					 query_len + len, clock_now_ms()));
}

static void wait_asked(void)
{
	unsigned int before = asked;

	while (asked == before)
		CU_ASSERT_EQUAL(loop_run(loop), 0);
}

/* The system knows nothing, the relay's name server does. */
static void test_relay(void)
{
	struct policy *policy = make_policy(POLICY_RESOLVER_AUTO, true, NULL);
	struct endpoint e = synthetic("nowhere.test"), other = resolver;
	static const char a[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\7";

	asked = 0;
	CU_ASSERT_PTR_NULL(name_peers_real(peers, policy, &e, clock_now_ms()));
	wait_asked();
	CU_ASSERT_EQUAL(memcmp(query + 12, "\7nowhere\4test\0\0\1\0\1", 18), 0);
	answer(1, a, sizeof(a) - 1); /* forged */
	CU_ASSERT_PTR_NULL(name_peers_real(peers, policy, &e, clock_now_ms()));
	other.ip[3] ^= 1; /* from another place: the app's */
	CU_ASSERT_FALSE(name_peers_answer(peers, &other, query, query_len, 0));
	wait_asked(); /* it asks again */
	answer(0, a, sizeof(a) - 1);
	CU_ASSERT_STRING_EQUAL(real(policy, &e, 0), "203.0.113.7");
	/* One that comes late is nobody's. */
	answer(0, a, sizeof(a) - 1);
	policy_put(policy);
}

/* No IPv4 address: its IPv6 one. */
static void test_relay_ipv6(void)
{
	struct policy *policy = make_policy(POLICY_RESOLVER_RELAY, true, NULL);
	struct endpoint e = synthetic("six.test");
	static const char aaaa[] = "\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10"
				   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1";
	unsigned int calls = atomic_load(&resolver_calls);

	asked = 0;
	CU_ASSERT_PTR_NULL(name_peers_real(peers, policy, &e, clock_now_ms()));
	CU_ASSERT_EQUAL(asked, 1);
	answer(0, "", 0);
	CU_ASSERT_EQUAL(asked, 2);
	CU_ASSERT_EQUAL(query[query_len - 3], DNS_TYPE_AAAA);
	answer(0, aaaa, sizeof(aaaa) - 1);
	CU_ASSERT_STRING_EQUAL(real(policy, &e, 0), "2001:db8::1");
	CU_ASSERT_EQUAL(atomic_load(&resolver_calls), calls);
	policy_put(policy);
}

/* What is direct by now is asked of the system alone; nothing leaves. */
static void test_direct(void)
{
	struct policy *policy = make_policy(POLICY_RESOLVER_RELAY, true,
					    "direct .inside.test");
	struct endpoint e = synthetic("inside.test");

	asked = 0;
	CU_ASSERT_STRING_EQUAL(real(policy, &e, 3000), "10.1.2.3");
	CU_ASSERT_EQUAL(asked, 0);
	policy_put(policy);
}

/* More peers than have a place, with look-ups under way. */
static void test_many(void)
{
	struct policy *policy = make_policy(POLICY_RESOLVER_AUTO, true, NULL);
	char name[32];

	atomic_store(&resolver_slow_ms, 200);
	for (int i = 0; i < 100; i++) {
		struct endpoint e;

		snprintf(name, sizeof(name), "slow%d.test", i);
		e = synthetic(name);
		CU_ASSERT_PTR_NULL(
			name_peers_real(peers, policy, &e, clock_now_ms()));
	}
	turn_for(500);
	policy_put(policy);
}

static CU_TestInfo tests[] = {
	{ "by the system", test_system },
	{ "through the relay", test_relay },
	{ "an IPv6 address", test_relay_ipv6 },
	{ "direct names do not leave", test_direct },
	{ "many", test_many },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "name_peer",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
