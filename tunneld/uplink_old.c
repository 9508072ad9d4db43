/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink_old.c - legs beside the one that carries: the one before it, which
 * lingers, and a spare one, which waits for a verdict
 */
#include <config.h>

#include "leg.h"
#include "loop.h"
#include "stats.h"
#include "uplink_private.h"

/* How long the old address is listened to after its last datagram. */
#define LINGER_MS 30000
/* What a resumed leg has taken over may still have bytes under way. */
#define LINGER_MOVED_MS 1000

/* The old one */

void uplink_old_drop(struct uplink *u)
{
	struct leg *old = u->old;

	u->old = NULL;
	loop_timer_stop(u->env->leg.loop, &u->linger);
	if (u->old_moved)
		leg_free(old);
	else
		leg_release(old);
}

static void on_linger(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (now_ms < u->old_until_ms)
		loop_timer_set(u->env->leg.loop, &u->linger, u->old_until_ms,
			       on_linger, u);
	else
		uplink_old_drop(u);
}

static void on_old_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	(void)leg, (void)now_ms;
	uplink_old_drop(u);
}

static void on_old_data(void *arg, struct leg *leg, const struct endpoint *peer,
			const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct uplink *u = arg;

	(void)leg;
	if (!u->old_moved) {
		stats_add(&u->env->leg.stats->from_old_address, 1);
		u->old_until_ms = now_ms + LINGER_MS;
	}
	u->events->on_data(u->arg, peer, data, len, now_ms);
}

static void on_batch_only(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	(void)leg;
	u->events->on_batch(u->arg, now_ms);
}

static const struct leg_events old_events = {
	.on_ended = on_old_ended,
	.on_data = on_old_data,
	.on_batch = on_batch_only,
};

void uplink_old_keep(struct uplink *u, struct leg *leg, bool moved,
		     uint64_t now_ms)
{
	if (u->old != NULL)
		uplink_old_drop(u);
	u->old = leg;
	u->old_moved = moved;
	u->old_until_ms = now_ms + (moved ? LINGER_MOVED_MS : LINGER_MS);
	leg_attach(leg, &old_events, u, NULL);
	loop_timer_set(u->env->leg.loop, &u->linger, u->old_until_ms, on_linger,
		       u);
}

/* A spare one */

static void on_spare_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	u->spare = NULL;
	leg_free(leg);
	if (u->doubt == UPLINK_DOUBT_STALLED)
		uplink_begin_race(u, now_ms);
}

static const struct leg_events spare_events = {
	.on_ended = on_spare_ended,
	.on_data = on_old_data, /* has sent to nobody: none comes */
	.on_batch = on_batch_only,
};

void uplink_spare_keep(struct uplink *u, struct leg *leg)
{
	u->spare = leg;
	leg_attach(leg, &spare_events, u, NULL);
}
