/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_alive.c - is the relay still there, and how far away is it?
 *
 * Turns silence into Binding requests and, when these are not answered either,
 * into a failure.
 *
 * Theory of operation: any frame from the relay proves that it lives. When one
 * direction has been silent for the keep-alive time, or the owner is in doubt
 * (turn_ping()), a ping makes the relay prove it; that also keeps proxies and
 * NATs from taking the connection for idle. A ping is a request like others,
 * but a lost one is followed by a new one. Pings need no login, and so prove
 * nothing about the allocation; in doubt, datagrams ask for that, too. The
 * owner sees a stall by turn_last_in_ms() long before this gives up: a path
 * that stands still for a few seconds must not cost the allocation.
 */
#include <config.h>

#include "clock.h"
#include "stun_msg.h"
#include "turn_private.h"

#include <string.h>

#define KEEPALIVE_S      20
#define PING_WAIT_MS     5000
#define PING_URGENT_MS   1000  /* one that the owner wanted */
#define PING_URGENT_MAX  3     /* of these in a row */
#define PING_PATIENCE_MS 15000 /* silence from the first ping on */
#define PROBE_EVERY_MS   5000

void turn_alive_sample(struct turn *t, const struct turn_request *q,
		       uint64_t now_ms)
{
	uint32_t us = 500; /* less than our clock's tick */

	/* Karn: which of them was answered, nobody knows. */
	if (q->txn.wait_ms != q->txn.rto_ms || q->begun_ms > now_ms)
		return;
	if (now_ms > q->begun_ms)
		us = (uint32_t)(now_ms - q->begun_ms) * 1000;
	/* RFC 6298, 2.3 */
	t->rtt_us = t->rtt_us == 0 ? us : t->rtt_us - t->rtt_us / 8 + us / 8;
	t->peers.rto_ms = t->rtt_us / 1000 * 2;
	if (t->events.on_round_trip != NULL)
		t->events.on_round_trip(t->arg, us);
}

/* `m`: NULL when it is not STUN. */
void turn_alive_heard(struct turn *t, const struct stun_msg *m, uint64_t now_ms)
{
	struct turn_request *ping = &t->control[TURN_CONTROL_PING];

	t->last_in_ms = now_ms;
	if (!ping->txn.active)
		return;
	if (m != NULL && memcmp(m->id, ping->txn.id, STUN_ID_LEN) == 0)
		turn_alive_sample(t, ping, now_ms);
	else if (t->state != TURN_STATE_READY)
		return; /* Its own answer is wanted. */
	t->pings = 0;
	stun_txn_end(&ping->txn);
}

static void ping(struct turn *t, uint64_t now_ms)
{
	uint64_t end_ms;

	if (t->pings++ == 0)
		t->ping_first_ms = now_ms;
	if (t->pings > PING_URGENT_MAX)
		t->ping_urgent = false;
	end_ms = t->ping_first_ms + PING_PATIENCE_MS;
	t->ping_deadline_ms = now_ms +
			      (t->ping_urgent ? PING_URGENT_MS : PING_WAIT_MS);
	if (t->ping_deadline_ms > end_ms)
		t->ping_deadline_ms = end_ms;
	turn_control_begin(t, TURN_CONTROL_PING, now_ms);
}

/* Over datagrams nothing tells that a relay was restarted: it answers pings as
 * before, and only Refresh says that the allocation is lost. */
static void probe(struct turn *t, uint64_t now_ms)
{
	const struct turn_request *q = &t->control[TURN_CONTROL_REFRESH];

	if (t->datagram &&
	    (q->begun_ms == 0 || now_ms >= q->begun_ms + PROBE_EVERY_MS))
		turn_control_probe(t, now_ms);
}

void turn_ping(struct turn *t, uint64_t now_ms)
{
	if (t->state != TURN_STATE_READY)
		return;
	probe(t, now_ms);
	if (!t->control[TURN_CONTROL_PING].txn.active) {
		t->ping_urgent = true;
		ping(t, now_ms);
	} else if (!t->ping_urgent && t->pings <= PING_URGENT_MAX &&
		   t->ping_deadline_ms > now_ms + PING_URGENT_MS) {
		t->ping_urgent = true;
		t->ping_deadline_ms = now_ms + PING_URGENT_MS;
	}
}

void turn_set_keepalive(struct turn *t, uint32_t keepalive_s)
{
	t->keepalive_ms = (keepalive_s ? keepalive_s : KEEPALIVE_S) * 1000ull;
}

static uint64_t keepalive_due_ms(const struct turn *t)
{
	return t->keepalive_ms + (t->last_in_ms < t->last_out_ms
					  ? t->last_in_ms
					  : t->last_out_ms);
}

void turn_alive_tick(struct turn *t, uint64_t now_ms)
{
	if (now_ms < turn_alive_deadline_ms(t))
		return;
	if (!t->control[TURN_CONTROL_PING].txn.active) {
		t->ping_urgent = false;
		ping(t, now_ms);
	} else if (now_ms >= t->ping_first_ms + PING_PATIENCE_MS) {
		turn_fail_blaming(t, TURN_BLAME_PATH, 0,
				  "the relay does not answer", now_ms);
	} else {
		ping(t, now_ms);
	}
}

uint64_t turn_alive_deadline_ms(const struct turn *t)
{
	if (t->state != TURN_STATE_READY)
		return CLOCK_NEVER;
	return t->control[TURN_CONTROL_PING].txn.active ? t->ping_deadline_ms
							: keepalive_due_ms(t);
}

uint64_t turn_last_in_ms(const struct turn *t)
{
	return t->last_in_ms;
}

uint64_t turn_last_out_ms(const struct turn *t)
{
	return t->last_out_ms;
}

uint32_t turn_rtt_us(const struct turn *t)
{
	return t->rtt_us;
}
