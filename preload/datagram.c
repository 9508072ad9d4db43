/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram.c - bind(), connect(), names and options of UDP sockets
 *
 * Turns connect() to a tunnelled peer into something that only we know: a
 * kernel connect() would filter out what comes from the flow's port. Keeps
 * track of the options that change how a tunnelled datagram must be sent.
 *
 * Theory of operation: a socket is unconnected, connected in the kernel (to a
 * direct peer) or connected here (to a tunnelled peer, the kernel's socket is
 * unconnected then), never both.
 */
#include <config.h>

#include "datagram.h"

#include "datagram_flow.h"
#include "fdtab.h"
#include "msg.h"
#include "next.h"
#include "policy.h"
#include "route.h"

#include <turnout/compiler.h>
#include <turnout/wire.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO     104
#endif
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

static bool is_loopback(const struct endpoint *e)
{
	struct in6_addr in6;

	if (e->family == ENDPOINT_IPV4)
		return e->ip[0] == 127;
	memcpy(&in6, e->ip, sizeof(in6));
	return IN6_IS_ADDR_LOOPBACK(&in6);
}

static bool is_link_local(const struct endpoint *e)
{
	struct in6_addr in6;

	if (e->family == ENDPOINT_IPV4)
		return e->ip[0] == 169 && e->ip[1] == 254;
	memcpy(&in6, e->ip, sizeof(in6));
	return IN6_IS_ADDR_LINKLOCAL(&in6);
}

static void note_bound(struct udp_sock *u, const void *addr, socklen_t len)
{
	struct endpoint e;

	if (!endpoint_from_sockaddr(&e, addr, len))
		return;
	u->loopback = is_loopback(&e);
	u->native_for_ever = u->loopback || is_link_local(&e);
}

int datagram_bind(struct sock *s, int fd, const struct sockaddr *addr,
		  socklen_t len)
{
	if (next.bind(fd, addr, len) != 0)
		return -1;
	note_bound(&s->udp, addr, len);
	return 0;
}

void datagram_adopted(struct sock *s, int fd)
{
	struct udp_sock *u = &s->udp;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char device[64];
	int saved_errno = errno;

	if (next.getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		note_bound(u, &sa, len);
	len = sizeof(sa);
	u->kernel_connected = next.getpeername(fd, (struct sockaddr *)&sa,
					       &len) == 0;
	len = sizeof(device);
	u->pin = next.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
				 &len) == 0 &&
		 len > 0;
	errno = saved_errno;
}

/* Let the kernel's connection go without losing the local port: a port that
 * bind() did not name is given up with it (udp_disconnect() in Linux), but a
 * second connect() keeps it. */
static int disconnect_kernel(struct sock *s, int fd)
{
	struct sockaddr_storage unspec = { .ss_family = AF_UNSPEC };
	struct sockaddr_storage old, now;
	socklen_t old_len = sizeof(old), now_len = sizeof(now);
	struct endpoint before, after;

	if (!s->udp.kernel_connected)
		return 0;
	if (next.getsockname(fd, (struct sockaddr *)&old, &old_len) != 0 ||
	    next.connect(fd, (struct sockaddr *)&unspec, sizeof(unspec)) != 0 ||
	    next.getsockname(fd, (struct sockaddr *)&now, &now_len) != 0)
		return -errno;
	s->udp.kernel_connected = false;
	if (!endpoint_from_sockaddr(&before, &old, old_len) ||
	    !endpoint_from_sockaddr(&after, &now, now_len) ||
	    after.port_be != 0)
		return 0;
	/* Both socket addresses have their port at the same place. */
	((struct sockaddr_in *)&now)->sin_port = before.port_be;
	if (next.bind(fd, (struct sockaddr *)&now, now_len) != 0)
		return -errno;
	return 0;
}

static int connect_tunnelled(struct sock *s, int fd,
			     const struct endpoint *peer)
{
	struct udp_sock *u = &s->udp;
	struct sockaddr_storage local;
	socklen_t local_len;
	int saved_errno = errno;
	int err = disconnect_kernel(s, fd);

	if (err == 0)
		err = route_local(s, fd, peer, &local, &local_len);
	if (err != 0) {
		errno = -err;
		return -1;
	}
	sock_lock(s);
	atomic_store_explicit(&u->connected, false, memory_order_release);
	u->peer = *peer;
	u->local = local;
	u->local_len = local_len;
	atomic_store_explicit(&u->connected, true, memory_order_release);
	sock_unlock(s);
	errno = saved_errno;
	return 0;
}

/* The flow stays: the kernel drops what comes from its port, but a later
 * connect() may want it again, and tunneld learns the socket's address anew
 * from each datagram. */
static int connect_native(struct sock *s, int fd, const struct sockaddr *addr,
			  socklen_t len)
{
	if (next.connect(fd, addr, len) != 0)
		return -1;
	s->udp.connected = false;
	s->udp.kernel_connected = true;
	return 0;
}

static int disconnect(struct sock *s, int fd, const struct sockaddr *addr,
		      socklen_t len)
{
	if (s->udp.connected) {
		s->udp.connected = false;
		return 0;
	}
	if (next.connect(fd, addr, len) != 0)
		return -1;
	s->udp.kernel_connected = false;
	return 0;
}

static bool is_unspec(const struct sockaddr *addr, socklen_t len)
{
	sa_family_t family;

	if (addr == NULL || len < (socklen_t)sizeof(family))
		return false;
	memcpy(&family, addr, sizeof(family));
	return family == AF_UNSPEC;
}

int datagram_connect(struct sock *s, int fd, const struct sockaddr *addr,
		     socklen_t len)
{
	struct endpoint peer;

	if (is_unspec(addr, len))
		return disconnect(s, fd, addr, len);
	/* What the kernel refuses is left to it. */
	if (!endpoint_from_sockaddr(&peer, addr, len) ||
	    (s->family == AF_INET && addr->sa_family != AF_INET))
		return next.connect(fd, addr, len);
	switch (policy_decide(POLICY_UDP, &peer)) {
	case POLICY_DIRECT:
		return connect_native(s, fd, addr, len);
	case POLICY_PREFER_DIRECT:
		if (!s->udp.keeps_tunnel)
			return connect_native(s, fd, addr, len);
		break;
	case POLICY_TUNNEL:
		break;
	default:
		errno = EPERM;
		return -1;
	}
	if (!s->udp.native_for_ever)
		return connect_tunnelled(s, fd, &peer);
	if (s->udp.loopback)
		return connect_native(s, fd, addr, len);
	errno = ENETUNREACH;
	return -1;
}

int datagram_getsockname(struct sock *s, int fd, struct sockaddr *addr,
			 socklen_t *len)
{
	const struct udp_sock *u = &s->udp;

	if (!atomic_load_explicit(&u->connected, memory_order_acquire) ||
	    addr == NULL || len == NULL || *len > INT_MAX)
		return next.getsockname(fd, addr, len);
	msg_put_name(addr, len, &u->local, u->local_len);
	return 0;
}

int datagram_getpeername(struct sock *s, int fd, struct sockaddr *addr,
			 socklen_t *len)
{
	const struct udp_sock *u = &s->udp;
	struct sockaddr_storage sa;
	socklen_t sa_len;

	if (!atomic_load_explicit(&u->connected, memory_order_acquire) ||
	    addr == NULL || len == NULL || *len > INT_MAX)
		return next.getpeername(fd, addr, len);
	sa_len = endpoint_to_sockaddr(&u->peer, s->family, &sa);
	msg_put_name(addr, len, &sa, sa_len);
	return 0;
}

/* The options that tie a socket's sends to an interface (P1). */
static bool ties_to_interface(int level, int name)
{
	if (level == SOL_SOCKET)
		return name == SO_BINDTODEVICE || name == SO_BINDTOIFINDEX;
	if (level == IPPROTO_IP)
		return name == IP_UNICAST_IF;
	return level == IPPROTO_IPV6 &&
	       (name == IPV6_UNICAST_IF || name == IPV6_PKTINFO);
}

static void note_udp_option(struct udp_sock *u, int name, int value)
{
	switch (name) {
	case UDP_SEGMENT:
		u->segment_bytes = (uint16_t)value;
		break;
	case UDP_CORK:
		u->cork = value != 0;
		if (value == 0)
			u->corked = false; /* the kernel has sent it */
		break;
	default:
		break;
	}
}

int datagram_setsockopt(struct sock *s, int fd, int level, int name,
			const void *value, socklen_t len)
{
	struct udp_sock *u = &s->udp;
	int number;

	/* Datagrams that the kernel puts together could not be told apart. */
	if (level == SOL_UDP && name == UDP_GRO && u->gro_off)
		return 0;
	if (next.setsockopt(fd, level, name, value, len) != 0)
		return -1;
	if (ties_to_interface(level, name)) {
		u->pin = true;
		datagram_flow_repin(s, fd);
	} else if (level == SOL_UDP && len >= (socklen_t)sizeof(number)) {
		memcpy(&number, value, sizeof(number));
		note_udp_option(u, name, number);
	}
	return 0;
}

/* The length of the datagram at the head of the queue, without our header.
 * Strangers to a connected socket are taken out: a reader never sees them. */
static int payload_ready(struct sock *s, int fd, int *ready)
{
	char first[1];
	struct iovec iov = { .iov_base = first, .iov_len = sizeof(first) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int saved_errno = errno;
	ssize_t n = datagram_recvmsg(s, fd, &msg,
				     MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);

	errno = saved_errno;
	*ready = n > 0 ? (int)n : 0;
	return 0;
}

int datagram_ioctl(struct sock *s, int fd, unsigned long request, void *arg)
{
	int ret = next.ioctl(fd, request, arg);

	if (ret != 0 || request != FIONREAD || arg == NULL ||
	    datagram_flow_peek(&s->udp) == NULL)
		return ret;
	return payload_ready(s, fd, arg);
}

/* The kernel's socket is not connected, which it reports; but it has shut the
 * directions down all the same (inet_shutdown() in Linux). */
int datagram_shutdown(struct sock *s, int fd, int how)
{
	int saved_errno = errno;
	int ret = next.shutdown(fd, how);

	if (ret == 0 || errno != ENOTCONN || !s->udp.connected)
		return ret;
	errno = saved_errno;
	return 0;
}

void datagram_closing(struct sock *s, int fd)
{
	datagram_flow_close(s, fd);
}
