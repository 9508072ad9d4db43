/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_ping.c - echoes through a relay, a line each (CONTROL_PING)
 *
 * Theory of operation. A race gives a leg of its own, as it would for a call:
 * on trial, so that a failure says nothing to those that carry calls. Datagrams
 * go to our own relayed address; the relay passes them to itself, and back to
 * us: twice through the connection, and once through the relay's own network.
 * What has not come back within two seconds is lost, and told so when it comes
 * anyway.
 */
#include <config.h>

#include "addr.h"
#include "buf.h"
#include "clock.h"
#include "control_conn.h"
#include "json_clean.h"
#include "leg.h"
#include "race.h"
#include "relay.h"
#include "status_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#define SCHEMA          "turnout-ping/1"
#define PINGS_MAX       4 /* at once: each has an allocation of the quota */
#define SETUP_MS        15000
#define LOST_MS         2000
#define INTERVAL_MS     1000
#define INTERVAL_MAX_MS 3600000u
/* So that no more are on their way at once than are kept account of. */
#define INTERVAL_MIN_MS 50
#define UNDER_WAY_MAX   64
_Static_assert(LOST_MS / INTERVAL_MIN_MS < UNDER_WAY_MAX, "room for all");
#define ECHO_BYTES 20 /* token, number */

struct sent {
	uint64_t at_us;
	uint32_t seq; /* from 1 on; 0: a free place */
};

struct conn_ping {
	struct conn *conn;
	struct control *control;
	struct control_ping body;
	struct race *race;
	struct leg *leg;
	struct loop_timer timer;
	uint8_t token[16];
	uint64_t began_us, next_ms;
	struct sent sent[UNDER_WAY_MAX]; /* by number */
	uint32_t seq, heard, lost;
	uint64_t min_us, max_us, sum_us, last_us, changes_us;
};

static json_t *ms(uint64_t us)
{
	return json_real((double)(us / 10) / 100.0);
}

/* Lines */

static void put(struct conn_ping *p, json_t *line)
{
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (text == NULL)
		return;
	conn_write(p->conn, text, strlen(text));
	conn_write(p->conn, "\n", 1);
	free(text);
}

static void free_ping(struct conn_ping *p)
{
	loop_timer_stop(p->control->opts.loop, &p->timer);
	race_free(p->race);
	leg_release(p->leg);
	p->control->pings--;
	free(p);
}

static void on_gone(void *arg)
{
	free_ping(arg);
}

/* The last line. `cause`: NULL: it went as it should. */
static void finish(struct conn_ping *p, const char *cause)
{
	bool any = p->heard > 0;
	struct conn *conn = p->conn;

	put(p, json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
			 "schema", SCHEMA, "event", "summary", "sent",
			 (json_int_t)p->seq, "received", (json_int_t)p->heard,
			 "lost", (json_int_t)(p->seq - p->heard), "min_ms",
			 any ? ms(p->min_us) : json_null(), "avg_ms",
			 any ? ms(p->sum_us / p->heard) : json_null(), "max_ms",
			 any ? ms(p->max_us) : json_null(), "jitter_ms",
			 p->heard > 1 ? ms(p->changes_us / (p->heard - 1))
				      : json_null(),
			 "cause", json_clean(cause)));
	free_ping(p);
	conn_finish(conn);
}

static void put_start(struct conn_ping *p)
{
	const struct relay *r = leg_relay(p->leg);

	put(p,
	    json_pack("{s:s, s:s, s:o, s:o, s:i, s:s, s:s, s:o, s:o}", "schema",
		      SCHEMA, "event", "start", "relay", json_clean(r->name),
		      "host", json_clean(r->host), "port", (int)r->port,
		      "transport", relay_transport_name(r->transport), "way",
		      r->egress != NULL ? "proxy" : "direct", "relayed",
		      status_json_endpoint(leg_relayed(p->leg)), "setup_ms",
		      ms(clock_now_us() - p->began_us)));
}

/* Echoes */

static void note_echo(struct conn_ping *p, struct sent *s)
{
	uint64_t us = clock_now_us() - s->at_us;

	put(p, json_pack("{s:s, s:s, s:I, s:o}", "schema", SCHEMA, "event",
			 "reply", "seq", (json_int_t)s->seq, "rtt_ms", ms(us)));
	s->seq = 0;
	if (p->heard == 0 || us < p->min_us)
		p->min_us = us;
	if (us > p->max_us)
		p->max_us = us;
	if (p->heard++ > 0)
		p->changes_us += us > p->last_us ? us - p->last_us
						 : p->last_us - us;
	p->last_us = us;
	p->sum_us += us;
}

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct conn_ping *p = arg;
	struct sent *s;
	uint32_t seq;

	(void)leg, (void)peer, (void)now_ms;
	if (len != ECHO_BYTES || memcmp(data, p->token, sizeof(p->token)) != 0)
		return;
	seq = be32_get(data + sizeof(p->token));
	s = &p->sent[seq % UNDER_WAY_MAX];
	if (seq != 0 && s->seq == seq)
		note_echo(p, s);
}

static void find_lost(struct conn_ping *p)
{
	uint64_t now = clock_now_us();

	/* In the order in which they were sent. */
	for (uint32_t i = 1; i <= UNDER_WAY_MAX; i++) {
		struct sent *s = &p->sent[(p->seq + i) % UNDER_WAY_MAX];

		if (s->seq == 0 || now < s->at_us + LOST_MS * 1000ull)
			continue;
		put(p, json_pack("{s:s, s:s, s:I}", "schema", SCHEMA, "event",
				 "lost", "seq", (json_int_t)s->seq));
		s->seq = 0;
		p->lost++;
	}
}

static void send_one(struct conn_ping *p, uint64_t now_ms)
{
	struct sent *s = &p->sent[++p->seq % UNDER_WAY_MAX];
	uint8_t data[ECHO_BYTES];

	memcpy(data, p->token, sizeof(p->token));
	be32_set(data + sizeof(p->token), p->seq);
	*s = (struct sent){ .at_us = clock_now_us(), .seq = p->seq };
	/* What the connection does not take now is lost: it is that slow. */
	(void)!leg_send(p->leg, leg_relayed(p->leg), data, sizeof(data),
			now_ms);
}

static void on_time(void *arg, uint64_t now_ms)
{
	struct conn_ping *p = arg;
	bool all;

	find_lost(p);
	if (leg_refused(p->leg) > 0) {
		finish(p, "refused_peer");
		return;
	}
	all = p->body.count != 0 && p->seq == p->body.count;
	if (all && p->heard + p->lost == p->seq) {
		finish(p, NULL);
		return;
	}
	if (!all && now_ms >= p->next_ms) {
		send_one(p, now_ms);
		p->next_ms = now_ms + p->body.interval_ms;
	}
	/* Nearly at once when the last one has come, by on_batch(). */
	if (all || p->next_ms > now_ms + LOST_MS)
		loop_timer_set(p->control->opts.loop, &p->timer,
			       now_ms + LOST_MS / 8, on_time, p);
	else
		loop_timer_set(p->control->opts.loop, &p->timer, p->next_ms,
			       on_time, p);
}

static void on_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct conn_ping *p = arg;

	(void)leg;
	if (p->body.count != 0 && p->heard + p->lost == p->body.count)
		loop_timer_set(p->control->opts.loop, &p->timer, now_ms,
			       on_time, p);
}

/* The connection */

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms; /* it is */
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct conn_ping *p = arg;
	char cause[LEG_CAUSE_NAME_MAX];

	(void)now_ms;
	leg_cause_name(leg_end(leg)->cause, cause);
	p->leg = NULL;
	leg_free(leg);
	finish(p, cause);
}

static const struct leg_events leg_events = {
	.on_ready = on_ready,
	.on_ended = on_ended,
	.on_data = on_data,
	.on_batch = on_batch,
};

static void on_won(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct conn_ping *p = arg;

	race_free(p->race);
	p->race = NULL;
	p->leg = leg;
	leg_attach(leg, &leg_events, p, NULL);
	put_start(p);
	p->next_ms = now_ms;
	on_time(p, now_ms);
}

/* Why none of them could be used: what was seen now, or else lately. */
static void on_lost(void *arg, bool refused, uint64_t now_ms)
{
	struct conn_ping *p = arg;
	const struct relay_set *set = p->control->opts.relays;
	uint32_t cause = race_cause(p->race);
	char name[LEG_CAUSE_NAME_MAX];

	(void)refused, (void)now_ms;
	for (size_t i = 0; cause == 0 && i < set->count; i++)
		if (p->body.relay[0] == '\0' ||
		    strcmp(set->relay[i].name, p->body.relay) == 0)
			cause = relay_failing(&set->relay[i]);
	finish(p, cause != 0 ? leg_cause_name(cause, name) : "no_relay");
}

static const struct race_events race_events = {
	.on_won = on_won,
	.on_lost = on_lost,
};

static void on_slow(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	finish(arg, "slow");
}

static void begin(struct conn_ping *p)
{
	struct control *c = p->control;
	struct race_opts opts = {
		.set = c->opts.relays,
		.family = ENDPOINT_IPV4,
		.only = p->body.relay[0] != '\0' ? p->body.relay : NULL,
		.trial = true,
	};

	c->ping_env.loop = c->opts.loop;
	c->ping_env.pool = c->opts.pool;
	c->ping_env.stats = &c->stats;
	p->began_us = clock_now_us();
	if (getrandom(p->token, sizeof(p->token), 0) ==
	    (ssize_t)sizeof(p->token))
		p->race = race_new(&c->ping_env, &opts, &race_events, p);
	if (p->race == NULL)
		finish(p, "internal");
	else
		loop_timer_set(c->opts.loop, &p->timer,
			       loop_now_ms(c->opts.loop) + SETUP_MS, on_slow,
			       p);
}

void conn_ping(struct conn *conn)
{
	struct control *c = conn->control;
	struct conn_ping *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		conn_close(conn);
		return;
	}
	p->conn = conn;
	p->control = c;
	memcpy(&p->body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(p->body));
	p->body.relay[sizeof(p->body.relay) - 1] = '\0';
	if (p->body.interval_ms == 0)
		p->body.interval_ms = INTERVAL_MS;
	if (p->body.interval_ms < INTERVAL_MIN_MS)
		p->body.interval_ms = INTERVAL_MIN_MS;
	if (p->body.interval_ms > INTERVAL_MAX_MS)
		p->body.interval_ms = INTERVAL_MAX_MS;
	conn_stream(conn, on_gone, p);
	if (c->pings++ >= PINGS_MAX)
		finish(p, "too_many");
	else
		begin(p);
}
