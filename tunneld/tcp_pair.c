/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_pair.c - both ends of a TCP connection over loopback
 *
 * The kernel completes such a connection inside connect(2), so nothing is
 * waited for, but for a bound if it should ever be otherwise. Whoever else
 * connects to the listener in that moment is turned away.
 */
#include <config.h>

#include "tcp_pair.h"

#include <turnout/endpoint.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BOUND_MS 200

static bool name_of(int fd, struct endpoint *name)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	       endpoint_from_sockaddr(name, (struct sockaddr *)&sa, len);
}

/* To `at`, no longer than the bound. */
static int connect_to(int fd, int af, const struct endpoint *at)
{
	struct timeval bound = { .tv_usec = BOUND_MS * 1000 }, none = { 0 };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(at, af, &sa);
	int off = 0;

	if ((af == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
					  sizeof(off)) < 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) <
		    0 ||
	    connect(fd, (struct sockaddr *)&sa, len) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0)
		return -errno;
	return 0;
}

static int accept_from(int listener, const struct endpoint *wanted)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct sockaddr_storage sa;
	struct endpoint peer;
	socklen_t len;
	int fd;

	while (poll(&p, 1, BOUND_MS) > 0) {
		len = sizeof(sa);
		fd = accept4(listener, (struct sockaddr *)&sa, &len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return -errno;
		if (endpoint_from_sockaddr(&peer, (struct sockaddr *)&sa,
					   len) &&
		    endpoint_equal(&peer, wanted))
			return fd;
		close(fd);
	}
	return -ETIMEDOUT;
}

static int listen_at(struct endpoint *at)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    listen(fd, 8) == 0 && name_of(fd, at))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int tcp_pair_open(int af, int fd[2])
{
	struct endpoint at, own;
	int listener = listen_at(&at), err;

	if (listener < 0)
		return listener;
	fd[0] = socket(af, SOCK_STREAM | SOCK_CLOEXEC, 0);
	err = fd[0] < 0 ? -errno : connect_to(fd[0], af, &at);
	if (err == 0)
		err = name_of(fd[0], &own) ? accept_from(listener, &own)
					   : -EAGAIN;
	close(listener);
	if (err < 0) {
		if (fd[0] >= 0)
			close(fd[0]);
		return err;
	}
	fd[1] = err;
	return 0;
}
