/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * warm.c - allocations that are ready before a socket needs one
 *
 * Theory of operation. While an app is attached, a race fills the pool up to
 * [relay] warm, one after another. The first allocation of each relay is lent
 * to the test of its mobility (mobility.h) and comes back moved; who needs one
 * meanwhile gets it, and the test has to wait for the next. What fails, or
 * ends soon after it was made, is tried again later and later: no packet waits
 * for it. A relay that has no more for us (486, 508) is left alone for
 * QUOTA_MS: apps need what it still gives. Now and then a race runs in the
 * configured order instead of the remembered one, also when the pool is full,
 * and so finds a better way to a relay without any call that waits for it
 * (relay_retest_due()).
 */
#include <config.h>

#include "warm.h"

#include "leg.h"
#include "leg_ticket.h"
#include "log.h"
#include "loop.h"
#include "mobility.h"
#include "race.h"
#include "relay.h"

#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdlib.h>

#define RETRY_MIN_MS 2000
#define RETRY_MAX_MS 60000
/* After the end of one that was ready; one that had lived so long starts the
 * growth anew. */
#define CUT_MIN_MS 500
#define STEADY_MS  60000
/* RFC 8656, 18 (508): at least a minute. */
#define QUOTA_MS (5 * 60 * 1000)

struct warm {
	struct leg_env *env;
	struct relay_set *relays;
	struct leg *leg[RELAY_WARM_MAX];
	uint64_t since_ms[RELAY_WARM_MAX];
	size_t count;
	struct race *race;         /* that fills it */
	struct leg_ticket *ticket; /* of a leg that was cut: to go on with */
	struct mobility *mobility; /* has one of its legs */
	struct relay *tested;      /* of `relays`: whose that is */
	struct loop_timer refill, idle;
	struct loop_defer fill;
	uint64_t retry_ms; /* the wait after the next failure, … */
	uint64_t cut_ms;   /* … and after the next end of a leg */
	bool attached;
};

static void run_fill(void *arg, uint64_t now_ms);

static void want_fill(struct warm *w)
{
	loop_defer(w->env->loop, &w->fill, run_fill, w);
}

/* As the relay in use has it. */
static size_t wanted(const struct warm *w, uint64_t now_ms)
{
	struct relay *first;

	if (!w->attached || relay_order(w->relays, now_ms,
					RELAY_ORDER_REMEMBERED, &first, 1) == 0)
		return 0;
	return first->warm < RELAY_WARM_MAX ? first->warm : RELAY_WARM_MAX;
}

/* Is there a relay whose mobility is not known? Then one allocation is needed
 * even if none is to be kept. */
static bool must_test(const struct warm *w, uint64_t now_ms)
{
	struct relay *first;

	return w->attached && w->mobility == NULL &&
	       relay_order(w->relays, now_ms, RELAY_ORDER_REMEMBERED, &first,
			   1) > 0 &&
	       !first->no_mobility &&
	       relay_mobility(first) == RELAY_MOBILITY_UNKNOWN;
}

static void end_race(struct warm *w)
{
	race_free(w->race);
	w->race = NULL;
	leg_ticket_free(w->ticket);
	w->ticket = NULL;
}

/* The legs in the pool */

/* Returns since when it was there. */
static uint64_t drop(struct warm *w, struct leg *leg)
{
	uint64_t since_ms;
	size_t i = 0;

	while (w->leg[i] != leg)
		i++;
	since_ms = w->since_ms[i];
	w->count--;
	w->leg[i] = w->leg[w->count];
	w->since_ms[i] = w->since_ms[w->count];
	return since_ms;
}

static void refill_in(struct warm *w, uint64_t wait_ms, uint64_t now_ms);

static uint64_t grown(uint64_t wait_ms)
{
	return wait_ms * 2 < RETRY_MAX_MS ? wait_ms * 2 : RETRY_MAX_MS;
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct warm *w = arg;

	if (now_ms >= drop(w, leg) + STEADY_MS)
		w->cut_ms = CUT_MIN_MS;
	/* A relay with mobility holds the allocation, and counts it. */
	if (w->ticket == NULL && w->race == NULL)
		w->ticket = leg_ticket_new(leg, now_ms);
	leg_free(leg);
	if (w->refill.index != 0)
		return; /* several at once count as one */
	refill_in(w, w->cut_ms, now_ms);
	w->cut_ms = grown(w->cut_ms);
}

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

/* Nobody knows its address yet. */
static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)peer, (void)data, (void)len, (void)now_ms;
}

static void on_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static const struct leg_events leg_events = {
	.on_ready = on_ready,
	.on_ended = on_ended,
	.on_data = on_data,
	.on_batch = on_batch,
};

/* Made with what is still in force? A discovery hands out a new set, in which
 * most is as it was. NULL: no. */
static struct relay *still_there(const struct warm *w, const struct leg *leg)
{
	const struct relay *then = leg_relay(leg);
	char key[RELAY_KEY_MAX + 1];
	struct relay *now;

	relay_key(then, key);
	now = relay_find(w->relays, key);
	return now != NULL && now->creds == then->creds &&
			       now->tls == then->tls &&
			       now->egress == then->egress
		       ? now
		       : NULL;
}

/* One that another way than that of `by` has made, or NULL. */
static struct leg *outdated(const struct warm *w, const struct leg *by)
{
	for (size_t i = 0; i < w->count; i++) {
		if (still_there(w, w->leg[i]) != still_there(w, by))
			return w->leg[i];
	}
	return NULL;
}

static void keep(struct warm *w, struct leg *leg, uint64_t now_ms)
{
	size_t want = wanted(w, now_ms);
	struct leg *old = outdated(w, leg);

	if (w->count >= want && (want == 0 || old == NULL)) {
		leg_release(leg);
		return;
	}
	if (w->count >= want) {
		(void)drop(w, old);
		leg_release(old);
	}
	leg_attach(leg, &leg_events, w, NULL);
	w->leg[w->count] = leg;
	w->since_ms[w->count++] = now_ms;
}

/* Mobility */

static void on_tested(void *arg, enum relay_mobility verdict, struct leg *leg,
		      uint64_t now_ms)
{
	struct warm *w = arg;

	mobility_free(w->mobility);
	w->mobility = NULL;
	if (verdict == RELAY_MOBILITY_UNKNOWN) {
		refill_in(w, w->retry_ms, now_ms);
		w->retry_ms = grown(w->retry_ms);
		return;
	}
	relay_put_mobility(w->relays, w->tested, verdict);
	log_info("relay %s: relayed addresses %s", w->tested->name,
		 verdict == RELAY_MOBILITY_YES
			 ? "outlive their connections (mobility)"
			 : "end with their connections (no mobility)");
	if (leg != NULL)
		keep(w, leg, now_ms);
	want_fill(w);
}

/* True: the leg is taken. */
static bool test_mobility(struct warm *w, struct leg *leg)
{
	struct relay *relay = leg_relay(leg);

	if (w->mobility != NULL || relay->no_mobility ||
	    relay_mobility(relay) != RELAY_MOBILITY_UNKNOWN ||
	    leg_relay_set(leg) != w->relays)
		return false;
	if (!leg_is_mobile(leg)) {
		relay_put_mobility(w->relays, relay, RELAY_MOBILITY_NO);
		return false;
	}
	w->tested = relay;
	w->mobility = mobility_new(w->env, leg, on_tested, w);
	return true; /* else it was given back */
}

/* Filling */

static void on_won(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct warm *w = arg;

	end_race(w);
	if (relay_mobility(leg_relay(leg)) != RELAY_MOBILITY_UNKNOWN)
		w->retry_ms = RETRY_MIN_MS;
	if (!test_mobility(w, leg))
		keep(w, leg, now_ms);
	want_fill(w);
}

static void on_refill(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	want_fill(arg);
}

static void refill_in(struct warm *w, uint64_t wait_ms, uint64_t now_ms)
{
	loop_timer_set(w->env->loop, &w->refill, now_ms + wait_ms, on_refill,
		       w);
}

/* 486 or 508 (RFC 8656, 19): a relay was reached, and has no more for us? */
static bool is_over_quota(const struct warm *w)
{
	for (size_t i = 0; i < w->relays->count; i++) {
		uint32_t cause = relay_failing(&w->relays->relay[i]);

		if (cause == LEG_CAUSE_TURN + 486 ||
		    cause == LEG_CAUSE_TURN + 508)
			return true;
	}
	return false;
}

static void on_lost(void *arg, bool refused, uint64_t now_ms)
{
	struct warm *w = arg;

	end_race(w);
	if (refused) { /* the ticket, not us */
		want_fill(w);
		return;
	}
	refill_in(w, is_over_quota(w) ? QUOTA_MS : w->retry_ms, now_ms);
	w->retry_ms = grown(w->retry_ms);
}

static const struct race_events race_events = {
	.on_won = on_won,
	.on_lost = on_lost,
};

static void start_race(struct warm *w, enum relay_order_mode mode)
{
	struct race_opts opts = {
		.set = w->relays,
		.family = ENDPOINT_IPV4,
		.mode = mode,
		.ticket = w->ticket,
	};

	w->race = race_new(w->env, &opts, &race_events, w);
}

static void run_fill(void *arg, uint64_t now_ms)
{
	struct warm *w = arg;
	size_t lent = w->mobility != NULL ? 1 : 0, want = wanted(w, now_ms);

	while (w->count > want)
		leg_release(w->leg[--w->count]);
	if (w->race != NULL || w->refill.index != 0)
		return;
	if (want > 0 && relay_retest_due(w->relays, now_ms))
		start_race(w, RELAY_ORDER_RETEST);
	else if (w->count + lent < want || must_test(w, now_ms))
		start_race(w, RELAY_ORDER_REMEMBERED);
}

/* The owner's calls */

static void on_idle(void *arg, uint64_t now_ms)
{
	struct warm *w = arg;

	(void)now_ms;
	w->attached = false;
	end_race(w);
	want_fill(w);
}

void warm_attach(struct warm *w, uint64_t now_ms)
{
	loop_timer_set(w->env->loop, &w->idle, now_ms + WARM_IDLE_MS, on_idle,
		       w);
	w->attached = true;
	want_fill(w);
}

struct leg *warm_take(struct warm *w, uint8_t family, uint64_t now_ms)
{
	struct leg *leg;

	(void)now_ms;
	for (size_t i = w->count; i-- > 0;) {
		leg = w->leg[i];
		if (leg_state(leg) != LEG_STATE_READY ||
		    leg_relayed(leg)->family != family)
			continue;
		(void)drop(w, leg);
		want_fill(w);
		return leg;
	}
	leg = w->mobility != NULL && family == ENDPOINT_IPV4
		      ? mobility_take_back(w->mobility)
		      : NULL;
	if (leg != NULL) {
		mobility_free(w->mobility);
		w->mobility = NULL;
		want_fill(w);
	}
	return leg;
}

bool warm_give(struct warm *w, struct leg *leg, uint64_t now_ms)
{
	if (leg_state(leg) != LEG_STATE_READY || !leg_is_fresh(leg) ||
	    still_there(w, leg) == NULL || w->count >= wanted(w, now_ms))
		return false;
	keep(w, leg, now_ms);
	return true;
}

static void stop_work(struct warm *w)
{
	end_race(w);
	mobility_free(w->mobility);
	w->mobility = NULL;
	loop_timer_stop(w->env->loop, &w->refill);
	w->retry_ms = RETRY_MIN_MS;
	w->cut_ms = CUT_MIN_MS;
}

static void empty(struct warm *w)
{
	stop_work(w);
	while (w->count > 0)
		leg_release(w->leg[--w->count]);
}

void warm_reload(struct warm *w, struct relay_set *relays, uint64_t now_ms)
{
	struct relay_set *old = w->relays;

	(void)now_ms;
	if (relays == old)
		return;
	stop_work(w);
	w->relays = relay_set_get(relays);
	relay_set_put(old);
	for (size_t i = w->count; i-- > 0;) {
		struct leg *leg = w->leg[i];

		if (still_there(w, leg) != NULL)
			continue;
		(void)drop(w, leg);
		leg_release(leg);
	}
	want_fill(w);
}

void warm_renew(struct warm *w, uint64_t now_ms)
{
	(void)now_ms;
	empty(w);
	want_fill(w);
}

struct warm *warm_new(struct leg_env *env, struct relay_set *relays)
{
	struct warm *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->env = env;
	w->relays = relay_set_get(relays);
	w->retry_ms = RETRY_MIN_MS;
	w->cut_ms = CUT_MIN_MS;
	return w;
}

void warm_free(struct warm *w)
{
	if (w == NULL)
		return;
	empty(w);
	loop_timer_stop(w->env->loop, &w->idle);
	loop_defer_cancel(w->env->loop, &w->fill);
	relay_set_put(w->relays);
	free(w);
}
