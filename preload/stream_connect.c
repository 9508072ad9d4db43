/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream_connect.c - turns connect(), sendto() with MSG_FASTOPEN and the end of
 * a blocking wait into the moves of connect.h
 *
 * A socket is claimed first (WAITING), so that two threads cannot connect it,
 * and released by what comes of it. Between the two it may be closed or
 * replaced by another thread, or left by a longjmp(): take_back() tells.
 */
#include <config.h>

#include "adopt.h"
#include "client.h"
#include "connect.h"
#include "datagram.h"
#include "fdtab.h"
#include "next.h"
#include "policy.h"
#include "process.h"
#include "stream.h"
#include "stream_state.h"

#include <turnout/endpoint.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include <netinet/tcp.h>

static void set_address(union tcp_address *to, const struct sockaddr *from)
{
	memset(to, 0, sizeof(*to));
	if (from->sa_family == AF_INET)
		memcpy(&to->in, from, offsetof(struct sockaddr_in, sin_zero));
	else
		memcpy(&to->in6, from,
		       offsetof(struct sockaddr_in6, sin6_scope_id));
	/* The kernel tells a flow label only to those who ask for it. */
	if (from->sa_family == AF_INET6)
		to->in6.sin6_flowinfo = 0;
}

static void note_limit(struct sock *s, int fd, int option)
{
	struct timeval limit;
	socklen_t len = sizeof(limit);

	if (next.getsockopt(fd, SOL_SOCKET, option, &limit, &len) == 0 &&
	    (limit.tv_sec != 0 || limit.tv_usec != 0))
		journal_set(&s->tcp.journal, SOL_SOCKET, option, &limit, len,
			    false);
}

/* From PLAIN to WAITING: nobody else connects this socket now. */
static bool claim(struct sock *s, int fd, const struct sockaddr *addr)
{
	socklen_t len = sizeof(s->tcp.local);
	bool claimed;

	sock_lock(s);
	claimed = atomic_load(&s->tcp.state) == TCP_STATE_PLAIN;
	if (claimed) {
		s->tcp.waiter = process_owner();
		s->tcp.control = 0;
		s->tcp.flags = next.fcntl(fd, F_GETFL);
		atomic_store(&s->tcp.error, 0);
		set_address(&s->tcp.peer, addr);
		memset(&s->tcp.local, 0, sizeof(s->tcp.local));
		s->tcp.local.any.sa_family = (sa_family_t)s->family;
		next.getsockname(fd, &s->tcp.local.any, &len);
		len = sizeof(s->tcp.native_cookie);
		next.getsockopt(fd, SOL_SOCKET, SO_COOKIE,
				&s->tcp.native_cookie, &len);
		note_limit(s, fd, SO_SNDTIMEO);
		note_limit(s, fd, SO_RCVTIMEO);
		atomic_store(&s->tcp.state, TCP_STATE_WAITING);
	}
	sock_unlock(s);
	return claimed;
}

static void unclaim(struct sock *s, uint32_t serial)
{
	sock_lock(s);
	if (s->serial == serial)
		atomic_store(&s->tcp.state, TCP_STATE_PLAIN);
	sock_unlock(s);
}

/* Under the lock: `control` is still this call's to use. Not when somebody has
 * closed the socket meanwhile, and the control connection with it. */
static bool take_back(struct sock *s, int fd, uint32_t serial, int control)
{
	if (s->serial != serial || s->tcp.control != control + 1)
		return false;
	s->tcp.control = 0;
	if (fdtab_find(fd) == s)
		return true;
	atomic_store(&s->tcp.state, TCP_STATE_PLAIN);
	next.close(control);
	return false;
}

/* `control` becomes the placeholder. */
static int go_on_later(struct sock *s, int fd, uint32_t serial, int control,
		       int error)
{
	sock_lock(s);
	if (take_back(s, fd, serial, control))
		connect_place(s, fd, control);
	else
		error = EBADF;
	sock_unlock(s);
	return stream_fail(error);
}

static int wait_for_verdict(struct sock *s, int fd, uint32_t serial,
			    int control)
{
	struct timeval limit = stream_limit(s, SO_SNDTIMEO);
	int error = connect_wait(control, &limit);

	if (error == -EAGAIN)
		return go_on_later(s, fd, serial, control, EINPROGRESS);
	if (error == -EINTR)
		return go_on_later(s, fd, serial, control, EINTR);
	sock_lock(s);
	if (take_back(s, fd, serial, control))
		error = connect_finish(s, fd, control);
	else
		error = EBADF;
	sock_unlock(s);
	return error != 0 ? stream_fail(error) : 0;
}

/* Let other calls find `control`. False: the socket is another one by now. */
static bool set_control(struct sock *s, uint32_t serial, int control)
{
	bool kept;

	sock_lock(s);
	kept = s->serial == serial;
	if (kept)
		s->tcp.control = control + 1;
	sock_unlock(s);
	return kept;
}

static int through_tunneld(struct sock *s, int fd, const struct sockaddr *addr,
			   const struct endpoint *dest)
{
	uint32_t serial = s->serial;
	int control;

	if (!claim(s, fd, addr))
		return stream_fail(EALREADY);
	control = connect_dial(fd, dest);
	if (control < 0) {
		unclaim(s, serial);
		return stream_fail(ENETUNREACH);
	}
	if (!set_control(s, serial, control)) {
		next.close(control);
		return stream_fail(EBADF);
	}
	if (s->tcp.flags & O_NONBLOCK)
		return go_on_later(s, fd, serial, control, EINPROGRESS);
	return wait_for_verdict(s, fd, serial, control);
}

/* The kernel's state of the socket, or -1: it is no TCP socket. */
static int kernel_state(int fd)
{
	uint8_t state;
	socklen_t len = sizeof(state);
	int saved = errno, result;

	_Static_assert(offsetof(struct tcp_info, tcpi_state) == 0, "TCP_INFO");
	result = next.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &len);
	errno = saved;
	return result == 0 ? state : -1;
}

static int connect_plain(struct sock *s, int fd, const struct sockaddr *addr,
			 socklen_t len);

/* The number was closed behind our back and is another descriptor by now. */
static int connect_stranger(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sock *s;

	fdtab_forget(fd);
	s = adopt_socket(fd, addr, len);
	if (s == NULL)
		return next.connect(fd, addr, len);
	if (s->kind == SOCK_KIND_UDP)
		return datagram_connect(s, fd, addr, len);
	return connect_plain(s, fd, addr, len);
}

static int int_option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1, saved = errno;

	next.getsockopt(fd, level, name, &value, &len);
	errno = saved;
	return value;
}

/* Whether the kernel would try at all; else its errno is the right answer. */
static bool is_connectable(const struct sock *s, int fd,
			   const struct sockaddr *addr, socklen_t len,
			   struct endpoint *dest)
{
	if (!endpoint_from_sockaddr(dest, addr, len) ||
	    addr->sa_family != s->family)
		return false;
	return s->family != AF_INET6 || dest->family != ENDPOINT_IPV4 ||
	       int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1;
}

static int connect_plain(struct sock *s, int fd, const struct sockaddr *addr,
			 socklen_t len)
{
	struct endpoint dest;
	int state = kernel_state(fd);

	if (state < 0 || int_option(fd, SOL_SOCKET, SO_DOMAIN) != s->family)
		return connect_stranger(fd, addr, len);
	if (state != TCP_CLOSE || !is_connectable(s, fd, addr, len, &dest))
		return next.connect(fd, addr, len);
	switch (policy_decide(POLICY_TCP, &dest)) {
	case POLICY_DIRECT:
		atomic_store(&s->tcp.direct, true);
		return next.connect(fd, addr, len);
	case POLICY_BLOCK:
		return stream_fail(client_page() != NULL ? ECONNREFUSED
							 : ENETUNREACH);
	default:
		atomic_store(&s->tcp.direct, false);
		return through_tunneld(s, fd, addr, &dest);
	}
}

/* connect() with AF_UNSPEC takes a socket back to where it began. */
static int disconnect(struct sock *s, int fd, const struct sockaddr *addr,
		      socklen_t len)
{
	enum tcp_state state = stream_state(s, fd);
	int error = 0;

	if (state == TCP_STATE_PENDING || state == TCP_STATE_FAILED)
		error = stream_restore(s, fd, state);
	if (error != 0)
		return stream_fail(-error);
	if (state == TCP_STATE_BROKEN || state == TCP_STATE_CONNECTED)
		unclaim(s, s->serial);
	atomic_store(&s->tcp.error, 0);
	atomic_store(&s->tcp.direct, false);
	return next.connect(fd, addr, len);
}

/* connect() while one is under way, as the kernel's second one. */
static int connect_again(struct sock *s, int fd, enum tcp_state *state)
{
	int error = stream_wait(s, fd, SO_SNDTIMEO, stream_is_nonblocking(fd),
				state);

	if (error == -EAGAIN)
		return stream_fail(EALREADY);
	return error != 0 ? stream_fail(-error) : 0;
}

int stream_connect(struct sock *s, int fd, const struct sockaddr *addr,
		   socklen_t len)
{
	enum tcp_state state;
	int error;

	if (addr != NULL && len >= (socklen_t)sizeof(addr->sa_family) &&
	    addr->sa_family == AF_UNSPEC)
		return disconnect(s, fd, addr, len);
	state = stream_state(s, fd);
	if (state == TCP_STATE_WAITING || state == TCP_STATE_PENDING)
		if (connect_again(s, fd, &state) != 0)
			return -1;
	if (state == TCP_STATE_CONNECTED && !connect_is_ours(s, fd))
		return connect_stranger(fd, addr, len);
	if (state == TCP_STATE_CONNECTED) {
		if (atomic_exchange(&s->tcp.untold, false))
			return 0;
		return next.connect(fd, addr, len);
	}
	error = stream_take_error(s, fd);
	if (state == TCP_STATE_FAILED && stream_restore(s, fd, state) != 0)
		return stream_fail(ENOBUFS);
	if (state == TCP_STATE_BROKEN)
		unclaim(s, s->serial);
	if (error != 0)
		return stream_fail(error);
	return connect_plain(s, fd, addr, len);
}

ssize_t stream_fastopen(struct sock *s, int fd, const struct msghdr *msg,
			int flags)
{
	struct msghdr data = *msg;
	struct endpoint dest;

	if (stream_state(s, fd) == TCP_STATE_PLAIN &&
	    endpoint_from_sockaddr(&dest, msg->msg_name, msg->msg_namelen) &&
	    policy_decide(POLICY_TCP, &dest) == POLICY_DIRECT)
		return next.sendmsg(fd, msg, flags);
	if (stream_connect(s, fd, msg->msg_name, msg->msg_namelen) != 0 &&
	    errno != EISCONN)
		return -1;
	data.msg_name = NULL;
	data.msg_namelen = 0;
	return next.sendmsg(fd, &data, flags & ~MSG_FASTOPEN);
}
