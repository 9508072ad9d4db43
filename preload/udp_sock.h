/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udp_sock.h - what is known of one UDP socket; datagram.c owns it */
#ifndef UDP_SOCK_H
#define UDP_SOCK_H

#include <turnout/endpoint.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

/* A registration with tunneld: what loopback datagrams carry and where they
 * go. Written once, then only read. */
struct udp_flow {
	uint64_t secret;
	uint64_t epoch;         /* of the page when the flow was asked for */
	struct endpoint addr;   /* loopback address and port */
	struct endpoint source; /* for IP_PKTINFO, when `pin` */
	bool pin;               /* sends must be pinned to lo (P1) */
};

/* A reader may still look at the last flow while a new one is published. */
#define UDP_FLOWS 4

/* Zero: nothing known yet, native until the first tunnelled peer. */
struct udp_sock {
	/* How many flows were published; the newest is in
	 * flows[(published - 1) % UDP_FLOWS]. 0: never registered. */
	_Atomic uint32_t published;
	struct udp_flow flows[UDP_FLOWS];
	_Atomic uint64_t retry_at_ms; /* after a failed registration */

	/* Registered while UDP was tunnelled by default: its peers know its
	 * relayed address (POLICY_PREFER_DIRECT). */
	_Atomic bool keeps_tunnel;
	_Atomic bool native_for_ever; /* bound to loopback or link-local (P3) */
	_Atomic bool loopback;        /* … to the former */
	_Atomic bool pin;             /* IP_UNICAST_IF … was set (P1) */
	_Atomic bool gro_off;         /* UDP_GRO is refused to the kernel */
	_Atomic bool cork;            /* UDP_CORK is on */
	_Atomic bool corked;          /* a tunnelled datagram is half sent */
	_Atomic uint16_t segment_bytes; /* UDP_SEGMENT of the socket */

	_Atomic bool kernel_connected; /* natively, to a direct peer */
	_Atomic bool connected; /* to a tunnelled peer, kernel socket is not */
	struct endpoint peer;   /* then */
	struct sockaddr_storage local; /* what getsockname() says then */
	socklen_t local_len;
};

#endif
