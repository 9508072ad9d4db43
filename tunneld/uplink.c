/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink.c - one relayed port that outlives its connections
 *
 * Theory of operation. `leg` carries the uplink's datagrams. While there is
 * none, they wait in the queue with a longer deadline, and one of two things
 * is under way: a race for a leg, or a timer that begins one (back-off). A leg
 * that ends is replaced, in this order:
 *
 *   spare    it had stalled, and another is READY already
 *   resume   its allocation has a ticket (RFC 8016): a race of legs that go on
 *            with it, which keeps the relayed address. If that takes long,
 *            new allocations join in; if the relay does not know the ticket,
 *            they take over.
 *   warm     somebody keeps READY legs
 *   new      a race of legs with new allocations
 *
 * A leg that is silent is doubted (uplink_doubt.c): another is made beside it
 * (make before break). With a ticket it takes over as soon as it is READY, for
 * the relayed address stays. Without, the app would see a new address, which
 * some only survive by a restart of ICE: so the old leg gets
 * a few seconds to come back.
 *
 * The leg that was replaced lingers, since peers that do not know of the new
 * address yet go on sending to the old one: some never learn it (aiortc,
 * libnice; facts/proto-udp.md, P8), and are heard as long as they speak.
 */
#include <config.h>

#include "uplink.h"

#include "buf.h"
#include "leg.h"
#include "leg_ticket.h"
#include "log.h"
#include "loop.h"
#include "queue.h"
#include "race.h"
#include "relay.h"
#include "stats.h"
#include "uplink_private.h"

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

/* What waits for the first allocation; an ICE check is repeated anyway. */
#define DEADLINE_SETUP_MS 10000
/* … and for the next one: media of before the loss is worth little. */
#define DEADLINE_LOST_MS 1000
#define BACKOFF_MIN_MS   500
#define BACKOFF_MAX_MS   30000
/* Right after a loss, when whatever it was may pass: a proxy starts anew. */
#define BACKOFF_LOST_MS 1000
#define LOST_RECENT_MS  10000
/* So that a fleet does not come back as one. */
#define JITTER_MS 50
/* A leg that carried for less does not count as success; else a relay that
 * takes allocations and then ends them would be asked without a pause. */
#define LIFE_MIN_MS 1000
/* How long the old address is worth more than any address; and where it is not
 * known whether it can be kept, or in each later attempt. */
#define RESUME_MS     3000
#define RESUME_MIN_MS 1000
#define NUDGE_MS      500

static void on_retry(void *arg, uint64_t now_ms);

static uint64_t jitter(uint64_t max_ms)
{
	uint32_t dice = 0;

	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
		return max_ms / 2;
	return dice % max_ms;
}

static struct worker_stats *stats(const struct uplink *u)
{
	return u->env->leg.stats;
}

/* The leg that carries */

static void on_leg_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)leg;
	uplink_lost(arg, now_ms);
}

static void on_leg_silent(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)leg;
	uplink_doubt_begin(arg, UPLINK_PING_MS, now_ms);
}

static void on_leg_data(void *arg, struct leg *leg, const struct endpoint *peer,
			const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct uplink *u = arg;

	(void)leg;
	u->events->on_data(u->arg, peer, data, len, now_ms);
}

static void on_leg_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	u->events->on_batch(u->arg, now_ms);
	if (u->doubt != UPLINK_DOUBT_NONE && leg_last_in_ms(leg) >= now_ms)
		uplink_doubt_end(u, now_ms);
}

static const struct leg_events carrying_events = {
	.on_ended = on_leg_ended,
	.on_silent = on_leg_silent,
	.on_data = on_leg_data,
	.on_batch = on_leg_batch,
};

static void note_address(struct uplink *u, const struct leg *leg)
{
	const struct endpoint *relayed = leg_relayed(leg);

	if (leg_is_resumed(leg)) {
		u->resumptions++;
		stats_add(&stats(u)->legs_resumed, 1);
	}
	if (u->relayed.family != ENDPOINT_NONE &&
	    !endpoint_equal(&u->relayed, relayed)) {
		u->changes++;
		stats_add(&stats(u)->address_changes, 1);
	}
	u->relayed = *relayed;
}

static void carry(struct uplink *u, struct leg *leg, uint64_t now_ms)
{
	u->leg = leg;
	u->doubt = UPLINK_DOUBT_NONE;
	u->unproven = false;
	u->changed = false;
	u->failures = 0;
	u->lost_ms = 0;
	u->carried_ms = now_ms;
	loop_timer_stop(u->env->leg.loop, &u->watch);
	note_address(u, leg);
	leg_attach(leg, &carrying_events, u, u->queue);
}

static void carry_and_tell(struct uplink *u, struct leg *leg, uint64_t now_ms)
{
	carry(u, leg, now_ms);
	u->events->on_ready(u->arg, leg_relayed(leg), now_ms);
}

void uplink_switch(struct uplink *u, struct leg *leg, uint64_t now_ms)
{
	struct leg *old = u->leg;
	bool moved = leg_is_resumed(leg) &&
		     endpoint_equal(leg_relayed(leg), leg_relayed(old));

	if (moved)
		leg_adopt_peers(leg, old, now_ms);
	u->refused += leg_refused(old);
	uplink_old_keep(u, old, moved, now_ms);
	carry_and_tell(u, leg, now_ms);
}

void uplink_put_away(struct uplink *u, struct leg *leg, uint64_t now_ms)
{
	if (leg == NULL)
		return;
	if (leg_is_fresh(leg) && leg_state(leg) == LEG_STATE_READY &&
	    u->env->warm_give != NULL &&
	    u->env->warm_give(u->env->arg, leg, now_ms))
		return;
	leg_release(leg);
}

static struct leg *warm_leg(struct uplink *u, uint64_t now_ms)
{
	if (u->env->warm_take == NULL)
		return NULL;
	return u->env->warm_take(u->env->arg, u->family, now_ms);
}

static bool take_warm(struct uplink *u, uint64_t now_ms)
{
	struct leg *leg = warm_leg(u, now_ms);

	if (leg == NULL)
		return false;
	carry_and_tell(u, leg, now_ms);
	/* What ended the other may have ended this one. */
	uplink_doubt_begin(u, UPLINK_PING_CHANGED_MS, now_ms);
	u->unproven = true;
	return true;
}

/* Races */

static void schedule_retry(struct uplink *u, uint64_t now_ms)
{
	uint64_t wait_ms = BACKOFF_MIN_MS
			   << (u->failures < 6 ? u->failures : 6);
	uint64_t max_ms = BACKOFF_MAX_MS;

	if (u->lost_ms != 0 && now_ms < u->lost_ms + LOST_RECENT_MS)
		max_ms = BACKOFF_LOST_MS;
	if (wait_ms > max_ms)
		wait_ms = max_ms;
	u->failures++;
	loop_timer_set(u->env->leg.loop, &u->retry,
		       now_ms + wait_ms * 3 / 4 + jitter(wait_ms / 2), on_retry,
		       u);
}

static void drop_ticket(struct uplink *u)
{
	leg_ticket_free(u->ticket);
	u->ticket = NULL;
}

static void on_won(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	uplink_end_race(u);
	drop_ticket(u);
	if (u->leg == NULL) {
		carry_and_tell(u, leg, now_ms);
		return;
	}
	if (leg_is_resumed(leg)) {
		uplink_put_away(u, u->spare, now_ms);
		u->spare = NULL;
		uplink_switch(u, leg, now_ms);
		return;
	}
	u->failures = 0;
	uplink_spare_keep(u, leg);
	uplink_doubt_decide(u, now_ms);
}

static void on_lost(void *arg, bool refused, uint64_t now_ms)
{
	struct uplink *u = arg;

	uplink_end_race(u);
	if (refused)
		drop_ticket(u);
	if (u->leg != NULL && u->doubt != UPLINK_DOUBT_STALLED) {
		drop_ticket(u);
		return;
	}
	if (refused && u->leg == NULL && take_warm(u, now_ms))
		return;
	if (refused)
		uplink_begin_race(u, now_ms);
	else
		schedule_retry(u, now_ms);
}

static const struct race_events race_events = {
	.on_won = on_won,
	.on_lost = on_lost,
};

/* When the old address has had its chance. */
static uint64_t fresh_due_ms(const struct uplink *u, uint64_t now_ms)
{
	uint64_t since_ms = u->lost_ms != 0 ? u->lost_ms : now_ms;
	uint64_t at_ms = since_ms +
			 (u->ticket->proven ? RESUME_MS : RESUME_MIN_MS);

	return at_ms > now_ms + RESUME_MIN_MS ? at_ms : now_ms + RESUME_MIN_MS;
}

void uplink_begin_race(struct uplink *u, uint64_t now_ms)
{
	struct race_opts opts = { .set = u->env->relays,
				  .family = u->family,
				  .ticket = u->ticket };

	loop_timer_stop(u->env->leg.loop, &u->retry);
	u->race = race_new(&u->env->leg, &opts, &race_events, u);
	if (u->race == NULL)
		schedule_retry(u, now_ms);
	else if (u->ticket != NULL)
		loop_timer_set(u->env->leg.loop, &u->retry,
			       fresh_due_ms(u, now_ms), on_retry, u);
}

void uplink_end_race(struct uplink *u)
{
	loop_timer_stop(u->env->leg.loop, &u->retry);
	race_free(u->race);
	u->race = NULL;
}

static void on_retry(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (u->race == NULL)
		uplink_begin_race(u, now_ms);
	/* The race goes on beside a warm leg: the old address is worth it. */
	else if (u->leg != NULL || !take_warm(u, now_ms))
		race_add_fresh(u->race, now_ms);
}

/* Loss */

static void begin_soon(struct uplink *u, uint64_t now_ms)
{
	uint64_t wait_ms = 1 + jitter(JITTER_MS);

	if (u->short_lives > 0)
		wait_ms += jitter((uint64_t)JITTER_MS
				  << (u->short_lives < 3 ? u->short_lives : 3));
	loop_timer_set(u->env->leg.loop, &u->retry, now_ms + wait_ms, on_retry,
		       u);
}

void uplink_lost(struct uplink *u, uint64_t now_ms)
{
	struct leg *leg = u->leg, *spare = u->spare;

	u->losses++;
	u->refused += leg_refused(leg);
	stats_add(&stats(u)->legs_lost, 1);
	if (u->race == NULL && leg_end(leg)->blame != TURN_BLAME_ALLOCATION) {
		drop_ticket(u);
		u->ticket = leg_ticket_new(leg, now_ms);
	}
	if (now_ms < u->carried_ms + LIFE_MIN_MS)
		u->short_lives++;
	else
		u->short_lives = 0;
	leg_free(leg);
	u->leg = NULL;
	u->spare = NULL;
	u->doubt = UPLINK_DOUBT_NONE;
	u->lost_ms = now_ms;
	loop_timer_stop(u->env->leg.loop, &u->watch);
	queue_set_deadline(u->queue, DEADLINE_LOST_MS);
	if (spare != NULL)
		carry_and_tell(u, spare, now_ms);
	else if (u->race == NULL &&
		 (u->ticket != NULL || !take_warm(u, now_ms)))
		begin_soon(u, now_ms);
}

/* Life */

struct uplink *uplink_new(struct uplink_env *env,
			  const struct uplink_opts *opts,
			  const struct uplink_events *events, void *arg)
{
	struct uplink *u = calloc(1, sizeof(*u));
	uint64_t now_ms = loop_now_ms(env->leg.loop);
	struct leg *warm = NULL;

	if (u == NULL)
		return NULL;
	u->env = env;
	u->family = opts->family;
	u->events = events;
	u->arg = arg;
	u->queue = queue_new();
	if (u->queue == NULL) {
		free(u);
		errno = ENOMEM;
		return NULL;
	}
	queue_set_deadline(u->queue, DEADLINE_SETUP_MS);
	if (opts->resume != NULL)
		u->ticket = leg_ticket_decode(opts->resume, opts->resume_len);
	if (u->ticket != NULL && u->ticket->family != u->family)
		drop_ticket(u);
	if (u->ticket == NULL)
		warm = warm_leg(u, now_ms);
	if (warm != NULL)
		carry(u, warm, now_ms);
	else
		uplink_begin_race(u, now_ms);
	return u;
}

void uplink_free(struct uplink *u)
{
	uint64_t now_ms;

	if (u == NULL)
		return;
	now_ms = loop_now_ms(u->env->leg.loop);
	uplink_end_race(u);
	loop_timer_stop(u->env->leg.loop, &u->watch);
	if (u->old != NULL)
		uplink_old_drop(u);
	uplink_put_away(u, u->spare, now_ms);
	if (u->exported)
		leg_free(u->leg);
	else
		uplink_put_away(u, u->leg, now_ms);
	drop_ticket(u);
	queue_count_drops(u->queue, stats(u));
	queue_free(u->queue);
	free(u);
}

/* A way whose penalty is over is worth a try before the back-off is. */
static void nudge(struct uplink *u, uint64_t now_ms)
{
	struct relay *best;

	if (u->race != NULL || now_ms < u->nudged_ms + NUDGE_MS)
		return;
	u->nudged_ms = now_ms;
	if (u->env->relays != NULL &&
	    relay_order(u->env->relays, now_ms, RELAY_ORDER_REMEMBERED, &best,
			1) == 1 &&
	    !relay_is_penalised(best, now_ms) &&
	    u->retry.deadline_ms > now_ms + NUDGE_MS)
		uplink_begin_race(u, now_ms);
}

void uplink_send(struct uplink *u, const struct endpoint *peer,
		 const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (u->leg != NULL && leg_send(u->leg, peer, data, len, now_ms) == 0)
		return;
	queue_push(u->queue, peer, data, len, now_ms);
	if (u->leg != NULL)
		leg_kick(u->leg);
	else
		nudge(u, now_ms);
}

const struct endpoint *uplink_relayed(const struct uplink *u)
{
	return u->leg != NULL ? leg_relayed(u->leg) : NULL;
}

struct leg *uplink_leg(const struct uplink *u)
{
	return u->leg;
}

void uplink_reload(struct uplink *u, uint64_t now_ms)
{
	u->failures = 0;
	if (u->leg == NULL && u->race == NULL)
		uplink_begin_race(u, now_ms);
}

int uplink_export(struct uplink *u, struct buf *out, uint64_t now_ms)
{
	struct leg_ticket *t = u->ticket;
	int err;

	if (u->leg != NULL)
		t = leg_ticket_new(u->leg, now_ms);
	if (t == NULL)
		return -ENOTSUP;
	err = leg_ticket_encode(t, out);
	if (t != u->ticket)
		leg_ticket_free(t);
	u->exported = err == 0;
	return err;
}
