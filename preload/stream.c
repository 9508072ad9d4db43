/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream.c - the TCP half: turns each libc call into what a TCP socket would
 * answer, whatever stands at the descriptor
 *
 * Theory of operation: tcp_sock.h has the states. Each call first looks whether
 * the verdict has come (stream_state()), and then acts by state: PLAIN and
 * CONNECTED are the kernel's own business, WAITING means that another thread
 * is in connect(), PENDING answers as a socket in SYN_SENT, FAILED tells its
 * errno once and then answers as a socket that was reset. Nothing that the app
 * sends or reads ever reaches a placeholder.
 */
#include <config.h>

#include "stream.h"

#include "connect.h"
#include "fdtab.h"
#include "next.h"
#include "process.h"
#include "stream_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define NAP_NS 1000000

int stream_fail(int error)
{
	errno = error;
	return -1;
}

enum tcp_state stream_state(struct sock *s, int fd)
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

bool stream_is_nonblocking(int fd)
{
	return next.fcntl(fd, F_GETFL) & O_NONBLOCK;
}

struct timeval stream_limit(const struct sock *s, int option)
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

int stream_wait(struct sock *s, int fd, int option, bool nonblocking,
		enum tcp_state *state)
{
	struct timeval limit = stream_limit(s, option);
	int error;

	for (;;) {
		*state = stream_state(s, fd);
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

int stream_take_error(struct sock *s, int fd)
{
	int error = atomic_exchange(&s->tcp.error, 0), own, saved = errno;
	socklen_t len = sizeof(own);

	/* The placeholder has an error too, which shows in poll(). */
	if (error != 0 && atomic_load(&s->tcp.state) == TCP_STATE_FAILED)
		next.getsockopt(fd, SOL_SOCKET, SO_ERROR, &own, &len);
	errno = saved;
	return error;
}

int stream_restore(struct sock *s, int fd, enum tcp_state from)
{
	int error = 0;

	sock_lock(s);
	if (atomic_load(&s->tcp.state) == (uint32_t)from)
		error = connect_restore(s, fd);
	sock_unlock(s);
	return error;
}

bool stream_may_send(struct sock *s, int fd, int flags, ssize_t *result)
{
	bool nonblocking = (flags & MSG_DONTWAIT) || stream_is_nonblocking(fd);
	enum tcp_state state;
	int error = -stream_wait(s, fd, SO_SNDTIMEO, nonblocking, &state);

	if (error == 0 &&
	    (state == TCP_STATE_PLAIN || state == TCP_STATE_CONNECTED))
		return true;
	if (error == 0)
		error = stream_take_error(s, fd);
	if (error == 0) {
		error = EPIPE;
		if (!(flags & MSG_NOSIGNAL))
			raise(SIGPIPE);
	}
	*result = stream_fail(error);
	return false;
}

bool stream_may_recv(struct sock *s, int fd, int flags, ssize_t *result)
{
	bool nonblocking = (flags & MSG_DONTWAIT) || stream_is_nonblocking(fd);
	enum tcp_state state;
	int error = -stream_wait(s, fd, SO_RCVTIMEO, nonblocking, &state);

	if (error == 0 &&
	    (state == TCP_STATE_PLAIN || state == TCP_STATE_CONNECTED))
		return true;
	if (error == 0)
		error = stream_take_error(s, fd);
	*result = error != 0 ? stream_fail(error) : 0;
	return false;
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
	enum tcp_state state = stream_state(s, fd);

	if (how < SHUT_RD || how > SHUT_RDWR)
		return stream_fail(EINVAL);
	if (state == TCP_STATE_PENDING)
		return cancel(s, fd);
	if (state == TCP_STATE_FAILED || state == TCP_STATE_BROKEN)
		return stream_fail(ENOTCONN);
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
