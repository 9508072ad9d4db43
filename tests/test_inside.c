/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_inside.c - names of the inside and of the outside, by a resolver that
 * is quick, slow or dead */
#include <config.h>

#include "inside.h"

#include "clock.h"
#include "dial.h"
#include "patience.h"
#include "policy.h"
#include "resolver.h"
#include "rules.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct loop *loop;
static struct dial_pool *pool;
static struct inside *inside;
static struct policy *policy;
static int told, waiting;

static char resolv_conf[] = "/tmp/test-inside.XXXXXX";

static void put_server(const char *address)
{
	FILE *f = fopen(resolv_conf, "w");

	if (f == NULL)
		return; /* the first look-up will not be made */
	fprintf(f, "nameserver %s\n", address);
	fclose(f);
}

static int setup(void)
{
	int fd = mkstemp(resolv_conf);
	struct rules rules = { 0 };
	struct rules_context ctx = { .user = &rules,
				     .have_proxy = true,
				     .tunnel_udp = true };

	loop = loop_new();
	pool = dial_pool_new(64);
	policy = policy_new(&ctx, NULL);
	inside = loop != NULL && pool != NULL ? inside_new(loop, pool) : NULL;
	if (fd < 0 || close(fd) < 0 || inside == NULL || policy == NULL)
		return 1;
	put_server("10.0.0.53");
	inside_set_resolv_conf(inside, resolv_conf);
	return 0;
}

static int teardown(void)
{
	unlink(resolv_conf);
	inside_free(inside);
	dial_pool_free(pool);
	policy_put(policy);
	loop_free(loop);
	return 0;
}

static void on_found(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
	if (++told == waiting)
		loop_stop(loop);
}

/* Ask for `name`, and wait as long as inside.c wants; how long that was. */
static uint64_t ask(const char *name)
{
	struct learn_wait wait = { .prev = NULL };
	uint64_t start = clock_now_ms();

	told = 0;
	waiting = 1;
	if (inside_want(inside, policy, name, &wait, on_found, NULL))
		CU_ASSERT_EQUAL(loop_run(loop), 0);
	return clock_now_ms() - start;
}

static void on_time(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
	loop_stop(loop);
}

static void turn_for(uint64_t ms)
{
	struct loop_timer timer = { 0 };

	CU_ASSERT_EQUAL(loop_timer_set(loop, &timer, clock_now_ms() + ms,
				       on_time, NULL),
			0);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
}

static void test_verdicts(void)
{
	static const struct {
		const char *name;
		bool inside;
	} rows[] = {
		{ "inside.test", true },    { "one.test", true },
		{ "outside.test", false },  { "mixed.test", false },
		{ "filtered.test", false }, { "nosuch.test", false },
		{ "dead.test", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_FALSE(inside_has(inside, policy, rows[i].name));
		ask(rows[i].name);
		CU_ASSERT_EQUAL(inside_has(inside, policy, rows[i].name),
				rows[i].inside);
	}
	CU_ASSERT_TRUE(inside_answers(inside));
	inside_forget(inside);
	CU_ASSERT_FALSE(inside_has(inside, policy, "inside.test"));
	CU_ASSERT_FALSE(inside_answers(inside));
}

/* What is fresh is not asked again, a failure neither. */
static void test_fresh(void)
{
	unsigned int calls;

	inside_forget(inside);
	ask("inside.test");
	ask("nosuch.test");
	ask("dead.test");
	calls = atomic_load(&resolver_calls);
	ask("inside.test");
	ask("nosuch.test");
	ask("dead.test");
	CU_ASSERT_EQUAL(atomic_load(&resolver_calls), calls);
	CU_ASSERT_TRUE(inside_has(inside, policy, "inside.test"));
}

/* A silent resolver costs its budget three times, then nothing. */
static void test_silent(void)
{
	struct learn_wait wait = { .prev = NULL };
	char name[32];
	uint64_t took;

	inside_forget(inside);
	atomic_store(&resolver_slow_ms, 2000);
	for (int i = 0; i < PATIENCE_SILENT_MAX; i++) {
		snprintf(name, sizeof(name), "slow%d.test", i);
		took = ask(name);
		CU_ASSERT(took >= PATIENCE_FIRST_MS - 20 && took < 1500);
		CU_ASSERT_FALSE(inside_has(inside, policy, name));
	}
	CU_ASSERT_FALSE(inside_answers(inside));
	CU_ASSERT_FALSE(inside_want(inside, policy, "slow9.test", &wait,
				    on_found, NULL));
	CU_ASSERT_FALSE(inside_want(inside, policy, "slow.test", &wait,
				    on_found, NULL));
	/* The answer that comes late says that it is alive. */
	turn_for(2200);
	atomic_store(&resolver_slow_ms, 0);
	ask("inside.test");
	CU_ASSERT_TRUE(inside_has(inside, policy, "inside.test"));
}

/* Slower than the budget, but not silent: the next look-up waits for it. */
static void test_late(void)
{
	uint64_t took;

	inside_forget(inside);
	atomic_store(&resolver_slow_ms, 400);
	took = ask("slow.test");
	CU_ASSERT(took < 390);
	CU_ASSERT_FALSE(inside_has(inside, policy, "slow.test"));
	turn_for(400);
	CU_ASSERT_TRUE(inside_has(inside, policy, "slow.test"));
	took = ask("slow2.test");
	CU_ASSERT(took >= 390 && took < 1500);
}

/* More at once than may run: all are told, and none is taken for silent. */
static void test_many(void)
{
	static struct learn_wait wait[40];
	char name[32];

	inside_forget(inside);
	atomic_store(&resolver_slow_ms, 30);
	told = 0;
	waiting = ARRAY_SIZE(wait);
	for (size_t i = 0; i < ARRAY_SIZE(wait); i++) {
		snprintf(name, sizeof(name), "slow%zu.test", 100 + i);
		wait[i].prev = NULL;
		CU_ASSERT_TRUE(inside_want(inside, policy, name, &wait[i],
					   on_found, NULL));
	}
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(told, ARRAY_SIZE(wait));
	ask("inside.test");
	CU_ASSERT_TRUE(inside_has(inside, policy, "inside.test"));
}

/* Names without end: the oldest make room, and whoever waits is told. */
static void test_bounded(void)
{
	static struct learn_wait wait[600];
	char name[32];

	inside_forget(inside);
	told = 0;
	waiting = 0;
	for (size_t i = 0; i < ARRAY_SIZE(wait); i++) {
		snprintf(name, sizeof(name), "n%zu.test", i);
		wait[i].prev = NULL;
		waiting += inside_want(inside, policy, name, &wait[i], on_found,
				       NULL);
	}
	CU_ASSERT_EQUAL(waiting, ARRAY_SIZE(wait));
	CU_ASSERT(told >= 80);
	if (told < waiting)
		CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(told, waiting);
	/* One that gives up is not told. */
	CU_ASSERT_TRUE(inside_want(inside, policy, "gone.test", &wait[0],
				   on_found, NULL));
	learn_cancel(&wait[0]);
	waiting++;
	turn_for(200);
	CU_ASSERT_EQUAL(told, waiting - 1);
}

/* Names do not go to a server that policy does not reach directly; and other
 * servers have other answers. */
static void test_servers(void)
{
	struct learn_wait wait = { .prev = NULL };
	unsigned int calls;

	inside_forget(inside);
	ask("inside.test");
	CU_ASSERT_TRUE(inside_has(inside, policy, "inside.test"));
	calls = atomic_load(&resolver_calls);
	put_server("203.0.113.53");
	CU_ASSERT_FALSE(inside_want(inside, policy, "inside.test", &wait,
				    on_found, NULL));
	CU_ASSERT_FALSE(inside_has(inside, policy, "inside.test"));
	CU_ASSERT_FALSE(
		inside_want(inside, policy, "one.test", &wait, on_found, NULL));
	CU_ASSERT_EQUAL(atomic_load(&resolver_calls), calls);
	put_server("10.0.0.54");
	ask("inside.test");
	CU_ASSERT_TRUE(inside_has(inside, policy, "inside.test"));
}

static CU_TestInfo tests[] = {
	{ "who is inside", test_verdicts },
	{ "asked once", test_fresh },
	{ "a resolver that is silent", test_silent },
	{ "a resolver that is slow", test_late },
	{ "many at once", test_many },
	{ "more names than have a place", test_bounded },
	{ "whom the machine asks", test_servers },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "inside",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
