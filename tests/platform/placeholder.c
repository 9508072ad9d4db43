/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * placeholder.c - a Unix stream socket with a full send buffer is to poll() and
 * epoll what a connecting TCP socket is: preload/connect.c rests on it
 */
#include <config.h>

#include "platform.h"

#include <poll.h>

#include <sys/epoll.h>

#define ALL (POLLIN | POLLOUT | POLLRDHUP)

/* As client_send_filled(): a request and 1792 bytes in one piece. */
#define REQUEST_BYTES 292
#define FILLER_BYTES  1792

static void fill(int pair[2])
{
	static const char bytes[REQUEST_BYTES + FILLER_BYTES];
	int least = 1;

	FACT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	FACT(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least,
			sizeof(least)) == 0);
	FACT(send(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT) ==
	     (ssize_t)sizeof(bytes));
}

static int events(int fd)
{
	struct pollfd p = { .fd = fd, .events = ALL };

	FACT(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* Reading the request alone does not make it writable. */
static void pending(void)
{
	char request[REQUEST_BYTES];
	int pair[2];

	fill(pair);
	FACT(events(pair[0]) == 0);
	FACT(recv(pair[1], request, sizeof(request), 0) ==
	     (ssize_t)sizeof(request));
	FACT(events(pair[0]) == 0);
	close(pair[0]);
	close(pair[1]);
}

/* A drain is exactly one edge, of OUT alone. */
static void success(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP |
					       EPOLLET };
	int pair[2], epfd = epoll_create1(0);
	char bytes[512];

	fill(pair);
	FACT(epoll_ctl(epfd, EPOLL_CTL_ADD, pair[0], &event) == 0);
	FACT(epoll_wait(epfd, &event, 1, 0) == 0);
	while (recv(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	FACT(epoll_wait(epfd, &event, 1, 0) == 1);
	FACT(event.events == EPOLLOUT);
	FACT(epoll_wait(epfd, &event, 1, 0) == 0);
	close(pair[0]);
	close(pair[1]);
	close(epfd);
}

/* Closed with the filler unread: the mask of a refused TCP connect. */
static void failure(void)
{
	int pair[2], error = 0;
	socklen_t len = sizeof(error);

	fill(pair);
	close(pair[1]);
	FACT(events(pair[0]) ==
	     (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP));
	FACT(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	FACT(error == ECONNRESET);
	/* As TCP after its error was told. */
	FACT(events(pair[0]) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP));
	close(pair[0]);
}

/* The client's half close is seen, and answered in the same way. */
static void cancel(void)
{
	int pair[2];

	fill(pair);
	FACT(shutdown(pair[0], SHUT_WR) == 0);
	FACT(events(pair[1]) & POLLRDHUP);
	close(pair[1]);
	FACT(events(pair[0]) & POLLERR);
	close(pair[0]);
}

int main(void)
{
	pending();
	success();
	failure();
	cancel();
	return 0;
}
