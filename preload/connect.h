/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.h - one TCP connect through tunneld: dial, placeholder, verdict, swap
 *
 * These are the moves; stream.c decides when, and what the app is told.
 */
#ifndef CONNECT_H
#define CONNECT_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <turnout/endpoint.h>

#include "epollreg.h"
#include "journal.h"

struct sock;

enum tcp_state {
	/* A native socket that nothing is known of: every call is libc's. */
	TCP_STATE_PLAIN = 0,
	/* A thread is in a blocking connect(); tunneld works on the socket. */
	TCP_STATE_WAITING,
	/* The placeholder stands at the descriptors; no verdict seen yet. */
	TCP_STATE_PENDING,
	/* The connect has failed; the placeholder still stands there. */
	TCP_STATE_FAILED,
	/* The connect has failed; the app's native socket stands there. */
	TCP_STATE_BROKEN,
	/* A native socket, connected through the proxy. */
	TCP_STATE_CONNECTED,
};

struct tcp_sock {
	_Atomic uint32_t state; /* enum tcp_state; changed under sock_lock() */
	_Atomic int control;    /* WAITING: control connection + 1, or 0 */
	uint32_t waiter;        /* WAITING: owner of the memory then */
	_Atomic int error;      /* FAILED, BROKEN: errno not yet told */
	_Atomic bool untold;    /* CONNECTED: next connect() says 0 */
	uint64_t native_cookie; /* SO_COOKIE of the app's own socket */
	uint64_t place_cookie;  /* SO_COOKIE of the placeholder */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer, local; /* as the app wrote it; as it was bound */
	struct epollreg_set epoll;
	struct journal journal;
};

/* Nothing stands between the app and the kernel. */
static inline bool connect_is_native(const struct tcp_sock *tcp)
{
	uint32_t state = atomic_load_explicit(&tcp->state,
					      memory_order_acquire);

	return state == TCP_STATE_PLAIN || state == TCP_STATE_CONNECTED;
}

#endif
