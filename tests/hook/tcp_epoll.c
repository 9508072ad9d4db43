/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_epoll.c - epoll over a connect: registered before and after, level and
 * edge triggered, one-shot, through aliases, many at once
 */
#include <config.h>

#include "hook.h"

#include <pthread.h>

#include <sys/epoll.h>
#include <sys/resource.h>

#define COOKIE 0x1122334455667788u

static void add(int epfd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = COOKIE };

	CHECK(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) == 0);
}

/* The next event's mask, or 0. */
static uint32_t wait_event(int epfd, int timeout_ms)
{
	struct epoll_event event;
	int n = epoll_wait(epfd, &event, 1, timeout_ms);

	CHECK(n >= 0);
	if (n == 0)
		return 0;
	CHECK(event.data.u64 == COOKIE);
	return event.events;
}

/* Events until OUT has come; how many there were. */
static int wait_writable(int epfd, uint32_t *mask)
{
	uint64_t end = now_ms() + 3000;
	int n = 0;

	do {
		CHECK(now_ms() < end);
		*mask = wait_event(epfd, 3000);
		n++;
	} while (!(*mask & EPOLLOUT));
	return n;
}

static void modify_and_remove(int epfd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = COOKIE };

	CHECK(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event) == 0);
	CHECK(wait_event(epfd, 50) == 0);
	CHECK(send(fd, "x", 1, 0) == 1);
	CHECK(wait_event(epfd, 3000) == EPOLLIN);
	CHECK(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, &event) == 0);
	CHECK_FAILS(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, &event), ENOENT);
}

static void level_after(void)
{
	int epfd = epoll_create1(0), fd = tcp_dialing(OK_LATER);
	uint32_t mask;

	add(epfd, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	CHECK(wait_event(epfd, 50) == 0);
	wait_writable(epfd, &mask);
	CHECK(so_error(fd) == 0);
	/* The TCP socket's own mask from now on. */
	CHECK(wait_event(epfd, 3000) == EPOLLOUT);
	CHECK(wait_event(epfd, 3000) == EPOLLOUT);
	CHECK(peer_is(fd, OK_LATER));
	modify_and_remove(epfd, fd);
	close(fd);
	close(epfd);
}

static void level_before(void)
{
	int epfd = epoll_create1(0), fd = tcp_socket(SOCK_NONBLOCK);
	uint32_t mask;

	add(epfd, fd, EPOLLIN | EPOLLOUT);
	CHECK(wait_event(epfd, 0) == (EPOLLOUT | EPOLLHUP));
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	CHECK(wait_event(epfd, 50) == 0);
	wait_writable(epfd, &mask);
	CHECK(!(mask & EPOLLHUP));
	CHECK(so_error(fd) == 0);
	CHECK(wait_event(epfd, 3000) == EPOLLOUT);
	modify_and_remove(epfd, fd);
	close(fd);
	close(epfd);
}

static void edge_before(void)
{
	int epfd = epoll_create1(0), fd = tcp_socket(SOCK_NONBLOCK);
	uint32_t mask;

	add(epfd, fd, EPOLLIN | EPOLLOUT | EPOLLET);
	wait_event(epfd, 0);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	CHECK(wait_event(epfd, 50) == 0);
	wait_writable(epfd, &mask);
	check_connected(fd, OK_LATER);
	wait_event(epfd, 0); /* the replacement's own edge */
	CHECK(wait_event(epfd, 50) == 0);
	close(fd);
	close(epfd);
}

static void edge_after(enum outcome outcome)
{
	uint32_t interest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, mask;
	int epfd = epoll_create1(0), fd = tcp_dialing(outcome);
	uint32_t more;
	int n;

	add(epfd, fd, interest);
	/* The verdict, the room, the end of the stream, in whatever order; and
	 * nothing more. */
	n = wait_writable(epfd, &mask);
	for (; (more = wait_event(epfd, 50)) != 0; n++)
		mask |= more;
	CHECK(n <= 3);
	if (outcome == OK_LATER || outcome == OK_AT_ONCE) {
		check_connected(fd, outcome);
	} else {
		CHECK(mask & EPOLLERR);
		CHECK(so_error(fd) == ECONNREFUSED);
	}
	close(fd);
	close(epfd);
}

static void edge_after_success(void)
{
	edge_after(OK_LATER);
	edge_after(OK_AT_ONCE);
}

static void edge_after_failure(void)
{
	edge_after(REFUSED_LATER);
	edge_after(REFUSED_AT_ONCE);
}

/* Once it has fired it stays quiet, whatever is swapped below it. */
static void one_shot(void)
{
	uint32_t interest = EPOLLIN | EPOLLOUT | EPOLLONESHOT;
	int epfd = epoll_create1(0), fd = tcp_dialing(OK_LATER);
	struct epoll_event event = { .events = interest, .data.u64 = COOKIE };

	add(epfd, fd, interest);
	CHECK(wait_event(epfd, 3000) != 0);
	CHECK(so_error(fd) == 0);
	CHECK(peer_is(fd, OK_LATER));
	CHECK(wait_event(epfd, 100) == 0);
	CHECK(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event) == 0);
	CHECK(wait_event(epfd, 3000) == EPOLLOUT);
	CHECK(wait_event(epfd, 50) == 0);
	close(fd);
	close(epfd);
}

/* One that has not fired stays armed. */
static void one_shot_before(void)
{
	int epfd = epoll_create1(0), fd = tcp_socket(SOCK_NONBLOCK);

	add(epfd, fd, EPOLLIN | EPOLLONESHOT);
	CHECK(wait_event(epfd, 0) == EPOLLHUP);
	CHECK_FAILS(dial(fd, OK_LATER), EINPROGRESS);
	CHECK(wait_event(epfd, 500) == 0);
	check_connected(fd, OK_LATER);
	close(fd);
	fd = tcp_dialing(OK_LATER);
	add(epfd, fd, EPOLLIN | EPOLLONESHOT);
	CHECK(wait_event(epfd, 3000) & EPOLLIN);
	CHECK(so_error(fd) == 0);
	CHECK(wait_event(epfd, 50) == 0);
	close(fd);
	close(epfd);
}

static void through_alias(void)
{
	int epfd = epoll_create1(0), fd = tcp_dialing(OK_LATER);
	int alias = dup(fd);
	uint32_t mask;

	add(epfd, alias, EPOLLOUT);
	wait_writable(epfd, &mask);
	check_connected(fd, OK_LATER);
	CHECK(wait_event(epfd, 3000) == EPOLLOUT);
	modify_and_remove(epfd, alias);
	close(fd);
	close(alias);
	close(epfd);
}

static void nested(void)
{
	int outer = epoll_create1(0), inner = epoll_create1(0);
	int fd = tcp_dialing(OK_LATER);

	add(inner, fd, EPOLLOUT);
	add(outer, inner, EPOLLIN);
	CHECK(wait_event(outer, 50) == 0);
	CHECK(wait_event(outer, 3000) == EPOLLIN);
	CHECK(wait_event(inner, 3000) == EPOLLOUT);
	check_connected(fd, OK_LATER);
	CHECK(wait_event(inner, 0) == EPOLLOUT);
	close(fd);
	close(inner);
	close(outer);
}

#define MANY 300

static void many_at_once(void)
{
	struct rlimit limit = { 4096, 4096 };
	struct epoll_event event, ready[64];
	static int fds[MANY];
	uint64_t start = now_ms();
	int epfd = epoll_create1(0), done = 0, i, n;

	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < MANY; i++) {
		fds[i] = tcp_dialing(i % 3 ? OK_LATER : REFUSED_LATER);
		event = (struct epoll_event){ .events = EPOLLOUT,
					      .data.u32 = (uint32_t)i };
		CHECK(epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &event) == 0);
	}
	while (done < MANY) {
		CHECK(now_ms() - start < 15000);
		n = epoll_wait(epfd, ready, 64, 5000);
		CHECK(n > 0);
		for (i = 0; i < n; i++) {
			int at = (int)ready[i].data.u32;

			CHECK(so_error(fds[at]) == (at % 3 ? 0 : ECONNREFUSED));
			CHECK(peer_is(fds[at], OK_LATER) == (at % 3 != 0));
			CHECK(epoll_ctl(epfd, EPOLL_CTL_DEL, fds[at], &event) ==
			      0);
			done++;
		}
	}
	for (i = 0; i < MANY; i++) {
		if (i % 3)
			check_echo(fds[i]);
		close(fds[i]);
	}
	close(epfd);
}

struct race {
	int fd;
	_Atomic bool connected;
};

/* Asks while the swap goes on; must never see a byte of ours. */
static void *ask(void *arg)
{
	struct race *race = arg;
	struct sockaddr_in peer;
	socklen_t len;
	char byte;

	while (!race->connected) {
		CHECK(so_error(race->fd) == 0);
		len = sizeof(peer);
		CHECK(getpeername(race->fd, (struct sockaddr *)&peer, &len) ==
			      0 ||
		      errno == ENOTCONN);
		CHECK(recv(race->fd, &byte, 1, 0) == -1 && errno == EAGAIN);
	}
	return NULL;
}

static void raced_by_threads(void)
{
	enum {
		THREADS = 4,
		ROUNDS = 10
	};
	pthread_t threads[THREADS];
	uint32_t mask;
	int i, round;

	for (round = 0; round < ROUNDS; round++) {
		struct race race = {
			.fd = tcp_dialing(round % 2 ? OK_LATER : OK_AT_ONCE)
		};
		int epfd = epoll_create1(0);

		add(epfd, race.fd, EPOLLIN | EPOLLOUT | EPOLLET);
		for (i = 0; i < THREADS; i++)
			CHECK(pthread_create(&threads[i], NULL, ask, &race) ==
			      0);
		wait_writable(epfd, &mask);
		CHECK(so_error(race.fd) == 0);
		CHECK(peer_is(race.fd, round % 2 ? OK_LATER : OK_AT_ONCE));
		race.connected = true;
		for (i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		check_echo(race.fd);
		close(race.fd);
		close(epfd);
	}
}

static const struct hook_case cases[] = {
	{ "epoll, level, registered after connect", level_after },
	{ "epoll, level, registered before connect", level_before },
	{ "epoll, edge, registered after, success", edge_after_success },
	{ "epoll, edge, registered after, failure", edge_after_failure },
	{ "epoll, edge, registered before connect", edge_before },
	{ "epoll, one-shot that has fired", one_shot },
	{ "epoll, one-shot before connect", one_shot_before },
	{ "epoll, alias registered", through_alias },
	{ "epoll, nested", nested },
	{ "epoll, 300 connects at once", many_at_once },
	{ "epoll, raced by four threads", raced_by_threads },
};

HOOK_MAIN(cases)
