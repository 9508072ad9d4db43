/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg.c - the life of one connection to a relay and its allocation
 *
 * Theory of operation. A leg goes through its states once, in their order:
 *
 *   DIALING     the pool makes the connection, TLS included
 *   ALLOCATING  connected; the TURN machine asks for a relayed address
 *   READY       datagrams flow
 *   ENDED       the connection is gone; the owner is told, and frees the leg
 *
 * Any failure leads to ENDED through leg_fail(), which only marks: it may run
 * inside a callback of the TURN machine. The connection is torn down at the
 * end of the turn, in run_flush(), which else writes all that has gathered.
 * Nothing is pipelined before Allocate has succeeded: datagrams wait in the
 * owner's queue. A dial outlives its leg when that is freed meanwhile; so does
 * the relay set with its TLS contexts then.
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
#include "framer.h"
#include "leg_private.h"
#include "log.h"
#include "loop.h"
#include "queue.h"
#include "relay.h"
#include "stats.h"
#include "stream.h"
#include "turn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* For the dial: look-up, TCP, CONNECT, TLS. */
#define DIAL_TIMEOUT_MS 20000
/* For giving the allocation back. */
#define RELEASE_MS 2000

struct leg_dial {
	struct leg *leg; /* NULL: freed */
	struct relay_set *set;
	struct dial_request *req;
};

static void run_flush(void *arg, uint64_t now_ms);

void leg_want_flush(struct leg *l)
{
	loop_defer(l->env->loop, &l->flush, run_flush, l);
}

/* The end */

void leg_fail(struct leg *l, uint32_t cause, const char *words, uint64_t now_ms)
{
	bool news = false;

	if (l->failed)
		return;
	l->failed = true;
	l->end.cause = cause;
	l->end.was_ready = l->state == LEG_STATE_READY;
	if (!l->leaving) {
		stats_add(&l->env->stats->uplink_failures, 1);
		news = relay_failed(l->set, l->relay, RELAY_BLAME_PATH, cause,
				    now_ms);
	}
	log_at(news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "relay %s: %s",
	       l->relay->name, words);
	leg_want_flush(l);
}

static void close_connection(struct leg *l)
{
	if (l->state == LEG_STATE_ALLOCATING || l->state == LEG_STATE_READY)
		stats_sub(&l->env->stats->uplinks, 1);
	if (l->state == LEG_STATE_READY)
		stats_sub(&l->env->stats->allocations, 1);
	l->state = LEG_STATE_ENDED;
	loop_timer_stop(l->env->loop, &l->timer);
	leg_io_close(l);
}

static void end(struct leg *l, uint64_t now_ms)
{
	close_connection(l);
	if (l->leaving)
		leg_free(l);
	else if (l->events != NULL)
		l->events->on_ended(l->arg, l, now_ms);
}

static void on_timer(void *arg, uint64_t now_ms)
{
	struct leg *l = arg;

	if (now_ms >= l->limit_ms)
		leg_fail(l, LEG_CAUSE_ENDED, "the relay takes too long",
			 now_ms);
	else
		turn_tick(l->turn, now_ms);
	if (l->queue != NULL)
		queue_trim(l->queue, now_ms);
	leg_want_flush(l);
}

static void run_flush(void *arg, uint64_t now_ms)
{
	struct leg *l = arg;
	uint64_t at_ms;

	if (l->state == LEG_STATE_ENDED)
		return;
	if (!l->failed && l->turn != NULL)
		leg_io_write(l, now_ms);
	if (l->failed) {
		end(l, now_ms);
		return;
	}
	if (l->turn == NULL)
		return;
	at_ms = turn_deadline_ms(l->turn);
	loop_timer_set(l->env->loop, &l->timer,
		       at_ms < l->limit_ms ? at_ms : l->limit_ms, on_timer, l);
}

/* The TURN machine's events */

static void became_ready(struct leg *l, uint64_t now_ms)
{
	l->state = LEG_STATE_READY;
	stats_add(&l->env->stats->allocations, 1);
	leg_want_flush(l);
	if (l->leaving) {
		turn_release(l->turn, now_ms);
		return;
	}
	if (relay_worked(l->set, l->relay, now_ms))
		log_info("relay %s: works again", l->relay->name);
	if (l->events != NULL)
		l->events->on_ready(l->arg, l, now_ms);
}

static void on_turn_state(void *arg, enum turn_state state, uint64_t now_ms)
{
	struct leg *l = arg;
	const char *words = NULL;
	char line[LEG_LINE_BYTES];
	unsigned int code;

	if (state == TURN_STATE_READY) {
		became_ready(l, now_ms);
	} else if (state == TURN_STATE_FAILED) {
		code = turn_error(l->turn, &words);
		snprintf(line, sizeof(line), "TURN at %s:%u: %s",
			 l->relay->host, l->relay->port, words);
		leg_fail(l, LEG_CAUSE_TURN + code, line, now_ms);
	}
}

static void on_turn_data(void *arg, const struct endpoint *peer,
			 const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct leg *l = arg;

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

static const struct turn_events turn_events = {
	.on_state = on_turn_state,
	.on_data = on_turn_data,
	.on_peer_refused = on_peer_refused,
};

static int make_turn(struct leg *l)
{
	struct creds_pair pair;
	struct turn_opts opts = { .family = l->family,
				  .keepalive_s = relay_keepalive_s(l->relay) };
	int err = creds_make(l->relay->creds, dial_time(l->env->pool), &pair);

	if (err < 0)
		return err;
	opts.username = pair.username;
	opts.password = pair.password;
	l->turn = turn_new(&opts, &turn_events, l);
	err = l->turn == NULL ? -errno : 0;
	creds_pair_wipe(&pair);
	return err;
}

/* Dialing */

static void on_stream(void *arg, uint32_t events, uint64_t now_ms)
{
	struct leg *l = arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		leg_io_read(l, now_ms);
	leg_want_flush(l);
}

static int connected(struct leg *l, struct dial_request *req, uint64_t now_ms)
{
	int err;

	stream_open(&l->stream, req->fd, req->session, false);
	req->fd = -1;
	req->session = NULL;
	err = leg_io_open(l);
	if (err == 0)
		err = make_turn(l);
	if (err == 0)
		err = loop_fd_add(l->env->loop, &l->watch, l->stream.fd,
				  EPOLLIN, on_stream, l);
	if (err < 0)
		return err;
	stats_add(&l->env->stats->uplinks, 1);
	l->state = LEG_STATE_ALLOCATING;
	l->last_in_ms = l->last_out_ms = now_ms;
	turn_start(l->turn, now_ms);
	/* TLS may have read ahead of the descriptor */
	leg_io_read(l, now_ms);
	leg_want_flush(l);
	return 0;
}

static void drop_dial(void *arg)
{
	struct leg_dial *d = arg;

	relay_set_put(d->set);
	free(d);
}

static void on_dialed(void *arg, struct dial_request *req, uint64_t now_ms)
{
	struct leg_dial *d = arg;
	struct leg *l = d->leg;
	int err;

	if (l != NULL) {
		l->dial = NULL;
		err = req->reason == DIAL_OK ? connected(l, req, now_ms) : 0;
		if (req->reason != DIAL_OK)
			leg_fail(l, (uint32_t)req->reason, req->detail, now_ms);
		else if (err < 0)
			leg_fail(l, LEG_CAUSE_INTERNAL, strerror(-err), now_ms);
	}
	dial_request_free(req);
	drop_dial(d);
}

static void fill_request(struct leg *l, struct dial_request *req)
{
	snprintf(req->host, sizeof(req->host), "%s", l->relay->host);
	req->port = l->relay->port;
	if (l->relay->proxy != NULL)
		req->proxy = dial_proxy_get(l->relay->proxy);
	req->tls = l->relay->tls;
	req->timeout_ms = DIAL_TIMEOUT_MS;
	req->alpn_header = true;
	req->loop = l->env->loop;
	req->done = on_dialed;
	req->drop = drop_dial;
}

static int start_dial(struct leg *l)
{
	struct leg_dial *d = calloc(1, sizeof(*d));
	struct dial_request *req = dial_request_new();

	if (d == NULL || req == NULL) {
		free(d);
		dial_request_free(req);
		return -ENOMEM;
	}
	fill_request(l, req);
	*d = (struct leg_dial){ .leg = l,
				.set = relay_set_get(l->set),
				.req = req };
	req->arg = d;
	l->dial = d;
	dial_start(l->env->pool, req);
	return 0;
}

/* Life */

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
	l->set = relay_set_get(opts->set);
	l->relay = opts->relay;
	l->stream.fd = -1;
	l->limit_ms = CLOCK_NEVER;
	err = start_dial(l);
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
	if (l->dial != NULL) {
		l->dial->leg = NULL;
		dial_cancel(l->dial->req);
	}
	close_connection(l);
	loop_defer_cancel(l->env->loop, &l->flush);
	if (l->leaving) {
		*l->prev = l->next;
		if (l->next != NULL)
			l->next->prev = l->prev;
	}
	turn_free(l->turn);
	relay_set_put(l->set);
	free(l);
}

void leg_release(struct leg *l)
{
	uint64_t now_ms;

	if (l == NULL)
		return;
	/* Allocate without an answer: streams take what comes of it along. */
	if (l->failed || l->state == LEG_STATE_DIALING ||
	    l->state == LEG_STATE_ENDED ||
	    (l->state == LEG_STATE_ALLOCATING &&
	     !relay_is_datagram(l->relay))) {
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
	if (queue != NULL)
		leg_want_flush(l);
}

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

void leg_kick(struct leg *l)
{
	if (l->state == LEG_STATE_READY)
		leg_want_flush(l);
}

enum leg_state leg_state(const struct leg *l)
{
	return l->state;
}

const struct endpoint *leg_relayed(const struct leg *l)
{
	return turn_relayed(l->turn);
}

struct relay *leg_relay(const struct leg *l)
{
	return l->relay;
}

struct relay_set *leg_relay_set(const struct leg *l)
{
	return l->set;
}

const struct leg_end *leg_end(const struct leg *l)
{
	return &l->end;
}

bool leg_is_fresh(const struct leg *l)
{
	return !l->used;
}

uint64_t leg_last_in_ms(const struct leg *l)
{
	return l->last_in_ms;
}

uint64_t leg_last_out_ms(const struct leg *l)
{
	return l->last_out_ms;
}
