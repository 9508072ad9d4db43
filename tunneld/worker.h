/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - a media worker: a thread with its own loop, flows and buffers;
 * nothing in the data path is shared with another
 */
#ifndef WORKER_H
#define WORKER_H

#include "flow.h"
#include "flow_facts.h"
#include "loop.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
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
	/* In the worker's thread: of this flow more has become known; see
	 * flow_app(), flow_uplinks(). May be NULL. */
	void (*on_flow_known)(void *arg, const struct flow *flow);
	/* In the worker's thread: look a name up (dns_serve.h). */
	void (*learn)(void *arg, struct dns_learn *query);
	/* In the worker's thread: a relay has given an address, and there was
	 * none before. May be NULL. */
	void (*on_relay)(void *arg);
	/* In the worker's thread, not often: see flow.h. May be NULL. */
	void (*on_stun)(void *arg, const struct endpoint *server);
	void *arg;
};

/* Starts the thread. NULL with errno. */
struct worker *worker_new(const struct worker_opts *opts) MUST_CHECK;
/* The end in three steps: stop the thread, after which its flows can be looked
 * at; close them, which cancels their dials; then, when the pool has let go of
 * those, free the rest. A step includes those before it. */
void worker_halt(struct worker *w);
void worker_each_flow(struct worker *w,
		      void (*fn)(void *arg, struct flow *flow), void *arg);
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

/* From the control loop; the seed's belongings are taken over. Out of memory:
 * the descriptor is closed, and the app registers again. */
void worker_add_flow(struct worker *w, struct flow_seed *seed);
/* A reload: flows that are open go on, new connections use the new ones. */
void worker_reload(struct worker *w, struct policy *policy,
		   struct relay_set *relays);
/* The machine has these addresses now, and perhaps other routes. */
void worker_network_changed(struct worker *w, const struct endpoint *addrs,
			    size_t count);
/* An app is there, which may open a socket soon: be warm for a while. */
void worker_attach(struct worker *w);
/* Look at once for app sockets that closed without a word. */
void worker_sweep(struct worker *w);

/* What there is to tell of some flows at one moment; heap. */
struct worker_look {
	size_t count, left_out;
	struct flow_facts flow[];
};

struct worker_look_opts {
	struct loop *loop; /* where `done` runs */
	bool everybody;    /* or only those of `uid` */
	uint32_t uid;
	size_t max;
	/* `look` is the receiver's, to be freed by free(); NULL: no memory. */
	void (*done)(void *arg, struct worker_look *look);
	void *arg;
};

/* From the control loop. The data path does not wait for anybody: the worker
 * copies when it comes to it. False: no memory, `done` is not called. */
bool worker_look(struct worker *w,
		 const struct worker_look_opts *opts) MUST_CHECK;
/* Has its loop turned since this was called last? Asks it to, for the next
 * time. */
bool worker_turned(struct worker *w);
const struct worker_stats *worker_stats(const struct worker *w);

#endif
