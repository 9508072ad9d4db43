/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_seen.c - schemes that are remembered, and a budget of 407s */
#include <config.h>

#include "proxy_seen.h"

#include "cancel.h"
#include "clock.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct proxy one = { .host = "proxy.test", .port = 3128 };
static struct proxy two = { .host = "proxy.test", .port = 8080 };
static struct cancel nothing;

static int setup(void)
{
	cancel_init(&nothing);
	return 0;
}

static int teardown(void)
{
	cancel_fini(&nothing);
	return 0;
}

static void schemes(void)
{
	struct proxy_seen *s = proxy_seen_new();
	enum proxy_scheme scheme;
	char realm[PROXY_REALM_MAX + 1];

	CU_ASSERT_FALSE(proxy_seen_scheme(s, &one, NULL, &scheme, realm));
	proxy_seen_worked(s, &one, PROXY_SCHEME_NEGOTIATE, "a");
	proxy_seen_worked(s, &one, PROXY_SCHEME_BASIC, "b");
	CU_ASSERT_TRUE(proxy_seen_scheme(s, &one, NULL, &scheme, realm));
	CU_ASSERT_EQUAL(scheme, PROXY_SCHEME_BASIC);
	CU_ASSERT_STRING_EQUAL(realm, "b");
	CU_ASSERT_TRUE(proxy_seen_scheme(s, &one, "a", &scheme, NULL));
	CU_ASSERT_EQUAL(scheme, PROXY_SCHEME_NEGOTIATE);
	CU_ASSERT_FALSE(proxy_seen_scheme(s, &two, NULL, &scheme, realm));
	proxy_seen_worked(s, &one, PROXY_SCHEME_NONE, "a");
	CU_ASSERT_TRUE(proxy_seen_scheme(s, &one, "a", &scheme, NULL));
	CU_ASSERT_EQUAL(scheme, PROXY_SCHEME_NONE);
	proxy_seen_failed(s, &one, PROXY_SCHEME_NONE);
	CU_ASSERT_TRUE(proxy_seen_scheme(s, &one, NULL, &scheme, NULL));
	CU_ASSERT_EQUAL(scheme, PROXY_SCHEME_BASIC);
	proxy_seen_failed(s, &one, PROXY_SCHEME_BASIC);
	CU_ASSERT_FALSE(proxy_seen_scheme(s, &one, NULL, &scheme, NULL));
	proxy_seen_free(s);
}

static void offers(void)
{
	struct proxy_challenge c = { .offered = PROXY_SCHEME_DIGEST,
				     .realm = "r" };
	struct proxy_challenge out;
	struct proxy_seen *s = proxy_seen_new();

	CU_ASSERT_FALSE(proxy_seen_offer(s, &one, &out));
	proxy_seen_offered(s, &one, &c);
	CU_ASSERT_TRUE(proxy_seen_offer(s, &one, &out));
	CU_ASSERT_EQUAL(out.offered, PROXY_SCHEME_DIGEST);
	CU_ASSERT_FALSE(proxy_seen_offer(s, &two, &out));
	proxy_seen_free(s);
}

static int enter(struct proxy_seen *s)
{
	return proxy_seen_enter(s, &one, clock_now_ms() + 100, &nothing);
}

static void budget(void)
{
	struct proxy_seen *s = proxy_seen_new();

	for (int i = 0; i < PROXY_SEEN_BUDGET; i++) {
		CU_ASSERT_EQUAL(enter(s), 0);
		proxy_seen_leave(s, &one, PROXY_SEEN_407);
	}
	CU_ASSERT_EQUAL(enter(s), -EBUSY);
	CU_ASSERT_EQUAL(
		proxy_seen_enter(s, &two, clock_now_ms() + 100, &nothing), 0);
	proxy_seen_free(s);
}

static void success_refills(void)
{
	struct proxy_seen *s = proxy_seen_new();

	for (int i = 0; i < 3 * PROXY_SEEN_BUDGET; i++) {
		CU_ASSERT_EQUAL(enter(s), 0);
		proxy_seen_leave(s, &one,
				 i % PROXY_SEEN_BUDGET == 0 ? PROXY_SEEN_PASSED
							    : PROXY_SEEN_407);
	}
	CU_ASSERT_EQUAL(enter(s), 0);
	proxy_seen_leave(s, &one, PROXY_SEEN_UNKNOWN);
	CU_ASSERT_EQUAL(enter(s), 0);
	proxy_seen_free(s);
}

/* Nobody knows yet how they end. */
static void crowd_waits(void)
{
	struct proxy_seen *s = proxy_seen_new();
	uint64_t start = clock_now_ms();
	struct cancel set;

	for (int i = 0; i < PROXY_SEEN_BUDGET; i++)
		CU_ASSERT_EQUAL(enter(s), 0);
	CU_ASSERT_EQUAL(enter(s), -ETIMEDOUT);
	cancel_init(&set);
	cancel_now(&set);
	CU_ASSERT_EQUAL(proxy_seen_enter(s, &one, start + 9000, &set),
			-ECANCELED);
	cancel_fini(&set);
	/* A proxy that is silent for so long is not one that refuses. */
	CU_ASSERT_EQUAL(proxy_seen_enter(s, &one, start + 9000, &nothing), 0);
	CU_ASSERT(clock_now_ms() - start >= 1000);
	proxy_seen_leave(s, &one, PROXY_SEEN_PASSED);
	CU_ASSERT_EQUAL(enter(s), 0);
	proxy_seen_free(s);
}

struct crowd {
	struct proxy_seen *seen;
	atomic_uint asked, busy;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	int rc = proxy_seen_enter(c->seen, &one, clock_now_ms() + 20000,
				  &nothing);

	if (rc == 0) {
		atomic_fetch_add(&c->asked, 1);
		proxy_seen_leave(c->seen, &one, PROXY_SEEN_407);
	} else if (rc == -EBUSY) {
		atomic_fetch_add(&c->busy, 1);
	}
	return NULL;
}

static void fifty_ask_ten_times(void)
{
	struct crowd c = { .seen = proxy_seen_new() };
	pthread_t t[50];

	for (int i = 0; i < 50; i++)
		pthread_create(&t[i], NULL, crowd_main, &c);
	for (int i = 0; i < 50; i++)
		pthread_join(t[i], NULL);
	CU_ASSERT_EQUAL(c.asked, PROXY_SEEN_BUDGET);
	CU_ASSERT_EQUAL(c.busy, 50 - PROXY_SEEN_BUDGET);
	proxy_seen_free(c.seen);
}

static void many_proxies(void)
{
	struct proxy_seen *s = proxy_seen_new();
	struct proxy p = { .port = 1 };
	enum proxy_scheme scheme;

	for (int i = 0; i < 200; i++) {
		snprintf(p.host, sizeof(p.host), "p%d.test", i);
		proxy_seen_worked(s, &p, PROXY_SCHEME_DIGEST, "");
	}
	CU_ASSERT_TRUE(proxy_seen_scheme(s, &p, NULL, &scheme, NULL));
	strcpy(p.host, "p0.test");
	CU_ASSERT_FALSE(proxy_seen_scheme(s, &p, NULL, &scheme, NULL));
	proxy_seen_free(s);
}

static CU_TestInfo tests[] = {
	{ "schemes that worked", schemes },
	{ "what is offered", offers },
	{ "ten 407s", budget },
	{ "a success fills it again", success_refills },
	{ "a crowd waits for the first", crowd_waits },
	{ "fifty ask ten times", fifty_ask_ten_times },
	{ "more proxies than places", many_proxies },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_seen",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
