/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_loop.c - the event loop: order, timers, removal in mid-turn, threads */
#include <config.h>

#include "loop.h"

#include "clock.h"
#include "lib/unit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	struct loop *loop;
	char trace[256];
	int pipe[2][2];
	struct loop_fd watch[2];
	struct loop_timer timer[64];
	struct loop_defer defer;
	uint64_t fired_ms[64];
	int fired;
};

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->loop);
	CU_ASSERT_EQUAL_FATAL(pipe(f->pipe[0]), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(f->pipe[1]), 0);
}

static void close_fixture(struct fixture *f)
{
	loop_free(f->loop);
	for (int i = 0; i < 2; i++) {
		close(f->pipe[i][0]);
		close(f->pipe[i][1]);
	}
}

static void on_deferred(void *arg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	strcat(f->trace, "d");
	loop_stop(f->loop);
}

/* Whichever pipe is read first takes the other one out of the loop. */
static void on_pipe(void *arg, uint32_t events, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	CU_ASSERT(events & EPOLLIN);
	strcat(f->trace, "p");
	loop_fd_del(f->loop, &f->watch[0]);
	loop_fd_del(f->loop, &f->watch[1]);
	loop_defer(f->loop, &f->defer, on_deferred, f);
	loop_defer(f->loop, &f->defer, on_deferred, f);
}

static void test_removed_in_mid_turn(void)
{
	struct fixture f;

	open_fixture(&f);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(write(f.pipe[i][1], "x", 1), 1);
		CU_ASSERT_EQUAL(loop_fd_add(f.loop, &f.watch[i], f.pipe[i][0],
					    EPOLLIN, on_pipe, &f),
				0);
	}
	CU_ASSERT_EQUAL(loop_run(f.loop), 0);
	CU_ASSERT_STRING_EQUAL(f.trace, "pd");
	close_fixture(&f);
}

static void on_timer(void *arg, uint64_t now_ms)
{
	struct fixture *f = arg;

	f->fired_ms[f->fired++] = now_ms;
	if (f->fired == 40)
		loop_stop(f->loop);
}

static void test_timers_in_order(void)
{
	struct fixture f;
	uint64_t start, deadline[64];

	open_fixture(&f);
	srand(7);
	start = clock_now_ms();
	for (int i = 0; i < 64; i++) {
		deadline[i] = start + (uint64_t)(rand() % 50);
		CU_ASSERT_EQUAL(loop_timer_set(f.loop, &f.timer[i],
					       start + 1000, on_timer, &f),
				0);
		CU_ASSERT_EQUAL(loop_timer_set(f.loop, &f.timer[i], deadline[i],
					       on_timer, &f),
				0);
	}
	for (int i = 0; i < 64; i += 8) /* 8 + 16 never fire */
		loop_timer_stop(f.loop, &f.timer[i]);
	for (int i = 1; i < 33; i += 2)
		CU_ASSERT_EQUAL(loop_timer_set(f.loop, &f.timer[i], CLOCK_NEVER,
					       on_timer, &f),
				0);
	CU_ASSERT_EQUAL(loop_run(f.loop), 0);
	CU_ASSERT_EQUAL(f.fired, 40);
	for (int i = 1; i < f.fired; i++)
		CU_ASSERT(f.fired_ms[i] >= f.fired_ms[i - 1]);
	for (int i = 0; i < 64; i++) {
		bool stopped = i % 8 == 0 || (i < 33 && i % 2 == 1);

		CU_ASSERT_EQUAL(f.timer[i].index, 0);
		if (!stopped)
			CU_ASSERT(f.fired_ms[39] >= deadline[i]);
	}
	close_fixture(&f);
}

struct poster {
	struct fixture *fixture;
	struct loop_task task[1000];
	int order[1000];
	int got;
};

struct posted {
	struct poster *poster;
	int number;
};

static struct posted posted[1000];

static void on_task(void *arg, uint64_t now_ms)
{
	struct posted *p = arg;

	(void)now_ms;
	p->poster->order[p->poster->got++] = p->number;
	if (p->poster->got == 1000)
		loop_stop(p->poster->fixture->loop);
}

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < 1000; i++) {
		posted[i] = (struct posted){ .poster = p, .number = i };
		loop_post(p->fixture->loop, &p->task[i], on_task, &posted[i]);
	}
	return NULL;
}

static void test_posted_tasks_in_order(void)
{
	static struct poster p;
	struct fixture f;
	pthread_t thread;

	open_fixture(&f);
	p.fixture = &f;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, post_all, &p), 0);
	CU_ASSERT_EQUAL(loop_run(f.loop), 0);
	pthread_join(thread, NULL);
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(p.order[i], i);
	close_fixture(&f);
}

static void test_cancelled_deferral(void)
{
	struct fixture f;
	struct loop_defer other = { 0 };

	open_fixture(&f);
	loop_defer(f.loop, &other, on_timer, &f);
	loop_defer(f.loop, &f.defer, on_deferred, &f);
	loop_defer_cancel(f.loop, &other);
	loop_defer_cancel(f.loop, &other);
	loop_drain(f.loop);
	CU_ASSERT_STRING_EQUAL(f.trace, "d");
	CU_ASSERT_EQUAL(f.fired, 0);
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "an event of a removed descriptor is not delivered",
	  test_removed_in_mid_turn },
	{ "timers fire in order, moved and stopped ones too",
	  test_timers_in_order },
	{ "tasks of another thread run in order", test_posted_tasks_in_order },
	{ "deferred work can be cancelled", test_cancelled_deferral },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "loop", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
