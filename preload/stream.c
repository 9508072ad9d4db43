/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream.c - the TCP half: turns each libc call into what a TCP socket would
 * answer, whatever stands at the descriptor
 *
 * Theory of operation: connect.h has the states. Each call first looks whether
 * the verdict has come (state_now()), and then acts by state: PLAIN and
 * CONNECTED are the kernel's own business, WAITING means that another thread
 * is in connect(), PENDING answers as a socket in SYN_SENT, FAILED tells its
 * errno once and then answers as a socket that was reset. Nothing that the app
 * sends or reads ever reaches a placeholder.
 */
#include <config.h>

#include "stream.h"

#include "adopt.h"
#include "client.h"
#include "connect.h"
#include "fdtab.h"
#include "next.h"
#include "policy.h"
#include "process.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#define NAP_NS 1000000

static int fail(int error)
{
	errno = error;
	return -1;
}

static enum tcp_state state_now(struct sock *s, int fd)
{
	enum tcp_state state;

	if (connect_is_native(&s->tcp))
		return (enum tcp_state)atomic_load(&s->tcp.state);
	sock_lock(s);
	state = connect_settle(s, fd);
	sock_unlock(s);
	/* Forked off while a thread of the parent was in connect(). */
	if (state == TCP_STATE_WAITING && s->tcp.waiter != process_owner())
		return TCP_STATE_PLAIN;
	return state;
}

static bool is_nonblocking(int fd)
{
	return next.fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* SO_SNDTIMEO or SO_RCVTIMEO of the socket that the placeholder stands for. */
static struct timeval limit_of(const struct sock *s, int option)
{
	const struct journal_entry *e = journal_find(&s->tcp.journal,
						     SOL_SOCKET, option);
	struct timeval limit = { 0 };

	if (e != NULL && e->bytes == sizeof(limit))
		memcpy(&limit, e->value, sizeof(limit));
	return limit;
}

/* Another thread is in connect(): its verdict is no business of ours. */
static void nap(void)
{
	struct timespec pause = { .tv_nsec = NAP_NS };
	int saved = errno;

	nanosleep(&pause, NULL);
	errno = saved;
}

/* Until the connect is decided: 0 with the state, else -errno. */
static int wait_decided(struct sock *s, int fd, int option, bool nonblocking,
			enum tcp_state *state)
{
	struct timeval limit = limit_of(s, option);
	int error;

	for (;;) {
		*state = state_now(s, fd);
		if (*state != TCP_STATE_PENDING && *state != TCP_STATE_WAITING)
			return 0;
		if (nonblocking)
			return -EAGAIN;
		if (*state == TCP_STATE_WAITING) {
			nap();
			continue;
		}
		error = connect_wait(fd, &limit);
		if (error != 0)
			return error;
	}
}

/* The errno of a failed connect, once. */
static int take_error(struct sock *s, int fd)
{
	int error = atomic_exchange(&s->tcp.error, 0), own, saved = errno;
	socklen_t len = sizeof(own);

	/* The placeholder has an error too, which shows in poll(). */
	if (error != 0 && atomic_load(&s->tcp.state) == TCP_STATE_FAILED)
		next.getsockopt(fd, SOL_SOCKET, SO_ERROR, &own, &len);
	errno = saved;
	return error;
}

bool stream_may_send(struct sock *s, int fd, int flags, ssize_t *result)
{
	bool nonblocking = (flags & MSG_DONTWAIT) || is_nonblocking(fd);
	enum tcp_state state;
	int error = -wait_decided(s, fd, SO_SNDTIMEO, nonblocking, &state);

	if (error == 0 &&
	    (state == TCP_STATE_PLAIN || state == TCP_STATE_CONNECTED))
		return true;
	if (error == 0)
		error = take_error(s, fd);
	if (error == 0) {
		error = EPIPE;
		if (!(flags & MSG_NOSIGNAL))
			raise(SIGPIPE);
	}
	*result = fail(error);
	return false;
}

bool stream_may_recv(struct sock *s, int fd, int flags, ssize_t *result)
{
	bool nonblocking = (flags & MSG_DONTWAIT) || is_nonblocking(fd);
	enum tcp_state state;
	int error = -wait_decided(s, fd, SO_RCVTIMEO, nonblocking, &state);

	if (error == 0 &&
	    (state == TCP_STATE_PLAIN || state == TCP_STATE_CONNECTED))
		return true;
	if (error == 0)
		error = take_error(s, fd);
	*result = error != 0 ? fail(error) : 0;
	return false;
}

/* Connecting. */

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

static int tell_address(const union tcp_address *from, struct sockaddr *addr,
			socklen_t *len)
{
	socklen_t whole = from->any.sa_family == AF_INET6 ? sizeof(from->in6)
							  : sizeof(from->in);

	if ((int)*len < 0)
		return fail(EINVAL);
	memcpy(addr, from, *len < whole ? *len : whole);
	*len = whole;
	return 0;
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

static void unclaim(struct sock *s)
{
	sock_lock(s);
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
	return fail(error);
}

static int wait_for_verdict(struct sock *s, int fd, uint32_t serial,
			    int control)
{
	struct timeval limit = limit_of(s, SO_SNDTIMEO);
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
	return error != 0 ? fail(error) : 0;
}

/* Forget the attempt, or let other calls find it. */
static void set_control(struct sock *s, int control)
{
	sock_lock(s);
	if (control < 0)
		atomic_store(&s->tcp.state, TCP_STATE_PLAIN);
	else
		s->tcp.control = control + 1;
	sock_unlock(s);
}

static int through_tunneld(struct sock *s, int fd, const struct sockaddr *addr,
			   const struct endpoint *dest)
{
	uint32_t serial = s->serial;
	int control;

	if (!claim(s, fd, addr))
		return fail(EALREADY);
	control = connect_dial(fd, dest);
	set_control(s, control);
	if (control < 0)
		return fail(ENETUNREACH);
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

static bool is_v6only(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return next.getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &len) ==
		       0 &&
	       value != 0;
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
	       !is_v6only(fd);
}

static int connect_plain(struct sock *s, int fd, const struct sockaddr *addr,
			 socklen_t len)
{
	struct endpoint dest;
	int state = kernel_state(fd);

	if (state < 0)
		return connect_stranger(fd, addr, len);
	if (state != TCP_CLOSE || !is_connectable(s, fd, addr, len, &dest))
		return next.connect(fd, addr, len);
	switch (policy_decide(POLICY_TCP, &dest)) {
	case POLICY_DIRECT:
		atomic_store(&s->tcp.direct, true);
		return next.connect(fd, addr, len);
	case POLICY_BLOCK:
		return fail(client_page() != NULL ? ECONNREFUSED : ENETUNREACH);
	default:
		atomic_store(&s->tcp.direct, false);
		return through_tunneld(s, fd, addr, &dest);
	}
}

/* FAILED or PENDING -> PLAIN, under the lock. 0 or -errno. */
static int restore(struct sock *s, int fd, enum tcp_state from)
{
	int error = 0;

	sock_lock(s);
	if (atomic_load(&s->tcp.state) == (uint32_t)from)
		error = connect_restore(s, fd);
	sock_unlock(s);
	return error;
}

/* connect() with AF_UNSPEC takes a socket back to where it began. */
static int disconnect(struct sock *s, int fd, const struct sockaddr *addr,
		      socklen_t len)
{
	enum tcp_state state = state_now(s, fd);
	int error = 0;

	if (state == TCP_STATE_PENDING || state == TCP_STATE_FAILED)
		error = restore(s, fd, state);
	if (error != 0)
		return fail(-error);
	if (state == TCP_STATE_BROKEN || state == TCP_STATE_CONNECTED)
		unclaim(s);
	atomic_store(&s->tcp.error, 0);
	atomic_store(&s->tcp.direct, false);
	return next.connect(fd, addr, len);
}

/* connect() while one is under way, as the kernel's second one. */
static int connect_again(struct sock *s, int fd, enum tcp_state *state)
{
	int error = wait_decided(s, fd, SO_SNDTIMEO, is_nonblocking(fd), state);

	if (error == -EAGAIN)
		return fail(EALREADY);
	return error != 0 ? fail(-error) : 0;
}

int stream_connect(struct sock *s, int fd, const struct sockaddr *addr,
		   socklen_t len)
{
	enum tcp_state state;
	int error;

	if (len >= (socklen_t)sizeof(addr->sa_family) &&
	    addr->sa_family == AF_UNSPEC)
		return disconnect(s, fd, addr, len);
	state = state_now(s, fd);
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
	error = take_error(s, fd);
	if (state == TCP_STATE_FAILED && restore(s, fd, state) != 0)
		return fail(ENOBUFS);
	if (state == TCP_STATE_BROKEN)
		unclaim(s);
	if (error != 0)
		return fail(error);
	return connect_plain(s, fd, addr, len);
}

ssize_t stream_fastopen(struct sock *s, int fd, const struct msghdr *msg,
			int flags)
{
	struct msghdr data = *msg;
	struct endpoint dest;

	if (state_now(s, fd) == TCP_STATE_PLAIN &&
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

/* Names and options. */

int stream_bind(struct sock *s, int fd, const struct sockaddr *addr,
		socklen_t len)
{
	enum tcp_state state = state_now(s, fd);

	if (state == TCP_STATE_WAITING || state == TCP_STATE_PENDING)
		return fail(EINVAL);
	if (state == TCP_STATE_FAILED && restore(s, fd, state) != 0)
		return fail(ENOBUFS);
	return next.bind(fd, addr, len);
}

int stream_getsockname(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len)
{
	enum tcp_state state = state_now(s, fd);

	if (state == TCP_STATE_PENDING || state == TCP_STATE_FAILED)
		return tell_address(&s->tcp.local, addr, len);
	return next.getsockname(fd, addr, len);
}

int stream_getpeername(struct sock *s, int fd, struct sockaddr *addr,
		       socklen_t *len)
{
	enum tcp_state state = state_now(s, fd);
	socklen_t room = *len;
	int result;

	if (state != TCP_STATE_PLAIN && state != TCP_STATE_CONNECTED)
		return fail(ENOTCONN);
	result = next.getpeername(fd, addr, len);
	if (result != 0 || state == TCP_STATE_PLAIN)
		return result;
	if (!connect_is_ours(s, fd)) {
		fdtab_forget(fd);
		return result;
	}
	*len = room;
	return tell_address(&s->tcp.peer, addr, len);
}

/* What the kernel would say of a socket with the same options. */
static int ask_scratch(struct sock *s, int level, int name, void *value,
		       socklen_t *len)
{
	int scratch = connect_scratch(s), result, error;

	if (scratch < 0)
		return fail(-scratch);
	result = next.getsockopt(scratch, level, name, value, len);
	error = errno;
	next.close(scratch);
	errno = error;
	if (result == 0 && level == IPPROTO_TCP && name == TCP_INFO &&
	    *len > 0 && atomic_load(&s->tcp.state) == TCP_STATE_PENDING)
		*(uint8_t *)value = TCP_SYN_SENT;
	return result;
}

static int tell_bytes(const void *from, socklen_t bytes, void *value,
		      socklen_t *len)
{
	if ((int)*len < 0)
		return fail(EINVAL);
	if (*len > bytes)
		*len = bytes;
	memcpy(value, from, *len);
	return 0;
}

int stream_getsockopt(struct sock *s, int fd, int level, int name, void *value,
		      socklen_t *len)
{
	enum tcp_state state = state_now(s, fd);
	int error = 0;

	if (level == SOL_SOCKET && name == SO_ERROR &&
	    state != TCP_STATE_PLAIN && state != TCP_STATE_CONNECTED) {
		if (state != TCP_STATE_PENDING)
			error = take_error(s, fd);
		return tell_bytes(&error, sizeof(error), value, len);
	}
	if (state != TCP_STATE_PENDING && state != TCP_STATE_FAILED)
		return next.getsockopt(fd, level, name, value, len);
	if (level == SOL_SOCKET && name == SO_COOKIE)
		return tell_bytes(&s->tcp.native_cookie,
				  sizeof(s->tcp.native_cookie), value, len);
	return ask_scratch(s, level, name, value, len);
}

/* A scratch socket says whether the kernel would take it. */
static int set_while_pending(struct sock *s, int level, int name,
			     const void *value, socklen_t len)
{
	int scratch = connect_scratch(s), result, error;
	bool kept;

	if (scratch < 0)
		return fail(-scratch);
	result = next.setsockopt(scratch, level, name, value, len);
	error = errno;
	next.close(scratch);
	errno = error;
	if (result != 0)
		return result;
	sock_lock(s);
	kept = journal_set(&s->tcp.journal, level, name, value, len, true);
	sock_unlock(s);
	return kept ? 0 : fail(ENOBUFS);
}

int stream_setsockopt(struct sock *s, int fd, int level, int name,
		      const void *value, socklen_t len)
{
	enum tcp_state state = state_now(s, fd);
	int result;

	if (state == TCP_STATE_PENDING)
		return set_while_pending(s, level, name, value, len);
	if (state == TCP_STATE_FAILED && restore(s, fd, state) != 0)
		return fail(ENOBUFS);
	result = next.setsockopt(fd, level, name, value, len);
	if (result != 0 || state != TCP_STATE_PLAIN ||
	    atomic_load(&s->tcp.direct))
		return result;
	sock_lock(s);
	journal_set(&s->tcp.journal, level, name, value, len, false);
	sock_unlock(s);
	return result;
}

int stream_ioctl(struct sock *s, int fd, unsigned long request, void *arg)
{
	enum tcp_state state = TCP_STATE_PLAIN;

	if (!connect_is_native(&s->tcp) &&
	    (request == FIONREAD || request == SIOCOUTQ ||
	     request == SIOCOUTQNSD || request == SIOCATMARK))
		state = state_now(s, fd);
	if (state == TCP_STATE_PENDING || state == TCP_STATE_FAILED) {
		*(int *)arg = 0;
		return 0;
	}
	return next.ioctl(fd, request, arg);
}

int stream_epoll_ctl(struct sock *s, int epfd, int op, int fd,
		     struct epoll_event *event)
{
	int result;

	sock_lock(s);
	result = next.epoll_ctl(epfd, op, fd, event);
	if (result == 0)
		epollreg_note(&s->tcp.epoll, epfd, op, fd, event);
	sock_unlock(s);
	return result;
}

/* The ends of a socket. */

/* PENDING: the kernel takes a connecting socket back to where it began, with
 * ECONNRESET. tunneld sees the end of the stream and gives up; the filler that
 * it leaves unread gives the right mask to poll(). */
static int cancel(struct sock *s, int fd)
{
	sock_lock(s);
	if (atomic_load(&s->tcp.state) == TCP_STATE_PENDING) {
		next.shutdown(fd, SHUT_WR);
		atomic_store(&s->tcp.error, ECONNRESET);
		atomic_store(&s->tcp.state, TCP_STATE_FAILED);
	}
	sock_unlock(s);
	return 0;
}

int stream_shutdown(struct sock *s, int fd, int how)
{
	enum tcp_state state = state_now(s, fd);

	if (how < SHUT_RD || how > SHUT_RDWR)
		return fail(EINVAL);
	if (state == TCP_STATE_PENDING)
		return cancel(s, fd);
	if (state == TCP_STATE_FAILED || state == TCP_STATE_BROKEN)
		return fail(ENOTCONN);
	if (state != TCP_STATE_WAITING)
		return next.shutdown(fd, how);
	sock_lock(s);
	if (atomic_load(&s->tcp.state) == TCP_STATE_WAITING &&
	    s->tcp.control > 0)
		next.shutdown(s->tcp.control - 1, SHUT_RDWR);
	atomic_store(&s->tcp.error, ECONNRESET);
	sock_unlock(s);
	return 0;
}

void stream_closing(struct sock *s, int fd)
{
	if (epollreg_is_empty(&s->tcp.epoll) &&
	    atomic_load(&s->tcp.state) != TCP_STATE_WAITING)
		return;
	sock_lock(s);
	epollreg_forget(&s->tcp.epoll, fd);
	/* Closed by another thread, or after a longjmp() out of connect(). */
	if (atomic_load(&s->tcp.state) == TCP_STATE_WAITING &&
	    s->tcp.control > 0 && fdtab_is_last(s)) {
		next.close(s->tcp.control - 1);
		s->tcp.control = 0;
		atomic_store(&s->tcp.state, TCP_STATE_PLAIN);
	}
	sock_unlock(s);
}
