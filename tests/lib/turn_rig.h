/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_rig.h - a TURN client machine and the fake relay, joined by their
 * streams, with a clock that the test moves
 */
#ifndef TURN_RIG_H
#define TURN_RIG_H

#include "../../tunneld/buf.h"
#include "../../tunneld/framer.h"
#include "../../tunneld/turn.h"
#include "../fake/turn_server.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RIG_OUT_MAX 70000

struct rig {
	struct turn *t;
	struct turn_server *s;
	struct turn_server_conn *c;
	struct framer framer;
	uint64_t now_ms;
	bool broken; /* one of the two would close the stream */
	bool datagrams;
	/* of these: to the relay, so far; lose and double each n-th, 0: none */
	unsigned int sent, lose, twice;
	/* what the callbacks told */
	unsigned int ready, failed, refused, refused_code;
	struct endpoint refused_peer;
	unsigned int got; /* datagrams */
	struct endpoint got_peer;
	uint8_t got_data[RIG_OUT_MAX];
	size_t got_len;
	/* what reached a peer */
	unsigned int relayed;
	struct endpoint relayed_to;
	uint8_t relayed_data[RIG_OUT_MAX];
	size_t relayed_len;
	uint8_t out[RIG_OUT_MAX];
};

static inline void rig_on_state(void *arg, enum turn_state state,
				uint64_t now_ms)
{
	struct rig *r = arg;

	(void)now_ms;
	r->ready += state == TURN_STATE_READY;
	r->failed += state == TURN_STATE_FAILED;
}

static inline void rig_on_data(void *arg, const struct endpoint *peer,
			       const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct rig *r = arg;

	(void)now_ms;
	r->got++;
	r->got_peer = *peer;
	r->got_len = len;
	memcpy(r->got_data, data, len);
}

static inline void rig_on_refused(void *arg, const struct endpoint *peer,
				  unsigned int code, uint64_t now_ms)
{
	struct rig *r = arg;

	(void)now_ms;
	r->refused++;
	r->refused_peer = *peer;
	r->refused_code = code;
}

static inline void rig_on_relay(void *arg, struct turn_server_conn *c,
				const struct endpoint *to, const uint8_t *data,
				size_t len)
{
	struct rig *r = arg;

	(void)c;
	r->relayed++;
	r->relayed_to = *to;
	r->relayed_len = len;
	memcpy(r->relayed_data, data, len);
}

static inline void rig_write_datagrams(struct rig *r, const uint8_t *data,
				       size_t len)
{
	size_t n;

	for (; (n = turn_next_frame(data, len)) > 0; data += n, len -= n) {
		r->sent++;
		if (r->lose != 0 && r->sent % r->lose == 0)
			continue;
		for (int i = 0;
		     i < 1 + (r->twice != 0 && r->sent % r->twice == 0); i++)
			(void)turn_server_input(r->c, data, n, r->now_ms);
	}
	r->broken = r->broken || len != 0;
}

static inline void rig_write(struct rig *r, const void *data, size_t len)
{
	if (r->datagrams)
		rig_write_datagrams(r, (const uint8_t *)data, len);
	else if (!turn_server_input(r->c, data, len, r->now_ms))
		r->broken = true;
}

/* One exchange; false when both sides have fallen silent. */
static inline bool rig_step(struct rig *r)
{
	const uint8_t *frame;
	bool busy = false;
	uint8_t *space;
	struct buf b;
	size_t room;
	int n;

	buf_init(&b, r->out, sizeof(r->out));
	if (turn_output(r->t, &b) > 0) {
		busy = true;
		rig_write(r, b.data, b.len);
	}
	space = framer_space(&r->framer, &room);
	n = (int)turn_server_output(r->c, space, room);
	busy = busy || n > 0;
	if (r->datagrams) {
		if (n > 0 && turn_input(r->t, space, (size_t)n, r->now_ms) < 0)
			r->broken = true;
		return busy && !r->broken;
	}
	framer_commit(&r->framer, (size_t)n);
	while ((n = framer_next(&r->framer, &frame)) > 0)
		if (turn_input(r->t, frame, (size_t)n, r->now_ms) < 0)
			r->broken = true;
	if (n < 0)
		r->broken = true;
	return busy && !r->broken;
}

static inline void rig_pump(struct rig *r)
{
	while (rig_step(r))
		;
}

/* Let the time pass, from deadline to deadline. */
static inline void rig_pass(struct rig *r, uint64_t ms)
{
	uint64_t until_ms = r->now_ms + ms;

	for (;;) {
		uint64_t at_ms = turn_deadline_ms(r->t);

		if (at_ms > until_ms)
			break;
		if (at_ms > r->now_ms)
			r->now_ms = at_ms;
		turn_tick(r->t, r->now_ms);
		rig_pump(r);
	}
	r->now_ms = until_ms;
}

/* turn_wrap() and straight to the relay, without waiting for its answer. */
static inline int rig_send(struct rig *r, const struct endpoint *peer,
			   const void *data, size_t len)
{
	struct buf b;
	int n;

	buf_init(&b, r->out, sizeof(r->out));
	n = turn_wrap(r->t, peer, data, len, &b, r->now_ms);
	if (n == 0)
		rig_write(r, b.data, b.len);
	return n;
}

/* The client is made with `opts`; NULL: alice, like the relay. */
static inline bool rig_init(struct rig *r, const struct turn_opts *opts)
{
	static const struct turn_opts alice = { .username = "alice",
						.password = "secret",
						.family = 4 };
	static const struct turn_events events = {
		.on_state = rig_on_state,
		.on_data = rig_on_data,
		.on_peer_refused = rig_on_refused,
	};

	memset(r, 0, sizeof(*r));
	r->now_ms = 1000;
	r->s = turn_server_new("alice", "secret", "example.org");
	turn_server_on_relay(r->s, rig_on_relay, r);
	r->datagrams = opts != NULL && opts->datagram;
	r->c = r->datagrams ? turn_server_accept_datagrams(r->s)
			    : turn_server_accept(r->s);
	r->t = turn_new(opts != NULL ? opts : &alice, &events, r);
	return framer_init(&r->framer) == 0 && r->t != NULL;
}

static inline void rig_fini(struct rig *r)
{
	turn_free(r->t);
	turn_server_close(r->c);
	turn_server_free(r->s);
	framer_fini(&r->framer);
}

#endif
