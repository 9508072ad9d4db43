/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uplink.c - datagrams into TURN ChannelData on a stream, and back
 *
 * Theory of operation. An uplink is always in one of four states:
 *
 *   WAITING     no connection; a timer leads to DIALING (back-off)
 *   DIALING     the pool makes the connection, TLS included
 *   ALLOCATING  connected; the TURN machine asks for a relayed address
 *   READY       datagrams flow
 *
 * and every failure leads back to WAITING through fail(), which only marks:
 * the connection is torn down at the end of the turn, because fail() may run
 * inside a callback of the TURN machine. Until READY, datagrams wait in the
 * queue with a longer deadline; nothing is pipelined before Allocate has
 * succeeded. flush() runs once at the end of a turn and writes all that has
 * gathered as one TLS record. While the kernel takes no more, `out` is left
 * as it is (TLS wants the same bytes again) and the queue does the waiting.
 */
#include <config.h>

#include "uplink.h"

#include "buf.h"
#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "framer.h"
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

#include <sys/random.h>

/* One TLS record (RFC 8446, 5.1: 2^14) and no more in one write. */
#define OUT_BYTES 16384
/* A record is unreadable until its last byte is there: small ones when the
 * link is the bottleneck. */
#define OUT_BYTES_CONGESTED 2800
/* Reads per wake-up, so that one busy flow does not starve the others. */
#define READS_PER_WAKEUP 8
/* What waits for the first allocation; an ICE check is repeated anyway. */
#define DEADLINE_SETUP_MS 10000
/* … and for the next one: media of before the loss is worth little. */
#define DEADLINE_LOST_MS 1000
#define BACKOFF_MIN_MS   500
#define BACKOFF_MAX_MS   30000
/* A host name and the words of TURN or TLS. */
#define LINE_BYTES 768
/* Time for one set-up: dial and TLS, and then Allocate. */
#define SETUP_TIMEOUT_MS 20000

enum uplink_state {
	UPLINK_STATE_WAITING = 0,
	UPLINK_STATE_DIALING,
	UPLINK_STATE_ALLOCATING,
	UPLINK_STATE_READY,
};

/* A dial outlives its uplink when that is freed meanwhile; the relay's TLS
 * context must live as long. */
struct dialing {
	struct uplink *uplink; /* NULL: freed */
	struct relay_set *set;
	struct dial_request *req;
};

struct uplink {
	struct uplink_env *env;
	const struct uplink_events *events;
	void *arg;
	uint8_t family;
	enum uplink_state state;
	bool failed;    /* to be torn down at the end of the turn */
	bool congested; /* the kernel has refused bytes since the last lull */

	struct relay_set *set; /* keeps `relay` alive */
	struct relay *relay;
	struct dialing *dialing;
	struct stream stream;
	struct loop_fd watch;
	struct turn *turn;
	struct framer framer;
	struct queue *queue;

	uint8_t *out; /* OUT_BYTES; bytes [sent, out_buf.len) are to go */
	struct buf out_buf;
	size_t out_sent;

	struct loop_timer timer; /* WAITING: dial; else: the TURN machine's */
	struct loop_defer flush;
	unsigned int failures; /* in a row */
	uint64_t dropped_seen; /* of the queue, already in the stats */
};

static void start_dial(void *arg, uint64_t now_ms);
static void run_flush(void *arg, uint64_t now_ms);

static void want_flush(struct uplink *u)
{
	loop_defer(u->env->loop, &u->flush, run_flush, u);
}

/* Set-up and failure */

static void fail(struct uplink *u, uint32_t cause, const char *words,
		 uint64_t now_ms)
{
	bool news;

	if (u->failed)
		return;
	u->failed = true;
	stats_add(&u->env->stats->uplink_failures, 1);
	news = u->relay == NULL ||
	       relay_failed(u->set, u->relay, RELAY_BLAME_PATH, cause, now_ms);
	log_at(news ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "relay %s: %s",
	       u->relay != NULL ? u->relay->name : "-", words);
	want_flush(u);
}

static void close_connection(struct uplink *u)
{
	if (u->turn != NULL)
		stats_sub(&u->env->stats->uplinks, 1);
	if (u->state == UPLINK_STATE_READY)
		stats_sub(&u->env->stats->allocations, 1);
	loop_timer_stop(u->env->loop, &u->timer);
	loop_fd_del(u->env->loop, &u->watch);
	stream_close(&u->stream);
	turn_free(u->turn);
	u->turn = NULL;
	framer_fini(&u->framer);
	free(u->out);
	u->out = NULL;
	buf_init(&u->out_buf, NULL, 0);
	u->out_sent = 0;
	u->congested = false;
	u->relay = NULL;
	relay_set_put(u->set);
	u->set = NULL;
}

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
	loop_timer_set(u->env->loop, &u->timer, now_ms + wait_ms, start_dial,
		       u);
}

static void tear_down(struct uplink *u, uint64_t now_ms)
{
	bool was_up = u->state == UPLINK_STATE_READY;

	close_connection(u);
	u->failed = false;
	u->state = UPLINK_STATE_WAITING;
	if (was_up)
		queue_set_deadline(u->queue, DEADLINE_LOST_MS);
	schedule_retry(u, was_up, now_ms);
}

static void run_tick(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	turn_tick(u->turn, now_ms);
	queue_trim(u->queue, now_ms);
	want_flush(u);
}

/* The TURN machine's events */

static void on_turn_state(void *arg, enum turn_state state, uint64_t now_ms)
{
	struct uplink *u = arg;
	const char *words = NULL;
	char line[LINE_BYTES];
	unsigned int code;

	if (state == TURN_STATE_READY) {
		u->state = UPLINK_STATE_READY;
		u->failures = 0;
		stats_add(&u->env->stats->allocations, 1);
		if (relay_worked(u->set, u->relay, now_ms))
			log_info("relay %s: works again", u->relay->name);
		u->events->on_ready(u->arg, turn_relayed(u->turn), now_ms);
		want_flush(u);
	} else if (state == TURN_STATE_FAILED) {
		code = turn_error(u->turn, &words);
		snprintf(line, sizeof(line), "TURN at %s:%u: %s",
			 u->relay->host, u->relay->port, words);
		fail(u, 0x10000u + code, line, now_ms);
	}
}

static void on_turn_data(void *arg, const struct endpoint *peer,
			 const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct uplink *u = arg;

	stats_add(&u->env->stats->datagrams_from_relay, 1);
	u->events->on_data(u->arg, peer, data, len, now_ms);
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

static int make_turn(struct uplink *u)
{
	struct creds_pair pair;
	struct turn_opts opts = { .family = u->family };
	int err = creds_make(&u->relay->creds, time(NULL), &pair);

	if (err < 0)
		return err;
	opts.username = pair.username;
	opts.password = pair.password;
	u->turn = turn_new(&opts, &turn_events, u);
	err = u->turn == NULL ? -errno : 0;
	creds_pair_wipe(&pair);
	return err;
}

/* Reading */

static int take_frames(struct uplink *u, uint64_t now_ms)
{
	const uint8_t *frame;
	int n;

	while (!u->failed && (n = framer_next(&u->framer, &frame)) != 0) {
		if (n < 0)
			return n;
		n = turn_input(u->turn, frame, (size_t)n, now_ms);
		if (n < 0)
			return n;
	}
	return 0;
}

static void read_stream(struct uplink *u, uint64_t now_ms)
{
	char words[LINE_BYTES];

	/* What TLS has read ahead is not seen by epoll: it must all be taken,
	 * or the tail of a burst would wait for the next packet. */
	for (int i = 0; !u->failed && (i < READS_PER_WAKEUP ||
				       stream_pending(&u->stream) != 0);
	     i++) {
		size_t room, n;
		uint8_t *space = framer_space(&u->framer, &room);
		enum io io = stream_read(&u->stream, space, room, &n);

		if (io == IO_WANT_READ || io == IO_WANT_WRITE)
			return;
		if (io != IO_OK) {
			snprintf(words, sizeof(words),
				 "connection to %s:%u ended: %s",
				 u->relay->host, u->relay->port,
				 io == IO_EOF ? "closed by the other side"
					      : stream_error(&u->stream));
			fail(u, 0x20000u, words, now_ms);
			return;
		}
		framer_commit(&u->framer, n);
		if (take_frames(u, now_ms) < 0)
			fail(u, 0x20001u, "sends bytes that are not TURN",
			     now_ms);
		u->events->on_batch(u->arg, now_ms);
		if (n < room && stream_pending(&u->stream) == 0)
			return; /* drained; level-triggered epoll tells more */
	}
}

static void on_stream(void *arg, uint32_t events, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_stream(u, now_ms);
	want_flush(u);
}

/* Writing */

static void count_drops(struct uplink *u)
{
	const struct queue_counters *c = queue_counters(u->queue);
	uint64_t dropped = 0;

	for (int class = 0; class < QUEUE_NUM_CLASSES; class ++) {
		for (int why = 0; why < QUEUE_NUM_DROPS; why++)
			dropped += c->dropped[class][why];
	}
	stats_add(&u->env->stats->drop_queue, dropped - u->dropped_seen);
	u->dropped_seen = dropped;
}

/* 0: in `out`, or refused for good; -ENOBUFS: no room now. */
static int wrap(struct uplink *u, const struct endpoint *peer,
		const uint8_t *data, size_t len, uint64_t now_ms)
{
	int err = turn_wrap(u->turn, peer, data, len, &u->out_buf, now_ms);

	if (err == 0)
		stats_add(&u->env->stats->datagrams_to_relay, 1);
	else if (err != -ENOBUFS)
		stats_add(&u->env->stats->drop_refused, 1);
	return err == -ENOBUFS ? err : 0;
}

static void fill_from_queue(struct uplink *u, uint64_t now_ms)
{
	size_t limit = u->congested ? OUT_BYTES_CONGESTED : OUT_BYTES;
	struct queue_item item;

	while (u->out_buf.len < limit && queue_peek(u->queue, now_ms, &item)) {
		if (wrap(u, &item.peer, item.data, item.len, now_ms) < 0 &&
		    u->out_buf.len > 0)
			return;
		queue_pop(u->queue);
	}
}

/* Gather the next record. False when there is nothing to send. */
static bool gather(struct uplink *u, uint64_t now_ms)
{
	turn_output(u->turn, &u->out_buf);
	if (u->state == UPLINK_STATE_READY) {
		if (!queue_empty(u->queue))
			fill_from_queue(u, now_ms);
		if (queue_empty(u->queue)) {
			u->congested = false;
			queue_set_deadline(u->queue, QUEUE_DEADLINE_MS);
		}
		count_drops(u);
	}
	return u->out_buf.len > u->out_sent;
}

static void write_stream(struct uplink *u, uint64_t now_ms)
{
	uint32_t events = EPOLLIN;
	char words[LINE_BYTES];

	while (u->out_buf.len > u->out_sent || gather(u, now_ms)) {
		size_t n;
		enum io io = stream_write(&u->stream, u->out + u->out_sent,
					  u->out_buf.len - u->out_sent, &n);

		if (io == IO_WANT_WRITE || io == IO_WANT_READ) {
			u->congested = true;
			events |= EPOLLOUT;
			break;
		}
		if (io != IO_OK) {
			snprintf(words, sizeof(words),
				 "connection to %s:%u broke: %s",
				 u->relay->host, u->relay->port,
				 stream_error(&u->stream));
			fail(u, 0x20002u, words, now_ms);
			return;
		}
		u->out_sent += n;
		if (u->out_sent < u->out_buf.len)
			continue;
		buf_init(&u->out_buf, u->out, OUT_BYTES);
		u->out_sent = 0;
	}
	loop_fd_set(u->env->loop, &u->watch, events);
}

static void run_flush(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;

	if (u->turn != NULL && !u->failed)
		write_stream(u, now_ms);
	if (u->failed) {
		tear_down(u, now_ms);
		return;
	}
	if (u->turn != NULL)
		loop_timer_set(u->env->loop, &u->timer,
			       turn_deadline_ms(u->turn), run_tick, u);
}

/* Dialing */

static int connected(struct uplink *u, struct dial_request *req,
		     uint64_t now_ms)
{
	int err;

	stream_open(&u->stream, req->fd, req->session);
	req->fd = -1;
	req->session = NULL;
	u->out = malloc(OUT_BYTES);
	if (u->out == NULL)
		return -ENOMEM;
	buf_init(&u->out_buf, u->out, OUT_BYTES);
	err = framer_init(&u->framer);
	if (err == 0)
		err = make_turn(u);
	if (err < 0)
		return err;
	stats_add(&u->env->stats->uplinks, 1);
	u->state = UPLINK_STATE_ALLOCATING;
	err = loop_fd_add(u->env->loop, &u->watch, u->stream.fd, EPOLLIN,
			  on_stream, u);
	if (err < 0)
		return err;
	turn_start(u->turn, now_ms);
	/* TLS may have read ahead of the descriptor */
	read_stream(u, now_ms);
	want_flush(u);
	return 0;
}

static void drop_dialing(void *arg)
{
	struct dialing *d = arg;

	relay_set_put(d->set);
	free(d);
}

static void on_dialed(void *arg, struct dial_request *req, uint64_t now_ms)
{
	struct dialing *d = arg;
	struct uplink *u = d->uplink;
	int err;

	if (u != NULL) {
		u->dialing = NULL;
		err = req->reason == DIAL_OK ? connected(u, req, now_ms) : 0;
		if (req->reason != DIAL_OK)
			fail(u, (uint32_t)req->reason, req->detail, now_ms);
		else if (err < 0)
			fail(u, 0x30000u, strerror(-err), now_ms);
	}
	dial_request_free(req);
	drop_dialing(d);
}

static void fill_request(struct uplink *u, struct dial_request *req)
{
	snprintf(req->host, sizeof(req->host), "%s", u->relay->host);
	req->port = u->relay->port;
	if (u->relay->proxy != NULL)
		req->proxy = dial_proxy_get(u->relay->proxy);
	req->tls = u->relay->tls;
	req->timeout_ms = SETUP_TIMEOUT_MS;
	req->alpn_header = true;
	req->loop = u->env->loop;
	req->done = on_dialed;
	req->drop = drop_dialing;
}

static void start_dial(void *arg, uint64_t now_ms)
{
	struct uplink *u = arg;
	struct dialing *d = calloc(1, sizeof(*d));
	struct dial_request *req = dial_request_new();

	u->relay = relay_choose(u->env->relays, now_ms);
	if (u->relay == NULL || d == NULL || req == NULL) {
		/* a reload took the last relay away, or memory is short */
		u->relay = NULL;
		free(d);
		dial_request_free(req);
		schedule_retry(u, false, now_ms);
		return;
	}
	u->set = relay_set_get(u->env->relays);
	u->state = UPLINK_STATE_DIALING;
	fill_request(u, req);
	*d = (struct dialing){ .uplink = u,
			       .set = relay_set_get(u->set),
			       .req = req };
	req->arg = d;
	u->dialing = d;
	dial_start(u->env->pool, req);
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
	u->stream.fd = -1;
	u->queue = queue_new();
	if (u->queue == NULL) {
		free(u);
		errno = ENOMEM;
		return NULL;
	}
	queue_set_deadline(u->queue, DEADLINE_SETUP_MS);
	start_dial(u, loop_now_ms(env->loop));
	return u;
}

void uplink_free(struct uplink *u)
{
	if (u == NULL)
		return;
	if (u->dialing != NULL) {
		u->dialing->uplink = NULL;
		dial_cancel(u->dialing->req);
	}
	close_connection(u);
	loop_defer_cancel(u->env->loop, &u->flush);
	queue_free(u->queue);
	free(u);
}

void uplink_send(struct uplink *u, const struct endpoint *peer,
		 const uint8_t *data, size_t len, uint64_t now_ms)
{
	/* The short way: straight into the record of this turn. */
	if (u->state == UPLINK_STATE_READY && !u->congested && !u->failed &&
	    queue_empty(u->queue) && wrap(u, peer, data, len, now_ms) == 0) {
		want_flush(u);
		return;
	}
	queue_push(u->queue, peer, data, len, now_ms);
	if (u->state == UPLINK_STATE_READY)
		want_flush(u);
}

const struct endpoint *uplink_relayed(const struct uplink *u)
{
	return u->state == UPLINK_STATE_READY ? turn_relayed(u->turn) : NULL;
}
