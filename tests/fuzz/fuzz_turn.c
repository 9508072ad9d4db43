/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_turn.c - a TURN client and a relay that answers whatever it likes
 *
 * Input: a sequence of steps. The relay knows the ids and the key of the
 * requests, so that its answers get past the look-up and the seal.
 */
#include <config.h>

#include "../../tunneld/buf.h"
#include "../../tunneld/framer.h"
#include "../../tunneld/stun_auth.h"
#include "../../tunneld/stun_msg.h"
#include "../../tunneld/turn.h"

#include <errno.h>
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
	const uint8_t *frame;
	struct stun_msg m;
	struct framer f;
	uint8_t *space;
	size_t room;
	int n;

	if (len == 0)
		return;
	if (framer_init(&f) < 0)
		abort();
	space = framer_space(&f, &room);
	if (len > room)
		abort();
	memcpy(space, data, len);
	framer_commit(&f, len);
	while ((n = framer_next(&f, &frame)) > 0) {
		if (frame[0] >= 0x40)
			continue;
		if (stun_msg_parse(&m, frame, (size_t)n) < 0)
			abort();
		if (m.class != STUN_CLASS_REQUEST)
			continue;
		w->asked[w->next % IDS].method = m.method;
		memcpy(w->asked[w->next % IDS].id, m.id, STUN_ID_LEN);
		w->next++;
	}
	if (n < 0 || framer_space(&f, &room) != f.data)
		abort(); /* half a frame */
	framer_fini(&f);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct turn_opts opts = { .username = "user",
					       .password = "pass",
					       .family = 4 };
	static const struct turn_events events = { .on_state = on_state,
						   .on_data = on_data };
	struct world w = { .now_ms = 1 };
	struct buf_reader r;
	uint8_t step;

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
			if (step == 0xff)
				turn_release(w.t, w.now_ms);
			flush(&w);
			break;
		}
	}
	turn_free(w.t);
	return 0;
}
