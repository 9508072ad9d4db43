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
#include <stddef.h>
#include <stdint.h>

/* Address families of relayed addresses. */
#define FLOW_UPLINK_IPV4 0x1u
#define FLOW_UPLINK_IPV6 0x2u

struct buf;
struct dial_pool;
struct dns_learn;
struct flow;
struct flow_facts;
struct local;
struct loop;
struct names;
struct policy;
struct policy_client;
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
	/* NULL, or: the app asks this STUN server (a real address, or one of
	 * `names`). */
	void (*on_stun)(void *arg, const struct endpoint *server,
			uint64_t now_ms);
	/* Something that a restarted daemon would need has become known. */
	void (*on_known)(void *arg, const struct flow *flow);
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
	/* Who has it; heap, taken over. NULL: nobody in particular. */
	struct policy_client *client;
	/* Of a flow that is taken up again; else all zero. */
	struct endpoint app; /* where the app sends from; family 0: unknown */
	uint8_t uplinks;     /* FLOW_UPLINK_* to begin with at once */
	/* uplink_export()'s, IPv4 and IPv6; heap, taken over */
	struct flow_resume {
		uint8_t *data; /* NULL: nothing to go on with */
		size_t len;
	} resume[2];
};

/* Close and wipe what a seed that came to nothing holds. */
void flow_seed_fini(struct flow_seed *seed);
/* NULL with errno; the seed's belongings are gone either way. */
struct flow *flow_new(struct flow_env *env, struct flow_seed *seed) MUST_CHECK;
void flow_free(struct flow *f);
uint64_t flow_cookie(const struct flow *f);
uint64_t flow_secret(const struct flow *f);
const struct endpoint *flow_app(const struct flow *f);
uint8_t flow_uplinks(const struct flow *f); /* FLOW_UPLINK_* */
/* Whose it is; (uint32_t)-1: nobody's in particular. */
uint32_t flow_uid(const struct flow *f);
/* It has sent to a peer by a relay, and heard from one. */
bool flow_talks(const struct flow *f);
/* For whoever wants to know. */
void flow_look(const struct flow *f, uint64_t now_ms, struct flow_facts *out);

/* See uplink_network_changed(). */
void flow_network_changed(struct flow *f, const struct endpoint *addrs,
			  size_t count, uint64_t now_ms);
/* There is another relay set. */
void flow_reload(struct flow *f, uint64_t now_ms);
/* What a later flow's seed needs as `resume`, of the relayed address of this
 * FLOW_UPLINK_*; the allocation is left alone from then on. Secret. See
 * uplink_export(); -ENOTSUP also when there is no such uplink. */
int flow_export(struct flow *f, uint8_t uplink, struct buf *out,
		uint64_t now_ms) MUST_CHECK;

/* Ask the kernel whether the app's socket is still there, every few seconds:
 * exit, kill and exec close sockets without a word. */
void flow_sweep(struct flow *f, uint64_t now_ms);

#endif
