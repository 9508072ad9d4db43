/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg.c - the life of one connection to a relay and its allocation
 *
 * Theory of operation. A leg goes through its states once, in their order:
 *
 *   DIALING     the pool makes the connection, TLS included, and fetches the
 *               credentials when there are none
 *   ALLOCATING  connected; the TURN machine asks for a relayed address, or to
 *               go on with that of a ticket (RFC 8016)
 *   READY       datagrams flow
 *   ENDED       the connection is gone; the owner is told, and frees the leg
 *
 * Any failure leads to ENDED through leg_fail(), which only marks: it may run
 * inside a callback of the TURN machine. The connection is torn down at the
 * end of the turn, in run_flush(), which else writes all that has gathered.
 * Nothing is pipelined before Allocate has succeeded: datagrams wait in the
 * owner's queue.
 *
 * A leg does not judge silence: it tells its owner (on_silent), who may ask
 * for a sign of life, look for another leg, and keep this one all the same,
 * for what has stalled may come back. The TURN machine has the last word.
 *
 * leg_release() takes the leg from its owner: Refresh with lifetime 0 (RFC
 * 8656, 3.2), and the leg ends when the relay answers or closes, or is given
 * up. Relays that do not see a connection end (datagrams; mobility) would
 * hold the allocation, and count it in the user's quota, for minutes.
 */
#include <config.h>

#include "leg.h"

#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "leg_private.h"
#include "leg_ticket.h"
#include "log.h"
#include "loop.h"
#include "queue.h"
#include "relay.h"
#include "stats.h"
#include "turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* For giving the allocation back. */
#define RELEASE_MS 2000
/* Silence that is nothing special: while media comes in, four round trips,
 * within bounds. */
#define PATIENCE_MIN_MS 300
#define PATIENCE_MAX_MS 1000
#define MEDIA_MS        500 /* media came in within this time */

static void run_flush(void *arg, uint64_t now_ms);

void leg_want_flush(struct leg *l)
{
	loop_defer(l->env->loop, &l->flush, run_flush, l);
}

/* The end */

/* Does the log want to hear of it? Notes the penalty too. */
static bool report(struct leg *l, uint32_t cause, uint64_t now_ms)
{
	static const enum relay_blame blames[] = {
		[TURN_BLAME_PATH] = RELAY_BLAME_PATH,
		[TURN_BLAME_SERVER] = RELAY_BLAME_SERVER,
		[TURN_BLAME_LOGIN] = RELAY_BLAME_LOGIN,
		[TURN_BLAME_REDIRECT] = RELAY_BLAME_SERVER,
		[TURN_BLAME_ALLOCATION] = RELAY_BLAME_PATH,
		[TURN_BLAME_MOBILITY] = RELAY_BLAME_PATH,
	};
	enum turn_blame blame = l->end.blame;

	_Static_assert(ARRAY_SIZE(blames) == TURN_NUM_BLAMES, "a row each");
	if (l->end.redirected || l->end.new_creds)
		return false;
	if (blame == TURN_BLAME_MOBILITY)
		relay_put_mobility(l->set, l->relay, RELAY_MOBILITY_NO);
	if (blame == TURN_BLAME_ALLOCATION || blame == TURN_BLAME_MOBILITY)
		return false;
	if (l->end.was_ready && blame == TURN_BLAME_PATH)
		return relay_lost(l->relay, cause);
	return relay_failed(l->set, l->relay, blames[blame], cause, now_ms);
}

void leg_fail(struct leg *l, uint32_t cause, enum turn_blame blame,
	      const char *words, uint64_t now_ms)
{
	char reason[LEG_CAUSE_NAME_MAX];
	bool news;

	if (l->failed)
		return;
	l->failed = true;
	l->end.cause = cause;
	l->end.blame = blame;
	l->end.was_ready = l->state == LEG_STATE_READY;
	leg_want_flush(l);
	if (l->leaving || l->trial) {
		log_debug("relay %s: %s", l->relay->name, words);
		return;
	}
	if (!l->end.redirected)
		stats_add(&l->env->stats->uplink_failures, 1);
	news = report(l, cause, now_ms);
	log_event(news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
		  LOG_EVENT_RELAY_FAILED,
		  LOG_ABOUT(.relay = l->relay->name,
			    .reason = leg_cause_name(cause, reason)),
		  "relay %s: %s", l->relay->name, words);
}

static void close_connection(struct leg *l)
{
	if (l->state == LEG_STATE_ALLOCATING || l->state == LEG_STATE_READY)
		stats_sub(&l->env->stats->uplinks, 1);
	if (l->state == LEG_STATE_READY)
		stats_sub(&l->env->stats->allocations, 1);
	l->state = LEG_STATE_ENDED;
	loop_timer_stop(l->env->loop, &l->timer);
	leg_dial_cancel(l);
	leg_creds_cancel(l);
	leg_creds_wipe(l);
	leg_io_close(l);
}

/* Whoever cuts connections that are silent for so long does so again. */
static void learn_keepalive(struct leg *l, uint64_t now_ms)
{
	uint32_t before_s = relay_keepalive_s(l->relay);

	if (!l->end.was_ready || (l->end.cause != LEG_CAUSE_ENDED &&
				  l->end.cause != LEG_CAUSE_BROKEN))
		return;
	relay_learn_keepalive(l->relay, l->end.idle_ms, now_ms);
	if (relay_keepalive_s(l->relay) < before_s)
		log_info("relay %s: cut after %llu s of silence; from now on "
			 "something is sent every %u s",
			 l->relay->name,
			 (unsigned long long)(l->end.idle_ms / 1000),
			 relay_keepalive_s(l->relay));
}

static void end(struct leg *l, uint64_t now_ms)
{
	close_connection(l);
	if (l->leaving) {
		leg_free(l);
		return;
	}
	learn_keepalive(l, now_ms);
	if (l->events != NULL)
		l->events->on_ended(l->arg, l, now_ms);
}

/* Time */

uint32_t leg_patience_ms(const struct leg *l, uint64_t now_ms)
{
	uint32_t rtts_ms = turn_rtt_us(l->turn) / 250; /* four of them */

	if (rtts_ms == 0 || now_ms > l->media_in_ms + MEDIA_MS ||
	    rtts_ms > PATIENCE_MAX_MS)
		return PATIENCE_MAX_MS;
	return rtts_ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS : rtts_ms;
}

static uint64_t silence_deadline_ms(const struct leg *l)
{
	if (l->state != LEG_STATE_READY || l->silent_since_ms == 0 ||
	    l->told_silent)
		return CLOCK_NEVER;
	return l->silent_since_ms +
	       leg_patience_ms(l, l->silent_since_ms + MEDIA_MS / 2);
}

static uint64_t deadline_ms(const struct leg *l)
{
	uint64_t at_ms = turn_deadline_ms(l->turn);
	uint64_t silence_ms = silence_deadline_ms(l);

	if (l->limit_ms < at_ms)
		at_ms = l->limit_ms;
	return silence_ms < at_ms ? silence_ms : at_ms;
}

static void on_timer(void *arg, uint64_t now_ms)
{
	struct leg *l = arg;

	if (now_ms >= l->limit_ms)
		leg_fail(l, LEG_CAUSE_SLOW,
			 l->resumed ? TURN_BLAME_ALLOCATION : TURN_BLAME_PATH,
			 "the relay takes too long", now_ms);
	else
		turn_tick(l->turn, now_ms);
	if (l->queue != NULL)
		queue_trim(l->queue, now_ms);
	if (!l->failed && now_ms >= silence_deadline_ms(l)) {
		l->told_silent = true;
		if (l->events != NULL && l->events->on_silent != NULL)
			l->events->on_silent(l->arg, l, now_ms);
	}
	leg_want_flush(l);
}

/* A timer that runs out too early does no harm; moving it with each datagram
 * would cost more than that. */
static void set_timer(struct leg *l)
{
	uint64_t at_ms;

	/* Others may have learned a shorter one. */
	turn_set_keepalive(l->turn, relay_keepalive_s(l->relay));
	at_ms = deadline_ms(l);
	if (l->timer.index == 0 || at_ms < l->timer.deadline_ms)
		loop_timer_set(l->env->loop, &l->timer, at_ms, on_timer, l);
}

static bool has_left(const struct leg *l)
{
	return l->leaving && l->state == LEG_STATE_READY &&
	       l->out_buf.len == l->out_sent &&
	       turn_deadline_ms(l->turn) == CLOCK_NEVER;
}

static void run_flush(void *arg, uint64_t now_ms)
{
	struct leg *l = arg;

	if (l->state == LEG_STATE_ENDED)
		return;
	if (!l->failed && l->turn != NULL)
		leg_io_write(l, now_ms);
	if (l->failed || (l->turn != NULL && has_left(l)))
		end(l, now_ms);
	else if (l->turn != NULL)
		set_timer(l);
}

/* Life */

/* Where to, and what to go on with. */
static int take_opts(struct leg *l, const struct leg_opts *opts)
{
	const struct leg_ticket *t = opts->ticket;
	const struct leg_place *place = t != NULL ? &t->place : opts->place;

	l->resumed = t != NULL;
	l->mobility = opts->mobility || t != NULL;
	l->trial = opts->trial;
	if (place != NULL && place->hops > 0) {
		l->place = malloc(sizeof(*l->place));
		if (l->place == NULL)
			return -ENOMEM;
		*l->place = *place;
	}
	if (t != NULL) {
		l->ticket = malloc(sizeof(*t) + t->len);
		if (l->ticket == NULL)
			return -ENOMEM;
		memcpy(l->ticket, t, sizeof(*t) + t->len);
	}
	return 0;
}

struct leg *leg_new(struct leg_env *env, const struct leg_opts *opts,
		    const struct leg_events *events, void *arg)
{
	struct leg *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return NULL;
	l->env = env;
	l->events = events;
	l->arg = arg;
	l->family = opts->family;
	l->renewed = opts->renewed;
	l->set = relay_set_get(opts->set);
	l->relay = opts->relay;
	l->stream.fd = -1;
	l->limit_ms = CLOCK_NEVER;
	err = take_opts(l, opts);
	if (err == 0 && l->ticket == NULL)
		err = leg_creds_start(l);
	if (err == 0)
		err = leg_dial_start(l, opts->first);
	if (err < 0) {
		leg_free(l);
		errno = -err;
		return NULL;
	}
	return l;
}

void leg_free(struct leg *l)
{
	if (l == NULL)
		return;
	close_connection(l);
	loop_defer_cancel(l->env->loop, &l->flush);
	if (l->leaving) {
		*l->prev = l->next;
		if (l->next != NULL)
			l->next->prev = l->prev;
	}
	turn_free(l->turn);
	leg_ticket_free(l->ticket);
	free(l->place);
	relay_set_put(l->set);
	free(l);
}

/* Something is, or may be, there that the relay would not see end. */
static bool owes_release(const struct leg *l)
{
	if (l->failed || l->state == LEG_STATE_DIALING ||
	    l->state == LEG_STATE_ENDED)
		return false;
	return l->state == LEG_STATE_READY || l->mobility ||
	       relay_is_datagram(l->relay);
}

void leg_release(struct leg *l)
{
	uint64_t now_ms;

	if (l == NULL)
		return;
	if (!owes_release(l)) {
		leg_free(l);
		return;
	}
	now_ms = loop_now_ms(l->env->loop);
	leg_attach(l, NULL, NULL, NULL);
	l->leaving = true;
	l->limit_ms = now_ms + RELEASE_MS;
	l->next = l->env->leaving;
	l->prev = &l->env->leaving;
	if (l->next != NULL)
		l->next->prev = &l->next;
	l->env->leaving = l;
	if (l->state == LEG_STATE_READY)
		turn_release(l->turn, now_ms);
	/* At once: there may be no more turns of the loop. */
	leg_io_write(l, now_ms);
	leg_want_flush(l);
}

void leg_env_fini(struct leg_env *env)
{
	while (env->leaving != NULL)
		leg_free(env->leaving);
}

void leg_attach(struct leg *l, const struct leg_events *events, void *arg,
		struct queue *queue)
{
	l->events = events;
	l->arg = arg;
	l->queue = queue;
	leg_want_flush(l);
}

/* Use */

int leg_send(struct leg *l, const struct endpoint *peer, const uint8_t *data,
	     size_t len, uint64_t now_ms)
{
	if (l->state != LEG_STATE_READY || l->congested || l->failed ||
	    (l->queue != NULL && !queue_empty(l->queue)))
		return -EAGAIN;
	if (leg_io_wrap(l, peer, data, len, now_ms) < 0)
		return -EAGAIN;
	leg_want_flush(l);
	return 0;
}

void leg_set_trial(struct leg *l, bool trial)
{
	l->trial = trial;
}

void leg_kick(struct leg *l)
{
	if (l->state == LEG_STATE_READY)
		leg_want_flush(l);
}

void leg_ping(struct leg *l, uint64_t now_ms)
{
	if (l->state != LEG_STATE_READY || l->failed)
		return;
	turn_ping(l->turn, now_ms);
	leg_want_flush(l);
}

void leg_adopt_peers(struct leg *l, const struct leg *old, uint64_t now_ms)
{
	if (l->turn != NULL && old->turn != NULL)
		turn_adopt_peers(l->turn, old->turn, now_ms);
	l->used |= old->used;
}
