/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg.h - one connection to a relay with one allocation on it: dialed,
 * allocated or resumed, used, ended; never used again
 *
 * A leg changes hands: a race makes it, an uplink uses it, and when the uplink
 * is done with it it gives its allocation back by itself.
 */
#ifndef LEG_H
#define LEG_H

#include "turn.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct dial_pool;
struct leg;
struct leg_place;
struct leg_ticket;
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
	/* NULL, or: there is an allocation, and there was none */
	void (*on_first)(void *arg);
	void *arg;
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
	bool mobility;         /* ask for a ticket (RFC 8016) */
	bool trial;            /* see leg_set_trial() */
	bool renewed;          /* a 401 came already: no more tries */
	/* Plain UDP: which of the host's addresses; see leg_has_more(). */
	unsigned int first;
	/* Copied. Where the relay has sent us to (300); NULL: nowhere. */
	const struct leg_place *place;
	/* Borrowed during leg_new(). Go on with that allocation; NULL: a new
	 * one. Its place is taken, too. */
	const struct leg_ticket *ticket;
};

struct leg_events {
	/* NULL, or: connected, and TURN begins. */
	void (*on_connected)(void *arg, struct leg *leg, uint64_t now_ms);
	/* The relayed address is known. Not for leg_free() of this leg, but of
	 * others. */
	void (*on_ready)(void *arg, struct leg *leg, uint64_t now_ms);
	/* Once, at the end of a turn and as the last thing that the leg does:
	 * it may be freed here. */
	void (*on_ended)(void *arg, struct leg *leg, uint64_t now_ms);
	/* NULL, or: READY, something was written, and for leg_patience_ms()
	 * nothing has come. Once in each silence; the TURN machine ends it
	 * after 15 s (turn_ping()). */
	void (*on_silent)(void *arg, struct leg *leg, uint64_t now_ms);
	/* A datagram from `peer`; `data` stays valid until on_batch. */
	void (*on_data)(void *arg, struct leg *leg, const struct endpoint *peer,
			const uint8_t *data, size_t len, uint64_t now_ms);
	/* Something has come. What on_data gave will be overwritten now: pass
	 * it on. */
	void (*on_batch)(void *arg, struct leg *leg, uint64_t now_ms);
};

/* The causes of failures, for relay_failed(): dial reasons stand below. */
#define LEG_CAUSE_TURN     0x10000u /* and the error code */
#define LEG_CAUSE_ENDED    0x20000u
#define LEG_CAUSE_GARBAGE  0x20001u
#define LEG_CAUSE_BROKEN   0x20002u
#define LEG_CAUSE_SILENT   0x20003u
#define LEG_CAUSE_SLOW     0x20004u
#define LEG_CAUSE_CREDS    0x20005u
#define LEG_CAUSE_INTERNAL 0x30000u

/* A word for it: "proxy_denied", "turn_486", "ended". */
#define LEG_CAUSE_NAME_MAX 24
const char *leg_cause_name(uint32_t cause, char out[LEG_CAUSE_NAME_MAX]);

/* How a leg came to its end. */
struct leg_end {
	uint32_t cause; /* relay_failed()'s; never 0 */
	enum turn_blame blame;
	bool was_ready;   /* it had worked */
	bool redirected;  /* to where leg_next_place() says: not a failure */
	bool new_creds;   /* refused, but there are others to try (401) */
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

/* While it is tried out, a failure of this leg says nothing about its way to
 * the relay: it is no news, and no reason to take another. */
void leg_set_trial(struct leg *leg, bool trial);

/* The short way: into the record of this turn. -EAGAIN: push it to the queue
 * and leg_kick(). 0: it goes, or the relay will not have it (counted). */
int leg_send(struct leg *leg, const struct endpoint *peer, const uint8_t *data,
	     size_t len, uint64_t now_ms) MUST_CHECK;
/* The queue has something. */
void leg_kick(struct leg *leg);
/* Ask the relay for a sign of life, unless that is under way. */
void leg_ping(struct leg *leg, uint64_t now_ms);

enum leg_state leg_state(const struct leg *leg);
const struct endpoint *leg_relayed(const struct leg *leg); /* once READY */
struct relay *leg_relay(const struct leg *leg);
struct relay_set *leg_relay_set(const struct leg *leg);
/* Where the connection goes to: the relay, or the proxy. False: nowhere yet. */
bool leg_server(const struct leg *leg, struct endpoint *server);
const struct leg_end *leg_end(const struct leg *leg); /* once ENDED */
/* ENDED and redirected: for leg_opts.place, borrowed from the leg. */
const struct leg_place *leg_next_place(const struct leg *leg);
/* It goes on with an allocation of before. */
bool leg_is_resumed(const struct leg *leg);
/* The relay gave a ticket for its allocation. */
bool leg_is_mobile(const struct leg *leg);
uint32_t leg_rtt_us(const struct leg *leg);   /* 0: not known */
size_t leg_peer_count(const struct leg *leg); /* that it has spoken to */
uint64_t leg_refused(const struct leg *leg);  /* datagrams, by the relay */
/* Nothing was ever sent to a peer: it may serve another owner. */
bool leg_is_fresh(const struct leg *leg);
/* Plain UDP: the host has addresses behind the one that is tried here; then
 * `*next` is for leg_opts.first. */
bool leg_has_more(const struct leg *leg, unsigned int *next);
/* The address that its socket has on this machine; family 0: not connected. */
const struct endpoint *leg_local(const struct leg *leg);
uint64_t leg_last_in_ms(const struct leg *leg); /* anything read */
uint64_t leg_last_out_ms(const struct leg *leg);
/* Since when what was written is without any answer; 0: it is not. */
uint64_t leg_silent_since_ms(const struct leg *leg);
/* How long a silence is nothing special: short while media comes in. */
uint32_t leg_patience_ms(const struct leg *leg, uint64_t now_ms);

/* What `old` has learned of peers since the ticket for `leg` was made. */
void leg_adopt_peers(struct leg *leg, const struct leg *old, uint64_t now_ms);

#endif
