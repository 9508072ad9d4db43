/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg.h - one connection to a relay with one allocation on it: dialed,
 * allocated, used, ended; never used again
 *
 * A leg changes hands: a race makes it, an uplink uses it, and when the uplink
 * is done with it it gives its allocation back by itself.
 */
#ifndef LEG_H
#define LEG_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dial_pool;
struct leg;
struct loop;
struct queue;
struct relay;
struct relay_set;
struct worker_stats;

/* What every leg of a worker uses; belongs to the worker. */
struct leg_env {
	struct loop *loop;
	struct dial_pool *pool;
	struct worker_stats *stats;
	struct leg *leaving; /* private: those that leg_release() has */
};
/* The loop has stopped: legs that still give back are closed as they are. */
void leg_env_fini(struct leg_env *env);

enum leg_state {
	LEG_STATE_DIALING = 0, /* TCP, CONNECT, TLS, and the credentials */
	LEG_STATE_ALLOCATING,  /* the TURN machine has asked */
	LEG_STATE_READY,       /* datagrams flow */
	LEG_STATE_ENDED,       /* see leg_end() */
};

struct leg_opts {
	struct relay_set *set; /* a reference is taken */
	struct relay *relay;   /* of `set` */
	uint8_t family;        /* of the relayed address: 4 or 6 */
};

struct leg_events {
	/* The relayed address is known. Not for leg_free() of this leg, but of
	 * others. */
	void (*on_ready)(void *arg, struct leg *leg, uint64_t now_ms);
	/* Once, at the end of a turn and as the last thing that the leg does:
	 * it may be freed here. */
	void (*on_ended)(void *arg, struct leg *leg, uint64_t now_ms);
	/* A datagram from `peer`; `data` stays valid until on_batch. */
	void (*on_data)(void *arg, struct leg *leg, const struct endpoint *peer,
			const uint8_t *data, size_t len, uint64_t now_ms);
	/* What on_data gave will be overwritten now: pass it on. */
	void (*on_batch)(void *arg, struct leg *leg, uint64_t now_ms);
};

/* How a leg came to its end. */
struct leg_end {
	uint32_t cause;   /* relay_failed()'s; never 0 */
	bool was_ready;   /* it had worked */
	uint64_t idle_ms; /* silence before the connection was cut */
};

/* Begins to dial at once. NULL with errno. */
struct leg *leg_new(struct leg_env *env, const struct leg_opts *opts,
		    const struct leg_events *events, void *arg) MUST_CHECK;
/* The allocation ends with the connection, if the relay sees it end. Any time
 * but inside the leg's own callbacks, on_ended excepted. */
void leg_free(struct leg *leg);
/* Give the allocation back in peace and free the leg, within two seconds and
 * without its owner, who hears nothing more of it. As leg_free(). */
void leg_release(struct leg *leg);
/* Change the owner. `queue` (NULL: none) is where a READY leg takes datagrams
 * from; not owned. */
void leg_attach(struct leg *leg, const struct leg_events *events, void *arg,
		struct queue *queue);

/* The short way: into the record of this turn. -EAGAIN: push it to the queue
 * and leg_kick(). 0: it goes, or the relay will not have it (counted). */
int leg_send(struct leg *leg, const struct endpoint *peer, const uint8_t *data,
	     size_t len, uint64_t now_ms) MUST_CHECK;
/* The queue has something. */
void leg_kick(struct leg *leg);

enum leg_state leg_state(const struct leg *leg);
const struct endpoint *leg_relayed(const struct leg *leg); /* once READY */
struct relay *leg_relay(const struct leg *leg);
struct relay_set *leg_relay_set(const struct leg *leg);
const struct leg_end *leg_end(const struct leg *leg); /* once ENDED */
/* Nothing was ever sent to a peer: it may serve another owner. */
bool leg_is_fresh(const struct leg *leg);
uint64_t leg_last_in_ms(const struct leg *leg); /* anything read */
uint64_t leg_last_out_ms(const struct leg *leg);

#endif
