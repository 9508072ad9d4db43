/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream_state.h - what the parts of stream.c share: the state of a socket,
 * once the verdict has been looked for, and the waits for it
 */
#ifndef STREAM_STATE_H
#define STREAM_STATE_H

#include "connect.h"

#include <stdbool.h>

#include <sys/time.h>

struct sock;

/* -1 with this errno. */
int stream_fail(int error);
/* The state now that a verdict has been acted on, if there is one. PLAIN too
 * when `fd` turned out to be another descriptor, which is not tracked then. */
enum tcp_state stream_state(struct sock *s, int fd);
bool stream_is_nonblocking(int fd);
/* SO_SNDTIMEO or SO_RCVTIMEO of the socket that the placeholder stands for. */
struct timeval stream_limit(const struct sock *s, int option);
/* Until the connect is decided: 0 with the state, else -errno. */
int stream_wait(struct sock *s, int fd, int option, bool nonblocking,
		enum tcp_state *state);
/* The errno of a failed connect, once. */
int stream_take_error(struct sock *s, int fd);
/* FAILED or PENDING -> PLAIN. 0 or -errno. */
int stream_restore(struct sock *s, int fd, enum tcp_state from);

#endif
