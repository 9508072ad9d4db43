/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mobility.h - does a relay keep an allocation whose client comes back over
 * another connection (RFC 8016)? Tried out: some hand out tickets and then
 * lose what they relay
 */
#ifndef MOBILITY_H
#define MOBILITY_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct leg;
struct leg_env;
struct mobility;

/* Once. `leg`: the allocation, READY again on its new connection, now the
 * callee's; NULL when it was lost. mobility_free() may be called from it. */
typedef void(mobility_fn)(void *arg, bool works, struct leg *leg,
			  uint64_t now_ms);

/* Takes `leg` over, which is READY and holds a ticket. `env` is borrowed.
 * `done` is never called from inside this. NULL with errno; then the leg was
 * released. */
struct mobility *mobility_new(struct leg_env *env, struct leg *leg,
			      mobility_fn *done, void *arg) MUST_CHECK;
/* `done` does not run any more. */
void mobility_free(struct mobility *m);

#endif
