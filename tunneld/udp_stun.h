/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_stun.h - does a STUN server answer without the relay? One that an app
 * has asked anyway: nobody else is told that we are here
 */
#ifndef UDP_STUN_H
#define UDP_STUN_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dial_pool;
struct loop;
struct udp_stun;

/* Once, in the loop; udp_stun_free() may be called from it. */
typedef void(udp_stun_fn)(void *arg, bool answered, uint64_t now_ms);

struct udp_stun_opts {
	struct loop *loop;
	struct dial_pool *pool;
	const char *name;       /* to be looked up; NULL: `server` is it */
	struct endpoint server; /* the port counts in both cases */
	/* Addresses (any port) whose answer proves nothing: the relays'. */
	const struct endpoint *except;
	size_t except_count;
	udp_stun_fn *done;
	void *arg;
};

/* Begins at once; all of `opts` is copied or used up. `done` is never called
 * from inside. NULL with errno. */
struct udp_stun *udp_stun_new(const struct udp_stun_opts *opts) MUST_CHECK;
void udp_stun_free(struct udp_stun *s);

#endif
