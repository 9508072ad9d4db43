/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow.h - one UDP socket of an app: its loopback port, its peers, and the
 * uplink that carries it
 */
#ifndef FLOW_H
#define FLOW_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>

struct dial_pool;
struct dns_learn;
struct flow;
struct local;
struct loop;
struct names;
struct policy;
struct uplink_env;
struct worker_stats;

/* What every flow of a worker uses; belongs to the worker. */
struct flow_env {
	struct loop *loop;
	struct local *local;
	struct dial_pool *pool;
	struct names *names;
	struct policy *policy; /* replaced on a reload */
	uint64_t policy_count; /* counts the replacements */
	struct uplink_env *uplink;
	struct worker_stats *stats;
	int sockdiag; /* netlink socket; < 0: none */
	/* See dns_serve.h; may be NULL. */
	void (*learn)(void *arg, struct dns_learn *query);
	void *learn_arg;
	/* The app's socket is gone; free the flow at the end of the turn. */
	void (*on_gone)(void *arg, struct flow *flow);
	void *arg;
};

/* What the control loop has promised to the app already. */
struct flow_seed {
	int fd;                /* loopback socket, taken over */
	struct endpoint bound; /* its address */
	uint64_t cookie;       /* SO_COOKIE of the app's socket */
	uint64_t secret;
};

/* NULL with errno; the seed's descriptor is closed then. */
struct flow *flow_new(struct flow_env *env,
		      const struct flow_seed *seed) MUST_CHECK;
void flow_free(struct flow *f);
uint64_t flow_cookie(const struct flow *f);

/* Ask the kernel whether the app's socket is still there, every few seconds:
 * exit, kill and exec close sockets without a word. */
void flow_sweep(struct flow *f, uint64_t now_ms);

#endif
