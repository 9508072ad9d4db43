/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_auth.c - how often a password is sent */
#include <config.h>

#include "proxy_auth.h"

#include "cancel.h"
#include "clock.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static const struct proxy_login alice = { "proxy.test", 3128, "alice", "pw" };
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

static int begin(struct proxy_auth *a, const struct proxy_login *l)
{
	return proxy_auth_begin(a, l, clock_now_ms() + 100, &nothing);
}

static void refused_stays_refused(void)
{
	struct proxy_auth *a = proxy_auth_new();
	struct proxy_login other = alice;

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_FALSE(proxy_auth_is_refused(a, &alice));
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
	CU_ASSERT_TRUE(proxy_auth_is_refused(a, &alice));
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	/* Any other login is another matter. */
	other.password = "pw2";
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	other = alice;
	other.port = 8080;
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	other = alice;
	other.host = "proxy2.test";
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	/* Where one field ends and the next begins. */
	other = alice;
	other.username = "alicep";
	other.password = "w";
	CU_ASSERT_EQUAL(begin(a, &other), 0);
	/* A late 200 of a dial that was under way proves nothing. */
	proxy_auth_end(a, &alice, PROXY_AUTH_ACCEPTED);
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_forget(a);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_free(a);
}

static void accepted_until_refused(void)
{
	struct proxy_auth *a = proxy_auth_new();

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), -ETIMEDOUT); /* one at a time */
	proxy_auth_end(a, &alice, PROXY_AUTH_ACCEPTED);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED); /* it was changed */
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_free(a);
}

static void unknown_lets_the_next_try(void)
{
	struct proxy_auth *a = proxy_auth_new();

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_UNKNOWN);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_free(a);
}

/* A trial that takes long does not hold the others for ever. */
static void slow_trial(void)
{
	struct proxy_auth *a = proxy_auth_new();
	uint64_t start = clock_now_ms();

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(proxy_auth_begin(a, &alice, start + 6000, &nothing), 0);
	CU_ASSERT(clock_now_ms() - start >= 1000);
	CU_ASSERT(clock_now_ms() - start < 4000);
	proxy_auth_free(a);
}

static void cancelled(void)
{
	struct proxy_auth *a = proxy_auth_new();
	struct cancel c;
	uint64_t start = clock_now_ms();

	cancel_init(&c);
	cancel_now(&c);
	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	CU_ASSERT_EQUAL(proxy_auth_begin(a, &alice, start + 5000, &c),
			-ECANCELED);
	CU_ASSERT(clock_now_ms() - start < 500);
	cancel_fini(&c);
	proxy_auth_free(a);
}

/* The table is small; refused logins are the last to be forgotten. */
static void many_logins(void)
{
	struct proxy_auth *a = proxy_auth_new();
	struct proxy_login l = alice;
	char name[16];

	CU_ASSERT_EQUAL(begin(a, &alice), 0);
	proxy_auth_end(a, &alice, PROXY_AUTH_REFUSED);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		l.username = name;
		CU_ASSERT_EQUAL(begin(a, &l), 0);
		proxy_auth_end(a, &l, PROXY_AUTH_ACCEPTED);
	}
	CU_ASSERT_EQUAL(begin(a, &alice), -EACCES);
	proxy_auth_free(a);
}

struct crowd {
	struct proxy_auth *auth;
	atomic_uint sent, refused;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	int rc = proxy_auth_begin(c->auth, &alice, clock_now_ms() + 5000,
				  &nothing);

	if (rc == 0) {
		atomic_fetch_add(&c->sent, 1);
		poll(NULL, 0, 20);
		proxy_auth_end(c->auth, &alice, PROXY_AUTH_REFUSED);
	} else if (rc == -EACCES) {
		atomic_fetch_add(&c->refused, 1);
	}
	return NULL;
}

static void crowd_sends_once(void)
{
	struct crowd c = { .auth = proxy_auth_new() };
	pthread_t t[20];

	for (int i = 0; i < 20; i++)
		pthread_create(&t[i], NULL, crowd_main, &c);
	for (int i = 0; i < 20; i++)
		pthread_join(t[i], NULL);
	CU_ASSERT_EQUAL(c.sent, 1);
	CU_ASSERT_EQUAL(c.refused, 19);
	proxy_auth_free(c.auth);
}

static CU_TestInfo tests[] = {
	{ "refused stays refused", refused_stays_refused },
	{ "accepted until refused", accepted_until_refused },
	{ "no judgement: the next may try", unknown_lets_the_next_try },
	{ "a slow trial", slow_trial },
	{ "cancelled while it waits", cancelled },
	{ "more logins than places", many_logins },
	{ "twenty at once send it once", crowd_sends_once },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_auth",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
