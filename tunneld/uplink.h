/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink.h - one relayed port: a connection to a relay and the TURN allocation
 * on it, made again when it is lost
 */
#ifndef UPLINK_H
#define UPLINK_H

#include "leg.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay_set;
struct uplink;

/* What every uplink of a worker uses; belongs to the worker. */
struct uplink_env {
	struct leg_env leg;
	struct relay_set *relays; /* replaced on a reload */
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

/* Begins to dial at once. `family` of the relayed address: 4 or 6. NULL with
 * errno. */
struct uplink *uplink_new(struct uplink_env *env, uint8_t family,
			  const struct uplink_events *events,
			  void *arg) MUST_CHECK;
void uplink_free(struct uplink *u);

/* Send, or queue within the queue's bounds while there is no allocation or the
 * link is busy. What is queued in one turn of the loop leaves together. */
void uplink_send(struct uplink *u, const struct endpoint *peer,
		 const uint8_t *data, size_t len, uint64_t now_ms);
/* NULL while there is no allocation. */
const struct endpoint *uplink_relayed(const struct uplink *u);

#endif
