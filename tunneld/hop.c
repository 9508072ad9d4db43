/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hop.c - a connection to one host: its addresses in turn or at once, until
 * one accepts or the time is over
 *
 * The app's own socket is used when it can reach the address as it is bound;
 * else a new one of the same family, so that the app's idea of its descriptor
 * stays right. A connect that has failed leaves traces on a socket (peer,
 * pending error): connect(AF_UNSPEC) takes them off before the next address.
 */
#include <config.h>

#include "hop.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"
#include "hop_race.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int get_int(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, name, &value, &len) != 0)
		return -1;
	return value;
}

static void set_int(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* Options of the app that must not be in force while we talk to the proxy. */
static const struct {
	int level, name, neutral;
} asides[] = {
	/* connect(2) would succeed before anybody has answered */
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0 },
	/* a short answer would not wake us */
	{ SOL_SOCKET, SO_RCVLOWAT, 1 },
	/* a short request would wait for more */
	{ IPPROTO_TCP, TCP_CORK, 0 },
};
_Static_assert(ARRAY_SIZE(asides) == HOP_ASIDE, "a place an option");

static void remember_asides(struct hop *h)
{
	size_t i;

	for (i = 0; i < HOP_ASIDE; i++) {
		int value = get_int(h->socket, asides[i].level, asides[i].name);

		h->aside[i] = value >= 0 ? value : asides[i].neutral;
	}
}

static void put_aside(const struct hop *h)
{
	size_t i;

	for (i = 0; i < HOP_ASIDE; i++)
		if (h->aside[i] != asides[i].neutral)
			set_int(h->socket, asides[i].level, asides[i].name,
				asides[i].neutral);
}

void hop_restore(const struct hop *h, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	size_t i;

	for (i = 0; i < HOP_ASIDE; i++)
		if (h->aside[i] != asides[i].neutral)
			set_int(fd, asides[i].level, asides[i].name,
				h->aside[i]);
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL,
			    (flags & ~O_NONBLOCK) | (h->flags & O_NONBLOCK));
}

static int check_socket(struct hop *h)
{
	if (h->socket < 0)
		return 0;
	h->flags = fcntl(h->socket, F_GETFL);
	h->family = get_int(h->socket, SOL_SOCKET, SO_DOMAIN);
	if (h->flags < 0 ||
	    get_int(h->socket, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    (h->family != AF_INET && h->family != AF_INET6))
		return -EINVAL;
	remember_asides(h);
	return 0;
}

static bool is_any(const struct endpoint *e)
{
	static const uint8_t zero[16];

	return memcmp(e->ip, zero, sizeof(zero)) == 0;
}

/* Can the app's socket, as it is bound, reach `e`? */
static bool own_can_reach(const struct hop *h, const struct endpoint *e)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint local;

	if (h->socket < 0 || h->instead)
		return false;
	if (h->family == AF_INET && e->family != ENDPOINT_IPV4)
		return false;
	if (h->family == AF_INET6 && e->family == ENDPOINT_IPV4 &&
	    get_int(h->socket, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
		return false;
	if (getsockname(h->socket, (struct sockaddr *)&ss, &len) != 0 ||
	    !endpoint_from_sockaddr(&local, &ss, len))
		return false;
	if (is_any(&local))
		return true;
	/* From loopback, connect(2) to elsewhere fails with EINVAL. */
	return local.family == e->family &&
	       (!addr_is_loopback(&local) || addr_is_loopback(e));
}

static void copy_int(int from, int to, int level, int name)
{
	int value = get_int(from, level, name);

	if (value >= 0)
		set_int(to, level, name, value);
}

static int new_socket(const struct hop *h, const struct endpoint *e)
{
	int family = e->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	int fd;

	if (h->socket >= 0 && h->family == AF_INET6)
		family = AF_INET6;
	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (h->socket >= 0) {
		copy_int(h->socket, fd, IPPROTO_TCP, TCP_NODELAY);
		copy_int(h->socket, fd, SOL_SOCKET, SO_KEEPALIVE);
	} else {
		set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	}
	return fd;
}

/* An IPv6 socket that was connected to a v4-mapped address, even in vain, hangs
 * in a later connect(2) to an IPv6 one: the kernel has left it IPv4's
 * functions. One that fails at once, before anything is sent, brings its own
 * back (tests/platform/tcp_disconnect.c). */
static void unmap(int fd)
{
	static const struct endpoint broadcast = {
		.family = ENDPOINT_IPV4,
		.port_be = 0xffff,
		.ip = { 255, 255, 255, 255 },
	};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&broadcast, AF_INET6, &ss);

	(void)connect(fd, (struct sockaddr *)&ss, len);
}

void hop_undo(struct hop *h)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (!h->started)
		return;
	(void)connect(h->socket, &none, sizeof(none));
	if (h->mapped)
		unmap(h->socket);
	h->mapped = false;
	/* An error that the app has not caused is not its own to find. */
	(void)get_int(h->socket, SOL_SOCKET, SO_ERROR);
	hop_restore(h, h->socket);
	h->started = false;
}

/* Not by another connect(2): libcurl before 8.0 calls it in spite of
 * CURL_SOCKOPT_ALREADY_CONNECTED, and only the first one after the wait says 0
 * (tests/platform/curl_connect.c).
 *
 * The errno of a connect(2) that was under way at `fd`; never EINPROGRESS. */
static int wait_connected(struct hop *h, int fd, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error;

	for (;;) {
		uint64_t now = clock_now_ms();
		int n;

		/* A cancel whose shutdown() came before connect() is seen
		 * here, a later one wakes poll(). */
		if (cancel_is_set(h->cancel))
			return -ECANCELED;
		if (now >= deadline_ms)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(deadline_ms - now));
		if (n > 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	if (cancel_is_set(h->cancel))
		return -ECANCELED;
	error = get_int(fd, SOL_SOCKET, SO_ERROR);
	return error >= 0 ? -error : -EBADF;
}

static int connect_fd(struct hop *h, int fd, int family, uint64_t deadline_ms)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&h->peer, family, &ss);
	int rc = 0;

	if (len == 0)
		return -EAFNOSUPPORT;
	cancel_watch(h->cancel, fd);
	if (connect(fd, (struct sockaddr *)&ss, len) != 0)
		rc = -errno;
	if (rc == -EINPROGRESS || rc == -EINTR)
		rc = wait_connected(h, fd, deadline_ms);
	cancel_watch(h->cancel, -1);
	return rc;
}

static int try_own(struct hop *h, uint64_t deadline_ms)
{
	int rc;

	(void)fcntl(h->socket, F_SETFL, h->flags | O_NONBLOCK);
	put_aside(h);
	rc = connect_fd(h, h->socket, h->family, deadline_ms);
	if (rc == -EISCONN || rc == -EALREADY) {
		/* The app's doing: nothing of ours to take back. */
		hop_restore(h, h->socket);
		return rc;
	}
	h->started = true;
	h->mapped = h->family == AF_INET6 && h->peer.family == ENDPOINT_IPV4;
	if (rc == 0)
		return h->socket;
	hop_undo(h);
	return rc;
}

static int try_new(struct hop *h, uint64_t deadline_ms)
{
	int fd = new_socket(h, &h->peer), rc;

	if (fd < 0)
		return fd;
	rc = connect_fd(h, fd, get_int(fd, SOL_SOCKET, SO_DOMAIN), deadline_ms);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* A host that has no route for a family says nothing about the host. */
static bool says_more(int error, int than)
{
	return than == 0 || than == -ENETUNREACH || than == -EAFNOSUPPORT ||
	       error == -ECANCELED;
}

static int look_up(struct hop *h)
{
	int n = lookup_host(h->host, ENDPOINT_NONE, h->deadline_ms, h->cancel,
			    h->addrs);

	if (n < 0)
		return n;
	h->looked_up = true;
	h->addresses = (unsigned int)n;
	for (int i = 0; i < n; i++)
		h->addrs[i].port_be = htons(h->port);
	hop_race_order(h->addrs, h->addresses);
	return 0;
}

static int in_turn(struct hop *h)
{
	unsigned int n = h->addresses, i;
	int error = 0;

	for (i = 0; i < n && error != -ECANCELED; i++) {
		/* An address that does not answer leaves the others theirs. */
		uint64_t now = clock_now_ms(), deadline = now;
		int rc;

		if (h->deadline_ms > now)
			deadline += (h->deadline_ms - now) / (n - i);
		h->peer = h->addrs[i];
		rc = own_can_reach(h, &h->peer) ? try_own(h, deadline)
						: try_new(h, deadline);
		if (rc >= 0)
			return rc;
		if (says_more(rc, error))
			error = rc;
	}
	return error;
}

static int race(struct hop *h)
{
	unsigned int winner = 0;
	int fd = hop_race(h->addrs, h->addresses, h->deadline_ms, h->cancel,
			  &winner);

	h->peer = h->addrs[winner];
	return fd;
}

int hop_connect(struct hop *h)
{
	int error = check_socket(h);

	h->looked_up = error != 0;
	if (error != 0)
		return error;
	error = look_up(h);
	if (error != 0)
		return error;
	return h->socket >= 0 ? in_turn(h) : race(h);
}

static int new_datagram_socket(const struct endpoint *e)
{
	int family = e->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET, error;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(e, family, &ss);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&ss, len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int hop_datagram(struct hop *h)
{
	int error = h->looked_up ? 0 : look_up(h), fd = -ENXIO;

	if (error != 0)
		return error;
	for (h->address = h->first; h->address < h->addresses; h->address++) {
		h->peer = h->addrs[h->address];
		fd = new_datagram_socket(&h->peer);
		if (fd >= 0)
			return fd;
	}
	return fd;
}
