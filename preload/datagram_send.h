/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram_send.h - which way a datagram goes, and how a tunnelled one is sent:
 * what the calls for one datagram and for many have in common
 */
#ifndef DATAGRAM_SEND_H
#define DATAGRAM_SEND_H

#include "msg.h"

#include <turnout/wire.h>

#include <sys/socket.h>
#include <sys/uio.h>

struct sock;
struct udp_flow;
struct udp_sock;

enum datagram_way {
	DATAGRAM_NATIVE = 0,
	DATAGRAM_TUNNEL = 1,
	/* < 0: refused with that errno */
};

/* The way of a datagram to `to` (NULL: to the connected peer); for a tunnelled
 * one, its peer. What the kernel refuses anyway is left to it. */
int datagram_choose(const struct sock *s, const void *to, socklen_t len,
		    struct endpoint *peer);
/* The same for a msghdr, where an address without length is none. */
int datagram_choose_msg(const struct sock *s, const struct msghdr *msg,
			struct endpoint *peer);

/* Send `app`, but to `peer`, as sendmsg() would. While tunneld is away
 * datagrams are lost, which is all that the app may see of it. */
ssize_t datagram_send_tunnelled(struct sock *s, int fd,
				const struct endpoint *peer,
				const struct msghdr *app, int flags);

union datagram_control {
	struct cmsghdr align;
	char bytes[MSG_CONTROL_MAX];
};

/* How control data changes on the way to this flow. */
void datagram_edit_init(struct msg_edit *edit, const struct udp_sock *u,
			const struct udp_flow *flow);

static inline struct iovec datagram_header_iov(struct wire_header *header)
{
	return (struct iovec){ .iov_base = header, .iov_len = sizeof(*header) };
}

#endif
