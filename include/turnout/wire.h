/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wire.h - the header on every datagram between an app's UDP socket and its
 * flow in tunneld, in both directions, over loopback
 *
 *    0                   8     9       10     12                28
 *   +-------------------+-----+-------+------+-----------------+---------
 *   | secret            | type| family| port | address         | payload
 *   +-------------------+-----+-------+------+-----------------+---------
 *
 * App -> tunneld: the address is the peer that the app sends to, synthetic or
 * real. tunneld -> app: the peer that the payload came from, in the form that
 * the app has used for it. Port and address are in network order, IPv4 stands
 * in the first 4 bytes of the address. The secret is the one that
 * CONTROL_FLOW_OPEN answered: a datagram without it is not ours.
 */
#ifndef TURNOUT_WIRE_H
#define TURNOUT_WIRE_H

#include <turnout/endpoint.h>

#include <stdint.h>
#include <string.h>

enum wire_type {
	WIRE_DATA = 1,  /* payload follows */
	WIRE_CLOSE = 2, /* app -> tunneld: the socket is gone; no payload */
};

struct wire_header {
	uint64_t secret; /* opaque bits, host order */
	uint8_t type;    /* enum wire_type */
	uint8_t family;  /* enum endpoint_family */
	uint16_t port_be;
	uint8_t ip[16];
} __attribute__((packed));

#define WIRE_HEADER_BYTES 28
_Static_assert(sizeof(struct wire_header) == WIRE_HEADER_BYTES, "wire layout");

/* The most payload that one loopback datagram can carry (65507 over IPv4). */
#define WIRE_PAYLOAD_MAX (65507 - WIRE_HEADER_BYTES)

static inline void wire_encode(struct wire_header *h, uint64_t secret,
			       enum wire_type type, const struct endpoint *peer)
{
	h->secret = secret;
	h->type = (uint8_t)type;
	h->family = peer->family;
	h->port_be = peer->port_be;
	memcpy(h->ip, peer->ip, sizeof(h->ip));
}

/* The peer of a header whose secret has been compared. False when the header
 * is not well formed (unknown type or family). */
static inline bool wire_decode(const struct wire_header *h,
			       struct endpoint *peer)
{
	memset(peer, 0, sizeof(*peer));
	if (h->type != WIRE_DATA && h->type != WIRE_CLOSE)
		return false;
	if (h->family != ENDPOINT_IPV4 && h->family != ENDPOINT_IPV6)
		return h->type == WIRE_CLOSE;
	peer->family = h->family;
	peer->port_be = h->port_be;
	memcpy(peer->ip, h->ip, h->family == ENDPOINT_IPV4 ? 4 : 16);
	return true;
}

#endif
