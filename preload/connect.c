/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.c - turns a TCP connect() into a request to tunneld, and tunneld's
 * verdict into the socket that the app finds at its descriptor
 *
 * Theory of operation: tunneld gets the app's own socket and connects it. The
 * control connection that carries the verdict is the placeholder: its send
 * buffer is full, so the kernel calls it not writable, as it calls a TCP
 * socket that is connecting. tunneld drains it on success, or closes it with
 * the filler unread, which gives the mask of a refused connect. Poll, select
 * and epoll stay the kernel's work.
 *
 * A swap puts another open file over every alias of the descriptor. An alias
 * that is not what we take it for (closed behind our back, its number used
 * again) is told by its SO_COOKIE and left alone. The verdict is only peeked
 * at, so that a fork child, which has the same placeholder, can take it too:
 * the kernel makes a new descriptor at each look.
 */
#include <config.h>

#include "connect.h"

#include "client.h"
#include "fdtab.h"
#include "next.h"
#include "process.h"

#include <turnout/control.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <sys/syscall.h>

/* What follows the app's socket from one open file to the next. */
#define CARRIED_FLAGS (O_NONBLOCK | O_ASYNC)

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (next.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0)
		return 0;
	return cookie;
}

int connect_dial(int fd, const struct endpoint *dest)
{
	struct control_connect body = {
		.dest = *dest,
		/* Asked for by blocking callers too: a signal or a time-out
		 * may turn their wait into a placeholder. */
		.flags = CONTROL_CONNECT_PLACEHOLDER,
	};
	int control = client_dial(), error;

	if (control < 0)
		return control;
	error = client_send_filled(control, CONTROL_CONNECT, &body,
				   sizeof(body), fd);
	if (error == 0)
		return control;
	next.close(control);
	return error;
}

int connect_wait(int fd, const struct timeval *limit)
{
	int saved = errno, error = 0;
	char byte;

	next.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, limit, sizeof(*limit));
	/* The kernel's recv() and connect() share their rule for signals: see
	 * sock_intr_errno() in its include/net/sock.h. */
	if (next.recv(fd, &byte, 1, MSG_PEEK) < 0 &&
	    (errno == EINTR || errno == EAGAIN))
		error = -errno;
	errno = saved;
	return error;
}

static void set_flags(int fd, int flags)
{
	int have = next.fcntl(fd, F_GETFL);

	if (have >= 0 && flags >= 0 && ((flags ^ have) & CARRIED_FLAGS))
		next.fcntl(fd, F_SETFL,
			   (have & ~CARRIED_FLAGS) | (flags & CARRIED_FLAGS));
}

static void carry_flags(int flags, int from, int to)
{
	struct f_owner_ex owner;

	if (flags >= 0 && (flags & O_ASYNC) &&
	    next.fcntl(from, F_GETOWN_EX, &owner) == 0) {
		next.fcntl(to, F_SETOWN_EX, &owner);
		next.fcntl(to, F_SETSIG, next.fcntl(from, F_GETSIG));
	}
	set_flags(to, flags);
}

struct swap {
	struct sock *sock;
	uint64_t old_cookie;
	int replacement;
};

static void swap_alias(int fd, void *arg)
{
	struct swap *swap = arg;
	struct epollreg_set *set = &swap->sock->tcp.epoll;
	int flags = next.fcntl(fd, F_GETFD), result;

	if (flags < 0 || cookie_of(fd) != swap->old_cookie) {
		epollreg_forget(set, fd);
		fdtab_forget(fd);
		return;
	}
	epollreg_lift(set, fd);
	do
		result = next.dup3(swap->replacement, fd,
				   flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	while (result < 0 && (errno == EBUSY || errno == EINTR));
	epollreg_replace(set, fd);
}

/* `replacement` takes the place of what stands at `fd` and all its aliases, and
 * behaves by `flags`, those of F_GETFL. */
static void swap_all(struct sock *s, int fd, int replacement, int flags)
{
	struct swap swap = { .sock = s,
			     .old_cookie = cookie_of(fd),
			     .replacement = replacement };

	carry_flags(flags, fd, replacement);
	fdtab_each_alias(s, swap_alias, &swap);
	next.close(replacement);
}

void connect_place(struct sock *s, int fd, int control)
{
	int saved = errno;

	s->tcp.place_cookie = cookie_of(control);
	/* Not the flags of the app's socket now: tunneld changes them. */
	swap_all(s, fd, control, s->tcp.flags);
	atomic_store(&s->tcp.state, TCP_STATE_PENDING);
	errno = saved;
}

/* An errno that a connect() may end with. */
static int sane_error(int32_t error)
{
	if (error < 0 || error > 4095 || error == EINTR || error == EAGAIN ||
	    error == EINPROGRESS || error == EALREADY || error == EISCONN)
		return ECONNABORTED;
	return (int)error;
}

static int passed_descriptor(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The verdict, without taking it off: 0, -EAGAIN: none yet, -ENOTSOCK, or
 * -ECONNABORTED: there will be none. `*passed`: a descriptor, or -1. */
static int peek_verdict(int fd, struct control_verdict *v, int *passed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = v, .iov_len = sizeof(*v) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n = next.recvmsg(fd, &msg,
				 MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*passed = -1;
	if (n < 0 && (errno == EAGAIN || errno == ENOTSOCK))
		return -errno;
	if (n <= 0)
		return -ECONNABORTED;
	*passed = passed_descriptor(&msg);
	if (n == (ssize_t)sizeof(*v))
		return 0;
	if (*passed >= 0)
		next.close(*passed);
	*passed = -1;
	return -ECONNABORTED;
}

static void fail(struct sock *s, enum tcp_state state, int error)
{
	atomic_store(&s->tcp.error, error);
	atomic_store(&s->tcp.state, state);
}

/* What stands at `fd` now is connected. */
static void become_connected(struct sock *s, int fd, bool untold)
{
	s->tcp.native_cookie = cookie_of(fd);
	atomic_store(&s->tcp.untold, untold);
	atomic_store(&s->tcp.state, TCP_STATE_CONNECTED);
}

/* On the app's own socket only what was set while it was away. */
static void replay_options(struct sock *s, int passed)
{
	journal_replay(&s->tcp.journal, passed,
		       cookie_of(passed) != s->tcp.native_cookie);
}

/* `passed` is taken over. */
static enum tcp_state act_on(struct sock *s, int fd,
			     const struct control_verdict *v, int passed)
{
	int error = sane_error(v->error);

	if (error == 0 && passed < 0)
		error = ECONNABORTED;
	if (error != 0) {
		/* The app's socket stays in the verdict, unread, until the app
		 * wants to use it again: connect_restore(). */
		if (passed >= 0)
			next.close(passed);
		fail(s, TCP_STATE_FAILED, error);
		return TCP_STATE_FAILED;
	}
	replay_options(s, passed);
	swap_all(s, fd, passed, next.fcntl(fd, F_GETFL));
	become_connected(s, fd, true);
	return TCP_STATE_CONNECTED;
}

bool connect_is_ours(const struct sock *s, int fd)
{
	int saved = errno;
	bool ours = cookie_of(fd) == s->tcp.native_cookie;

	errno = saved;
	return ours;
}

enum tcp_state connect_settle(struct sock *s, int fd)
{
	struct control_verdict verdict;
	enum tcp_state state = atomic_load(&s->tcp.state);
	int saved = errno, passed, error;

	/* A vfork child has descriptors of its own, but not the table. */
	if (state != TCP_STATE_PENDING || fdtab_is_vfork_child())
		return state;
	if (cookie_of(fd) != s->tcp.place_cookie)
		error = -ENOTSOCK;
	else
		error = peek_verdict(fd, &verdict, &passed);
	if (error == -ENOTSOCK) {
		epollreg_forget(&s->tcp.epoll, fd);
		fdtab_forget(fd);
		state = TCP_STATE_PLAIN;
	} else if (error == 0) {
		state = act_on(s, fd, &verdict, passed);
	} else if (error != -EAGAIN) {
		fail(s, TCP_STATE_FAILED, ECONNABORTED);
		state = TCP_STATE_FAILED;
	}
	errno = saved;
	return state;
}

/* The app's own socket stands at `fd` all the time that it waits. */
static void put_in_place(struct sock *s, int fd, int passed)
{
	if (cookie_of(passed) == s->tcp.native_cookie) {
		next.close(passed);
		return;
	}
	journal_replay(&s->tcp.journal, passed, true);
	swap_all(s, fd, passed, s->tcp.flags);
}

int connect_finish(struct sock *s, int fd, int control)
{
	struct control_verdict verdict = { 0 };
	int cut = atomic_exchange(&s->tcp.error, 0); /* by shutdown() */
	int saved = errno, passed, error;

	error = -peek_verdict(control, &verdict, &passed);
	if (error == 0)
		error = sane_error(verdict.error);
	else
		error = cut != 0 ? cut : ECONNABORTED;
	if (error == 0 && passed < 0 && !(verdict.flags & CONTROL_VERDICT_SAME))
		error = ECONNABORTED;
	if (passed >= 0)
		put_in_place(s, fd, passed);
	next.close(control);
	set_flags(fd, s->tcp.flags);
	if (error != 0)
		fail(s, TCP_STATE_BROKEN, 0);
	else
		become_connected(s, fd, false);
	errno = saved;
	return error;
}

int connect_scratch(struct sock *s)
{
	int fd = next.socket(s->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	journal_replay(&s->tcp.journal, fd, true);
	return fd;
}

void connect_discard(int fd)
{
	next.syscall(SYS_close, fd);
}

/* The app's own socket out of a failed connect's verdict, or -1. */
static int given_back(int fd)
{
	struct control_verdict verdict;
	int passed;

	if (peek_verdict(fd, &verdict, &passed) != 0 || passed < 0)
		return -1;
	if (verdict.error != 0)
		return passed;
	next.close(passed);
	return -1;
}

int connect_restore(struct sock *s, int fd)
{
	int saved = errno, native = given_back(fd);

	if (native < 0)
		native = connect_scratch(s);
	else
		replay_options(s, native);
	if (native < 0)
		return native;
	swap_all(s, fd, native, next.fcntl(fd, F_GETFL));
	atomic_store(&s->tcp.state, TCP_STATE_PLAIN);
	errno = saved;
	return 0;
}
