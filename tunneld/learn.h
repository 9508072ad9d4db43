/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * learn.h - the addresses of names that the rules call direct
 *
 * Apps get such a name's real addresses from libc and then connect to an
 * address: the page has to call it direct before they do. So the daemon looks
 * the name up first. Runs in the control loop.
 */
#ifndef LEARN_H
#define LEARN_H

#include "loop.h"
#include "rules.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

struct dial_pool;
struct learn;

/* Somebody who waits for a name; the caller's storage, zero-initialised. */
struct learn_wait {
	loop_fn *done;
	void *arg;
	struct learn_wait *next, **prev; /* prev NULL: not waiting */
};

/* `on_change`: learn_known() has more than before; runs before those who wait
 * are told. */
struct learn *learn_new(struct loop *loop, struct dial_pool *pool,
			loop_fn *on_change, void *arg) MUST_CHECK;
void learn_free(struct learn *l);

/* Look `name` up, unless that was done a moment ago. True: `wait` will be told
 * when its addresses are known, or when they cannot be found in time. False:
 * there is nothing to wait for. */
bool learn_want(struct learn *l, const char *name, struct learn_wait *wait,
		loop_fn *done, void *arg);
void learn_cancel(struct learn_wait *wait);

/* Borrowed until the next change. */
const struct rules_learned *learn_known(const struct learn *l, size_t *count);

#endif
