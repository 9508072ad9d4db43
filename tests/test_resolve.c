/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_resolve.c - look-ups by the pool: answers, deadlines, cancelling */
#include <config.h>

#include "resolve.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"
#include "dial.h"
#include "lookup.h"
#include "resolver.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct loop *loop;
static struct dial_pool *pool;

struct answer {
	int calls;
	int error;
	char text[256];
};

static int setup(void)
{
	loop = loop_new();
	pool = dial_pool_new(4);
	return loop == NULL || pool == NULL;
}

static int teardown(void)
{
	dial_pool_free(pool);
	loop_free(loop);
	return 0;
}

static void on_answer(void *arg, int error, const struct endpoint *addrs,
		      size_t count, uint64_t now_ms)
{
	struct answer *a = arg;
	char text[ADDR_TEXT_MAX];

	(void)now_ms;
	a->calls++;
	a->error = error;
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(addrs[i].port_be, 0);
		strcat(a->text, i > 0 ? " " : "");
		strcat(a->text, addr_format_ip(&addrs[i], text));
	}
	loop_stop(loop);
}

static void expect(const char *name, uint8_t family, int error,
		   const char *text)
{
	struct answer a = { .calls = 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(
		resolve_start(pool, loop, name, family, on_answer, &a));
	CU_ASSERT_EQUAL(a.calls, 0);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(a.calls, 1);
	CU_ASSERT_EQUAL(a.error, error);
	CU_ASSERT_STRING_EQUAL(a.text, text);
}

static void answers(void)
{
	expect("one.test", 0, 0, "127.0.0.1");
	expect("two.test", 0, 0, "127.0.0.3 127.0.0.2");
	expect("both.test", 0, 0, "::1 127.0.0.1");
	expect("both.test", ENDPOINT_IPV4, 0, "127.0.0.1");
	expect("both.test", ENDPOINT_IPV6, 0, "::1");
	expect("192.0.2.1", 0, 0, "192.0.2.1");
	expect("2001:db8::1", 0, 0, "2001:db8::1");
}

static void failures(void)
{
	expect("nosuch.test", 0, -ENOENT, "");
	expect("one.test", ENDPOINT_IPV6, -ENODATA, "");
	expect("dead.test", 0, -EAGAIN, "");
	expect("", 0, -EINVAL, "");
	CU_ASSERT_STRING_EQUAL(resolve_words(-ENOENT), "no such name");
}

static void cancelled(void)
{
	struct answer a = { .calls = 0 }, b = { .calls = 0 };
	struct resolve *r;
	uint64_t start = clock_now_ms();

	atomic_store(&resolver_slow_ms, 700);
	r = resolve_start(pool, loop, "slow.test", 0, on_answer, &a);
	poll(NULL, 0, 50);
	resolve_cancel(r);
	r = resolve_start(pool, loop, "one.test", 0, on_answer, &b);
	CU_ASSERT_PTR_NOT_NULL(r);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(b.calls, 1);
	poll(NULL, 0, 150);
	expect("one.test", 0, 0, "127.0.0.1"); /* the loop has had its turn */
	CU_ASSERT_EQUAL(a.calls, 0);
	CU_ASSERT(clock_now_ms() - start < 600);
	poll(NULL, 0, 700);
}

/* Nobody waits longer for a resolver than he wants to. */
static void deadline(void)
{
	struct endpoint addrs[LOOKUP_MAX];
	uint64_t start = clock_now_ms();

	atomic_store(&resolver_slow_ms, 600);
	CU_ASSERT_EQUAL(lookup_host("slow.test", 0, start + 100, NULL, addrs),
			-ETIMEDOUT);
	CU_ASSERT(clock_now_ms() - start < 400);
	CU_ASSERT_EQUAL(lookup_host("slow.test", 0, start + 3000, NULL, addrs),
			1);
	/* Literals ask nobody. */
	CU_ASSERT_EQUAL(lookup_host("192.0.2.1", 0, 0, NULL, addrs), 1);
}

/* A dead resolver: the threads that wait for it are bounded, and the pool is
 * not one of them. */
static void bounded(void)
{
	struct endpoint addrs[LOOKUP_MAX];
	int rc = -ETIMEDOUT;
	unsigned int calls = atomic_load(&resolver_calls);

	atomic_store(&resolver_slow_ms, 1500);
	for (int i = 0; i < 100 && rc == -ETIMEDOUT; i++)
		rc = lookup_host("slow.test", 0, clock_now_ms() + 1, NULL,
				 addrs);
	CU_ASSERT_EQUAL(rc, -EAGAIN);
	poll(NULL, 0, 100);
	CU_ASSERT_EQUAL(atomic_load(&resolver_calls) - calls, 64);
	poll(NULL, 0, 1700);
	CU_ASSERT_EQUAL(
		lookup_host("one.test", 0, clock_now_ms() + 1000, NULL, addrs),
		1);
}

/* What was never delivered is freed with the pool. */
static void pool_ends_first(void)
{
	struct answer a = { .calls = 0 };
	uint64_t start = clock_now_ms();

	atomic_store(&resolver_slow_ms, 800);
	for (int i = 0; i < 10; i++)
		CU_ASSERT_PTR_NOT_NULL(resolve_start(pool, loop, "slow.test", 0,
						     on_answer, &a));
	poll(NULL, 0, 30);
	teardown();
	CU_ASSERT(clock_now_ms() - start < 600);
	CU_ASSERT_EQUAL(a.calls, 0);
	poll(NULL, 0, 900);
	setup();
}

static CU_TestInfo tests[] = {
	{ "answers in order", answers },
	{ "failures", failures },
	{ "cancelled", cancelled },
	{ "deadline", deadline },
	{ "a dead resolver takes a bounded number of threads", bounded },
	{ "the pool ends first", pool_ends_first },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "resolve",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
