/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tcp_sock.h - what is known of one TCP socket; connect.c and stream.c own it
 */
#ifndef TCP_SOCK_H
#define TCP_SOCK_H

#include "epollreg.h"
#include "journal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>

enum tcp_state {
	/* A native socket: every call is libc's. */
	TCP_STATE_PLAIN = 0,
	/* A thread is in connect(); tunneld works on the app's socket. */
	TCP_STATE_WAITING,
	/* The placeholder stands at the descriptors; no verdict seen yet. */
	TCP_STATE_PENDING,
	/* The connect has failed; the placeholder still stands there. */
	TCP_STATE_FAILED,
	/* The connect has failed; a native socket stands there again. */
	TCP_STATE_BROKEN,
	/* A native socket, connected through the proxy. */
	TCP_STATE_CONNECTED,
};

union tcp_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct tcp_sock {
	_Atomic uint32_t state; /* enum tcp_state; changed under sock_lock() */
	uint32_t waiter;        /* WAITING: process_owner() of the waiter */
	int control;            /* WAITING: connection to tunneld, plus one */
	int flags;              /* F_GETFL of the app's socket before that */
	_Atomic int error;      /* FAILED, BROKEN: errno not yet told */
	_Atomic bool untold;    /* CONNECTED: the next connect() says 0 */
	_Atomic bool direct;    /* PLAIN: connected past us, swaps never */
	uint64_t native_cookie; /* SO_COOKIE of the app's TCP socket */
	uint64_t place_cookie;  /* SO_COOKIE of the placeholder */
	union tcp_address peer; /* as the app wrote it */
	union tcp_address local;
	struct epollreg_set epoll;
	struct journal journal;
};

#endif
