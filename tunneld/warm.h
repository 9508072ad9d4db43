/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm.h - allocations that are ready before a socket needs one, so that its
 * first packet leaves at once; one pool a worker
 */
#ifndef WARM_H
#define WARM_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct leg;
struct leg_env;
struct relay_set;
struct warm;

/* Nobody has needed one for so long, and no flow is open: they are given
 * back. */
#define WARM_IDLE_MS (60 * 1000)

/* `env` is borrowed, a reference is taken of `relays`. Cold until
 * warm_attach(). NULL with errno. */
struct warm *warm_new(struct leg_env *env, struct relay_set *relays) MUST_CHECK;
void warm_free(struct warm *w);

/* An app is there: keep [relay] warm of them ready, and try out what the relay
 * can do (mobility.h), for WARM_IDLE_MS from now on. */
void warm_attach(struct warm *w, uint64_t now_ms);
/* READY, of that family and nobody's now; NULL: none is there. The caller
 * owns it and attaches itself; another takes its place. */
struct leg *warm_take(struct warm *w, uint8_t family,
		      uint64_t now_ms) MUST_CHECK;
/* READY, but not needed after all. True: taken over; false: the pool has
 * enough, or it is of no use any more. */
bool warm_give(struct warm *w, struct leg *leg, uint64_t now_ms) MUST_CHECK;
/* Other relays, or other settings: those of before are given back, unless
 * they would be made the same way again. */
void warm_reload(struct warm *w, struct relay_set *relays, uint64_t now_ms);
/* Another network: all are tried anew. */
void warm_renew(struct warm *w, uint64_t now_ms);

#endif
