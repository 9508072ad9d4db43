/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_worker.c - is a media worker alive? Asked as the watchdog asks */
#include <config.h>

#include "../tunneld/worker.h"

#include "../tunneld/clock.h"
#include "../tunneld/dial.h"
#include "../tunneld/log.h"
#include "../tunneld/names.h"
#include "../tunneld/policy.h"
#include "../tunneld/relay.h"
#include "../tunneld/rules.h"
#include "lib/unit.h"

#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#define LIMIT_MS 10000

/* The worker's thread stands still in here until it may go on. */
static sem_t stuck, go_on;

static void on_flow_gone(void *arg, uint64_t cookie, uint64_t secret)
{
	(void)arg, (void)cookie, (void)secret;
	sem_post(&stuck);
	sem_wait(&go_on);
}

/* Does it turn within the limit? */
static bool turns(struct worker *w)
{
	uint64_t until_ms = clock_now_ms() + LIMIT_MS;

	while (!worker_turned(w)) {
		if (clock_now_ms() > until_ms)
			return false;
		sched_yield();
	}
	return true;
}

static void test_turned(void)
{
	struct names_opts pools = { 0 };
	struct rules rules = { 0 };
	struct rules_context ctx = { .user = &rules };
	struct worker_opts opts = { .on_flow_gone = on_flow_gone };
	/* No flow can be made of this, which the worker tells. */
	struct flow_seed seed = { .fd = -1 };
	struct worker *w;

	log_open(LOG_LEVEL_ERROR, false);
	log_set_level(LOG_LEVEL_ERROR);
	CU_ASSERT_EQUAL_FATAL(sem_init(&stuck, 0, 0), 0);
	CU_ASSERT_EQUAL_FATAL(sem_init(&go_on, 0, 0), 0);
	opts.pool = dial_pool_new(1);
	opts.names = names_new(&pools);
	opts.policy = policy_new(&ctx, NULL);
	opts.relays = relay_set_new(0);
	w = worker_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w);
	/* Asked for the first time, then two answers. */
	CU_ASSERT(turns(w) && turns(w) && turns(w));

	worker_add_flow(w, &seed);
	sem_wait(&stuck);
	worker_turned(w); /* perhaps the answer to the last */
	for (int i = 0; i < 3; i++)
		CU_ASSERT_FALSE(worker_turned(w));
	sem_post(&go_on);
	CU_ASSERT(turns(w));

	worker_stop(w);
	dial_pool_free(opts.pool);
	worker_free(w);
	relay_set_put(opts.relays);
	policy_put(opts.policy);
	names_free(opts.names);
}

static CU_TestInfo tests[] = {
	{ "one that is stuck does not answer", test_turned },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "worker", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
