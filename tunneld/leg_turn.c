/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_turn.c - the TURN machine of a leg: made when it is connected, and what
 * comes of it
 */
#include <config.h>

#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "leg.h"
#include "leg_private.h"
#include "leg_ticket.h"
#include "log.h"
#include "loop.h"
#include "relay.h"
#include "stats.h"
#include "turn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the connection to the relayed address; a ticket is either known or
 * not. */
#define ALLOCATE_MS 10000
#define RESUME_MS   6000
/* The TURN machine's events */

static void became_ready(struct leg *l, uint64_t now_ms)
{
	l->state = LEG_STATE_READY;
	stats_add(&l->env->stats->allocations, 1);
	if (l->env->on_first != NULL &&
	    stats_get(&l->env->stats->allocations) == 1)
		l->env->on_first(l->env->arg);
	leg_creds_wipe(l);
	leg_want_flush(l);
	if (l->leaving) {
		turn_release(l->turn, now_ms);
		return;
	}
	l->limit_ms = CLOCK_NEVER;
	if (turn_rtt_us(l->turn) != 0)
		relay_put_rtt(l->relay, turn_rtt_us(l->turn));
	if (relay_worked(l->set, l->relay, now_ms))
		log_event(LOG_LEVEL_INFO, LOG_EVENT_RELAY_WORKS,
			  LOG_ABOUT(.relay = l->relay->name),
			  "relay %s: works again", l->relay->name);
	if (l->events != NULL)
		l->events->on_ready(l->arg, l, now_ms);
}

/* 300: to be followed, or else the reason why not. */
static const char *judge_redirect(struct leg *l)
{
	struct leg_place next;
	const char *why_not = leg_place_follow(
		l->relay, l->place, &l->peer, turn_alternate(l->turn),
		turn_alternate_domain(l->turn), &next);

	if (why_not != NULL)
		return why_not;
	if (l->place == NULL)
		l->place = calloc(1, sizeof(*l->place));
	if (l->place == NULL)
		return "no memory";
	*l->place = next;
	l->end.redirected = true;
	return "to be followed";
}

static void turn_failed(struct leg *l, uint64_t now_ms)
{
	const char *words = NULL, *more = "";
	char line[LEG_LINE_BYTES];
	unsigned int code = turn_error(l->turn, &words);
	enum turn_blame blame = turn_blame(l->turn);

	if (blame == TURN_BLAME_REDIRECT)
		more = judge_redirect(l);
	/* Its own credentials are in the ticket. */
	if (blame == TURN_BLAME_LOGIN && l->resumed)
		blame = TURN_BLAME_ALLOCATION;
	if (blame == TURN_BLAME_LOGIN && code == 401 && l->pair != NULL)
		l->end.new_creds = creds_refused(l->relay->creds,
						 dial_time(l->env->pool),
						 l->pair) &&
				   !l->renewed;
	snprintf(line, sizeof(line), "TURN at %s:%u: %s%s%s", l->relay->host,
		 l->relay->port, words, *more != '\0' ? ": " : "", more);
	leg_fail(l, LEG_CAUSE_TURN + code, blame, line, now_ms);
}

static void on_turn_state(void *arg, enum turn_state state, uint64_t now_ms)
{
	struct leg *l = arg;

	if (state == TURN_STATE_READY)
		became_ready(l, now_ms);
	else if (state == TURN_STATE_FAILED)
		turn_failed(l, now_ms);
}

static void on_turn_data(void *arg, const struct endpoint *peer,
			 const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct leg *l = arg;

	l->media_in_ms = now_ms;
	stats_add(&l->env->stats->datagrams_from_relay, 1);
	if (l->events != NULL)
		l->events->on_data(l->arg, l, peer, data, len, now_ms);
}

static void on_peer_refused(void *arg, const struct endpoint *peer,
			    unsigned int code, uint64_t now_ms)
{
	(void)arg, (void)peer, (void)now_ms;
	log_debug("the relay refuses a peer: %u", code);
}

static void on_round_trip(void *arg, uint32_t rtt_us)
{
	struct leg *l = arg;

	stats_observe(&l->env->stats->round_trip, rtt_us);
	if (l->state == LEG_STATE_READY)
		relay_put_rtt(l->relay, turn_rtt_us(l->turn));
}

static const struct turn_events turn_events = {
	.on_state = on_turn_state,
	.on_data = on_turn_data,
	.on_peer_refused = on_peer_refused,
	.on_round_trip = on_round_trip,
};

/* Connected */

static int make_turn(struct leg *l)
{
	struct turn_opts opts = { .family = l->family,
				  .keepalive_s = relay_keepalive_s(l->relay),
				  .datagram = relay_is_datagram(l->relay),
				  .mobility = l->mobility };

	if (l->ticket != NULL) {
		opts.resume = l->ticket->blob;
		opts.resume_len = l->ticket->len;
	} else {
		opts.username = l->pair->username;
		opts.password = l->pair->password;
	}
	l->turn = turn_new(&opts, &turn_events, l);
	return l->turn == NULL ? -errno : 0;
}

static void on_stream(void *arg, uint32_t events, uint64_t now_ms)
{
	struct leg *l = arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		leg_io_read(l, now_ms);
	leg_want_flush(l);
}

static int start_turn(struct leg *l, uint64_t now_ms)
{
	int err = leg_io_open(l);

	if (err == 0)
		err = make_turn(l);
	if (err == 0)
		err = loop_fd_add(l->env->loop, &l->watch, l->stream.fd,
				  EPOLLIN, on_stream, l);
	if (err < 0)
		return err;
	leg_ticket_free(l->ticket);
	l->ticket = NULL;
	stats_add(&l->env->stats->uplinks, 1);
	l->state = LEG_STATE_ALLOCATING;
	l->last_in_ms = l->last_out_ms = now_ms;
	l->limit_ms = now_ms + (l->resumed ? RESUME_MS : ALLOCATE_MS);
	turn_start(l->turn, now_ms);
	return 0;
}

void leg_begin(struct leg *l, uint64_t now_ms)
{
	int err;

	if (l->failed || l->stream.fd < 0 || l->fetch != NULL)
		return;
	err = start_turn(l, now_ms);
	leg_want_flush(l);
	if (err < 0) {
		leg_fail(l, LEG_CAUSE_INTERNAL,
			 l->resumed ? TURN_BLAME_ALLOCATION : TURN_BLAME_PATH,
			 strerror(-err), now_ms);
		return;
	}
	if (l->events != NULL && l->events->on_connected != NULL)
		l->events->on_connected(l->arg, l, now_ms);
	/* TLS may have read ahead of the descriptor */
	leg_io_read(l, now_ms);
}
