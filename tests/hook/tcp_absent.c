/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_absent.c - no tunneld answers: nothing leaves, quickly, and what is on
 * this machine is reached as ever
 */
#include <config.h>

#include "hook.h"

static void outside(int flags)
{
	uint64_t start = now_ms();
	int fd = tcp_socket(flags);

	CHECK_FAILS(dial(fd, OK_AT_ONCE), ENETUNREACH);
	CHECK_FAILS(dial(fd, OK_AT_ONCE), ENETUNREACH);
	CHECK(now_ms() - start < 500);
	CHECK(poll_events(fd, POLLOUT, 0) == (POLLOUT | POLLHUP));
	close(fd);
}

static void outside_blocking(void)
{
	outside(0);
}

static void outside_nonblocking(void)
{
	outside(SOCK_NONBLOCK);
}

static void loopback(void)
{
	struct sockaddr_in a = to4(OK_AT_ONCE);
	int fd = tcp_socket(0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	check_echo(fd);
	close(fd);
}

static const struct hook_case cases[] = {
	{ "no tunneld, blocking", outside_blocking },
	{ "no tunneld, non-blocking", outside_nonblocking },
	{ "no tunneld, loopback", loopback },
};

HOOK_MAIN(cases)
