/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mobility.h - does a relay keep an allocation whose client comes back over
 * another connection (RFC 8016)? Tried out: some hand out tickets and then
 * lose what they relay
 */
#ifndef MOBILITY_H
#define MOBILITY_H

#include "relay.h"

#include <turnout/compiler.h>

#include <stdint.h>

struct leg;
struct leg_env;
struct mobility;

/* Once. UNKNOWN: a connection failed before the relay could show it. `leg`:
 * with YES the allocation, READY again on its new connection, now the callee's;
 * else NULL, and what there was is given back. mobility_free() may be called
 * from it. */
typedef void(mobility_fn)(void *arg, enum relay_mobility verdict,
			  struct leg *leg, uint64_t now_ms);

/* Takes `leg` over, which is READY and holds a ticket. `env` is borrowed.
 * `done` is never called from inside this. NULL with errno; then the leg was
 * released. */
struct mobility *mobility_new(struct leg_env *env, struct leg *leg,
			      mobility_fn *done, void *arg) MUST_CHECK;
/* `done` does not run any more; what there is is given back. */
void mobility_free(struct mobility *m);
/* Somebody needs the allocation now. It, READY and the caller's, and nothing
 * more comes of the test but mobility_free(); NULL: it is on its way from one
 * connection to the other, the test goes on. */
struct leg *mobility_take_back(struct mobility *m) MUST_CHECK;

#endif
