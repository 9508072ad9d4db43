/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_control.c - Allocate, Refresh and their answers
 *
 * Turns the time and a relay's answers into requests about the allocation, and
 * each response code into what it means (RFC 8656, 7 and 8; RFC 8489, 10;
 * RFC 8016, 3).
 *
 * Theory of operation: there is one request of each kind at a time. It is begun
 * (id, deadline) by an event, is `due` until turn_output() has written it, and
 * ends with its answer; over datagrams it becomes `due` again and again until
 * then. What a code says about Allocate it says at once. An allocation that
 * lives is only given up for codes that say it does not, or will not.
 */
#include <config.h>

#include "buf.h"
#include "clock.h"
#include "stun_msg.h"
#include "turn_private.h"

#include <string.h>

#define TRANSPORT_UDP  17 /* RFC 8656, 18.8 */
#define FAMILY_IPV6    0x02
#define LIFETIME_S     600 /* RFC 8656, 3.2: the default */
#define LIFETIME_MIN_S 2   /* less would be a storm of refreshes */
#define LIFETIME_MAX_S 86400
#define RETRY_MS       5000 /* after a Refresh was refused for now */
/* RFC 8489, 6.3.4: a 5xx may be asked again, a limited number of times. */
#define ALLOCATE_AGAIN_MS  500 /* then twice that … */
#define ALLOCATE_AGAIN_MAX 3
/* A relay that serves mobility answers its Refresh as fast as any. One that
 * answers pings only has forgotten the half of it. */
#define RESUME_WAIT_MS 5000
#define RESUME_PING_MS 1000

void turn_control_begin(struct turn *t, enum turn_control which,
			uint64_t now_ms)
{
	static const uint16_t method[TURN_NUM_CONTROLS] = {
		[TURN_CONTROL_ALLOCATE] = STUN_METHOD_ALLOCATE,
		[TURN_CONTROL_REFRESH] = STUN_METHOD_REFRESH,
		[TURN_CONTROL_PING] = STUN_METHOD_BINDING,
	};
	struct turn_request *q = &t->control[which];

	if (stun_txn_begin(&q->txn, method[which], now_ms) < 0) {
		turn_fail_blaming(t, TURN_BLAME_PATH, 0, "no random numbers",
				  now_ms);
		return;
	}
	/* A new ping follows a lost one by itself. */
	if (t->datagram && which != TURN_CONTROL_PING)
		stun_txn_repeat(&q->txn, t->peers.rto_ms, now_ms);
	q->due = true;
	q->begun_ms = now_ms;
	t->last_out_ms = now_ms;
	if (which == TURN_CONTROL_REFRESH && t->resuming)
		t->resume_end_ms = now_ms + RESUME_WAIT_MS;
}

void turn_control_probe(struct turn *t, uint64_t now_ms)
{
	t->probing = true;
	if (!t->control[TURN_CONTROL_REFRESH].txn.active)
		turn_control_begin(t, TURN_CONTROL_REFRESH, now_ms);
}

/* Requests */

static void put_lifetime(const struct turn *t, struct stun_build *b)
{
	if (t->released)
		stun_build_u32(b, STUN_ATTR_LIFETIME, 0);
	else if (t->ask_lifetime_s != 0)
		stun_build_u32(b, STUN_ATTR_LIFETIME, t->ask_lifetime_s);
}

static void put_allocate(const struct turn *t, struct stun_build *b)
{
	stun_build_u32(b, STUN_ATTR_REQUESTED_TRANSPORT,
		       (uint32_t)TRANSPORT_UDP << 24);
	/* Old relays answer 420 or 440 to a family they would have given
	 * anyway. */
	if (t->family == ENDPOINT_IPV6)
		stun_build_u32(b, STUN_ATTR_REQUESTED_ADDRESS_FAMILY,
			       (uint32_t)FAMILY_IPV6 << 24);
	put_lifetime(t, b);
	/* RFC 8016, 3.1.1: empty, to ask for one. */
	if (t->ask_mobility)
		stun_build_bytes(b, STUN_ATTR_MOBILITY_TICKET, NULL, 0);
}

static void build(struct turn *t, enum turn_control which, struct buf *out)
{
	struct stun_txn *txn = &t->control[which].txn;
	struct stun_build b;

	stun_txn_build_begin(txn, &b, out);
	switch (which) {
	case TURN_CONTROL_ALLOCATE:
		put_allocate(t, &b);
		break;
	case TURN_CONTROL_REFRESH:
		put_lifetime(t, &b);
		if (t->resuming) /* RFC 8016, 3.2.1 */
			stun_build_bytes(&b, STUN_ATTR_MOBILITY_TICKET,
					 t->ticket, t->ticket_len);
		break;
	default:
		return; /* A Binding request needs no credentials. */
	}
	stun_txn_build_end(txn, &b, &t->cred);
}

bool turn_control_output(struct turn *t, struct buf *out)
{
	for (int i = 0; i < TURN_NUM_CONTROLS; i++) {
		size_t mark = out->len;

		if (!t->control[i].due || !t->control[i].txn.active)
			continue;
		build(t, (enum turn_control)i, out);
		if (out->failed) {
			out->failed = false;
			out->len = mark;
			return false;
		}
		t->control[i].due = false;
	}
	return true;
}

/* Answers */

/* LIFETIME of a success: refresh at half of it, whatever was asked for. */
static void take_lifetime(struct turn *t, const struct stun_msg *m,
			  uint64_t now_ms)
{
	uint32_t s;

	if (!stun_msg_u32(m, STUN_ATTR_LIFETIME, &s))
		s = LIFETIME_S;
	if (s < LIFETIME_MIN_S)
		s = LIFETIME_MIN_S;
	if (s > LIFETIME_MAX_S)
		s = LIFETIME_MAX_S;
	t->refresh_ms = now_ms + s * 500ull;
	t->expires_ms = now_ms + s * 1000ull;
}

/* RFC 8016, 3.1.3 and 3.2.3: each success may bring a new one. */
static void take_ticket(struct turn *t, const struct stun_msg *m)
{
	struct stun_attr a;

	if ((!t->ask_mobility && t->ticket_len == 0) ||
	    !stun_attr_find(m, STUN_ATTR_MOBILITY_TICKET, &a) || a.len == 0)
		return;
	/* Not one of ours any more, and none that we could keep. */
	t->ticket_len = a.len <= sizeof(t->ticket) ? a.len : 0;
	memcpy(t->ticket, a.value, t->ticket_len);
}

static void allocate_granted(struct turn *t, const struct stun_msg *m,
			     uint64_t now_ms)
{
	struct endpoint e;

	if (!stun_msg_address(m, STUN_ATTR_XOR_RELAYED_ADDRESS, &e) ||
	    e.port_be == 0) {
		turn_fail_blaming(t, TURN_BLAME_SERVER, 0,
				  "the relay gives no relayed address", now_ms);
		return;
	}
	if (e.family != t->family) {
		turn_fail(t, 440, "", now_ms);
		return;
	}
	t->relayed = e;
	take_lifetime(t, m, now_ms);
	take_ticket(t, m);
	turn_set_state(t, TURN_STATE_READY, now_ms);
}

static void refresh_granted(struct turn *t, const struct stun_msg *m,
			    uint64_t now_ms)
{
	t->refusals = 0;
	t->probing = false;
	if (t->released)
		return;
	take_lifetime(t, m, now_ms);
	take_ticket(t, m);
	if (!t->resuming)
		return;
	t->resuming = false;
	stun_txn_end(&t->control[TURN_CONTROL_PING].txn);
	turn_set_state(t, TURN_STATE_READY, now_ms);
}

static bool is_temporary(unsigned int code)
{
	return code >= 500 && code < 600 && code != 508;
}

/* RFC 8489, 10 and 14.16: whether to go there is for the owner to judge. */
static void take_alternate(struct turn *t, const struct stun_msg *m)
{
	struct stun_attr a;

	if (!stun_msg_address(m, STUN_ATTR_ALTERNATE_SERVER, &t->alternate))
		t->alternate.family = ENDPOINT_NONE;
	if (!stun_attr_find(m, STUN_ATTR_ALTERNATE_DOMAIN, &a) ||
	    a.len >= sizeof(t->alternate_domain))
		return;
	/* A name has no byte that a log or a C string could stumble over. */
	for (size_t i = 0; i < a.len; i++) {
		if (a.value[i] <= ' ' || a.value[i] > '~')
			return;
	}
	memcpy(t->alternate_domain, a.value, a.len);
	t->alternate_domain[a.len] = '\0';
}

/* Does the refusal leave one more thing to ask for on this connection? */
static bool ask_differently(struct turn *t, unsigned int code, uint64_t now_ms)
{
	if (t->ask_mobility && (code == 400 || code == 405 || code == 420)) {
		t->ask_mobility = false;
		turn_control_begin(t, TURN_CONTROL_ALLOCATE, now_ms);
		return true;
	}
	if (!is_temporary(code) || t->refusals >= ALLOCATE_AGAIN_MAX)
		return false;
	t->allocate_ms = now_ms + (ALLOCATE_AGAIN_MS << t->refusals);
	t->refusals++;
	return true;
}

static void allocate_refused(struct turn *t, const struct stun_msg *m,
			     const struct stun_txn_error *err, uint64_t now_ms)
{
	if (ask_differently(t, err->code, now_ms))
		return;
	if (err->code == 300)
		take_alternate(t, m);
	turn_fail(t, err->code, err->reason, now_ms);
}

/* The relay answers, but not with the allocation. The old connection may hold
 * it still; a new one is to be had by Allocate only. */
static void resume_refused(struct turn *t, const struct stun_txn_error *err,
			   uint64_t now_ms)
{
	turn_fail_blaming(t,
			  err->code == 405 ? TURN_BLAME_MOBILITY
					   : TURN_BLAME_ALLOCATION,
			  err->code, err->reason, now_ms);
}

static void refresh_refused(struct turn *t, const struct stun_msg *m,
			    const struct stun_txn_error *err, uint64_t now_ms)
{
	bool probing = t->probing;

	t->probing = false;
	t->refusals++;
	switch (err->code) {
	case 0:
	case 401:
	case 437:
	case 438:
	case 441:
		turn_fail(t, err->code, err->reason, now_ms);
		return;
	case 400:
		/* coturn's word for 437 on all but Refresh, and some others'
		 * on Refresh, too: it has taken this request before. */
		if (probing || t->refusals > 1) {
			turn_fail(t, 437, err->reason, now_ms);
			return;
		}
		break;
	case 300:
		take_alternate(t, m);
		break;
	default:
		break;
	}
	/* Trouble that may pass, as long as the allocation lives. */
	t->refresh_ms = now_ms + RETRY_MS;
	if (t->refresh_ms >= t->expires_ms)
		turn_fail(t, err->code, err->reason, now_ms);
}

static void refused(struct turn *t, enum turn_control which,
		    const struct stun_msg *m, const struct stun_txn_error *err,
		    uint64_t now_ms)
{
	if (which == TURN_CONTROL_ALLOCATE)
		allocate_refused(t, m, err, now_ms);
	else if (t->resuming)
		resume_refused(t, err, now_ms);
	else
		refresh_refused(t, m, err, now_ms);
}

bool turn_control_answer(struct turn *t, const struct stun_msg *m,
			 uint64_t now_ms)
{
	struct turn_request *q;
	struct turn_request sent;
	struct stun_txn_error err;
	enum stun_txn_verdict verdict;
	enum turn_control which;

	if (m->method == STUN_METHOD_ALLOCATE)
		which = TURN_CONTROL_ALLOCATE;
	else if (m->method == STUN_METHOD_REFRESH)
		which = TURN_CONTROL_REFRESH;
	else
		return m->method == STUN_METHOD_BINDING;
	q = &t->control[which];
	sent = *q;
	verdict = stun_txn_answer(&q->txn, &t->cred, m, &err, now_ms);
	if (verdict != STUN_TXN_IGNORE)
		turn_alive_sample(t, &sent, now_ms);
	switch (verdict) {
	case STUN_TXN_IGNORE:
		break;
	case STUN_TXN_RETRY:
		q->due = true;
		q->begun_ms = now_ms;
		t->last_out_ms = now_ms;
		if (t->resuming)
			t->resume_end_ms = now_ms + RESUME_WAIT_MS;
		break;
	case STUN_TXN_SUCCESS:
		if (which == TURN_CONTROL_ALLOCATE)
			allocate_granted(t, m, now_ms);
		else
			refresh_granted(t, m, now_ms);
		break;
	case STUN_TXN_ERROR:
		refused(t, which, m, &err, now_ms);
		break;
	}
	return true;
}

/* Time */

static void timed_out(struct turn *t, const struct stun_txn *txn,
		      uint64_t now_ms)
{
	if (txn->bad_integrity > 0)
		turn_fail_blaming(t, TURN_BLAME_SERVER, 0,
				  "the relay's answers fail their integrity"
				  " check",
				  now_ms);
	else
		turn_fail_blaming(t, TURN_BLAME_PATH, 0,
				  "the relay does not answer", now_ms);
}

static void tick_request(struct turn *t, enum turn_control which,
			 uint64_t now_ms)
{
	struct turn_request *q = &t->control[which];

	if (!q->txn.active)
		return;
	if (now_ms >= q->txn.deadline_ms) {
		stun_txn_end(&q->txn);
		timed_out(t, &q->txn, now_ms);
	} else if (stun_txn_resend_due(&q->txn, &t->cred, now_ms)) {
		q->due = true;
		t->last_out_ms = now_ms;
	}
}

/* When to be surprised that the Refresh with the ticket is not answered. */
static uint64_t resume_ping_ms(const struct turn *t)
{
	uint64_t refresh_ms = t->control[TURN_CONTROL_REFRESH].begun_ms;

	return t->control[TURN_CONTROL_PING].begun_ms < refresh_ms
		       ? refresh_ms + RESUME_PING_MS
		       : CLOCK_NEVER;
}

/* A ping behind the Refresh was answered, the Refresh was not. */
static bool resume_is_ignored(const struct turn *t)
{
	const struct turn_request *ping = &t->control[TURN_CONTROL_PING];

	return ping->begun_ms >= t->control[TURN_CONTROL_REFRESH].begun_ms &&
	       !ping->txn.active && t->last_in_ms >= ping->begun_ms;
}

static uint64_t resume_end_ms(const struct turn *t)
{
	uint64_t soon_ms = t->last_in_ms + RESUME_PING_MS;

	return resume_is_ignored(t) && soon_ms < t->resume_end_ms
		       ? soon_ms
		       : t->resume_end_ms;
}

/* The relay is there, and will not give the allocation to this connection. A
 * mute one comes to the same over a stream, which has been set up just now; a
 * datagram may not have arrived. */
static void tick_resume(struct turn *t, uint64_t now_ms)
{
	bool ignored = resume_is_ignored(t);

	if (now_ms >= resume_end_ms(t))
		turn_fail_blaming(
			t,
			t->datagram && !ignored ? TURN_BLAME_PATH
						: TURN_BLAME_ALLOCATION,
			0, "the relay does not answer a mobile client", now_ms);
	else if (now_ms >= resume_ping_ms(t))
		turn_control_begin(t, TURN_CONTROL_PING, now_ms);
}

void turn_control_tick(struct turn *t, uint64_t now_ms)
{
	if (t->resuming && t->state == TURN_STATE_ALLOCATING)
		tick_resume(t, now_ms);
	tick_request(t, TURN_CONTROL_ALLOCATE, now_ms);
	tick_request(t, TURN_CONTROL_REFRESH, now_ms);
	if (t->state == TURN_STATE_ALLOCATING && now_ms >= t->allocate_ms) {
		t->allocate_ms = CLOCK_NEVER;
		turn_control_begin(t, TURN_CONTROL_ALLOCATE, now_ms);
	}
	if (t->state == TURN_STATE_READY && now_ms >= t->refresh_ms &&
	    !t->control[TURN_CONTROL_REFRESH].txn.active)
		turn_control_begin(t, TURN_CONTROL_REFRESH, now_ms);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t turn_control_deadline_ms(const struct turn *t)
{
	const struct stun_txn *refresh = &t->control[TURN_CONTROL_REFRESH].txn;
	uint64_t at = stun_txn_next_ms(refresh);

	switch (t->state) {
	case TURN_STATE_IDLE: /* after turn_release(), or nothing */
		return at;
	case TURN_STATE_ALLOCATING:
		if (t->resuming)
			return sooner(at, sooner(resume_end_ms(t),
						 resume_ping_ms(t)));
		return sooner(t->allocate_ms,
			      stun_txn_next_ms(
				      &t->control[TURN_CONTROL_ALLOCATE].txn));
	case TURN_STATE_READY:
		return refresh->active ? at : t->refresh_ms;
	default:
		return CLOCK_NEVER;
	}
}
