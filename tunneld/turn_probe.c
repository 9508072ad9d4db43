/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_probe.c - the TURN machine with a loop of its own: one connection, one
 * allocation, echoes that are counted and timed
 *
 * Theory of operation
 *
 * turn_output() and turn_wrap() fill `out`, which goes to the stream as it
 * takes it; nothing is wrapped while more than OUT_LOW bytes wait, so that a
 * slow way shows as fewer packets and not as a long queue. Whatever comes is
 * fed to the machine frame by frame. One wait, in step(), is all that blocks.
 */
#include <config.h>

#include "turn_probe.h"

#include "buf.h"
#include "cancel.h"
#include "clock.h"
#include "creds.h"
#include "framer.h"
#include "stun_msg.h"
#include "turn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define OUT_BYTES   65536
#define OUT_LOW     4096
#define ECHO_MAX    1400
#define ECHO_MAGIC  0x7475726eu
#define RELEASE_MS  300
#define ECHO_HEADER 16 /* magic, number, time in microseconds */
/* A relay that never stops sending must not keep us from the clock. */
#define READS_PER_STEP 64

struct turn_probe {
	struct stream stream;
	struct framer framer;
	struct turn *turn;
	struct turn *other; /* for IPv6, where the relay has no IPv4 */
	struct cancel *cancel;
	uint8_t *out;
	struct buf out_buf;
	size_t out_sent;
	bool ended;
	uint64_t asked_us; /* when the first request left */
	struct turn_probe_facts facts;
	struct turn_probe_echo *echo; /* under way */
	uint64_t echo_began_us;
};

/* What comes back */

static uint64_t get_u64(const uint8_t *p)
{
	return (uint64_t)be32_get(p) << 32 | be32_get(p + 4);
}

static void on_data(void *arg, const struct endpoint *peer, const uint8_t *data,
		    size_t len, uint64_t now_ms)
{
	struct turn_probe *p = arg;
	struct turn_probe_echo *e = p->echo;
	uint64_t now = clock_now_us(), sent_us;
	uint32_t seq;

	(void)now_ms;
	if (e == NULL || len < ECHO_HEADER || be32_get(data) != ECHO_MAGIC ||
	    !endpoint_equal(peer, &p->facts.relayed))
		return;
	seq = be32_get(data + 4);
	sent_us = get_u64(data + 8);
	/* Of this series, sent, and for the first time. */
	if (sent_us < p->echo_began_us || sent_us > now || seq >= e->sent ||
	    e->rtt_us[seq] != TURN_PROBE_LOST)
		return;
	e->rtt_us[seq] = (uint32_t)(now - sent_us);
	e->hearing_us = (uint32_t)(now - p->echo_began_us);
	e->heard++;
	if (e->on_echo != NULL)
		e->on_echo(e->arg, seq, e->rtt_us[seq]);
}

static void on_refused(void *arg, const struct endpoint *peer,
		       unsigned int code, uint64_t now_ms)
{
	struct turn_probe *p = arg;

	(void)peer;
	(void)code;
	(void)now_ms;
	if (p->echo != NULL)
		p->echo->refused = true;
}

static void on_state(void *arg, enum turn_state state, uint64_t now_ms)
{
	struct turn_probe *p = arg;

	(void)now_ms;
	if (state == TURN_STATE_FAILED && p->facts.ready)
		p->ended = true;
	if (state != TURN_STATE_READY)
		return;
	p->facts.ready = true;
	p->facts.mobile = turn_is_mobile(p->turn);
	p->facts.relayed = *turn_relayed(p->turn);
}

static const struct turn_events events = {
	.on_state = on_state,
	.on_data = on_data,
	.on_peer_refused = on_refused,
};

static void copy_text(char *out, size_t max, const struct stun_msg *m,
		      enum stun_attr_type type)
{
	struct stun_attr a = { .type = 0 };
	size_t n = 0;

	if (!stun_attr_find(m, type, &a))
		return;
	for (; n < a.len && n + 1 < max; n++)
		out[n] = a.value[n] >= 0x20 && a.value[n] < 0x7f
				 ? (char)a.value[n]
				 : '?';
	out[n] = '\0';
}

/* The first answer tells who is there. */
static void look_at(struct turn_probe *p, const uint8_t *frame, size_t len)
{
	char reason[STUN_REASON_MAX];
	struct stun_msg m;
	unsigned int code;

	if (!p->facts.silent || stun_msg_parse(&m, frame, len) < 0)
		return;
	p->facts.silent = false;
	p->facts.answer_us = (uint32_t)(clock_now_us() - p->asked_us);
	copy_text(p->facts.software, sizeof(p->facts.software), &m,
		  STUN_ATTR_SOFTWARE);
	if (!stun_msg_error(&m, &code, reason) || code != 401)
		return;
	p->facts.challenged = true;
	copy_text(p->facts.realm, sizeof(p->facts.realm), &m, STUN_ATTR_REALM);
}

/* Reading and writing */

static void end(struct turn_probe *p, const char *words)
{
	p->ended = true;
	if (p->facts.words[0] == '\0')
		snprintf(p->facts.words, sizeof(p->facts.words), "%s", words);
}

/* A datagram that is none of TURN's proves nothing about the others. */
static void feed(struct turn_probe *p, const uint8_t *frame, size_t len)
{
	look_at(p, frame, len);
	if (turn_input(p->turn, frame, len, clock_now_ms()) < 0 &&
	    !stream_is_datagram(&p->stream))
		end(p, "it sends bytes that are not TURN");
}

static void take_frames(struct turn_probe *p)
{
	const uint8_t *frame;
	int n = 0;

	while (!p->ended && (n = framer_next(&p->framer, &frame)) > 0)
		feed(p, frame, (size_t)n);
	if (n < 0)
		end(p, framer_met_http(&p->framer)
			       ? "it answers in HTTP, as a proxy does that "
				 "inspects TLS"
			       : "it sends bytes that are not TURN");
}

static void read_some(struct turn_probe *p)
{
	size_t room, n;
	uint8_t *space;
	enum io io;

	for (int i = 0; !p->ended && i < READS_PER_STEP; i++) {
		space = framer_space(&p->framer, &room);
		io = stream_read(&p->stream, space, room, &n);
		if (io == IO_WANT_READ || io == IO_WANT_WRITE)
			return;
		if (io != IO_OK) {
			end(p, io == IO_EOF ? "the relay closed the connection"
					    : stream_error(&p->stream));
			return;
		}
		if (p->stream.datagram) {
			feed(p, space, n);
			continue;
		}
		framer_commit(&p->framer, n);
		take_frames(p);
	}
}

static size_t waiting(const struct turn_probe *p)
{
	return p->out_buf.len - p->out_sent;
}

/* One datagram, or all. */
static size_t piece(const struct turn_probe *p)
{
	size_t n = p->stream.datagram
			   ? turn_next_frame(p->out + p->out_sent, waiting(p))
			   : 0;

	return n != 0 ? n : waiting(p);
}

static void write_all(struct turn_probe *p)
{
	size_t n;
	enum io io;

	turn_output(p->turn, &p->out_buf);
	while (!p->ended && waiting(p) > 0) {
		io = stream_write(&p->stream, p->out + p->out_sent, piece(p),
				  &n);
		if (io == IO_WANT_READ || io == IO_WANT_WRITE)
			return;
		if (io != IO_OK) {
			end(p, stream_error(&p->stream));
			return;
		}
		p->out_sent += n;
	}
	p->out_sent = 0;
	p->out_buf.len = 0;
	p->out_buf.failed = false;
}

/* Wait for whatever comes first, at most up to `until_ms`, and do it. */
static void step(struct turn_probe *p, uint64_t until_ms)
{
	struct pollfd fd = { .fd = p->stream.fd, .events = POLLIN };
	uint64_t now, deadline;

	write_all(p);
	if (p->ended)
		return;
	if (waiting(p) > 0)
		fd.events |= POLLOUT;
	now = clock_now_ms();
	deadline = turn_deadline_ms(p->turn);
	if (deadline > until_ms)
		deadline = until_ms;
	if (deadline > now && stream_pending(&p->stream) == 0)
		poll(&fd, 1, (int)(deadline - now));
	if (cancel_is_set(p->cancel))
		end(p, "cancelled");
	read_some(p);
	turn_tick(p->turn, clock_now_ms());
}

/* Life */

struct turn_probe *turn_probe_new(const struct turn_probe_opts *o)
{
	struct turn_opts opts = { .username = o->pair->username,
				  .password = o->pair->password,
				  .family = ENDPOINT_IPV4,
				  .datagram = o->datagram,
				  .mobility = o->mobility };
	struct turn_probe *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		tls_free(o->tls);
		close(o->fd);
		errno = ENOMEM;
		return NULL;
	}
	stream_open(&p->stream, o->fd, o->tls, o->datagram);
	p->cancel = o->cancel;
	p->facts.silent = true;
	p->out = malloc(OUT_BYTES);
	p->turn = turn_new(&opts, &events, p);
	opts.family = ENDPOINT_IPV6;
	p->other = turn_new(&opts, &events, p);
	if (p->out == NULL || p->turn == NULL || p->other == NULL ||
	    framer_init(&p->framer) < 0) {
		turn_probe_free(p);
		errno = ENOMEM;
		return NULL;
	}
	buf_init(&p->out_buf, p->out, OUT_BYTES);
	return p;
}

static void release(struct turn_probe *p)
{
	uint64_t until = clock_now_ms() + RELEASE_MS;

	turn_release(p->turn, clock_now_ms());
	while (!p->ended && turn_deadline_ms(p->turn) != CLOCK_NEVER &&
	       clock_now_ms() < until)
		step(p, until);
}

void turn_probe_free(struct turn_probe *p)
{
	if (p == NULL)
		return;
	if (p->turn != NULL && p->facts.ready && !p->ended)
		release(p);
	turn_free(p->turn);
	turn_free(p->other);
	framer_fini(&p->framer);
	stream_close(&p->stream);
	free(p->out);
	free(p);
}

static void note_failure(struct turn_probe *p)
{
	const struct endpoint *to = turn_alternate(p->turn);
	const char *words;

	p->facts.code = turn_error(p->turn, &words);
	snprintf(p->facts.words, sizeof(p->facts.words), "%s", words);
	if (to != NULL)
		p->facts.alternate = *to;
}

static void allocate(struct turn_probe *p, uint64_t deadline_ms)
{
	turn_start(p->turn, clock_now_ms());
	while (!p->ended && !p->facts.ready &&
	       turn_state(p->turn) != TURN_STATE_FAILED &&
	       clock_now_ms() < deadline_ms)
		step(p, deadline_ms);
}

/* No IPv4 there: what was refused has left nothing behind, so the connection
 * is as good as new (RFC 8656, 7.2). */
static bool wants_other_family(const struct turn_probe *p)
{
	const char *words;

	return !p->ended && turn_state(p->turn) == TURN_STATE_FAILED &&
	       turn_error(p->turn, &words) == 440;
}

bool turn_probe_allocate(struct turn_probe *p, uint64_t deadline_ms,
			 struct turn_probe_facts *out)
{
	p->asked_us = clock_now_us();
	cancel_watch(p->cancel, p->stream.fd);
	allocate(p, deadline_ms);
	if (wants_other_family(p)) {
		turn_free(p->turn);
		p->turn = p->other;
		p->other = NULL;
		allocate(p, deadline_ms);
	}
	cancel_watch(p->cancel, -1);
	if (turn_state(p->turn) == TURN_STATE_FAILED)
		note_failure(p);
	else if (!p->facts.ready)
		end(p, "no answer in time");
	p->facts.request_us = turn_rtt_us(p->turn);
	*out = p->facts;
	return p->facts.ready;
}

/* Echoes */

static void put_u64(uint8_t *p, uint64_t v)
{
	be32_set(p, (uint32_t)(v >> 32));
	be32_set(p + 4, (uint32_t)v);
}

/* What the kernel still holds has not gone through. */
static void note_unsent(const struct turn_probe *p, struct turn_probe_echo *e)
{
	int held = 0;

	if (stream_is_datagram(&p->stream))
		return;
	if (ioctl(p->stream.fd, SIOCOUTQ, &held) < 0 || held < 0)
		held = 0;
	e->unsent_bytes = (size_t)held + waiting(p);
}

static void send_one(struct turn_probe *p, struct turn_probe_echo *e)
{
	uint8_t data[ECHO_MAX] = { 0 };
	uint64_t now = clock_now_us();
	size_t bytes = e->bytes < sizeof(data) ? e->bytes : sizeof(data);

	be32_set(data, ECHO_MAGIC);
	be32_set(data + 4, e->sent);
	put_u64(data + 8, now);
	turn_output(p->turn, &p->out_buf);
	if (turn_wrap(p->turn, &p->facts.relayed, data, bytes, &p->out_buf,
		      clock_now_ms()) == -EACCES)
		e->refused = true;
	e->sent++;
	e->sending_us = (uint32_t)(now - p->echo_began_us);
	note_unsent(p, e);
}

/* All that are due by now; a way that is full has to do with fewer. */
static void send_due(struct turn_probe *p, struct turn_probe_echo *e)
{
	uint64_t due = (clock_now_us() - p->echo_began_us) / e->interval_us + 1;

	while (e->sent < e->count && e->sent < due && waiting(p) < OUT_LOW)
		send_one(p, e);
}

static uint64_t next_ms(const struct turn_probe *p,
			const struct turn_probe_echo *e)
{
	uint64_t at_us = p->echo_began_us + (uint64_t)e->sent * e->interval_us;
	uint64_t now = clock_now_us();

	return clock_now_ms() + (at_us > now ? (at_us - now) / 1000 + 1 : 1);
}

void turn_probe_echo(struct turn_probe *p, struct turn_probe_echo *e)
{
	uint64_t until = e->deadline_ms, end_ms;

	memset(e->rtt_us, 0xff, sizeof(e->rtt_us));
	e->sent = e->heard = 0;
	e->sending_us = e->hearing_us = 0;
	e->unsent_bytes = 0;
	e->refused = e->ended = false;
	p->echo = e;
	p->echo_began_us = clock_now_us();
	cancel_watch(p->cancel, p->stream.fd);
	end_ms = clock_now_ms() + (uint64_t)e->count * e->interval_us / 1000 +
		 e->linger_ms;
	if (end_ms < until)
		until = end_ms;
	while (!p->ended && !e->refused && e->heard < e->count &&
	       clock_now_ms() < until) {
		send_due(p, e);
		step(p, e->sent < e->count && next_ms(p, e) < until
				? next_ms(p, e)
				: until);
	}
	cancel_watch(p->cancel, -1);
	e->ended = p->ended;
	p->echo = NULL;
}
