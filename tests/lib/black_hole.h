/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * black_hole.h - a TCP address that swallows what is sent to it: a listener
 * whose backlog is full
 */
#ifndef BLACK_HOLE_H
#define BLACK_HOLE_H

#include "unit.h"

#include <turnout/endpoint.h>

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/socket.h>

#define BLACK_HOLE_FILLERS 8

struct black_hole {
	struct endpoint at;
	int listen_fd;
	int filler[BLACK_HOLE_FILLERS];
};

/* At `at`; with port 0 the kernel chooses one. */
static inline void black_hole_open(struct black_hole *b, struct endpoint at)
{
	int family = at.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&at, family, &ss);

	b->listen_fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(b->listen_fd, (struct sockaddr *)&ss, len) != 0 ||
	    listen(b->listen_fd, 0) != 0 ||
	    getsockname(b->listen_fd, (struct sockaddr *)&ss, &len) != 0 ||
	    !endpoint_from_sockaddr(&b->at, &ss, len))
		abort();
	for (int i = 0; i < BLACK_HOLE_FILLERS; i++) {
		b->filler[i] = socket(
			family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(b->filler[i], (struct sockaddr *)&ss, len);
	}
	/* Until the first of them is in the backlog. */
	(void)poll(&(struct pollfd){ .fd = b->filler[0], .events = POLLOUT }, 1,
		   5000);
}

/* From now on it answers: the fillers make room. */
static inline void black_hole_wake(struct black_hole *b)
{
	for (int i = 0; i < BLACK_HOLE_FILLERS; i++) {
		if (b->filler[i] >= 0)
			close(b->filler[i]);
		b->filler[i] = -1;
	}
	for (int fd;
	     (fd = accept4(b->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
		close(fd);
		if (poll(&(struct pollfd){ .fd = b->listen_fd,
					   .events = POLLIN },
			 1, 0) <= 0)
			break;
	}
}

static inline void black_hole_close(struct black_hole *b)
{
	for (int i = 0; i < BLACK_HOLE_FILLERS; i++)
		if (b->filler[i] >= 0)
			close(b->filler[i]);
	close(b->listen_fd);
}

#endif
