/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink.c - one relayed port that outlives its connections
 *
 * Theory of operation. An uplink has a leg, which carries its datagrams once
 * it is READY, or it waits for a timer to begin with another one (back-off).
 * Until there is a leg that is READY, datagrams wait in the queue with a
 * longer deadline.
 */
#include <config.h>

#include "uplink.h"

#include "leg.h"
#include "loop.h"
#include "queue.h"
#include "relay.h"
#include "stats.h"

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

/* What waits for the first allocation; an ICE check is repeated anyway. */
#define DEADLINE_SETUP_MS 10000
/* … and for the next one: media of before the loss is worth little. */
#define DEADLINE_LOST_MS 1000
#define BACKOFF_MIN_MS   500
#define BACKOFF_MAX_MS   30000

struct uplink {
	struct uplink_env *env;
	const struct uplink_events *events;
	void *arg;
	uint8_t family;
	struct leg *leg; /* NULL: the timer leads to one */
	struct queue *queue;
	struct loop_timer timer;
	unsigned int failures; /* in a row */
};

static void start_leg(void *arg, uint64_t now_ms);

/* A little chance, so that a fleet does not come back as one. */
static uint64_t jitter(uint64_t max_ms)
{
	uint32_t dice = 0;

	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
		return max_ms / 2;
	return dice % max_ms;
}

/* The next attempt: at once after a connection that worked, or when another
 * relay can be tried; else later and later. */
static void schedule_retry(struct uplink *u, bool was_up, uint64_t now_ms)
{
	struct relay *next = relay_choose(u->env->relays, now_ms);
	uint64_t wait_ms = BACKOFF_MIN_MS
			   << (u->failures < 6 ? u->failures : 6);

	if (wait_ms > BACKOFF_MAX_MS)
		wait_ms = BACKOFF_MAX_MS;
	wait_ms = wait_ms * 3 / 4 + jitter(wait_ms / 2);
	if (was_up || (next != NULL && !relay_is_penalised(next, now_ms)))
		wait_ms = 1 + jitter(50);
	u->failures++;
	loop_timer_set(u->env->leg.loop, &u->timer, now_ms + wait_ms, start_leg,
		       u);
}

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	u->failures = 0;
	u->events->on_ready(u->arg, leg_relayed(leg), now_ms);
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;
	bool was_ready = leg_end(leg)->was_ready;

	leg_free(leg);
	u->leg = NULL;
	if (was_ready)
		queue_set_deadline(u->queue, DEADLINE_LOST_MS);
	schedule_retry(u, was_ready, now_ms);
}

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct uplink *u = arg;

	(void)leg;
	u->events->on_data(u->arg, peer, data, len, now_ms);
}

static void on_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct uplink *u = arg;

	(void)leg;
	u->events->on_batch(u->arg, now_ms);
}

static const struct leg_events leg_events = {
	.on_ready = on_ready,
	.on_ended = on_ended,
	.on_data = on_data,
	.on_batch = on_batch,
};

static void start_leg(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;
	struct leg_opts opts = {
		.set = u->env->relays,
		.relay = relay_choose(u->env->relays, now_ms),
		.family = u->family,
	};

	if (opts.relay != NULL)
		u->leg = leg_new(&u->env->leg, &opts, &leg_events, u);
	if (u->leg != NULL)
		leg_attach(u->leg, &leg_events, u, u->queue);
	else /* a reload took the last relay away, or memory is short */
		schedule_retry(u, false, now_ms);
}

struct uplink *uplink_new(struct uplink_env *env, uint8_t family,
			  const struct uplink_events *events, void *arg)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->env = env;
	u->family = family;
	u->events = events;
	u->arg = arg;
	u->queue = queue_new();
	if (u->queue == NULL) {
		free(u);
		errno = ENOMEM;
		return NULL;
	}
	queue_set_deadline(u->queue, DEADLINE_SETUP_MS);
	start_leg(u, loop_now_ms(env->leg.loop));
	return u;
}

void uplink_free(struct uplink *u)
{
	if (u == NULL)
		return;
	loop_timer_stop(u->env->leg.loop, &u->timer);
	leg_release(u->leg);
	stats_add(&u->env->leg.stats->drop_queue, queue_take_drops(u->queue));
	queue_free(u->queue);
	free(u);
}

void uplink_send(struct uplink *u, const struct endpoint *peer,
		 const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (u->leg != NULL && leg_send(u->leg, peer, data, len, now_ms) == 0)
		return;
	queue_push(u->queue, peer, data, len, now_ms);
	if (u->leg != NULL)
		leg_kick(u->leg);
}

const struct endpoint *uplink_relayed(const struct uplink *u)
{
	return u->leg != NULL && leg_state(u->leg) == LEG_STATE_READY
		       ? leg_relayed(u->leg)
		       : NULL;
}
