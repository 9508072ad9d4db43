/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_turn.c - a TURN client and a relay that answers whatever it likes
 *
 * Input: a sequence of steps. The relay knows the ids and the key of the
 * requests, so that its answers get past the look-up and the seal.
 */
#include <config.h>

#include "../../tunneld/buf.h"
#include "../../tunneld/stun_auth.h"
#include "../../tunneld/stun_msg.h"
#include "../../tunneld/turn.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDS 8

struct world {
	struct turn *t;
	uint64_t now_ms;
	struct {
		uint16_t method;
		uint8_t id[STUN_ID_LEN];
	} asked[IDS]; /* the last requests, newest at `next` - 1 */
	unsigned int next;
	uint8_t key[STUN_KEY_LEN];
	unsigned int states, sum;
};

static void on_state(void *arg, enum turn_state state, uint64_t now_ms)
{
	struct world *w = arg;

	(void)now_ms;
	/* READY at most once, FAILED at most once and last */
	if (w->states & 1u << state || w->states & 1u << TURN_STATE_FAILED)
		abort();
	w->states |= 1u << state;
}

static void on_data(void *arg, const struct endpoint *peer, const uint8_t *data,
		    size_t len, uint64_t now_ms)
{
	struct world *w = arg;

	(void)now_ms;
	if (peer->family != ENDPOINT_IPV4 && peer->family != ENDPOINT_IPV6)
		abort();
	for (size_t i = 0; i < len; i++)
		w->sum += data[i];
}

/* Note the requests among what the client writes; all of it must be whole. */
static void watch(struct world *w, const uint8_t *data, size_t len)
{
	struct stun_msg m;
	size_t n;

	for (; (n = turn_next_frame(data, len)) > 0; data += n, len -= n) {
		if (data[0] >= 0x40)
			continue;
		if (stun_msg_parse(&m, data, n) < 0)
			abort();
		if (m.class != STUN_CLASS_REQUEST)
			continue;
		w->asked[w->next % IDS].method = m.method;
		memcpy(w->asked[w->next % IDS].id, m.id, STUN_ID_LEN);
		w->next++;
	}
	if (len != 0)
		abort(); /* half a frame */
}

static void flush(struct world *w)
{
	static uint8_t out[70000];
	struct buf b;

	buf_init(&b, out, sizeof(out));
	if (turn_output(w->t, &b) != b.len || b.failed)
		abort();
	watch(w, out, b.len);
}

static void input(struct world *w, const uint8_t *frame, size_t len)
{
	int err = turn_input(w->t, frame, len, w->now_ms);

	if (err != 0 && err != -EBADMSG)
		abort();
	flush(w);
}

/* Attributes as the input has them: type, length byte, value. */
static void put_attributes(struct stun_build *b, struct buf_reader *r,
			   size_t max)
{
	const uint8_t *value;
	uint16_t type;
	uint8_t len;

	while (max-- > 0 && buf_get_u16(r, &type) && buf_get_u8(r, &len) &&
	       buf_take(r, len, &value))
		stun_build_bytes(b, type, value, len);
}

static void answer(struct world *w, struct buf_reader *r)
{
	static uint8_t out[8192];
	struct stun_build b;
	uint8_t which, how;
	unsigned int at;
	struct buf buf;

	if (!buf_get_u8(r, &which) || !buf_get_u8(r, &how))
		return;
	at = (w->next + IDS - 1 - which % IDS) % IDS;
	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, (enum stun_class)(how & 3),
			 w->asked[at].method, w->asked[at].id);
	put_attributes(&b, r, how >> 4);
	if (how & 4)
		stun_auth_sign(&b, w->key, sizeof(w->key));
	if (how & 8)
		stun_auth_fingerprint(&b);
	if (!buf.failed)
		input(w, out, buf.len);
}

/* What a well-meaning relay says to the newest request: challenge or grant. */
static void oblige(struct world *w)
{
	static const struct endpoint relayed = { .family = ENDPOINT_IPV4,
						 .port_be = 1,
						 .ip = { 192, 0, 2, 1 } };
	unsigned int at = (w->next + IDS - 1) % IDS;
	uint8_t out[512];
	struct stun_build b;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf,
			 w->next == 1 ? STUN_CLASS_ERROR : STUN_CLASS_SUCCESS,
			 w->asked[at].method, w->asked[at].id);
	if (w->next == 1) {
		stun_build_u32(&b, STUN_ATTR_ERROR_CODE, 0x401);
		stun_build_bytes(&b, STUN_ATTR_REALM, "realm", 5);
		stun_build_bytes(&b, STUN_ATTR_NONCE, "nonce", 5);
	} else {
		stun_build_address(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed);
		stun_build_u32(&b, STUN_ATTR_LIFETIME, 600);
		stun_build_bytes(&b, STUN_ATTR_MOBILITY_TICKET, "ticket", 6);
		stun_auth_sign(&b, w->key, sizeof(w->key));
	}
	input(w, out, buf.len);
}

static void send_some(struct world *w, struct buf_reader *r)
{
	static uint8_t out[70000], payload[256];
	struct endpoint peer = { .family = ENDPOINT_IPV4 };
	uint8_t which, len, room;
	struct buf b;
	int n;

	if (!buf_get_u8(r, &which) || !buf_get_u8(r, &len) ||
	    !buf_get_u8(r, &room))
		return;
	peer.ip[3] = which;
	if (which >= 0xf0)
		peer.family = ENDPOINT_IPV6;
	buf_init(&b, out, room >= 0x80 ? sizeof(out) : room * 4u);
	n = turn_wrap(w->t, &peer, payload, len, &b, w->now_ms);
	if (b.failed || (n < 0 && b.len != 0) ||
	    (n == 0 &&
	     (b.len < len || b.len > (size_t)len + TURN_WRAP_OVERHEAD_MAX)))
		abort();
	watch(w, out, b.len);
	flush(w);
}

static void pass(struct world *w, struct buf_reader *r)
{
	uint16_t s;

	if (!buf_get_u16(r, &s))
		return;
	w->now_ms += s * 100ull;
	turn_tick(w->t, w->now_ms);
	flush(w);
	turn_tick(w->t, w->now_ms);
	flush(w);
	/* A deadline that stays in the past would be a loop without sleep. */
	if (turn_deadline_ms(w->t) <= w->now_ms)
		abort();
}

static void raw(struct world *w, struct buf_reader *r)
{
	const uint8_t *frame;
	uint8_t len;

	if (buf_get_u8(r, &len) && buf_take(r, len, &frame))
		input(w, frame, len);
}

static const struct turn_events events = { .on_state = on_state,
					   .on_data = on_data };

/* Go on with the allocation on another connection; with bytes of the input
 * over the exported ones it may be refused, and nothing else. */
static void resume(struct world *w, struct buf_reader *r, bool spoil)
{
	static uint8_t blob[TURN_EXPORT_MAX];
	struct turn_opts opts = { .family = 4, .resume = blob };
	uint8_t at, len;
	const uint8_t *bytes;
	struct turn *t;
	struct buf b;

	buf_init(&b, blob, sizeof(blob));
	if (turn_export(w->t, &b, w->now_ms) < 0)
		return;
	opts.resume_len = b.len;
	if (spoil && buf_get_u8(r, &at) && buf_get_u8(r, &len) &&
	    buf_take(r, len, &bytes)) {
		size_t from = at % b.len;

		if (len > b.len - from)
			len = (uint8_t)(b.len - from);
		memcpy(blob + from, bytes, len);
		if (at & 1)
			opts.resume_len = from + len;
	}
	t = turn_new(&opts, &events, w);
	if (t == NULL && !spoil)
		abort();
	if (t == NULL)
		return;
	turn_start(t, w->now_ms);
	turn_adopt_peers(t, w->t, w->now_ms);
	turn_free(w->t);
	w->t = t;
	w->states = 0;
	flush(w);
}

/* A blob that nobody exported. */
static void hostile(struct world *w, struct buf_reader *r)
{
	struct turn_opts opts = { .family = 4,
				  .resume = r->data,
				  .resume_len = r->left };
	struct turn *t = turn_new(&opts, &events, w);

	turn_free(t);
}

static void odd_step(struct world *w, struct buf_reader *r, uint8_t step)
{
	switch (step) {
	case 0xff:
		turn_release(w->t, w->now_ms);
		break;
	case 0xf7:
		resume(w, r, false);
		return;
	case 0xef:
		resume(w, r, true);
		return;
	case 0xe7:
		turn_ping(w->t, w->now_ms);
		break;
	case 0xd7:
		hostile(w, r);
		break;
	default:
		break;
	}
	flush(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct turn_opts opts = { .username = "user",
				  .password = "pass",
				  .family = 4 };
	struct world w = { .now_ms = 1000000 };
	struct buf_reader r;
	uint8_t step;

	/* the last byte also says how to begin */
	opts.datagram = size > 0 && data[size - 1] == 0xdf;
	opts.mobility = size > 0 && data[size - 1] >= 0xcf;
	w.t = turn_new(&opts, &events, &w);
	if (w.t == NULL || stun_auth_key("user", "realm", 5, "pass", w.key) < 0)
		abort();
	turn_start(w.t, w.now_ms);
	flush(&w);
	buf_reader_init(&r, data, size);
	while (buf_get_u8(&r, &step)) {
		switch (step % 8) {
		case 0:
			raw(&w, &r);
			break;
		case 1:
		case 2:
			answer(&w, &r);
			break;
		case 3:
		case 4:
			send_some(&w, &r);
			break;
		case 5:
			pass(&w, &r);
			break;
		case 6:
			oblige(&w);
			break;
		default:
			odd_step(&w, &r, step);
			break;
		}
	}
	turn_free(w.t);
	return 0;
}
