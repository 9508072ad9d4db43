/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * datagram_flow.h - the flow of a UDP socket: its registration with tunneld,
 * and telling its datagrams from those of others
 */
#ifndef DATAGRAM_FLOW_H
#define DATAGRAM_FLOW_H

#include <turnout/endpoint.h>
#include <turnout/wire.h>

#include <stdbool.h>
#include <stdint.h>

struct sock;
struct udp_flow;
struct udp_sock;

/* The newest flow, or NULL when the socket has none. */
const struct udp_flow *datagram_flow_peek(const struct udp_sock *u);

/* The flow to send through: registers with tunneld at the first call and after
 * tunneld has been started anew. 0; -ENETUNREACH: there is no tunneld to serve
 * it; -ENOTCONN: there was one and it is away, so the datagram is lost. */
int datagram_flow_get(struct sock *s, int fd, const struct udp_flow **flow);

/* Ask tunneld again, whatever the policy page says. Same returns. */
int datagram_flow_renew(struct sock *s, int fd, const struct udp_flow **flow);

/* An option changed how sends must be pinned. */
void datagram_flow_repin(struct sock *s, int fd);

/* Tell tunneld that the socket is going. Never before: tunneld might still
 * know the flow of this cookie when the socket asks for another. */
void datagram_flow_close(struct sock *s, int fd);

/* True when a datagram is payload of this socket's flow; its peer is told.
 * Both must be right: the source and the secret. */
bool datagram_flow_owns(const struct udp_sock *u, const struct endpoint *from,
			const struct wire_header *header,
			struct endpoint *peer);
/* True when `addr` is the loopback end of a flow of this socket. */
bool datagram_flow_is_at(const struct udp_sock *u, const struct endpoint *addr);

#endif
