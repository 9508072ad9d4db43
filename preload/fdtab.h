/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fdtab.h - descriptor -> what we know of its socket
 *
 * Only TCP and UDP sockets over IPv4 and IPv6 are tracked. A look-up is two
 * loads: an untracked descriptor costs nothing and reaches libc without a
 * system call of ours. Aliases made by dup share
 * one `struct sock`. No allocation: fixed tables in zero pages.
 */
#ifndef FDTAB_H
#define FDTAB_H

#include "tcp_sock.h"
#include "udp_sock.h"

#include <turnout/endpoint.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum sock_kind {
	SOCK_KIND_NONE = 0,
	SOCK_KIND_TCP,
	SOCK_KIND_UDP,
};

struct sock {
	_Atomic uint32_t refs; /* descriptors of this process that name it */
	_Atomic uint32_t lock; /* sock_lock(): for changes, never held in I/O */
	uint64_t signal_mask;  /* of the thread that holds the lock */
	int cancel_state;      /* likewise */
	uint32_t serial;       /* another one each time the struct is reused */
	uint32_t owner;        /* pid of the process that made the socket */
	enum sock_kind kind;
	int family; /* AF_INET or AF_INET6 */
	union {
		struct tcp_sock tcp; /* tcp_sock.h */
		struct udp_sock udp; /* udp_sock.h */
	};
};

/* NULL: not ours. Async-signal-safe. */
struct sock *fdtab_find(int fd);
/* Start to track; forgets whatever stood at that number. NULL: no memory, or
 * a number above a million (the caller fails the call: it must not leak). */
struct sock *fdtab_add(int fd, enum sock_kind kind, int family);
/* `to` names the same socket as `from` now. */
void fdtab_alias(int from, int to);
/* Only one descriptor is left, and it is up to this process: not in a fork
 * child whose parent has the same socket, nor in a vfork child. */
bool fdtab_is_last(const struct sock *s);
/* The descriptor is going away. True when it was the last alias of a socket
 * that this process has made; no-op and false in a vfork child. */
bool fdtab_forget(int fd);
/* The first tracked descriptor in [from, to], or -1. */
int fdtab_next(int from, int to);
/* All descriptors of a socket: calls fn(fd, arg) for each. */
void fdtab_each_alias(const struct sock *s, void (*fn)(int fd, void *arg),
		      void *arg);
/* True in a vfork child, which shares the parent's memory: change nothing. */
bool fdtab_is_vfork_child(void);

void sock_lock(struct sock *s);
void sock_unlock(struct sock *s);

#endif
