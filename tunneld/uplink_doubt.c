/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink_doubt.c - is the leg that carries still alive?
 *
 * Turns silence into a question, a question without an answer into a second
 * leg, and both into a decision which of the two carries.
 *
 * Theory of operation. A leg that has written something and hears nothing for
 * its patience is ASKED for a sign of life. If none comes, it has STALLED: a
 * race makes another leg, while the first is used as before, for a link that
 * has lost packets comes back within seconds. Anything that it says ends the
 * doubt, and the other leg is put away. Else the other takes over: at once
 * when it has kept the relayed address; when not, after so long a silence that
 * the app would be about to give the path up itself. A race whose ticket has
 * been sent is left to its end in any case: the relay may have moved the
 * allocation already.
 */
#include <config.h>

#include "addr.h"
#include "leg.h"
#include "leg_ticket.h"
#include "loop.h"
#include "race.h"
#include "stats.h"
#include "uplink_private.h"

#include <string.h>

/* A new address costs more than this silence: links stall for 3 s. */
#define VERDICT_MS 4000
/* … but after a change of the network it is no mere stall. */
#define VERDICT_CHANGED_MS 1500

static void on_watch(void *arg, uint64_t now_ms);

static void watch(struct uplink *u, uint64_t at_ms)
{
	loop_timer_set(u->env->leg.loop, &u->watch, at_ms, on_watch, u);
}

static uint64_t verdict_ms(const struct uplink *u)
{
	return u->doubt_ms + (u->changed ? VERDICT_CHANGED_MS : VERDICT_MS);
}

void uplink_doubt_begin(struct uplink *u, uint32_t patience_ms, uint64_t now_ms)
{
	if (u->doubt != UPLINK_DOUBT_NONE)
		return;
	u->doubt = UPLINK_DOUBT_ASKED;
	u->doubt_ms = leg_silent_since_ms(u->leg);
	if (u->doubt_ms == 0)
		u->doubt_ms = now_ms;
	leg_ping(u->leg, now_ms);
	watch(u, now_ms + patience_ms);
}

void uplink_doubt_decide(struct uplink *u, uint64_t now_ms)
{
	struct leg *spare = u->spare;

	if (u->doubt == UPLINK_DOUBT_NONE) { /* it has come back meanwhile */
		u->spare = NULL;
		uplink_put_away(u, spare, now_ms);
	} else if (now_ms < verdict_ms(u)) {
		watch(u, verdict_ms(u));
	} else {
		u->spare = NULL;
		uplink_switch(u, spare, now_ms);
	}
}

static void stalled(struct uplink *u, uint64_t now_ms)
{
	u->doubt = UPLINK_DOUBT_STALLED;
	stats_add(&u->env->leg.stats->stalls, 1);
	if (u->race != NULL)
		return;
	leg_ticket_free(u->ticket);
	u->ticket = leg_ticket_new(u->leg, now_ms);
	uplink_begin_race(u, now_ms);
}

static void on_watch(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (u->doubt == UPLINK_DOUBT_ASKED && u->unproven)
		uplink_lost(u, now_ms);
	else if (u->doubt == UPLINK_DOUBT_ASKED)
		stalled(u, now_ms);
	else if (u->spare != NULL)
		uplink_doubt_decide(u, now_ms);
}

void uplink_doubt_end(struct uplink *u, uint64_t now_ms)
{
	struct leg *spare = u->spare;

	u->doubt = UPLINK_DOUBT_NONE;
	u->unproven = false;
	u->changed = false;
	loop_timer_stop(u->env->leg.loop, &u->watch);
	u->spare = NULL;
	uplink_put_away(u, spare, now_ms);
	if (u->race != NULL && race_is_committed(u->race))
		return;
	uplink_end_race(u);
	leg_ticket_free(u->ticket);
	u->ticket = NULL;
}

/* The network */

static bool is_gone(const struct leg *leg, const struct endpoint *addrs,
		    size_t count)
{
	const struct endpoint *local = leg_local(leg);

	if (local->family == ENDPOINT_NONE || addr_is_loopback(local))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (addrs[i].family == local->family &&
		    memcmp(addrs[i].ip, local->ip, sizeof(local->ip)) == 0)
			return false;
	}
	return true;
}

void uplink_network_changed(struct uplink *u, const struct endpoint *addrs,
			    size_t count, uint64_t now_ms)
{
	u->failures = 0;
	u->short_lives = 0;
	if (u->race != NULL && !race_is_committed(u->race)) {
		uplink_end_race(u);
		uplink_begin_race(u, now_ms);
	}
	if (u->leg == NULL) {
		if (u->race == NULL)
			uplink_begin_race(u, now_ms);
		return;
	}
	if (is_gone(u->leg, addrs, count)) {
		uplink_lost(u, now_ms);
		return;
	}
	uplink_doubt_begin(u, UPLINK_PING_CHANGED_MS, now_ms);
	u->changed = true;
}
