/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loopback.c - a listener that lives for one connection, and is sure whose
 *
 * socketpair(2) makes no TCP socket, and the app's has to be one end. Any
 * program on this host may connect to a listener while it is there, so only
 * the connection that comes from the near end's own address is taken.
 */
#include <config.h>

#include "loopback.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"
#include "hop.h"

#include <turnout/endpoint.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Strangers that may come first; more of them hold up the one, not us. */
#define BACKLOG 16

/* A socket that cannot reach loopback, for its routes or its marks, is found
 * out by silence. */
#define OWN_MS 1000

static const struct endpoint ipv4 = { .family = ENDPOINT_IPV4,
				      .ip = { 127, 0, 0, 1 } };
static const struct endpoint ipv6 = { .family = ENDPOINT_IPV6,
				      .ip = { [15] = 1 } };

static bool local_of(int fd, struct endpoint *e)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
	       endpoint_from_sockaddr(e, &ss, len);
}

/* Port 0 before, the kernel's choice after. The receive buffer is set here: it
 * is what the connection's window is made for. */
static int listen_at(struct endpoint *at, int receive_bytes)
{
	int family = at->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(at, family, &ss);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
			 sizeof(receive_bytes));
	if (bind(fd, (struct sockaddr *)&ss, len) != 0 ||
	    listen(fd, BACKLOG) != 0)
		error = -errno;
	else if (!local_of(fd, at))
		error = -EADDRNOTAVAIL;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/* An IPv6 socket goes by IPv6, unless it is bound to an IPv4 address or this
 * host has none. */
static int listen_for(const struct hop *h, struct endpoint *at,
		      int receive_bytes)
{
	struct endpoint local = { .family = ENDPOINT_IPV4 };
	int fd = -EADDRNOTAVAIL;

	if (h->socket >= 0 && !local_of(h->socket, &local))
		return -EINVAL;
	if (local.family == ENDPOINT_IPV6) {
		*at = ipv6;
		fd = listen_at(at, receive_bytes);
	}
	if (fd != -EADDRNOTAVAIL && fd != -EAFNOSUPPORT)
		return fd;
	*at = ipv4;
	return listen_at(at, receive_bytes);
}

static int accept_from(int listener, const struct endpoint *near,
		       uint64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = listener, .events = POLLIN };
		uint64_t now = clock_now_ms();
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct endpoint peer;
		int fd;

		if (now >= deadline_ms)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(deadline_ms - now)) < 0 && errno != EINTR)
			return -errno;
		fd = accept4(listener, (struct sockaddr *)&ss, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE ||
			       errno == ENOBUFS || errno == ENOMEM))
			return -errno;
		if (fd < 0)
			continue;
		if (endpoint_from_sockaddr(&peer, &ss, len) &&
		    endpoint_equal(&peer, near))
			return fd;
		close(fd); /* a stranger */
	}
}

/* `h` is as it was after a failure. */
static int connect_to(struct hop *h, int listener, const struct endpoint *at,
		      int *far)
{
	uint64_t deadline = h->deadline_ms, now = clock_now_ms();
	char host[ADDR_TEXT_MAX];
	struct endpoint local;
	int near;

	h->host = addr_format_ip(at, host);
	h->port = endpoint_port(at);
	if (deadline > now + OWN_MS)
		h->deadline_ms = now + OWN_MS;
	near = hop_connect(h);
	h->deadline_ms = deadline;
	h->host = NULL;
	if (near < 0)
		return near;
	*far = local_of(near, &local) ? accept_from(listener, &local, deadline)
				      : -EADDRNOTAVAIL;
	if (*far >= 0)
		return near;
	if (near == h->socket)
		hop_undo(h);
	else
		close(near);
	return *far;
}

static int try_pair(struct hop *h, int receive_bytes, int *far)
{
	struct endpoint at;
	int listener = listen_for(h, &at, receive_bytes), near;

	if (listener < 0)
		return listener;
	near = connect_to(h, listener, &at, far);
	close(listener);
	return near;
}

static bool is_bound_to_device(int fd)
{
	char name[IFNAMSIZ] = "";
	socklen_t len = sizeof(name);

	return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 &&
	       name[0] != '\0';
}

int loopback_pair(struct hop *h, int receive_bytes, int *far)
{
	int near;

	h->instead = h->socket >= 0 && is_bound_to_device(h->socket);
	near = try_pair(h, receive_bytes, far);
	/* The app's doing: it has connected the socket itself. */
	if (near >= 0 || h->socket < 0 || h->instead || near == -EISCONN ||
	    near == -EALREADY || cancel_is_set(h->cancel))
		return near;
	h->instead = true;
	return try_pair(h, receive_bytes, far);
}
