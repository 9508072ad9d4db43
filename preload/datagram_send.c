/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram_send.c - sendto(), sendmsg(), write() on UDP sockets
 *
 * Turns a datagram for a tunnelled peer into [wire header][payload] for the
 * flow's loopback port; a datagram for a direct peer reaches the kernel as it
 * is. Nothing that policy sends into the tunnel ever leaves natively.
 */
#include <config.h>

#include "datagram_send.h"

#include "datagram.h"
#include "datagram_flow.h"
#include "fdtab.h"
#include "msg.h"
#include "next.h"
#include "policy.h"

#include <turnout/compiler.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <netinet/in.h>

#define SEGMENT_IOVECS 64
/* Longest datagram over IPv4: what one segmented send can carry. */
#define DATAGRAM_MAX 65507u

/* What the kernel would send to, given this name. It takes AF_UNSPEC for
 * AF_INET on an IPv4 socket (udp_sendmsg() in Linux). */
static bool name_to_endpoint(const struct sock *s, const void *to,
			     socklen_t len, struct endpoint *peer)
{
	struct sockaddr_in in;
	sa_family_t family;

	if (endpoint_from_sockaddr(peer, to, len))
		return s->family == AF_INET6 || peer->family == ENDPOINT_IPV4;
	if (s->family != AF_INET || len < (socklen_t)sizeof(in))
		return false;
	memcpy(&family, to, sizeof(family));
	if (family != AF_UNSPEC)
		return false;
	memcpy(&in, to, sizeof(in));
	in.sin_family = AF_INET;
	return endpoint_from_sockaddr(peer, &in, sizeof(in));
}

static bool means_connected_peer(const struct sock *s, const void *to,
				 socklen_t len)
{
	sa_family_t family;

	if (to == NULL)
		return true;
	if (s->family != AF_INET6 || len < (socklen_t)sizeof(family))
		return false;
	memcpy(&family, to, sizeof(family));
	return family == AF_UNSPEC;
}

int datagram_choose(const struct sock *s, const void *to, socklen_t len,
		    struct endpoint *peer)
{
	const struct udp_sock *u = &s->udp;

	if (means_connected_peer(s, to, len)) {
		if (!atomic_load_explicit(&u->connected, memory_order_acquire))
			return DATAGRAM_NATIVE;
		*peer = u->peer;
		return DATAGRAM_TUNNEL;
	}
	if (!name_to_endpoint(s, to, len, peer) || peer->port_be == 0)
		return DATAGRAM_NATIVE;
	switch (policy_decide(POLICY_UDP, peer)) {
	case POLICY_DIRECT:
		return DATAGRAM_NATIVE;
	case POLICY_PREFER_DIRECT:
		if (!u->keeps_tunnel)
			return DATAGRAM_NATIVE;
		break;
	case POLICY_TUNNEL:
		break;
	default:
		return -EPERM;
	}
	if (!u->native_for_ever)
		return DATAGRAM_TUNNEL;
	/* A loopback source never leaves the machine: let the kernel say so.
	 * A link-local one would leave it. */
	return u->loopback ? DATAGRAM_NATIVE : -ENETUNREACH;
}

void datagram_edit_init(struct msg_edit *edit, const struct udp_sock *u,
			const struct udp_flow *flow)
{
	*edit = (struct msg_edit){
		.pin = flow->pin,
		.source = flow->source,
		.flow_family = flow->addr.family,
		/* The socket's own size does not know of our header. */
		.set_segment = u->segment_bytes != 0,
	};
}

/* One datagram, one send. Returns the payload's length or -1. */
static ssize_t send_whole(struct sock *s, int fd, const struct udp_flow *flow,
			  struct wire_header *header, const struct msghdr *app,
			  int flags)
{
	struct iovec iov[app->msg_iovlen + 1];
	struct sockaddr_storage to;
	union datagram_control control;
	struct msg_edit edit;
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = endpoint_to_sockaddr(&flow->addr, s->family,
						    &to),
		.msg_iov = iov,
		.msg_iovlen = app->msg_iovlen + 1,
	};
	ssize_t n;
	int err;

	iov[0] = datagram_header_iov(header);
	if (app->msg_iovlen > 0)
		memcpy(&iov[1], app->msg_iov, app->msg_iovlen * sizeof(*iov));
	datagram_edit_init(&edit, &s->udp, flow);
	err = msg_edit_control(&msg, app, &edit, &control, sizeof(control));
	if (err != 0) {
		errno = -err;
		return -1;
	}
	n = next.sendmsg(fd, &msg, flags);
	return n < (ssize_t)sizeof(*header) ? n : n - (ssize_t)sizeof(*header);
}

/* Describe up to `segments` segments from `at` on, each with the header before
 * it. Returns the payload bytes described; `*used` iovecs, `*count` segments.
 */
static size_t fill_segments(struct msg_cursor *at, size_t left, size_t size,
			    size_t segments, struct wire_header *header,
			    struct iovec *iov, size_t *used, size_t *count)
{
	size_t bytes = 0;

	*used = 0;
	*count = 0;
	while (*count < segments && bytes < left && *used < SEGMENT_IOVECS) {
		size_t take = left - bytes < size ? left - bytes : size;
		size_t n = msg_slice(at, take, &iov[*used + 1],
				     SEGMENT_IOVECS - *used - 1);

		if (n == 0)
			break;
		iov[*used] = datagram_header_iov(header);
		*used += n + 1;
		*count += 1;
		bytes += take;
	}
	return bytes;
}

/* UDP_SEGMENT: the kernel cuts again, each piece with a header of its own. What
 * fails after a part has gone is lost on the way, as datagrams are. */
static ssize_t send_segments(struct sock *s, int fd,
			     const struct udp_flow *flow,
			     struct wire_header *header,
			     const struct msghdr *app, uint16_t size, int flags)
{
	size_t len = msg_bytes(app->msg_iov, app->msg_iovlen), sent = 0;
	size_t segments = DATAGRAM_MAX / (size + sizeof(*header));
	struct msg_cursor at = { .iov = app->msg_iov,
				 .count = app->msg_iovlen };
	struct iovec iov[SEGMENT_IOVECS];
	struct sockaddr_storage to;
	union datagram_control control;
	struct msg_edit edit;

	datagram_edit_init(&edit, &s->udp, flow);
	edit.set_segment = true;
	while (sent < len) {
		struct msg_cursor ahead = at;
		struct msghdr msg = {
			.msg_name = &to,
			.msg_iov = iov,
			.msg_namelen = endpoint_to_sockaddr(&flow->addr,
							    s->family, &to),
		};
		size_t count, bytes;
		int err = 0;

		bytes = fill_segments(&ahead, len - sent, size, segments,
				      header, iov, &msg.msg_iovlen, &count);
		edit.segment_bytes =
			count > 1 ? (uint16_t)(size + sizeof(*header)) : 0;
		err = count == 0 ? -EMSGSIZE
				 : msg_edit_control(&msg, app, &edit, &control,
						    sizeof(control));
		if (err == 0 && next.sendmsg(fd, &msg, flags) < 0)
			err = -errno;
		if (err != 0 && count > 1 && (err == -EIO || err == -EINVAL)) {
			segments = 1; /* no segmentation on this path */
			continue;
		}
		if (err != 0 && sent == 0) {
			errno = -err;
			return -1;
		}
		at = ahead;
		sent += bytes > 0 ? bytes : len;
	}
	return (ssize_t)len;
}

/* The rest of a datagram whose first part went with MSG_MORE or UDP_CORK: it
 * has its header and its destination already. */
static ssize_t send_rest(struct udp_sock *u, int fd, const struct msghdr *app,
			 int flags)
{
	struct msghdr msg = {
		.msg_iov = app->msg_iov,
		.msg_iovlen = app->msg_iovlen,
	};
	ssize_t n = next.sendmsg(fd, &msg, flags);

	if (!(flags & MSG_MORE) && !u->cork)
		u->corked = false;
	return n;
}

static ssize_t send_by_flow(struct sock *s, int fd, const struct udp_flow *flow,
			    const struct endpoint *peer,
			    const struct msghdr *app, size_t len, int flags)
{
	struct udp_sock *u = &s->udp;
	uint16_t size = msg_segment_bytes(app, u->segment_bytes);
	struct wire_header header;
	ssize_t n;

	if (flow->addr.family == ENDPOINT_IPV6 &&
	    peer->family == ENDPOINT_IPV4) {
		errno = ENETUNREACH; /* not from this socket, natively too */
		return -1;
	}
	wire_encode(&header, flow->secret, WIRE_DATA, peer);
	if (size != 0 && len > size)
		return send_segments(s, fd, flow, &header, app, size, flags);
	n = send_whole(s, fd, flow, &header, app, flags);
	if (n >= 0 && ((flags & MSG_MORE) || u->cork))
		u->corked = true;
	return n;
}

ssize_t datagram_send_tunnelled(struct sock *s, int fd,
				const struct endpoint *peer,
				const struct msghdr *app, int flags)
{
	const struct udp_flow *flow;
	int err, saved_errno = errno;
	size_t len = app->msg_iovlen <= IOV_MAX
			     ? msg_bytes(app->msg_iov, app->msg_iovlen)
			     : SIZE_MAX;

	if (len > WIRE_PAYLOAD_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (unlikely(s->udp.corked))
		return send_rest(&s->udp, fd, app, flags);
	err = datagram_flow_get(s, fd, &flow);
	for (int tries = 0; err == 0 && tries < 2; tries++) {
		ssize_t n = send_by_flow(s, fd, flow, peer, app, len, flags);

		if (n >= 0 || errno != ECONNREFUSED)
			return n;
		/* IP_RECVERR: the flow's port, not the peer, is gone. */
		errno = saved_errno;
		if (tries == 0)
			err = datagram_flow_renew(s, fd, &flow);
	}
	if (err == 0 || err == -ENOTCONN)
		return (ssize_t)len;
	errno = -err;
	return -1;
}

ssize_t datagram_sendto(struct sock *s, int fd, const void *data, size_t len,
			int flags, const struct sockaddr *to, socklen_t tolen)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
			     .iov_len = len };
	struct msghdr app = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct endpoint peer;
	int way = datagram_choose(s, to, tolen, &peer);

	if (way == DATAGRAM_NATIVE)
		return next.sendto(fd, data, len, flags, to, tolen);
	if (way == DATAGRAM_TUNNEL)
		return datagram_send_tunnelled(s, fd, &peer, &app, flags);
	errno = -way;
	return -1;
}

int datagram_choose_msg(const struct sock *s, const struct msghdr *msg,
			struct endpoint *peer)
{
	return datagram_choose(s, msg->msg_namelen > 0 ? msg->msg_name : NULL,
			       msg->msg_namelen, peer);
}

ssize_t datagram_sendmsg(struct sock *s, int fd, const struct msghdr *msg,
			 int flags)
{
	struct endpoint peer;
	int way = msg == NULL ? DATAGRAM_NATIVE
			      : datagram_choose_msg(s, msg, &peer);

	if (way == DATAGRAM_NATIVE)
		return next.sendmsg(fd, msg, flags);
	if (way == DATAGRAM_TUNNEL)
		return datagram_send_tunnelled(s, fd, &peer, msg, flags);
	errno = -way;
	return -1;
}

/* write() of nothing sends an empty datagram, writev() of nothing does not. */
ssize_t datagram_writev(struct sock *s, int fd, const struct iovec *iov,
			int count)
{
	struct msghdr app = { .msg_iov = (struct iovec *)(uintptr_t)iov,
			      .msg_iovlen = (size_t)count };
	struct endpoint peer;

	if (datagram_choose(s, NULL, 0, &peer) == DATAGRAM_TUNNEL &&
	    count > 0 && (count == 1 || msg_bytes(iov, (size_t)count) > 0))
		return datagram_send_tunnelled(s, fd, &peer, &app, 0);
	if (count == 1)
		return next.write(fd, iov->iov_base, iov->iov_len);
	return next.writev(fd, iov, count);
}
