/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * race.h - several ways to the relays at once, the first READY wins
 * (RFC 8305, 5, with whole allocations for connections)
 */
#ifndef RACE_H
#define RACE_H

#include "relay.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct leg;
struct leg_env;
struct leg_ticket;
struct race;

/* A firewall may drop UDP, DTLS, TCP and TLS without a word, and none of them
 * may keep the proxy's way waiting for a place. */
#define RACE_LEGS_MAX   8
#define RACE_STAGGER_MS 250 /* RFC 8305, 8: Connection Attempt Delay */
/* … behind a way that is a mere chance (relay.optional) and has never worked:
 * all of them are tried before the half second is over that media may wait
 * for the first time in a network. What wins is remembered. */
#define RACE_CHANCE_STAGGER_MS 80
#define RACE_ENTRIES_MAX       64

struct race_opts {
	struct relay_set *set; /* a reference is taken */
	uint8_t family;        /* of the relayed address: 4 or 6 */
	enum relay_order_mode mode;
	/* NULL, or: go on with that allocation, on all ways to its server.
	 * Borrowed as long as the race lives. */
	const struct leg_ticket *ticket;
	/* NULL, or: ways to the relays of this name alone. Borrowed. */
	const char *only;
	bool trial; /* its legs are: leg_set_trial() */
};

/* Each ends the race, which may be freed inside. */
struct race_events {
	/* The leg is the owner's now: leg_attach(). The others are gone. */
	void (*on_won)(void *arg, struct leg *leg, uint64_t now_ms);
	/* All have failed. `refused`: the server does not know the ticket. */
	void (*on_lost)(void *arg, bool refused, uint64_t now_ms);
};

/* The first leg begins at once; the next one RACE_STAGGER_MS or
 * RACE_CHANCE_STAGGER_MS after the last, or at once when one fails. Nothing is
 * told before the function has returned. NULL: no memory. */
struct race *race_new(struct leg_env *env, const struct race_opts *opts,
		      const struct race_events *events, void *arg) MUST_CHECK;
void race_free(struct race *r); /* NULL is fine; gives back what it has got */

/* Beside those that resume: legs with allocations of their own, from now on.
 * Once. */
void race_add_fresh(struct race *r, uint64_t now_ms);
/* Why the last leg has failed (leg.h); 0: none has. */
uint32_t race_cause(const struct race *r);
/* A ticket has been sent: the allocation may have moved already, so the old
 * leg cannot be trusted to keep it. */
bool race_is_committed(const struct race *r);

#endif
