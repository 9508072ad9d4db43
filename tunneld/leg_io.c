/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_io.c - reads and writes of a leg
 *
 * Turns bytes from the relay into frames for the TURN machine, and the
 * machine's messages and the owner's queue into records (RFC 8656, 12.4 and
 * 12.5). All that has gathered in a turn is written as one TLS record, or frame
 * by frame where each must be a datagram. While the kernel takes no more,
 * `out` is left as it is (TLS wants the same bytes again) and the queue does
 * the waiting.
 */
#include <config.h>

#include "buf.h"
#include "framer.h"
#include "leg_private.h"
#include "loop.h"
#include "queue.h"
#include "relay.h"
#include "stats.h"
#include "stream.h"
#include "turn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One TLS record (RFC 8446, 5.1: 2^14) and no more in one write. */
#define OUT_BYTES 16384
/* … but for a datagram that is longer by itself. */
#define OUT_BYTES_MAX (65536 + TURN_WRAP_OVERHEAD_MAX)
/* A record is unreadable until its last byte is there: small ones when the
 * link is the bottleneck. */
#define OUT_BYTES_CONGESTED 2800
/* Reads per wake-up, so that one busy flow does not starve the others. */
#define READS_PER_WAKEUP 8
/* A silence that tells something about who cut the connection. */
#define GAP_MS 3000

int leg_io_open(struct leg *l)
{
	l->out = malloc(OUT_BYTES);
	if (l->out == NULL)
		return -ENOMEM;
	l->out_max = OUT_BYTES;
	buf_init(&l->out_buf, l->out, OUT_BYTES);
	return framer_init(&l->framer);
}

void leg_io_close(struct leg *l)
{
	loop_fd_del(l->env->loop, &l->watch);
	stream_close(&l->stream);
	framer_fini(&l->framer);
	free(l->out);
	l->out = NULL;
	buf_init(&l->out_buf, NULL, 0);
	l->out_sent = 0;
	l->congested = false;
}

/* Reading */

static void heard(struct leg *l, uint64_t now_ms)
{
	l->last_in_ms = now_ms;
	l->silent_since_ms = 0;
	l->told_silent = false;
}

static void garbage(struct leg *l, uint64_t now_ms)
{
	const char *words = "sends bytes that are not TURN";

	if (framer_met_http(&l->framer))
		words = "answers in HTTP, as a captive portal does, or a proxy "
			"that inspects TLS: ask IT to exempt it";
	leg_fail(l, LEG_CAUSE_GARBAGE, TURN_BLAME_PATH, words, now_ms);
}

/* How long nothing had moved before the connection was cut, or before the
 * bytes that were answered by the cut. */
static uint64_t idle_ms(const struct leg *l, uint64_t now_ms)
{
	uint64_t last_ms = l->last_in_ms > l->last_out_ms ? l->last_in_ms
							  : l->last_out_ms;

	if (now_ms - last_ms < GAP_MS && l->silent_since_ms != 0)
		return l->gap_ms;
	return now_ms - last_ms;
}

static void connection_ended(struct leg *l, enum io io, uint64_t now_ms)
{
	char words[LEG_LINE_BYTES];

	l->end.idle_ms = idle_ms(l, now_ms);
	snprintf(words, sizeof(words), "connection to %s:%u ended: %s",
		 l->relay->host, l->relay->port,
		 io == IO_EOF ? "closed by the other side"
			      : stream_error(&l->stream));
	leg_fail(l, LEG_CAUSE_ENDED, TURN_BLAME_PATH, words, now_ms);
}

static void pass_on(struct leg *l, uint64_t now_ms)
{
	if (l->events != NULL)
		l->events->on_batch(l->arg, l, now_ms);
}

static int take_frames(struct leg *l, uint64_t now_ms)
{
	const uint8_t *frame;
	int n;

	while (!l->failed && (n = framer_next(&l->framer, &frame)) != 0) {
		if (n < 0)
			return n;
		/* Bytes that make no frame are no sign of life. */
		heard(l, now_ms);
		n = turn_input(l->turn, frame, (size_t)n, now_ms);
		if (n < 0)
			return n;
	}
	return 0;
}

static void read_stream(struct leg *l, uint64_t now_ms)
{
	/* What TLS has read ahead is not seen by epoll: it must all be taken,
	 * or the tail of a burst would wait for the next packet. */
	for (int i = 0; !l->failed && (i < READS_PER_WAKEUP ||
				       stream_pending(&l->stream) != 0);
	     i++) {
		size_t room, n;
		uint8_t *space = framer_space(&l->framer, &room);
		enum io io = stream_read(&l->stream, space, room, &n);

		if (io == IO_WANT_READ || io == IO_WANT_WRITE)
			return;
		if (io != IO_OK) {
			connection_ended(l, io, now_ms);
			return;
		}
		stats_add(&l->env->stats->bytes_from_relay, n);
		framer_commit(&l->framer, n);
		if (take_frames(l, now_ms) < 0)
			garbage(l, now_ms);
		pass_on(l, now_ms);
		if (n < room && stream_pending(&l->stream) == 0)
			return; /* drained; level-triggered epoll tells more */
	}
}

/* As many datagrams as fit, each a frame and at a place of its own. False:
 * there are no more. */
static bool read_batch(struct leg *l, uint64_t now_ms)
{
	size_t room, n;
	uint8_t *space = framer_space(&l->framer, &room);

	for (; !l->failed && room > UINT16_MAX; space += n, room -= n) {
		enum io io = stream_read(&l->stream, space, room, &n);

		if (io == IO_WANT_READ || io == IO_WANT_WRITE)
			return false;
		if (io != IO_OK) {
			connection_ended(l, io, now_ms);
			return false;
		}
		stats_add(&l->env->stats->bytes_from_relay, n);
		heard(l, now_ms);
		/* A datagram that is none of TURN's proves nothing about the
		 * others. */
		(void)!turn_input(l->turn, space, n, now_ms);
	}
	return true;
}

void leg_io_read(struct leg *l, uint64_t now_ms)
{
	bool more = true;

	if (!stream_is_datagram(&l->stream)) {
		read_stream(l, now_ms);
		return;
	}
	for (int i = 0; more && !l->failed &&
			(i < READS_PER_WAKEUP || stream_pending(&l->stream));
	     i++) {
		more = read_batch(l, now_ms);
		pass_on(l, now_ms);
	}
}

/* Writing */

static void refused(struct leg *l)
{
	l->refused++;
	stats_add(&l->env->stats->drop_refused, 1);
}

int leg_io_wrap(struct leg *l, const struct endpoint *peer, const uint8_t *data,
		size_t len, uint64_t now_ms)
{
	int err = turn_wrap(l->turn, peer, data, len, &l->out_buf, now_ms);

	if (err == 0)
		stats_add(&l->env->stats->datagrams_to_relay, 1);
	else if (err != -ENOBUFS)
		refused(l);
	l->used = true;
	return err == -ENOBUFS ? err : 0;
}

/* Room for one datagram that is longer than a record. */
static bool grow(struct leg *l)
{
	uint8_t *more = l->out;

	if (l->out_buf.len > 0 || l->out_buf.max > OUT_BYTES)
		return false;
	if (l->out_max < OUT_BYTES_MAX)
		more = realloc(l->out, OUT_BYTES_MAX);
	if (more == NULL)
		return false;
	l->out = more;
	l->out_max = OUT_BYTES_MAX;
	buf_init(&l->out_buf, l->out, l->out_max);
	return true;
}

static void observe_delay(struct leg *l, const struct queue_item *item,
			  uint64_t now_ms)
{
	uint64_t ms = now_ms > item->enqueued_ms ? now_ms - item->enqueued_ms
						 : 0;

	stats_observe(&l->env->stats->queue_delay[item->class], ms * 1000);
}

static void fill_from_queue(struct leg *l, uint64_t now_ms)
{
	size_t limit = l->congested ? OUT_BYTES_CONGESTED : OUT_BYTES;
	struct queue_item item;

	while (l->out_buf.len < limit && queue_peek(l->queue, now_ms, &item)) {
		if (leg_io_wrap(l, &item.peer, item.data, item.len, now_ms) <
		    0) {
			if (l->out_buf.len > 0)
				return;
			if (grow(l))
				continue;
			refused(l);
		}
		observe_delay(l, &item, now_ms);
		queue_pop(l->queue);
	}
}

static void serve_queue(struct leg *l, uint64_t now_ms)
{
	if (!queue_empty(l->queue))
		fill_from_queue(l, now_ms);
	if (queue_empty(l->queue)) {
		l->congested = false;
		queue_set_deadline(l->queue, QUEUE_DEADLINE_MS);
	}
	queue_count_drops(l->queue, l->env->stats);
}

/* Gather the next record. False when there is nothing to send. */
static bool gather(struct leg *l, uint64_t now_ms)
{
	turn_output(l->turn, &l->out_buf);
	if (l->state == LEG_STATE_READY && l->queue != NULL)
		serve_queue(l, now_ms);
	return l->out_buf.len > l->out_sent;
}

static void wrote(struct leg *l, uint64_t now_ms)
{
	uint64_t last_ms = l->last_in_ms > l->last_out_ms ? l->last_in_ms
							  : l->last_out_ms;

	if (l->silent_since_ms == 0) {
		l->silent_since_ms = now_ms;
		l->gap_ms = now_ms - last_ms;
	}
	l->last_out_ms = now_ms;
}

static size_t next_length(const struct leg *l, size_t at)
{
	size_t left = l->out_buf.len - at, frame;

	if (!stream_is_datagram(&l->stream))
		return left;
	frame = turn_next_frame(l->out + at, left);
	return frame > 0 && frame <= left ? frame : left;
}

/* Plain UDP: as many frames as go in one system call, each a datagram. */
static enum io write_frames(struct leg *l, size_t *n)
{
	struct iovec frames[STREAM_WRITE_MAX];
	size_t count = 0, sent, at = l->out_sent;
	enum io io;

	while (at < l->out_buf.len && count < STREAM_WRITE_MAX) {
		frames[count].iov_base = l->out + at;
		frames[count].iov_len = next_length(l, at);
		at += frames[count++].iov_len;
	}
	io = stream_write_many(&l->stream, frames, count, &sent);
	*n = 0;
	while (sent > 0)
		*n += frames[--sent].iov_len;
	return io;
}

static enum io write_some(struct leg *l, size_t *n)
{
	size_t len = next_length(l, l->out_sent);

	if (stream_is_datagram(&l->stream) && l->stream.tls == NULL &&
	    len < l->out_buf.len - l->out_sent)
		return write_frames(l, n);
	return stream_write(&l->stream, l->out + l->out_sent, len, n);
}

static void broke(struct leg *l, uint64_t now_ms)
{
	char words[LEG_LINE_BYTES];

	snprintf(words, sizeof(words), "connection to %s:%u broke: %s",
		 l->relay->host, l->relay->port, stream_error(&l->stream));
	l->end.idle_ms = idle_ms(l, now_ms);
	leg_fail(l, LEG_CAUSE_BROKEN, TURN_BLAME_PATH, words, now_ms);
}

void leg_io_write(struct leg *l, uint64_t now_ms)
{
	uint32_t events = EPOLLIN;

	while (l->out_buf.len > l->out_sent || gather(l, now_ms)) {
		size_t n;
		enum io io = write_some(l, &n);

		if (io == IO_WANT_WRITE || io == IO_WANT_READ) {
			l->congested = true;
			events |= EPOLLOUT;
			break;
		}
		if (io != IO_OK) {
			broke(l, now_ms);
			return;
		}
		wrote(l, now_ms);
		stats_add(&l->env->stats->bytes_to_relay, n);
		l->out_sent += n;
		if (l->out_sent < l->out_buf.len)
			continue;
		buf_init(&l->out_buf, l->out, OUT_BYTES);
		l->out_sent = 0;
	}
	loop_fd_set(l->env->loop, &l->watch, events);
}
