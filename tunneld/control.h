/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - the control socket (<turnout/control.h>): who may ask, what they
 * ask, and the answers; runs in the control loop
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "dns_serve.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sys/types.h>

struct control;
struct dial_pool;
struct flow_seed;
struct flow_table;
struct inside;
struct json_t;
struct learn;
struct loop;
struct names;
struct policy;
struct relay_set;
struct worker;

struct control_opts {
	const char *path; /* of the socket; a stale one is replaced */
	/* A socket that listens there already and outlives us; 0: there is
	 * none, and `path` is made. */
	int listener;
	bool any_user;  /* a daemon of the machine; else own user and root */
	uint64_t epoch; /* of the policy page */
	struct loop *loop;
	struct dial_pool *pool; /* borrowed, as is all of these */
	struct names *names;
	struct policy *policy;
	struct relay_set *relays;
	struct learn *learn;     /* NULL: names are not learned */
	struct inside *inside;   /* NULL: no name is one of the inside */
	dns_learn_fn *want_name; /* of queries over TCP; NULL: none waits */
	struct worker *const *workers;
	size_t worker_count;
	/* What is promised to apps has changed; may be NULL. */
	void (*on_flows)(void *arg);
	/* Puts into a document what is not known here; may be NULL. */
	void (*on_status)(void *arg, struct json_t *doc);
	/* A flow has this socket now, which is borrowed; < 0: no more. May be
	 * NULL. */
	void (*on_socket)(void *arg, const struct endpoint *bound, int fd);
	/* Reads the configuration again and tells what is wrong with it. 0, or
	 * -errno: all is as before. NULL: it cannot. */
	int (*on_reload)(void *arg, FILE *told);
	void *arg;
};

/* NULL: `*words` says what is wrong (EADDRINUSE: another daemon answers). */
struct control *control_new(const struct control_opts *opts,
			    const char **words) MUST_CHECK;
/* Closes all connections and removes the socket that it has made. */
void control_free(struct control *c);
/* New connections and look-ups follow the new snapshot. */
void control_reload(struct control *c, struct policy *policy,
		    struct relay_set *relays);
/* All that is counted, in Prometheus' text format 0.0.4 or as OpenMetrics 1.0.
 * NULL: no memory; the caller frees. */
char *control_metrics(const struct control *c, bool openmetrics,
		      size_t *bytes) MUST_CHECK;
/* The configuration was read again, or could not be. */
void control_note_reload(struct control *c, bool ok);
/* tunneld has started. */
void control_note_ready(struct control *c);
/* Something that a client may wait for is perhaps so now: a relay works. */
void control_news(struct control *c);
/* In the control loop's thread: a worker has let go of this flow. */
void control_flow_gone(struct control *c, uint64_t cookie, uint64_t secret);
/* … and has found out this of it. `uplinks`: FLOW_UPLINK_*. */
void control_flow_known(struct control *c, uint64_t cookie, uint64_t secret,
			const struct endpoint *app, uint8_t uplinks,
			bool talks);
/* What an earlier daemon has promised: the seed's port and secret stay good
 * (its descriptor is bound here when there is none). 0, -EADDRINUSE when
 * somebody else has the port by now, or another -errno; the seed's belongings
 * are gone either way. */
int control_take_up(struct control *c, uid_t uid,
		    struct flow_seed *seed) MUST_CHECK;
/* All that is promised; borrowed until the next change. */
const struct flow_table *control_flows(const struct control *c);
/* Is anybody being served: a flow, or a connect under way? */
bool control_is_busy(const struct control *c);

#endif
