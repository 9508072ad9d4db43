/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_relay.c - candidates: which ways a plan makes, in which order they are
 * tried, and what is remembered of them
 */
#include <config.h>

#include "../tunneld/relay.h"

#include "../tunneld/conf_uri.h"
#include "../tunneld/creds.h"
#include "../tunneld/dial.h"
#include "../tunneld/plan.h"
#include "../tunneld/policy.h"
#include "../tunneld/rules.h"
#include "../tunneld/tls.h"
#include "lib/dial_lab.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1000000u

/* ---- sets written down ---- */

/* "NAME TRANSPORT HOST" each; ports are 1, 2 … in this order */
static struct relay_set *make_set(const char *const *ways, size_t count)
{
	struct relay_set *set = relay_set_new(count);

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (size_t i = 0; i < count; i++) {
		struct relay *r = &set->relay[i];
		char transport[8];

		CU_ASSERT_EQUAL_FATAL(sscanf(ways[i], "%63s %7s %255s", r->name,
					     transport, r->host),
				      3);
		r->port = (uint16_t)(i + 1);
		for (int t = 0; t < RELAY_NUM_TRANSPORTS; t++)
			if (strcmp(transport,
				   relay_transport_name(
					   (enum relay_transport)t)) == 0)
				r->transport = (enum relay_transport)t;
	}
	return set;
}

static const char *const three[] = { "a udp h", "a tcp h", "b tls g" };

/* The ports of the order, as "213". */
static const char *order(const struct relay_set *set, uint64_t now_ms,
			 enum relay_order_mode mode, size_t max)
{
	static char text[16];
	struct relay *out[15];
	size_t n = relay_order(set, now_ms, mode, out, max);

	CU_ASSERT(n <= max);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('0' + out[i]->port);
	text[n] = '\0';
	return text;
}

#define ORDER(set, now_ms, wanted)                                             \
	CU_ASSERT_STRING_EQUAL(order(set, now_ms, RELAY_ORDER_REMEMBERED, 15), \
			       wanted)

static void fail(struct relay_set *set, size_t i, enum relay_blame blame,
		 uint64_t now_ms)
{
	bool news = relay_failed(set, &set->relay[i], blame, 7, now_ms);

	(void)news;
}

static void work(struct relay_set *set, size_t i, uint64_t now_ms)
{
	bool news = relay_worked(set, &set->relay[i], now_ms);

	(void)news;
}

static void test_order(void)
{
	struct relay_set *set = make_set(three, 3);
	struct relay_set *none = relay_set_new(0);

	ORDER(set, NOW, "123");
	CU_ASSERT_PTR_NULL(relay_set_winner(set));
	/* The last winner first … */
	work(set, 2, NOW);
	ORDER(set, NOW, "312");
	work(set, 1, NOW + 1);
	ORDER(set, NOW, "213");
	CU_ASSERT_PTR_EQUAL(relay_set_winner(set), &set->relay[1]);
	/* … but not when a better way is looked for. */
	CU_ASSERT_STRING_EQUAL(order(set, NOW, RELAY_ORDER_RETEST, 15), "123");
	CU_ASSERT_STRING_EQUAL(order(set, NOW, RELAY_ORDER_REMEMBERED, 2),
			       "21");
	CU_ASSERT_STRING_EQUAL(order(set, NOW, RELAY_ORDER_REMEMBERED, 0), "");
	ORDER(none, NOW, "");
	CU_ASSERT_PTR_NULL(relay_set_winner(none));
	relay_set_put(none);
	relay_set_put(set);
}

static void test_penalties(void)
{
	struct relay_set *set = make_set(three, 3);

	work(set, 0, NOW - 1);
	fail(set, 0, RELAY_BLAME_PATH, NOW);
	CU_ASSERT(relay_is_penalised(&set->relay[0], NOW));
	CU_ASSERT_FALSE(relay_is_penalised(&set->relay[1], NOW));
	ORDER(set, NOW, "231");
	/* The one that is due first goes first. */
	fail(set, 1, RELAY_BLAME_PATH, NOW + 2);
	fail(set, 2, RELAY_BLAME_PATH, NOW + 1);
	ORDER(set, NOW + 3, "132");
	CU_ASSERT_STRING_EQUAL(order(set, NOW + 3, RELAY_ORDER_REMEMBERED, 2),
			       "13");
	CU_ASSERT_STRING_EQUAL(order(set, NOW + 3, RELAY_ORDER_REMEMBERED, 1),
			       "1");
	/* When it is over, the winner is first again. */
	ORDER(set, NOW + RELAY_PENALTY_MS, "132");
	ORDER(set, NOW + RELAY_PENALTY_MS + 2, "123");
	/* What works has no penalty. */
	fail(set, 2, RELAY_BLAME_PATH, NOW);
	work(set, 2, NOW + 1);
	CU_ASSERT_FALSE(relay_is_penalised(&set->relay[2], NOW + 1));
	relay_set_put(set);
}

static void test_blame(void)
{
	static const char *const ways[] = { "a udp h", "a tcp h", "a tcp i",
					    "b tcp h" };
	static const struct {
		enum relay_blame blame;
		const char *penalised;
		uint64_t until_ms;
	} rows[] = {
		{ RELAY_BLAME_PATH, "1000", RELAY_PENALTY_MS },
		{ RELAY_BLAME_SERVER, "1100", RELAY_PENALTY_MS },
		{ RELAY_BLAME_LOGIN, "1110", RELAY_PENALTY_LOGIN_MS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct relay_set *set = make_set(ways, 4);
		uint64_t end_ms = NOW + rows[i].until_ms;

		fail(set, 0, rows[i].blame, NOW);
		for (size_t j = 0; j < 4; j++) {
			bool penalised = rows[i].penalised[j] == '1';

			CU_ASSERT_EQUAL(
				relay_is_penalised(&set->relay[j], end_ms - 1),
				penalised);
			CU_ASSERT_FALSE(
				relay_is_penalised(&set->relay[j], end_ms));
		}
		/* Only the one that failed is said to. */
		CU_ASSERT_EQUAL(relay_failing(&set->relay[0]), 7);
		CU_ASSERT_EQUAL(relay_failing(&set->relay[1]), 0);
		relay_set_put(set);
	}
}

/* A password that was refused is not sent again at once, by no way. */
static void test_refused(void)
{
	static const char *const ways[] = { "a udp h", "a tcp h", "b tcp h" };
	struct relay_set *set = make_set(ways, 3);
	uint64_t later_ms = NOW + RELAY_REFUSED_FIRST_MS;

	fail(set, 0, RELAY_BLAME_LOGIN, NOW);
	ORDER(set, NOW, "3");
	ORDER(set, later_ms - 1, "3");
	ORDER(set, later_ms, "312");
	fail(set, 1, RELAY_BLAME_LOGIN, later_ms);
	ORDER(set, later_ms + RELAY_PENALTY_LOGIN_MS - 1, "3");
	ORDER(set, later_ms + RELAY_PENALTY_LOGIN_MS, "123");
	work(set, 0, later_ms);
	CU_ASSERT_FALSE(relay_is_refused(&set->relay[0], later_ms));
	fail(set, 0, RELAY_BLAME_LOGIN, later_ms);
	CU_ASSERT_FALSE(relay_is_refused(&set->relay[0],
					 later_ms + RELAY_REFUSED_FIRST_MS));
	relay_set_put(set);
}

static void test_news(void)
{
	struct relay_set *set = make_set(three, 3);
	struct relay *r = &set->relay[1], *chance = &set->relay[0];

	CU_ASSERT_TRUE(relay_failed(set, r, RELAY_BLAME_PATH, 1, NOW));
	CU_ASSERT_FALSE(relay_failed(set, r, RELAY_BLAME_PATH, 1, NOW));
	CU_ASSERT_TRUE(relay_failed(set, r, RELAY_BLAME_PATH, 2, NOW));
	CU_ASSERT_EQUAL(relay_failing(r), 2);
	CU_ASSERT_FALSE(relay_has_worked(r));
	CU_ASSERT_TRUE(relay_worked(set, r, NOW));
	CU_ASSERT_FALSE(relay_worked(set, r, NOW));
	CU_ASSERT_EQUAL(relay_failing(r), 0);
	CU_ASSERT_TRUE(relay_has_worked(r));
	/* A mere chance that fails is none, before it has worked … */
	chance->optional = true;
	CU_ASSERT_FALSE(relay_failed(set, chance, RELAY_BLAME_PATH, 1, NOW));
	CU_ASSERT_EQUAL(relay_failing(chance), 1);
	CU_ASSERT_FALSE(relay_worked(set, chance, NOW));
	CU_ASSERT_TRUE(relay_failed(set, chance, RELAY_BLAME_PATH, 1, NOW));
	CU_ASSERT_TRUE(relay_worked(set, chance, NOW));
	relay_set_put(set);
	/* … but what it says about the server is. */
	set = make_set(three, 3);
	set->relay[0].optional = true;
	CU_ASSERT_TRUE(
		relay_failed(set, &set->relay[0], RELAY_BLAME_LOGIN, 1, NOW));
	relay_set_put(set);
}

static void test_inherit(void)
{
	static const char *const later[] = { "b tls g", "a udp h", "a tcp h" };
	struct relay_set *old = make_set(three, 3), *set = make_set(later, 3);
	struct relay_set *reloaded = make_set(three, 3);

	/* the same ports, so that they are the same ways */
	set->relay[0].port = 3;
	set->relay[1].port = 1;
	set->relay[2].port = 9; /* but for this one */
	work(old, 2, NOW);
	work(old, 1, NOW - 5);
	fail(old, 0, RELAY_BLAME_PATH, NOW);
	relay_learn_keepalive(&old->relay[2], 15000, NOW);
	relay_put_mobility(old, &old->relay[2], RELAY_MOBILITY_YES);
	relay_set_inherit(set, old, true);
	ORDER(set, NOW, "391");
	CU_ASSERT_FALSE(relay_has_worked(&set->relay[2]));
	CU_ASSERT_EQUAL(relay_keepalive_s(&set->relay[0]), 10);
	CU_ASSERT_EQUAL(relay_mobility(&set->relay[0]), RELAY_MOBILITY_YES);
	/* Who still has the old set goes on teaching, and learning. */
	fail(old, 2, RELAY_BLAME_PATH, NOW + 1);
	ORDER(set, NOW + 1, "913");
	relay_put_rtt(&set->relay[1], 5000);
	CU_ASSERT_EQUAL(relay_rtt_us(&old->relay[0]), 5000);
	relay_set_put(old);
	CU_ASSERT_EQUAL(relay_keepalive_s(&set->relay[0]), 10);
	/* A reload gives every way a new chance, and tells again. */
	set->relay[2].port = 2;
	relay_set_inherit(reloaded, set, false);
	ORDER(reloaded, NOW + 1, "312");
	CU_ASSERT_EQUAL(relay_keepalive_s(&reloaded->relay[2]), 10);
	CU_ASSERT_TRUE(relay_failed(reloaded, &reloaded->relay[2],
				    RELAY_BLAME_PATH, 7, NOW));
	relay_set_inherit(reloaded, NULL, true);
	relay_set_put(set);
	relay_set_put(reloaded);
}

static void test_forget(void)
{
	struct relay_set *set = make_set(three, 3);

	work(set, 2, NOW);
	fail(set, 0, RELAY_BLAME_PATH, NOW);
	relay_put_keepalive(&set->relay[1], 5);
	relay_put_mobility(set, &set->relay[1], RELAY_MOBILITY_NO);
	relay_set_forget(set);
	ORDER(set, NOW, "123");
	CU_ASSERT_PTR_NULL(relay_set_winner(set));
	CU_ASSERT_EQUAL(relay_failing(&set->relay[0]), 0);
	CU_ASSERT_EQUAL(relay_keepalive_s(&set->relay[1]), RELAY_KEEPALIVE_S);
	/* of the server, wherever we are */
	CU_ASSERT_EQUAL(relay_mobility(&set->relay[1]), RELAY_MOBILITY_NO);
	CU_ASSERT_EQUAL(relay_mobility(&set->relay[0]), RELAY_MOBILITY_NO);
	CU_ASSERT_EQUAL(relay_mobility(&set->relay[2]), RELAY_MOBILITY_UNKNOWN);
	relay_set_put(set);
}

static void test_retest(void)
{
	struct relay_set *set = make_set(three, 3);

	CU_ASSERT_FALSE(relay_retest_due(set, NOW + 10 * RELAY_RETEST_MS));
	work(set, 0, NOW);
	CU_ASSERT_FALSE(relay_retest_due(set, NOW + 10 * RELAY_RETEST_MS));
	work(set, 1, NOW + 1);
	CU_ASSERT_FALSE(relay_retest_due(set, NOW + RELAY_RETEST_MS));
	CU_ASSERT_TRUE(relay_retest_due(set, NOW + 1 + RELAY_RETEST_MS));
	CU_ASSERT_FALSE(relay_retest_due(set, NOW + 2 + RELAY_RETEST_MS));
	CU_ASSERT_FALSE(relay_retest_due(set, NOW + 2 * RELAY_RETEST_MS));
	CU_ASSERT_TRUE(relay_retest_due(set, NOW + 1 + 2 * RELAY_RETEST_MS));
	relay_set_put(set);
}

/* A proxy that starts anew ends connections in use and silent ones alike. */
static void test_keepalive_company(void)
{
	struct relay_set *set = make_set(three, 3);
	struct relay *r = &set->relay[0];

	relay_learn_keepalive(r, 100, NOW);
	relay_learn_keepalive(r, 9000, NOW + 999);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 0);
	relay_learn_keepalive(r, 9000, NOW + 5000);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 6);
	relay_learn_keepalive(r, 100, NOW + 7000);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 6);
	/* in the other order */
	relay_learn_keepalive(r, 6000, NOW + 9000);
	relay_learn_keepalive(r, 4500, NOW + 9001);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 3);
	relay_learn_keepalive(r, 100, NOW + 9002);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 6);
	relay_set_put(set);
}

static void test_keepalive(void)
{
	struct relay_set *set = make_set(three, 3);
	struct relay *r = &set->relay[0];

	CU_ASSERT_EQUAL(relay_keepalive_s(r), RELAY_KEEPALIVE_S);
	r->keepalive_s = 25;
	CU_ASSERT_EQUAL(relay_keepalive_s(r), 25);
	relay_learn_keepalive(r, 60000, NOW); /* nothing new */
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 0);
	relay_learn_keepalive(r, 30000, NOW);
	CU_ASSERT_EQUAL(relay_keepalive_s(r), 20);
	relay_learn_keepalive(r, 36000, NOW); /* never longer again */
	CU_ASSERT_EQUAL(relay_keepalive_s(r), 20);
	relay_learn_keepalive(r, 9000, NOW);
	CU_ASSERT_EQUAL(relay_keepalive_s(r), 6);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(r), 6);
	relay_learn_keepalive(r, 3000, NOW);
	CU_ASSERT_EQUAL(relay_keepalive_s(r), RELAY_KEEPALIVE_MIN_S);
	relay_put_keepalive(r, 4000000000U);
	CU_ASSERT_EQUAL(relay_keepalive_s(r), RELAY_KEEPALIVE_MAX_S);
	relay_put_keepalive(r, 0);
	CU_ASSERT_EQUAL(relay_keepalive_s(r), 25);
	relay_set_put(set);
}

static void test_keys(void)
{
	struct relay_set *set = make_set(three, 3);
	char key[RELAY_KEY_MAX + 1];

	relay_key(&set->relay[1], key);
	CU_ASSERT_STRING_EQUAL(key, "a tcp h:2 direct");
	CU_ASSERT_PTR_EQUAL(relay_find(set, key), &set->relay[1]);
	CU_ASSERT_PTR_NULL(relay_find(set, "a tcp h:2 proxy"));
	CU_ASSERT_TRUE(relay_set_put_winner(set, key, NOW));
	CU_ASSERT_PTR_EQUAL(relay_set_winner(set), &set->relay[1]);
	CU_ASSERT_FALSE(relay_set_put_winner(set, "", NOW + 1));
	CU_ASSERT_PTR_EQUAL(relay_set_winner(set), &set->relay[1]);
	relay_set_put(set);
}

/* ---- plans ---- */

static struct plan *make_plan(const char *const *uris, size_t count, bool proxy,
			      bool past_proxy)
{
	struct rules rules = { 0 };
	struct rules_context ctx = { .user = &rules, .have_proxy = proxy };
	struct plan *plan = plan_new(count);
	const struct creds_opts creds = { .username = "u", .secret = "s" };
	const char *words = "";
	char line[200];
	struct rule rule;

	CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
	CU_ASSERT_EQUAL(
		rules_parse_line("direct near.test", &rule, line, sizeof(line)),
		0);
	CU_ASSERT_EQUAL(rules_add(&rules, &rule), 0);
	plan->policy = policy_new(&ctx, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plan->policy);
	rules_fini(&rules);
	if (proxy)
		plan->egress = lab_egress("proxy.test", 1, "", "");
	plan->past_proxy = past_proxy;
	for (size_t i = 0; i < count; i++) {
		struct plan_relay *r = &plan->relay[i];

		snprintf(r->name, sizeof(r->name), "r%zu", i);
		if (uris[i] != NULL)
			CU_ASSERT_EQUAL_FATAL(conf_uri_turn(uris[i], &r->uri,
							    line, sizeof(line)),
					      0);
		r->tls = tls_ctx_new(NULL, &words);
		r->creds = creds_new(&creds, &words);
		r->warm = 3;
		r->keepalive_s = 9;
	}
	return plan;
}

/* "r0 udp a.test:1 direct?" each line; ? is optional. */
static void expect_set(struct relay_set *set, const char *wanted)
{
	char text[2048] = "", key[RELAY_KEY_MAX + 1];

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (size_t i = 0; i < set->count; i++) {
		const struct relay *r = &set->relay[i];
		size_t len = strlen(text);

		relay_key(r, key);
		snprintf(text + len, sizeof(text) - len, "%s%s%s%s\n", key,
			 r->optional ? "?" : "", r->tls_name[0] ? " for " : "",
			 r->tls_name);
		CU_ASSERT_EQUAL(r->tls != NULL, relay_is_secure(r));
		CU_ASSERT_EQUAL(r->warm, 3);
		CU_ASSERT_EQUAL(relay_keepalive_s(r), 9);
		CU_ASSERT_FALSE(relay_is_datagram(r) && r->egress != NULL);
	}
	if (strcmp(text, wanted) != 0)
		printf("\n%swanted:\n%s", text, wanted);
	CU_ASSERT_STRING_EQUAL(text, wanted);
	relay_set_put(set);
}

static void expect_plan(struct plan *plan, const char *wanted)
{
	expect_set(plan_relays(plan, NULL), wanted);
	plan_put(plan);
}

static void test_plan(void)
{
	static const char *const both[] = { "turn:a.test:1", "turns:b.test:2",
					    "turns:c.test:443?transport=tcp" };
	static const char *const near[] = { "turn:near.test:1",
					    "turn:192.168.1.1:2" };
	static const char *const udp[] = { "turns:a.test:1?transport=udp" };

	/* no proxy */
	expect_plan(make_plan(both, 3, false, true),
		    "r0 udp a.test:1 direct?\nr0 tcp a.test:1 direct\n"
		    "r1 tls b.test:2 direct\nr1 dtls b.test:2 direct?\n"
		    "r2 tls c.test:443 direct\n");
	/* [media] mode = auto: past the proxy as well, and first */
	expect_plan(make_plan(both, 3, true, true),
		    "r0 udp a.test:1 direct?\nr0 tcp a.test:1 direct?\n"
		    "r0 tcp a.test:1 proxy\n"
		    "r1 tls b.test:2 direct?\nr1 tls b.test:2 proxy\n"
		    "r1 dtls b.test:2 direct?\n"
		    "r2 tls c.test:443 direct?\nr2 tls c.test:443 proxy\n");
	/* mode = always: as any other destination */
	expect_plan(make_plan(both, 3, true, false),
		    "r0 tcp a.test:1 proxy\nr1 tls b.test:2 proxy\n"
		    "r2 tls c.test:443 proxy\n");
	/* what policy leaves direct never takes the proxy */
	expect_plan(make_plan(near, 2, true, true),
		    "r0 udp near.test:1 direct?\nr0 tcp near.test:1 direct\n"
		    "r1 udp 192.168.1.1:2 direct?\nr1 tcp 192.168.1.1:2 "
		    "direct\n");
	expect_plan(make_plan(udp, 1, true, true), "r0 dtls a.test:1 direct\n");
	expect_plan(make_plan(udp, 1, true, false), "");
}

static void test_plan_path(void)
{
	static const char *const uri[] = { "turn:a.test:1",
					   "turn:near.test:1" };
	struct plan *plan = make_plan(uri, 2, true, true);

	plan->relay[0].path = PLAN_PATH_DIRECT;
	plan->relay[1].path = PLAN_PATH_PROXY;
	expect_plan(plan, "r0 udp a.test:1 direct?\nr0 tcp a.test:1 direct\n"
			  "r1 tcp near.test:1 proxy\n");
}

/* A relay that DNS is to find is not tried before, unless only the proxy may
 * know its name. */
static void test_plan_waits(void)
{
	static const char *const uris[] = { "turns:a.test", "turns:b.test",
					    "turns:192.0.2.1", NULL };
	struct plan *plan = make_plan(uris, 4, true, true);

	plan->relay[1].path = PLAN_PATH_PROXY;
	CU_ASSERT_TRUE(plan_waits(plan, &plan->relay[0]));
	CU_ASSERT_FALSE(plan_waits(plan, &plan->relay[1]));
	CU_ASSERT_FALSE(plan_waits(plan, &plan->relay[2]));
	CU_ASSERT_TRUE(plan_waits(plan, &plan->relay[3]));
	expect_plan(plan, "r1 tls b.test:5349 proxy\n"
			  "r2 tls 192.0.2.1:5349 direct?\n"
			  "r2 tls 192.0.2.1:5349 proxy\n"
			  "r2 dtls 192.0.2.1:5349 direct?\n");
	plan = make_plan(uris, 1, true, false);
	CU_ASSERT_FALSE(plan_waits(plan, &plan->relay[0]));
	plan_put(plan);
}

static void test_plan_found(void)
{
	static const char *const uris[] = { "turns:a.test", "turn:b.test:1" };
	static const struct locate_target where[] = {
		{ "x.test", 443, RELAY_TRANSPORT_TLS },
		{ "a.test", 5349, RELAY_TRANSPORT_TLS },
		{ "x.test", 443, RELAY_TRANSPORT_TLS },
		{ "x.test", 443, RELAY_TRANSPORT_UDP },
	};
	struct plan *plan = make_plan(uris, 2, false, true);
	struct plan_targets *found[2] = { calloc(1, sizeof(**found)), NULL };

	CU_ASSERT_PTR_NOT_NULL_FATAL(found[0]);
	plan_add_targets(found[0], &plan->relay[0].uri, where, 4);
	CU_ASSERT_EQUAL(found[0]->count, 3);
	expect_set(plan_relays(plan, found),
		   "r0 tls x.test:443 direct for a.test\n"
		   "r0 tls a.test:5349 direct\n"
		   "r0 udp x.test:443 direct? for a.test\n"
		   "r1 udp b.test:1 direct?\nr1 tcp b.test:1 direct\n");
	plan_sort_targets(found[0]);
	CU_ASSERT_EQUAL(found[0]->target[0].at.transport, RELAY_TRANSPORT_UDP);
	CU_ASSERT_STRING_EQUAL(found[0]->target[1].at.host, "x.test");
	/* decidedly nothing */
	found[0]->count = 0;
	expect_set(plan_relays(plan, found),
		   "r1 udp b.test:1 direct?\nr1 tcp b.test:1 direct\n");
	/* no more than there is room for */
	for (unsigned int i = 0; i < 100; i++) {
		struct locate_target t = { "m.test", 1, RELAY_TRANSPORT_TCP };

		t.port = (uint16_t)(i + 1);
		plan_add_targets(found[0], &plan->relay[0].uri, &t, 1);
	}
	CU_ASSERT_EQUAL(found[0]->count, PLAN_TARGETS_MAX);
	free(found[0]);
	plan_put(plan);
}

static CU_TestInfo tests[] = {
	{ "the order", test_order },
	{ "penalties", test_penalties },
	{ "who is to blame", test_blame },
	{ "refused credentials rest", test_refused },
	{ "what is news", test_news },
	{ "the next set inherits", test_inherit },
	{ "another network", test_forget },
	{ "better ways are due again", test_retest },
	{ "keep-alive", test_keepalive },
	{ "cuts in company teach nothing", test_keepalive_company },
	{ "keys", test_keys },
	{ "plan: which ways", test_plan },
	{ "plan: path", test_plan_path },
	{ "plan: who waits", test_plan_waits },
	{ "plan: what was found", test_plan_found },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "relay", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
