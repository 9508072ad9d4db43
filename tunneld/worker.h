/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - a media worker: a thread with its own loop, flows and buffers;
 * nothing in the data path is shared with another
 */
#ifndef WORKER_H
#define WORKER_H

#include "flow.h"

#include <turnout/compiler.h>

#include <stdint.h>

struct relay_set;
struct worker;

struct worker_opts {
	struct dial_pool *pool; /* borrowed, as are names */
	struct names *names;
	struct policy *policy; /* a reference is taken of each */
	struct relay_set *relays;
	/* In the worker's thread: the flow of this cookie has ended. */
	void (*on_flow_gone)(void *arg, uint64_t cookie, uint64_t secret);
	/* In the worker's thread: look a name up (dns_serve.h). */
	void (*learn)(void *arg, struct dns_learn *query);
	void *arg;
};

/* Starts the thread. NULL with errno. */
struct worker *worker_new(const struct worker_opts *opts) MUST_CHECK;
/* The end in two steps: stop the thread and close its flows, which cancels
 * their dials; then, when the pool has let go of those, free the rest. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

/* From the control loop. Out of memory: the descriptor is closed, and the app
 * registers again. */
void worker_add_flow(struct worker *w, const struct flow_seed *seed);
/* A reload: flows that are open go on, new connections use the new ones. */
void worker_reload(struct worker *w, struct policy *policy,
		   struct relay_set *relays);
/* Look at once for app sockets that closed without a word. */
void worker_sweep(struct worker *w);
const struct worker_stats *worker_stats(const struct worker *w);

#endif
