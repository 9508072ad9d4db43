/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram_recv.c - recvfrom(), recvmsg(), recvmmsg(), read() on UDP sockets
 *
 * Turns [wire header][payload] from the flow's port into a datagram from the
 * peer; others arrive as they are. The header is always read into a place of
 * its own, also before the first tunnelled send: another thread may register
 * while this one waits. MSG_TRUNC is always asked for, since the length on the
 * wire tells what would have been cut without our header.
 */
#include <config.h>

#include "datagram.h"
#include "datagram_flow.h"
#include "fdtab.h"
#include "msg.h"
#include "next.h"

#include <turnout/compiler.h>
#include <turnout/wire.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#define BATCH_MESSAGES 16
#define BATCH_IOVECS   64
/* No UDP datagram is longer: a buffer of this size loses no tail. */
#define DATAGRAM_BYTES_MAX 65535u

enum arrival {
	ARRIVAL_NATIVE = 0,
	ARRIVAL_OURS,
	ARRIVAL_STRANGER, /* to be dropped: not from the connected peer */
};

/* Nothing of ours can arrive on this socket. */
static bool is_native(const struct udp_sock *u)
{
	return u->native_for_ever ||
	       (u->kernel_connected &&
		atomic_load_explicit(&u->published, memory_order_acquire) == 0);
}

static bool is_ours(const struct udp_sock *u,
		    const struct sockaddr_storage *from, socklen_t len,
		    const struct wire_header *header, size_t bytes,
		    struct endpoint *peer)
{
	struct endpoint source;

	return atomic_load_explicit(&u->published, memory_order_acquire) != 0 &&
	       bytes >= sizeof(*header) &&
	       endpoint_from_sockaddr(&source, from, len) &&
	       datagram_flow_owns(u, &source, header, peer);
}

static enum arrival judge(const struct udp_sock *u,
			  const struct sockaddr_storage *from, socklen_t len,
			  const struct wire_header *header, size_t bytes,
			  struct endpoint *peer)
{
	bool ours = is_ours(u, from, len, header, bytes, peer);

	if (len == 0) /* no datagram: the socket has been shut down */
		return ARRIVAL_NATIVE;
	if (!atomic_load_explicit(&u->connected, memory_order_acquire))
		return ours ? ARRIVAL_OURS : ARRIVAL_NATIVE;
	return ours && endpoint_equal(peer, &u->peer) ? ARRIVAL_OURS
						      : ARRIVAL_STRANGER;
}

/* With IP_RECVERR the kernel reports that the flow's port is closed (tunneld
 * has ended). To the app that would be an error of its peers. */
static bool is_our_error(const struct udp_sock *u, int err)
{
	return err == ECONNREFUSED && !u->kernel_connected &&
	       atomic_load_explicit(&u->published, memory_order_acquire) != 0;
}

static void discard_peeked(int fd, int flags)
{
	if (flags & MSG_PEEK)
		next.recv(fd, NULL, 0, MSG_DONTWAIT);
}

/* Tell the app about a datagram of `bytes` on the wire that was read into
 * `header` and the app's iovecs by `msg`. Returns what recvmsg() returns. */
static ssize_t deliver(const struct sock *s, enum arrival arrival,
		       const struct endpoint *peer,
		       const struct wire_header *header,
		       const struct msghdr *msg, size_t bytes,
		       struct msghdr *app, int flags)
{
	size_t room = msg_bytes(app->msg_iov, app->msg_iovlen);
	struct sockaddr_storage sa;
	socklen_t len;

	if (arrival == ARRIVAL_OURS) {
		bytes -= sizeof(*header);
		len = endpoint_to_sockaddr(peer, s->family, &sa);
		msg_put_name(app->msg_name, &app->msg_namelen, &sa, len);
	} else {
		msg_close_gap(header, app->msg_iov, app->msg_iovlen, bytes);
		msg_put_name(app->msg_name, &app->msg_namelen, msg->msg_name,
			     msg->msg_namelen);
	}
	app->msg_controllen = msg->msg_controllen;
	app->msg_flags = msg->msg_flags & ~MSG_TRUNC;
	if (bytes > room)
		app->msg_flags |= MSG_TRUNC;
	return (ssize_t)((flags & MSG_TRUNC) || bytes < room ? bytes : room);
}

/* Prepare `msg` for the kernel: header first, then the app's iovecs. */
static void prepare(struct msghdr *msg, const struct msghdr *app,
		    struct wire_header *header, struct iovec *iov,
		    struct sockaddr_storage *from)
{
	iov[0] = (struct iovec){ .iov_base = header,
				 .iov_len = sizeof(*header) };
	if (app->msg_iovlen > 0)
		memcpy(&iov[1], app->msg_iov, app->msg_iovlen * sizeof(*iov));
	*msg = (struct msghdr){
		.msg_name = from,
		.msg_namelen = sizeof(*from),
		.msg_iov = iov,
		.msg_iovlen = app->msg_iovlen + 1,
		.msg_control = app->msg_control,
		.msg_controllen = app->msg_controllen,
	};
}

static ssize_t receive(struct sock *s, int fd, struct msghdr *app, int flags)
{
	struct iovec iov[app->msg_iovlen + 1];
	struct sockaddr_storage from;
	struct wire_header header;
	struct endpoint peer;
	struct msghdr msg;
	enum arrival arrival;
	bool retried = false;
	int saved_errno = errno;
	ssize_t n;

	for (;;) {
		prepare(&msg, app, &header, iov, &from);
		n = next.recvmsg(fd, &msg, flags | MSG_TRUNC);
		if (n < 0 && (retried || !is_our_error(&s->udp, errno)))
			return -1;
		if (n < 0) {
			retried = true;
			continue;
		}
		arrival = judge(&s->udp, &from, msg.msg_namelen, &header,
				(size_t)n, &peer);
		if (arrival != ARRIVAL_STRANGER)
			break;
		discard_peeked(fd, flags);
	}
	errno = saved_errno;
	return deliver(s, arrival, &peer, &header, &msg, (size_t)n, app, flags);
}

/* Into one buffer that no datagram overfills: read in place, the payload moved
 * forward when it is ours. Half the cost of a second iovec (measured). */
static ssize_t receive_in_place(struct sock *s, int fd, void *data, size_t size,
				int flags, struct sockaddr *from,
				socklen_t *fromlen)
{
	struct sockaddr_storage source;
	struct endpoint peer;
	enum arrival arrival;
	socklen_t len;
	bool retried = false;
	int saved_errno = errno;
	ssize_t n;

	for (;;) {
		len = sizeof(source);
		n = next.recvfrom(fd, data, size, flags,
				  (struct sockaddr *)&source, &len);
		if (n < 0 && (retried || !is_our_error(&s->udp, errno)))
			return -1;
		if (n < 0) {
			retried = true;
			continue;
		}
		arrival = judge(&s->udp, &source, len, data, (size_t)n, &peer);
		if (arrival != ARRIVAL_STRANGER)
			break;
		discard_peeked(fd, flags);
	}
	errno = saved_errno;
	if (arrival == ARRIVAL_OURS) {
		n -= WIRE_HEADER_BYTES;
		memmove(data, (char *)data + WIRE_HEADER_BYTES, (size_t)n);
		len = endpoint_to_sockaddr(&peer, s->family, &source);
	}
	msg_put_name(from, fromlen, &source, len);
	return n;
}

ssize_t datagram_recvfrom(struct sock *s, int fd, void *data, size_t len,
			  int flags, struct sockaddr *from, socklen_t *fromlen)
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr app = {
		.msg_name = from,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t n;

	if (is_native(&s->udp) || (flags & (MSG_ERRQUEUE | MSG_OOB)))
		return next.recvfrom(fd, data, len, flags, from, fromlen);
	if (from != NULL && fromlen == NULL) {
		errno = EFAULT;
		return -1;
	}
	if (from != NULL && *fromlen > INT_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (len >= DATAGRAM_BYTES_MAX)
		return receive_in_place(s, fd, data, len, flags, from, fromlen);
	if (from != NULL)
		app.msg_namelen = *fromlen;
	n = receive(s, fd, &app, flags);
	if (n >= 0 && from != NULL)
		*fromlen = app.msg_namelen;
	return n;
}

/* The error queue, without the entries about the flow's port. */
static ssize_t receive_error(struct sock *s, int fd, struct msghdr *app,
			     int flags)
{
	struct sockaddr_storage to;
	struct endpoint dest;
	struct msghdr msg;
	ssize_t n;

	do {
		msg = *app;
		msg.msg_name = &to;
		msg.msg_namelen = sizeof(to);
		n = next.recvmsg(fd, &msg, flags);
		if (n < 0)
			return n;
	} while (endpoint_from_sockaddr(&dest, &to, msg.msg_namelen) &&
		 datagram_flow_is_at(&s->udp, &dest));
	msg_put_name(app->msg_name, &app->msg_namelen, &to, msg.msg_namelen);
	app->msg_controllen = msg.msg_controllen;
	app->msg_flags = msg.msg_flags;
	return n;
}

ssize_t datagram_recvmsg(struct sock *s, int fd, struct msghdr *msg, int flags)
{
	if (is_native(&s->udp) || msg == NULL || msg->msg_iovlen > IOV_MAX ||
	    msg->msg_namelen > INT_MAX || (flags & MSG_OOB))
		return next.recvmsg(fd, msg, flags);
	if (flags & MSG_ERRQUEUE)
		return receive_error(s, fd, msg, flags);
	return receive(s, fd, msg, flags);
}

/* read() and readv() into nothing do not take a datagram. */
ssize_t datagram_readv(struct sock *s, int fd, const struct iovec *iov,
		       int count)
{
	struct msghdr app = { .msg_iov = (struct iovec *)(uintptr_t)iov,
			      .msg_iovlen = (size_t)count };

	if (is_native(&s->udp) || count <= 0 || count > IOV_MAX ||
	    msg_bytes(iov, (size_t)count) == 0)
		return next.readv(fd, iov, count);
	if (count == 1 && iov->iov_len >= DATAGRAM_BYTES_MAX)
		return receive_in_place(s, fd, iov->iov_base, iov->iov_len, 0,
					NULL, NULL);
	return receive(s, fd, &app, 0);
}

struct batch {
	struct wire_header header[BATCH_MESSAGES];
	struct sockaddr_storage from[BATCH_MESSAGES];
	struct mmsghdr in[BATCH_MESSAGES];
	struct iovec iov[BATCH_IOVECS];
};

/* As many messages as the batch holds. */
static unsigned int batch_fill(struct batch *b, const struct mmsghdr *vec,
			       unsigned int n)
{
	unsigned int i;
	size_t used = 0;

	for (i = 0; i < n && i < BATCH_MESSAGES; i++) {
		const struct msghdr *app = &vec[i].msg_hdr;

		if (app->msg_iovlen >= BATCH_IOVECS - used)
			break;
		prepare(&b->in[i].msg_hdr, app, &b->header[i], &b->iov[used],
			&b->from[i]);
		used += app->msg_iovlen + 1;
	}
	return i;
}

/* Receive some of `vec`. Returns how many, or -1; `*asked` is how many there
 * could have been. A connected socket may have to drop datagrams in between,
 * so it takes one at a time. */
static int receive_some(struct sock *s, int fd, struct mmsghdr *vec,
			unsigned int n, int flags, struct timespec *timeout,
			unsigned int *asked)
{
	struct batch b;
	int got = -1;

	*asked = s->udp.connected ? 0 : batch_fill(&b, vec, n);
	if (*asked >= 2)
		got = next.recvmmsg(fd, b.in, *asked, flags | MSG_TRUNC,
				    timeout);
	if (*asked < 2 || (got < 0 && is_our_error(&s->udp, errno))) {
		ssize_t len = datagram_recvmsg(s, fd, &vec->msg_hdr,
					       flags & ~MSG_WAITFORONE);

		*asked = 1;
		if (len >= 0)
			vec->msg_len = (unsigned int)len;
		return len < 0 ? -1 : 1;
	}
	for (int i = 0; i < got; i++) {
		const struct msghdr *msg = &b.in[i].msg_hdr;
		unsigned int bytes = b.in[i].msg_len;
		struct endpoint peer;
		bool ours = is_ours(&s->udp, &b.from[i], msg->msg_namelen,
				    &b.header[i], bytes, &peer);

		vec[i].msg_len = (unsigned int)deliver(
			s, ours ? ARRIVAL_OURS : ARRIVAL_NATIVE, &peer,
			&b.header[i], msg, bytes, &vec[i].msg_hdr, flags);
	}
	return got;
}

/* A moment so far ahead that nobody waits for it. */
#define FOREVER_S 1000000000

static int64_t end_of(const struct timespec *timeout)
{
	struct timespec now;
	int64_t seconds = timeout->tv_sec;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (seconds > FOREVER_S)
		seconds = FOREVER_S;
	return (now.tv_sec + seconds) * INT64_C(1000000000) + now.tv_nsec +
	       timeout->tv_nsec;
}

/* What is left of `timeout` at `end_ns`. False: nothing. */
static bool time_left(struct timespec *timeout, int64_t end_ns)
{
	struct timespec now;
	int64_t left_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left_ns = end_ns - (now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	if (left_ns < 0)
		left_ns = 0;
	timeout->tv_sec = (time_t)(left_ns / 1000000000);
	timeout->tv_nsec = (long)(left_ns % 1000000000);
	return left_ns > 0;
}

/* Returns how many of `vec` were received; errno tells why not more. */
static unsigned int receive_until(struct sock *s, int fd, struct mmsghdr *vec,
				  unsigned int n, int flags,
				  struct timespec *timeout)
{
	int64_t end_ns = timeout != NULL ? end_of(timeout) : 0;
	unsigned int done = 0, asked;
	struct timespec left;
	int got;

	do {
		if (timeout != NULL)
			left = *timeout;
		got = receive_some(s, fd, vec + done, n - done, flags,
				   timeout != NULL ? &left : NULL, &asked);
		if (got > 0)
			done += (unsigned int)got;
		if (timeout != NULL && !time_left(timeout, end_ns))
			break;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
	} while (done < n && got >= 0 && (unsigned int)got == asked);
	return done;
}

int datagram_recvmmsg(struct sock *s, int fd, struct mmsghdr *vec,
		      unsigned int n, int flags, struct timespec *timeout)
{
	int saved_errno = errno;
	unsigned int done;

	if (is_native(&s->udp) || vec == NULL || n == 0 ||
	    (flags & (MSG_ERRQUEUE | MSG_OOB)))
		return next.recvmmsg(fd, vec, n, flags, timeout);
	/* As many as the kernel takes at once */
	done = receive_until(s, fd, vec, n > IOV_MAX ? IOV_MAX : n, flags,
			     timeout);
	if (done == 0)
		return -1;
	errno = saved_errno;
	return (int)done;
}
