/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram_batch.c - sendmmsg() on UDP sockets
 *
 * Turns an array of messages into runs of one kind, tunnelled or direct, and
 * each run into one real sendmmsg(). The count that comes back is that of the
 * messages which went, in order, as sendmmsg(2) has it.
 */
#include <config.h>

#include "datagram.h"
#include "datagram_flow.h"
#include "datagram_send.h"
#include "fdtab.h"
#include "msg.h"
#include "next.h"

#include <turnout/wire.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#define BATCH_MESSAGES 16
#define BATCH_IOVECS   64

/* What can share one sendmmsg() with others: nothing special about it. */
static bool is_plain(const struct udp_sock *u, const struct msghdr *msg,
		     int flags)
{
	return msg->msg_controllen == 0 && u->segment_bytes == 0 &&
	       !(flags & MSG_MORE) && !u->cork && !u->corked &&
	       msg->msg_iovlen < BATCH_IOVECS &&
	       msg_bytes(msg->msg_iov, msg->msg_iovlen) <= WIRE_PAYLOAD_MAX;
}

struct batch {
	struct wire_header header[BATCH_MESSAGES];
	struct mmsghdr out[BATCH_MESSAGES];
	struct iovec iov[BATCH_IOVECS];
	size_t iov_used;
	unsigned int count;
};

static bool batch_add(struct batch *b, const struct udp_flow *flow,
		      const struct msghdr *app, const struct endpoint *peer,
		      const struct msghdr *common)
{
	struct iovec *iov = &b->iov[b->iov_used];
	struct wire_header *header = &b->header[b->count];

	if (b->count == BATCH_MESSAGES ||
	    app->msg_iovlen >= BATCH_IOVECS - b->iov_used ||
	    (flow->addr.family == ENDPOINT_IPV6 &&
	     peer->family == ENDPOINT_IPV4))
		return false;
	wire_encode(header, flow->secret, WIRE_DATA, peer);
	iov[0] = datagram_header_iov(header);
	if (app->msg_iovlen > 0)
		memcpy(&iov[1], app->msg_iov, app->msg_iovlen * sizeof(*iov));
	b->out[b->count].msg_hdr = *common;
	b->out[b->count].msg_hdr.msg_iov = iov;
	b->out[b->count].msg_hdr.msg_iovlen = app->msg_iovlen + 1;
	b->iov_used += app->msg_iovlen + 1;
	b->count++;
	return true;
}

/* Send the run of plain tunnelled messages at the head of `vec` by one real
 * sendmmsg(). Returns how many were taken (0: none, for the caller to send
 * singly) and tells how many of them were sent. */
static unsigned int send_batch(struct sock *s, int fd, struct mmsghdr *vec,
			       unsigned int n, int flags, int *sent)
{
	static const struct msghdr no_control;
	const struct udp_flow *flow;
	struct sockaddr_storage to;
	union datagram_control control;
	struct msghdr common = { .msg_name = &to };
	struct endpoint peer;
	struct msg_edit edit;
	struct batch b;
	int saved_errno = errno;

	if (datagram_flow_get(s, fd, &flow) != 0)
		return 0;
	datagram_edit_init(&edit, &s->udp, flow);
	common.msg_namelen = endpoint_to_sockaddr(&flow->addr, s->family, &to);
	if (msg_edit_control(&common, &no_control, &edit, &control,
			     sizeof(control)) != 0)
		return 0;
	b.iov_used = 0;
	b.count = 0;
	while (b.count < n && is_plain(&s->udp, &vec[b.count].msg_hdr, flags) &&
	       datagram_choose_msg(s, &vec[b.count].msg_hdr, &peer) ==
		       DATAGRAM_TUNNEL &&
	       batch_add(&b, flow, &vec[b.count].msg_hdr, &peer, &common))
		continue;
	if (b.count < 2)
		return 0;
	*sent = next.sendmmsg(fd, b.out, b.count, flags);
	for (int i = 0; i < *sent; i++)
		vec[i].msg_len = b.out[i].msg_len -
				 (unsigned int)sizeof(b.header[i]);
	if (*sent < 0 && errno == ECONNREFUSED) {
		errno = saved_errno;
		return 0;
	}
	return b.count;
}

/* The same for messages to direct peers. */
static unsigned int send_native(struct sock *s, int fd, struct mmsghdr *vec,
				unsigned int n, int flags, int *sent)
{
	struct endpoint peer;
	unsigned int run = 1;

	while (run < n && datagram_choose_msg(s, &vec[run].msg_hdr, &peer) ==
				  DATAGRAM_NATIVE)
		run++;
	*sent = next.sendmmsg(fd, vec, run, flags);
	return run;
}

/* Send a run of messages of one kind. Returns how many were tried; `*sent` is
 * how many were sent, or -1 with errno. */
static unsigned int send_run(struct sock *s, int fd, struct mmsghdr *vec,
			     unsigned int n, int flags, int *sent)
{
	struct endpoint peer;
	int way = datagram_choose_msg(s, &vec[0].msg_hdr, &peer);
	unsigned int tried;
	ssize_t len;

	if (way == DATAGRAM_NATIVE)
		return send_native(s, fd, vec, n, flags, sent);
	*sent = -1;
	if (way < 0) {
		errno = -way;
		return 1;
	}
	tried = n > 1 ? send_batch(s, fd, vec, n, flags, sent) : 0;
	if (tried > 0)
		return tried;
	len = datagram_send_tunnelled(s, fd, &peer, &vec[0].msg_hdr, flags);
	if (len >= 0) {
		vec[0].msg_len = (unsigned int)len;
		*sent = 1;
	}
	return 1;
}

int datagram_sendmmsg(struct sock *s, int fd, struct mmsghdr *vec,
		      unsigned int n, int flags)
{
	unsigned int done = 0, tried;
	int sent, saved_errno = errno;

	if (n > IOV_MAX)
		n = IOV_MAX; /* as the kernel does */
	if (vec == NULL || n == 0)
		return next.sendmmsg(fd, vec, n, flags);
	while (done < n) {
		tried = send_run(s, fd, vec + done, n - done, flags, &sent);
		if (sent < 0)
			break;
		done += (unsigned int)sent;
		if ((unsigned int)sent < tried)
			break;
	}
	if (done == 0)
		return -1;
	errno = saved_errno;
	return (int)done;
}
