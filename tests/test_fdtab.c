/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_fdtab.c - the table of descriptors: aliases, numbers used again, forks,
 * locks; numbers are made up, nothing is opened
 */
#include <config.h>

#include "fdtab.h"

#include "lib/unit.h"
#include "next.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/syscall.h>
#include <sys/wait.h>

static void forget_all(void)
{
	int fd = -1;

	while ((fd = fdtab_next(fd + 1, INT_MAX)) >= 0)
		fdtab_forget(fd);
}

static void test_find(void)
{
	struct sock *s;

	CU_ASSERT_PTR_NULL(fdtab_find(5));
	CU_ASSERT_PTR_NULL(fdtab_find(-1));
	CU_ASSERT_PTR_NULL(fdtab_find(INT_MAX));
	s = fdtab_add(5, SOCK_KIND_UDP, AF_INET6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_PTR_EQUAL(fdtab_find(5), s);
	CU_ASSERT_EQUAL(s->kind, SOCK_KIND_UDP);
	CU_ASSERT_EQUAL(s->family, AF_INET6);
	CU_ASSERT_PTR_NULL(fdtab_find(4));
	CU_ASSERT_PTR_NULL(fdtab_find(6));
	CU_ASSERT_TRUE(fdtab_forget(5));
	CU_ASSERT_PTR_NULL(fdtab_find(5));
	CU_ASSERT_FALSE(fdtab_forget(5));
}

/* Nothing of a socket is left to the next one. */
static void test_number_again(void)
{
	struct sock *s = fdtab_add(7, SOCK_KIND_TCP, AF_INET);
	uint32_t serial = s->serial;

	s->tcp.native_cookie = 4711;
	s->tcp.state = TCP_STATE_CONNECTED;
	s = fdtab_add(7, SOCK_KIND_TCP, AF_INET);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_NOT_EQUAL(s->serial, serial);
	CU_ASSERT_EQUAL(s->tcp.native_cookie, 0);
	CU_ASSERT_EQUAL(s->tcp.state, TCP_STATE_PLAIN);
	CU_ASSERT_EQUAL(s->refs, 1);
	forget_all();
}

static void test_aliases(void)
{
	struct sock *s = fdtab_add(10, SOCK_KIND_TCP, AF_INET);

	CU_ASSERT_TRUE(fdtab_is_last(s));
	fdtab_alias(10, 700000);
	fdtab_alias(700000, 11);
	fdtab_alias(10, 10);
	CU_ASSERT_EQUAL(s->refs, 3);
	CU_ASSERT_FALSE(fdtab_is_last(s));
	CU_ASSERT_PTR_EQUAL(fdtab_find(700000), s);
	CU_ASSERT_FALSE(fdtab_forget(10));
	CU_ASSERT_FALSE(fdtab_forget(11));
	CU_ASSERT_TRUE(fdtab_is_last(s));
	/* The home of 10 is taken still: another socket gets another place. */
	CU_ASSERT_PTR_NOT_EQUAL(fdtab_add(10, SOCK_KIND_TCP, AF_INET), s);
	CU_ASSERT_PTR_EQUAL(fdtab_find(700000), s);
	CU_ASSERT_TRUE(fdtab_forget(700000));
	forget_all();
}

/* dup2() of a descriptor that is not tracked over one that is. */
static void test_alias_of_nothing(void)
{
	struct sock *s = fdtab_add(20, SOCK_KIND_TCP, AF_INET), *other;

	fdtab_alias(21, 20);
	CU_ASSERT_PTR_NULL(fdtab_find(20));
	CU_ASSERT_EQUAL(s->refs, 0);
	s = fdtab_add(20, SOCK_KIND_TCP, AF_INET);
	other = fdtab_add(21, SOCK_KIND_TCP, AF_INET);
	fdtab_alias(20, 21);
	CU_ASSERT_PTR_EQUAL(fdtab_find(21), s);
	CU_ASSERT_EQUAL(other->refs, 0);
	CU_ASSERT_EQUAL(s->refs, 2);
	forget_all();
}

static void collect(int fd, void *arg)
{
	*(uint64_t *)arg |= (uint64_t)1 << (fd % 64);
}

static void test_each_alias(void)
{
	struct sock *s = fdtab_add(1, SOCK_KIND_TCP, AF_INET);
	uint64_t seen = 0;

	fdtab_add(2, SOCK_KIND_TCP, AF_INET);
	fdtab_alias(1, 3);
	fdtab_alias(1, 64 * 100 + 9);
	fdtab_each_alias(s, collect, &seen);
	CU_ASSERT_EQUAL(seen, 1 << 1 | 1 << 3 | 1 << 9);
	CU_ASSERT_EQUAL(fdtab_next(0, INT_MAX), 1);
	CU_ASSERT_EQUAL(fdtab_next(3, 3), 3);
	CU_ASSERT_EQUAL(fdtab_next(4, 6408), -1);
	CU_ASSERT_EQUAL(fdtab_next(4, 6409), 6409);
	CU_ASSERT_EQUAL(fdtab_next(6410, INT_MAX), -1);
	CU_ASSERT_EQUAL(fdtab_next(5, -1), -1);
	forget_all();
}

/* Every place of a chunk is taken from outside: it still serves its numbers. */
static void test_crowded(void)
{
	int fd;

	for (fd = 1000; fd < 2000; fd++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(
			fdtab_add(fd, SOCK_KIND_TCP, AF_INET));
		fdtab_alias(fd, fd + 10000);
		fdtab_forget(fd);
	}
	for (fd = 1000; fd < 2000; fd++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(
			fdtab_add(fd, SOCK_KIND_UDP, AF_INET));
	for (fd = 1000; fd < 2000; fd++) {
		CU_ASSERT_EQUAL(fdtab_find(fd)->kind, SOCK_KIND_UDP);
		CU_ASSERT_EQUAL(fdtab_find(fd + 10000)->kind, SOCK_KIND_TCP);
	}
	CU_ASSERT_PTR_NULL(fdtab_add(INT_MAX, SOCK_KIND_TCP, AF_INET));
	CU_ASSERT_PTR_NULL(fdtab_add(-1, SOCK_KIND_TCP, AF_INET));
	forget_all();
}

static int status_of(pid_t child)
{
	int status = -1;

	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

/* The parent has the same socket: a child's close() ends nothing. */
static void test_fork(void)
{
	struct sock *s = fdtab_add(30, SOCK_KIND_UDP, AF_INET);
	pid_t child = fork();

	if (child == 0) {
		bool right = !fdtab_is_last(s) && !fdtab_forget(30) &&
			     fdtab_find(30) == NULL && !fdtab_is_vfork_child();

		s = fdtab_add(31, SOCK_KIND_UDP, AF_INET);
		_exit(right && fdtab_is_last(s) && fdtab_forget(31) ? 0 : 1);
	}
	CU_ASSERT_EQUAL(status_of(child), 0);
	CU_ASSERT_PTR_EQUAL(fdtab_find(30), s);
	CU_ASSERT_TRUE(fdtab_is_last(s));
	forget_all();
}

static void test_vfork(void)
{
	struct sock *s = fdtab_add(40, SOCK_KIND_UDP, AF_INET);
	pid_t child = vfork();

	if (child == 0) {
		bool right = fdtab_is_vfork_child() && !fdtab_is_last(s) &&
			     !fdtab_forget(40);

		fdtab_alias(40, 41);
		_exit(right ? 0 : 1);
	}
	CU_ASSERT_EQUAL(status_of(child), 0);
	CU_ASSERT_PTR_EQUAL(fdtab_find(40), s);
	CU_ASSERT_PTR_NULL(fdtab_find(41));
	CU_ASSERT_FALSE(fdtab_is_vfork_child());
	CU_ASSERT_TRUE(fdtab_forget(40));
}

/* The fork child has not looked at the table when its own vfork child does. */
static void test_vfork_in_fork(void)
{
	struct sock *s = fdtab_add(50, SOCK_KIND_UDP, AF_INET);
	pid_t child = fork(), grandchild;

	if (child == 0) {
		grandchild = vfork();
		if (grandchild == 0)
			_exit(fdtab_forget(50) || !fdtab_is_vfork_child());
		if (status_of(grandchild) != 0 || fdtab_find(50) != s ||
		    fdtab_is_vfork_child())
			_exit(1);
		fdtab_forget(50);
		_exit(fdtab_find(50) == NULL ? 0 : 1);
	}
	CU_ASSERT_EQUAL(status_of(child), 0);
	forget_all();
}

#define ROUNDS  20000
#define THREADS 4

static struct sock *shared;
static unsigned int counter;

static void *count_up(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		sock_lock(shared);
		counter++;
		sock_unlock(shared);
	}
	return arg;
}

static void test_lock(void)
{
	pthread_t threads[THREADS];
	int i;

	shared = fdtab_add(60, SOCK_KIND_TCP, AF_INET);
	counter = 0;
	for (i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(counter, THREADS * ROUNDS);
	forget_all();
}

static void on_signal(int number)
{
	(void)number;
	sock_lock(shared);
	counter++;
	sock_unlock(shared);
}

/* A handler that wants the lock waits until the thread has let it go. */
static void test_lock_and_signal(void)
{
	shared = fdtab_add(61, SOCK_KIND_TCP, AF_INET);
	counter = 0;
	signal(SIGUSR1, on_signal);
	sock_lock(shared);
	raise(SIGUSR1);
	CU_ASSERT_EQUAL(counter, 0);
	sock_unlock(shared);
	CU_ASSERT_EQUAL(counter, 1);
	signal(SIGUSR1, SIG_DFL);
	forget_all();
}

static void test_lock_over_fork(void)
{
	pid_t child;

	shared = fdtab_add(62, SOCK_KIND_TCP, AF_INET);
	sock_lock(shared);
	child = fork();
	if (child == 0) {
		alarm(5);
		sock_lock(shared); /* of a thread that is not here */
		sock_unlock(shared);
		_exit(shared->lock != 0);
	}
	CU_ASSERT_EQUAL(status_of(child), 0);
	sock_unlock(shared);
	CU_ASSERT_EQUAL(shared->lock, 0);
	forget_all();
}

static void *churn(void *arg)
{
	int base = 20000 + *(int *)arg * 50, i;

	for (i = 0; i < ROUNDS; i++) {
		int fd = base + i % 50;

		if (fdtab_add(fd, SOCK_KIND_TCP, AF_INET) == NULL)
			return NULL;
		fdtab_alias(fd, fd + 5000);
		fdtab_forget(fd);
		if (!fdtab_forget(fd + 5000))
			return NULL;
	}
	return arg;
}

/* Threads that open and close in one chunk never get each other's place. */
static void test_threads(void)
{
	pthread_t threads[THREADS];
	int numbers[THREADS], i;
	void *result;

	for (i = 0; i < THREADS; i++) {
		numbers[i] = i;
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&threads[i], NULL, churn, &numbers[i]),
			0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		CU_ASSERT_PTR_NOT_NULL(result);
	}
	CU_ASSERT_EQUAL(fdtab_next(0, INT_MAX), -1);
}

static int set_up(void)
{
	next_init();
	return 0;
}

static CU_TestInfo tests[] = {
	{ "found when added, not when forgotten", test_find },
	{ "a number that is used again", test_number_again },
	{ "aliases", test_aliases },
	{ "an alias of something untracked", test_alias_of_nothing },
	{ "all aliases of a socket", test_each_alias },
	{ "a crowded chunk", test_crowded },
	{ "fork", test_fork },
	{ "vfork", test_vfork },
	{ "vfork in a fork child", test_vfork_in_fork },
	{ "lock between threads", test_lock },
	{ "lock and signal handler", test_lock_and_signal },
	{ "lock that was held at fork", test_lock_over_fork },
	{ "threads", test_threads },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "fdtab", .pInitFunc = set_up, .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
