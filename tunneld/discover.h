/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discover.h - where the relays are, found out in the background and again
 * when the answers' time is over; runs in the control loop
 */
#ifndef DISCOVER_H
#define DISCOVER_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdint.h>

struct dial_pool;
struct discover;
struct loop;
struct plan;
struct relay_set;

/* A better set than the last: its reference is given. What was learned about
 * ways that stay is in it. discover_free() may not be called from it. */
typedef void(discover_fn)(void *arg, struct relay_set *set, uint64_t now_ms);

struct discover_opts {
	struct loop *loop;
	struct dial_pool *pool;
	struct plan *plan;        /* a reference is taken of each */
	struct relay_set *relays; /* in force now */
	/* NULL: the system's name servers */
	const struct endpoint *server;
	discover_fn *on_set;
	void *arg;
};

/* Begins at once; nothing runs when no relay has to be looked up. NULL with
 * errno. */
struct discover *discover_new(const struct discover_opts *opts) MUST_CHECK;
/* `on_set` does not run any more. */
void discover_free(struct discover *d);
/* Ask again now: another network. */
void discover_refresh(struct discover *d, uint64_t now_ms);

#endif
