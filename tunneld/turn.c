/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn.c - a TURN client's allocation, as a machine
 *
 * Turns credentials and a relay's answers into an allocation that stays
 * (RFC 8656, 7, 8 and 3.1; RFC 8489, 6, 9.2 and 10).
 *
 * Theory of operation: IDLE -> ALLOCATING -> READY -> FAILED, or back to IDLE
 * when released. There is one request of each kind at a time: Allocate,
 * Refresh, and a Binding request as a ping. A request is begun (id, deadline)
 * by an event, is `due` until turn_output() has written it, and ends with its
 * answer. Requests about peers live in turn_data.c. Any frame from the relay
 * proves that it is alive; when the stream has been silent in one direction
 * for the keep-alive time, a ping makes the relay prove it, which also keeps
 * proxies from taking the connection for idle.
 */
#include <config.h>

#include "turn.h"

#include "buf.h"
#include "clock.h"
#include "stun_msg.h"
#include "turn_private.h"
#include "turn_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#define TRANSPORT_UDP  17 /* RFC 8656, 18.8 */
#define FAMILY_IPV6    0x02
#define LIFETIME_S     600 /* RFC 8656, 3.2: the default */
#define LIFETIME_MIN_S 2   /* less would be a storm of refreshes */
#define LIFETIME_MAX_S 86400
#define KEEPALIVE_S    20
#define PING_WAIT_MS   5000
#define PINGS_MAX      3
#define RETRY_MS       5000 /* after a Refresh was refused for now */

struct turn *turn_new(const struct turn_opts *opts,
		      const struct turn_events *events, void *arg)
{
	struct turn *t = calloc(1, sizeof(*t));
	uint32_t keepalive_s = opts->keepalive_s;
	int r;

	if (t == NULL)
		return NULL;
	t->events = *events;
	t->arg = arg;
	t->family = opts->family == ENDPOINT_IPV6 ? ENDPOINT_IPV6
						  : ENDPOINT_IPV4;
	t->ask_lifetime_s = opts->lifetime_s;
	t->keepalive_ms = (keepalive_s ? keepalive_s : KEEPALIVE_S) * 1000ull;
	r = turn_peers_init(&t->peers);
	if (r == 0 &&
	    RAND_bytes(t->indication_id, sizeof(t->indication_id)) != 1)
		r = -EIO;
	if (r == 0)
		r = stun_cred_init(&t->cred, opts->username, opts->password);
	if (r < 0) {
		turn_free(t);
		errno = -r;
		return NULL;
	}
	return t;
}

void turn_free(struct turn *t)
{
	if (t == NULL)
		return;
	turn_peers_fini(&t->peers);
	stun_cred_fini(&t->cred);
	free(t);
}

static void set_state(struct turn *t, enum turn_state state, uint64_t now_ms)
{
	t->state = state;
	if (t->events.on_state != NULL)
		t->events.on_state(t->arg, state, now_ms);
}

void turn_fail(struct turn *t, unsigned int code, const char *reason,
	       uint64_t now_ms)
{
	bool allocated = t->state == TURN_STATE_READY;

	if (t->state == TURN_STATE_FAILED || t->state == TURN_STATE_IDLE)
		return;
	t->error = code;
	if (code == 0)
		snprintf(t->words, sizeof(t->words), "%s", reason);
	else
		snprintf(t->words, sizeof(t->words), "%s (%u%s%s)",
			 turn_words(code, allocated), code,
			 *reason != '\0' ? " " : "", reason);
	set_state(t, TURN_STATE_FAILED, now_ms);
}

static void request(struct turn *t, enum turn_control which, uint64_t now_ms)
{
	static const uint16_t method[TURN_NUM_CONTROLS] = {
		[TURN_CONTROL_ALLOCATE] = STUN_METHOD_ALLOCATE,
		[TURN_CONTROL_REFRESH] = STUN_METHOD_REFRESH,
		[TURN_CONTROL_PING] = STUN_METHOD_BINDING,
	};
	struct turn_request *q = &t->control[which];

	if (stun_txn_begin(&q->txn, method[which], now_ms) < 0) {
		turn_fail(t, 0, "no random numbers", now_ms);
		return;
	}
	q->due = true;
	t->last_out_ms = now_ms;
}

void turn_start(struct turn *t, uint64_t now_ms)
{
	if (t->state != TURN_STATE_IDLE || t->released)
		return;
	t->state = TURN_STATE_ALLOCATING;
	t->last_in_ms = now_ms;
	request(t, TURN_CONTROL_ALLOCATE, now_ms);
}

void turn_probe(struct turn *t, uint64_t now_ms)
{
	if (!t->control[TURN_CONTROL_REFRESH].txn.active)
		request(t, TURN_CONTROL_REFRESH, now_ms);
}

void turn_release(struct turn *t, uint64_t now_ms)
{
	bool allocated = t->state == TURN_STATE_READY;

	if (t->state == TURN_STATE_FAILED || t->released)
		return;
	for (int i = 0; i < TURN_NUM_CONTROLS; i++)
		stun_txn_end(&t->control[i].txn);
	t->released = true;
	t->state = TURN_STATE_IDLE;
	if (allocated)
		request(t, TURN_CONTROL_REFRESH, now_ms);
}

static void put_lifetime(const struct turn *t, struct stun_build *b)
{
	if (t->released)
		stun_build_u32(b, STUN_ATTR_LIFETIME, 0);
	else if (t->ask_lifetime_s != 0)
		stun_build_u32(b, STUN_ATTR_LIFETIME, t->ask_lifetime_s);
}

static void build(struct turn *t, enum turn_control which, struct buf *out)
{
	struct stun_txn *txn = &t->control[which].txn;
	struct stun_build b;

	stun_txn_build_begin(txn, &b, out);
	switch (which) {
	case TURN_CONTROL_ALLOCATE:
		stun_build_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT,
			       (uint32_t)TRANSPORT_UDP << 24);
		/* Old relays answer 420 or 440 to a family they would have
		 * given anyway. */
		if (t->family == ENDPOINT_IPV6)
			stun_build_u32(&b, STUN_ATTR_REQUESTED_ADDRESS_FAMILY,
				       (uint32_t)FAMILY_IPV6 << 24);
		put_lifetime(t, &b);
		break;
	case TURN_CONTROL_REFRESH:
		put_lifetime(t, &b);
		break;
	default:
		return; /* A Binding request needs no credentials. */
	}
	stun_txn_build_end(txn, &b, &t->cred);
}

size_t turn_output(struct turn *t, struct buf *out)
{
	size_t before = out->len, mark;

	if (out->failed || t->state == TURN_STATE_FAILED)
		return 0;
	for (int i = 0; i < TURN_NUM_CONTROLS; i++) {
		if (!t->control[i].due || !t->control[i].txn.active)
			continue;
		mark = out->len;
		build(t, (enum turn_control)i, out);
		if (out->failed) {
			out->failed = false;
			out->len = mark;
			return mark - before;
		}
		t->control[i].due = false;
	}
	if (t->state == TURN_STATE_READY)
		(void)turn_data_output(t, out);
	return out->len - before;
}

/* Take LIFETIME of a success: refresh at half of it. */
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

static void allocate_granted(struct turn *t, const struct stun_msg *m,
			     uint64_t now_ms)
{
	struct endpoint e;

	if (!stun_msg_address(m, STUN_ATTR_XOR_RELAYED_ADDRESS, &e) ||
	    e.port_be == 0) {
		turn_fail(t, 0, "the relay gives no relayed address", now_ms);
		return;
	}
	if (e.family != t->family) {
		turn_fail(t, 440, "", now_ms);
		return;
	}
	t->relayed = e;
	take_lifetime(t, m, now_ms);
	set_state(t, TURN_STATE_READY, now_ms);
}

static void allocate_refused(struct turn *t, const struct stun_msg *m,
			     const struct stun_txn_error *err, uint64_t now_ms)
{
	/* RFC 8489, 10: where to is for the owner to judge. */
	if (err->code == 300 &&
	    !stun_msg_address(m, STUN_ATTR_ALTERNATE_SERVER, &t->alternate))
		t->alternate.family = ENDPOINT_NONE;
	turn_fail(t, err->code, err->reason, now_ms);
}

static void refresh_refused(struct turn *t, const struct stun_txn_error *err,
			    uint64_t now_ms)
{
	switch (err->code) {
	case 0:
	case 401:
	case 437:
	case 438:
	case 441:
		turn_fail(t, err->code, err->reason, now_ms);
		return;
	default:
		break;
	}
	/* Trouble that may pass, as long as the allocation lives. */
	t->refresh_ms = now_ms + RETRY_MS;
	if (t->refresh_ms >= t->expires_ms)
		turn_fail(t, err->code, err->reason, now_ms);
}

/* True when the message answers a request about the allocation. */
static bool control_answer(struct turn *t, const struct stun_msg *m,
			   uint64_t now_ms)
{
	struct stun_txn_error err;
	enum turn_control which;

	switch (m->method) {
	case STUN_METHOD_ALLOCATE:
		which = TURN_CONTROL_ALLOCATE;
		break;
	case STUN_METHOD_REFRESH:
		which = TURN_CONTROL_REFRESH;
		break;
	default:
		return m->method == STUN_METHOD_BINDING;
	}
	switch (stun_txn_answer(&t->control[which].txn, &t->cred, m, &err,
				now_ms)) {
	case STUN_TXN_IGNORE:
		break;
	case STUN_TXN_RETRY:
		t->control[which].due = true;
		t->last_out_ms = now_ms;
		break;
	case STUN_TXN_SUCCESS:
		if (which == TURN_CONTROL_ALLOCATE)
			allocate_granted(t, m, now_ms);
		else
			take_lifetime(t, m, now_ms);
		break;
	case STUN_TXN_ERROR:
		if (which == TURN_CONTROL_ALLOCATE)
			allocate_refused(t, m, &err, now_ms);
		else
			refresh_refused(t, &err, now_ms);
		break;
	}
	return true;
}

int turn_input(struct turn *t, const uint8_t *frame, size_t len,
	       uint64_t now_ms)
{
	struct stun_msg m;

	if (t->state == TURN_STATE_FAILED ||
	    (t->state == TURN_STATE_IDLE && !t->released))
		return 0;
	if (len < 4 || frame[0] >= 0x80)
		return -EBADMSG;
	/* Whatever it is, the relay lives. */
	t->last_in_ms = now_ms;
	t->pings = 0;
	stun_txn_end(&t->control[TURN_CONTROL_PING].txn);
	if (frame[0] >= 0x40)
		return turn_data_channel(t, frame, len, now_ms);
	/* RFC 8489, 6.3: what is malformed is silently dropped. */
	if (stun_msg_parse(&m, frame, len) < 0 ||
	    stun_auth_check_fingerprint(&m) == STUN_AUTH_BAD)
		return 0;
	switch (m.class) {
	case STUN_CLASS_REQUEST:
		break;
	case STUN_CLASS_INDICATION:
		if (m.method == STUN_METHOD_DATA)
			turn_data_indication(t, &m, now_ms);
		break;
	default:
		if (!control_answer(t, &m, now_ms))
			turn_data_answer(t, &m, now_ms);
		break;
	}
	return 0;
}

static uint64_t keepalive_due_ms(const struct turn *t)
{
	return t->keepalive_ms + (t->last_in_ms < t->last_out_ms
					  ? t->last_in_ms
					  : t->last_out_ms);
}

static void ping(struct turn *t, uint64_t now_ms)
{
	t->pings++;
	t->ping_deadline_ms = now_ms + PING_WAIT_MS;
	request(t, TURN_CONTROL_PING, now_ms);
}

void turn_ping(struct turn *t, uint64_t now_ms)
{
	if (t->state == TURN_STATE_READY &&
	    !t->control[TURN_CONTROL_PING].txn.active)
		ping(t, now_ms);
}

static void tick_ping(struct turn *t, uint64_t now_ms)
{
	if (!t->control[TURN_CONTROL_PING].txn.active) {
		if (now_ms >= keepalive_due_ms(t))
			ping(t, now_ms);
	} else if (now_ms >= t->ping_deadline_ms) {
		if (t->pings >= PINGS_MAX)
			turn_fail(t, 0, "the relay does not answer", now_ms);
		else
			ping(t, now_ms);
	}
}

static bool timed_out(const struct stun_txn *txn, uint64_t now_ms)
{
	return txn->active && now_ms >= txn->deadline_ms;
}

static void tick_timeouts(struct turn *t, uint64_t now_ms)
{
	static const enum turn_control which[] = { TURN_CONTROL_ALLOCATE,
						   TURN_CONTROL_REFRESH };

	for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
		struct stun_txn *txn = &t->control[which[i]].txn;

		if (!timed_out(txn, now_ms))
			continue;
		stun_txn_end(txn);
		turn_fail(t, 0,
			  txn->bad_integrity > 0
				  ? "the relay's answers fail their integrity"
				    " check"
				  : "the relay does not answer",
			  now_ms);
	}
}

void turn_tick(struct turn *t, uint64_t now_ms)
{
	tick_timeouts(t, now_ms);
	if (t->state != TURN_STATE_READY)
		return;
	if (now_ms >= t->refresh_ms)
		turn_probe(t, now_ms);
	tick_ping(t, now_ms);
	if (t->state == TURN_STATE_READY)
		turn_data_tick(t, now_ms);
}

static void sooner(uint64_t *a, uint64_t b)
{
	if (b < *a)
		*a = b;
}

uint64_t turn_deadline_ms(const struct turn *t)
{
	const struct stun_txn *refresh = &t->control[TURN_CONTROL_REFRESH].txn;
	uint64_t at = CLOCK_NEVER;

	if (t->state == TURN_STATE_ALLOCATING)
		return t->control[TURN_CONTROL_ALLOCATE].txn.deadline_ms;
	if (t->state != TURN_STATE_READY)
		return CLOCK_NEVER;
	sooner(&at, refresh->active ? refresh->deadline_ms : t->refresh_ms);
	sooner(&at, t->control[TURN_CONTROL_PING].txn.active
			    ? t->ping_deadline_ms
			    : keepalive_due_ms(t));
	sooner(&at, t->peers.next_ms);
	return at;
}

enum turn_state turn_state(const struct turn *t)
{
	return t->state;
}

const struct endpoint *turn_relayed(const struct turn *t)
{
	return &t->relayed;
}

unsigned int turn_error(const struct turn *t, const char **words)
{
	if (words != NULL)
		*words = t->words;
	return t->error;
}

const struct endpoint *turn_alternate(const struct turn *t)
{
	return t->alternate.family != ENDPOINT_NONE ? &t->alternate : NULL;
}

const char *turn_alternate_domain(const struct turn *t)
{
	return t->alternate_domain[0] != '\0' ? t->alternate_domain : NULL;
}

enum turn_blame turn_blame(const struct turn *t)
{
	switch (t->error) {
	case 0:
		return TURN_BLAME_PATH;
	case 300:
		return TURN_BLAME_REDIRECT;
	case 401:
	case 441:
		return TURN_BLAME_LOGIN;
	case 437:
		return TURN_BLAME_ALLOCATION;
	default:
		return TURN_BLAME_SERVER;
	}
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
