/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * connect.h - one TCP connect through tunneld: dial, placeholder, verdict, swap
 *
 * These are the moves; stream.c decides when, and what the app is told.
 */
#ifndef CONNECT_H
#define CONNECT_H

#include "tcp_sock.h"

#include <turnout/endpoint.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/time.h>

struct sock;

/* Nothing stands between the app and the kernel. */
static inline bool connect_is_native(const struct tcp_sock *tcp)
{
	uint32_t state = atomic_load_explicit(&tcp->state,
					      memory_order_acquire);

	return state == TCP_STATE_PLAIN || state == TCP_STATE_CONNECTED;
}

/* CONNECTED: that very socket still stands at `fd`. */
bool connect_is_ours(const struct sock *s, int fd);

/* Ask tunneld to connect `fd` to `dest`: the control connection on which the
 * verdict will come, or -errno. */
int connect_dial(int fd, const struct endpoint *dest);
/* Block until something is to be read from `fd`, the control connection or the
 * placeholder: 0, -EAGAIN after `limit` (zero: never) or -EINTR, which comes
 * as it does from the kernel's connect(): not with SA_RESTART and no limit. */
int connect_wait(int fd, const struct timeval *limit);

/* Under sock_lock(): */
/* Put `control` over all aliases of `fd`; takes it over. */
void connect_place(struct sock *s, int fd, int control);
/* PENDING: look for a verdict and act on it. Returns the state, PLAIN when
 * `fd` turned out not to be the placeholder (then it is not tracked now). */
enum tcp_state connect_settle(struct sock *s, int fd);
/* WAITING: the verdict on `control`, which is closed, decides. Returns 0 or
 * the errno of the connect. */
int connect_finish(struct sock *s, int fd, int control);
/* PENDING or FAILED: a native socket that is not connected takes the place of
 * the placeholder: the app's own if tunneld gave it back, else a new one.
 * PLAIN then. 0 or -errno. */
int connect_restore(struct sock *s, int fd);

/* A new TCP socket with the app's options, or -errno. */
int connect_scratch(struct sock *s);
/* close() that is no cancellation point. */
void connect_discard(int fd);

#endif
