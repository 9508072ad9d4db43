/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_thread_pool.c - jobs run once, end once, and the pool ends in time */
#include <config.h>

#include "thread_pool.h"

#include "clock.h"
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct item {
	struct thread_job job;
	atomic_bool stop;
	atomic_uint worked, done, cancelled, dropped;
	unsigned int sleep_ms;
	pthread_t thread;
	sigset_t mask;
};

static struct loop *loop;
static unsigned int expected; /* `done` calls until the loop stops */
static atomic_uint running, running_max;

static void work(void *arg)
{
	struct item *i = arg;
	unsigned int now = atomic_fetch_add(&running, 1) + 1, ms;

	if (now > atomic_load(&running_max))
		atomic_store(&running_max, now);
	i->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &i->mask);
	for (ms = 0; ms < i->sleep_ms && !atomic_load(&i->stop); ms += 5)
		poll(NULL, 0, 5);
	atomic_fetch_sub(&running, 1);
	atomic_fetch_add(&i->worked, 1);
}

static void done(void *arg, uint64_t now_ms)
{
	struct item *i = arg;

	(void)now_ms;
	atomic_fetch_add(&i->done, 1);
	if (--expected == 0)
		loop_stop(loop);
}

static void cancel(void *arg)
{
	struct item *i = arg;

	atomic_fetch_add(&i->cancelled, 1);
	atomic_store(&i->stop, true);
}

static void drop(void *arg)
{
	struct item *i = arg;

	atomic_fetch_add(&i->dropped, 1);
}

static void prepare(struct item *i, unsigned int sleep_ms)
{
	memset(i, 0, sizeof(*i));
	i->sleep_ms = sleep_ms;
	i->job = (struct thread_job){ .work = work,
				      .done = done,
				      .cancel = cancel,
				      .drop = drop,
				      .arg = i,
				      .loop = loop };
}

static int setup(void)
{
	loop = loop_new();
	return loop == NULL;
}

static int teardown(void)
{
	loop_free(loop);
	return 0;
}

static void run_until(unsigned int n)
{
	expected = n;
	CU_ASSERT_EQUAL(loop_run(loop), 0);
}

static void every_job_once(void)
{
	static struct item items[300];
	struct thread_pool *pool = thread_pool_new(8, 1000);
	size_t n = sizeof(items) / sizeof(items[0]), i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	atomic_store(&running_max, 0);
	for (i = 0; i < n; i++) {
		prepare(&items[i], i % 3 == 0 ? 5 : 0);
		thread_pool_run(pool, &items[i].job);
	}
	run_until((unsigned int)n);
	for (i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(items[i].worked, 1);
		CU_ASSERT_EQUAL(items[i].done, 1);
		CU_ASSERT_EQUAL(items[i].dropped, 0);
		CU_ASSERT_FALSE(pthread_equal(items[i].thread, pthread_self()));
		CU_ASSERT_EQUAL(sigismember(&items[i].mask, SIGTERM), 1);
	}
	CU_ASSERT(running_max <= 8);
	CU_ASSERT(running_max > 1);
	CU_ASSERT(thread_pool_threads(pool) <= 8);
	CU_ASSERT_TRUE(thread_pool_free(pool));
}

static void threads_on_demand(void)
{
	struct thread_pool *pool = thread_pool_new(8, 60);
	struct item a, b;

	CU_ASSERT_EQUAL(thread_pool_threads(pool), 0);
	prepare(&a, 0);
	thread_pool_run(pool, &a.job);
	run_until(1);
	poll(NULL, 0, 10);
	/* The idle thread takes the next. */
	prepare(&b, 0);
	thread_pool_run(pool, &b.job);
	run_until(1);
	CU_ASSERT_EQUAL(thread_pool_threads(pool), 1);
	CU_ASSERT(pthread_equal(a.thread, b.thread));
	poll(NULL, 0, 250);
	CU_ASSERT_EQUAL(thread_pool_threads(pool), 0);
	/* And one is made again. */
	prepare(&a, 0);
	thread_pool_run(pool, &a.job);
	run_until(1);
	CU_ASSERT_EQUAL(a.done, 1);
	CU_ASSERT_TRUE(thread_pool_free(pool));
}

/* Jobs that hang take three quarters of the threads and no more. */
static void urgent_ones(void)
{
	struct thread_pool *pool = thread_pool_new(8, 1000);
	static struct item common[30], urgent[20];
	uint64_t start = clock_now_ms();
	int i;

	atomic_store(&running_max, 0);
	for (i = 0; i < 30; i++) {
		prepare(&common[i], 5000);
		thread_pool_run(pool, &common[i].job);
	}
	poll(NULL, 0, 50);
	CU_ASSERT_EQUAL(running, 6);
	CU_ASSERT_EQUAL(thread_pool_threads(pool), 6);
	for (i = 0; i < 20; i++) {
		prepare(&urgent[i], 10);
		urgent[i].job.urgent = true;
		thread_pool_run(pool, &urgent[i].job);
	}
	run_until(20);
	CU_ASSERT(clock_now_ms() - start < 2000);
	CU_ASSERT_EQUAL(running_max, 8);
	for (i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(urgent[i].worked, 1);
	/* A common one that ends makes room for the next. */
	atomic_store(&common[0].stop, true);
	run_until(1);
	poll(NULL, 0, 50);
	CU_ASSERT_EQUAL(running, 6);
	CU_ASSERT_TRUE(thread_pool_free(pool));
	CU_ASSERT_EQUAL(common[0].done, 1);
	for (i = 1; i < 30; i++)
		CU_ASSERT_EQUAL(common[i].dropped, 1);
}

static void cancel_queued_and_running(void)
{
	struct thread_pool *pool = thread_pool_new(1, 1000);
	struct item first, second;
	uint64_t start = clock_now_ms();

	prepare(&first, 5000);
	prepare(&second, 0);
	thread_pool_run(pool, &first.job);
	thread_pool_run(pool, &second.job);
	while (atomic_load(&running) == 0)
		poll(NULL, 0, 1);
	/* The queued one does not wait for the only thread. */
	thread_pool_cancel(&second.job);
	run_until(1);
	CU_ASSERT_EQUAL(second.done, 1);
	CU_ASSERT_EQUAL(second.worked, 0);
	CU_ASSERT_EQUAL(second.cancelled, 0);
	CU_ASSERT_EQUAL(first.done, 0);
	thread_pool_cancel(&first.job);
	run_until(1);
	CU_ASSERT_EQUAL(first.cancelled, 1);
	CU_ASSERT_EQUAL(first.worked, 1);
	CU_ASSERT(clock_now_ms() - start < 1000);
	CU_ASSERT_TRUE(thread_pool_free(pool));
}

/* Queued, running and posted jobs are dropped, each once. */
static void free_drops(void)
{
	struct thread_pool *pool = thread_pool_new(2, 1000);
	struct item posted, run, queued[3];
	uint64_t start = clock_now_ms();
	int i;

	prepare(&posted, 0);
	prepare(&run, 5000);
	thread_pool_run(pool, &posted.job);
	thread_pool_run(pool, &run.job);
	while (atomic_load(&posted.worked) == 0 || atomic_load(&running) == 0)
		poll(NULL, 0, 1);
	for (i = 0; i < 3; i++) {
		prepare(&queued[i], 5000);
		thread_pool_run(pool, &queued[i].job);
	}
	poll(NULL, 0, 20);
	CU_ASSERT_TRUE(thread_pool_free(pool));
	CU_ASSERT(clock_now_ms() - start < 1000);
	CU_ASSERT_EQUAL(posted.dropped, 1);
	CU_ASSERT_EQUAL(run.dropped, 1);
	CU_ASSERT_EQUAL(run.cancelled, 1);
	for (i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(queued[i].dropped, 1);
	CU_ASSERT_EQUAL(posted.done + run.done, 0);
	/* The loop has a task of the pool that it must not run any more. */
	teardown();
	setup();
}

static void stuck_work(void *arg)
{
	poll(NULL, 0, 1600);
	work(arg);
}

/* A thread that cannot be stopped is left behind after a second, and clears
 * up after itself. */
static void free_leaves_stuck(void)
{
	struct thread_pool *pool = thread_pool_new(2, 1000);
	static struct item stuck;
	uint64_t start = clock_now_ms(), took;

	prepare(&stuck, 0);
	stuck.job.work = stuck_work;
	thread_pool_run(pool, &stuck.job);
	poll(NULL, 0, 50);
	CU_ASSERT_FALSE(thread_pool_free(pool));
	took = clock_now_ms() - start;
	CU_ASSERT(took >= 1000 && took < 1500);
	CU_ASSERT_EQUAL(stuck.dropped, 0);
	while (atomic_load(&stuck.dropped) == 0 &&
	       clock_now_ms() - start < 5000)
		poll(NULL, 0, 5);
	CU_ASSERT_EQUAL(stuck.worked, 1);
	CU_ASSERT_EQUAL(stuck.done, 0);
	poll(NULL, 0, 50); /* let it free the pool */
}

static CU_TestInfo tests[] = {
	{ "every job once, never in the caller", every_job_once },
	{ "threads on demand, gone when idle", threads_on_demand },
	{ "urgent jobs are not held up", urgent_ones },
	{ "cancel a queued and a running job", cancel_queued_and_running },
	{ "free drops what was not delivered", free_drops },
	{ "free leaves a stuck thread", free_leaves_stuck },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "thread_pool",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
