/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink.h - one relayed port that outlives its connections: which leg carries
 * it, what waits meanwhile, and what takes a leg's place
 */
#ifndef UPLINK_H
#define UPLINK_H

#include "leg.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct relay_set;
struct uplink_facts;
struct uplink;

/* What every uplink of a worker uses; belongs to the worker. */
struct uplink_env {
	struct leg_env leg;
	struct relay_set *relays; /* replaced on a reload */
	/* NULL, or: a leg that is READY already and belongs to nobody; NULL:
	 * none of that family */
	struct leg *(*warm_take)(void *arg, uint8_t family, uint64_t now_ms);
	/* NULL, or: a READY leg that nothing was sent on. True: taken over */
	bool (*warm_give)(void *arg, struct leg *leg, uint64_t now_ms);
	void *arg;
};

struct uplink_opts {
	uint8_t family; /* of the relayed address: 4 or 6 */
	/* What uplink_export() gave, borrowed during uplink_new(): go on with
	 * that relayed address if the relay still has it. NULL: none. */
	const uint8_t *resume;
	size_t resume_len;
};

/* uplink_free() may be called from none of these. */
struct uplink_events {
	/* The relayed address is known (again; it may differ). */
	void (*on_ready)(void *arg, const struct endpoint *relayed,
			 uint64_t now_ms);
	/* A datagram from `peer`; `data` stays valid until on_batch. */
	void (*on_data)(void *arg, const struct endpoint *peer,
			const uint8_t *data, size_t len, uint64_t now_ms);
	/* What on_data gave will be overwritten now: pass it on. */
	void (*on_batch)(void *arg, uint64_t now_ms);
};

/* With a warm leg the uplink is ready when this returns: uplink_relayed() says
 * so, what uplink_send() takes leaves in this turn of the loop, and on_ready
 * is not called for it. Else it begins to dial at once. NULL with errno. */
struct uplink *uplink_new(struct uplink_env *env,
			  const struct uplink_opts *opts,
			  const struct uplink_events *events,
			  void *arg) MUST_CHECK;
/* Gives the allocation back, unless it has been exported. */
void uplink_free(struct uplink *u);

/* Send, or queue within the queue's bounds while there is no allocation or the
 * link is busy. What is queued in one turn of the loop leaves together. */
void uplink_send(struct uplink *u, const struct endpoint *peer,
		 const uint8_t *data, size_t len, uint64_t now_ms);
/* NULL while there is no allocation. */
const struct endpoint *uplink_relayed(const struct uplink *u);
/* The relay in use, or NULL. */
struct leg *uplink_leg(const struct uplink *u);

/* For whoever wants to know (flow_facts.h). */
void uplink_look(const struct uplink *u, uint64_t now_ms,
		 struct uplink_facts *out);

/* The machine has these addresses now (any port), and perhaps other routes:
 * look at once whether the relay still answers, and try again at once when
 * nothing worked. */
void uplink_network_changed(struct uplink *u, const struct endpoint *addrs,
			    size_t count, uint64_t now_ms);
/* There is another relay set: what waits for one tries at once. What works
 * goes on. */
void uplink_reload(struct uplink *u, uint64_t now_ms);

#define UPLINK_EXPORT_MAX 34816
/* Append what a later tunneld needs to go on with the relayed address, and
 * leave the allocation alone from then on. Secret. 0; -ENOTSUP: the relay has
 * no mobility, or there is no allocation; -ENOBUFS. */
int uplink_export(struct uplink *u, struct buf *out,
		  uint64_t now_ms) MUST_CHECK;

#endif
