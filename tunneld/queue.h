/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue.h - datagrams of one flow that wait for the uplink, bounded in time
 *
 * Three classes by first byte (RFC 7983), strict priority, but that a long run
 * of control lets another class through now and then; the oldest of a class is
 * dropped when it is older than the class's deadline or when its ring is full.
 * No I/O, no clock; memory comes with the first datagram that has to wait and
 * is given back when the queue has been empty for a while.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum queue_class {
	QUEUE_CLASS_CONTROL = 0, /* STUN, DTLS */
	QUEUE_CLASS_AUDIO,       /* small RTP, RTCP */
	QUEUE_CLASS_VIDEO,       /* the rest */
	QUEUE_NUM_CLASSES,
};

enum queue_drop {
	QUEUE_DROP_DEADLINE = 0,
	QUEUE_DROP_FULL,
	QUEUE_DROP_TOO_LONG, /* longer than a whole ring */
	QUEUE_NUM_DROPS,
};

struct worker_stats;
struct queue; /* opaque; struct queue *queue_new() */

struct queue_item {
	struct endpoint peer;
	const uint8_t *data; /* borrowed until the next queue_*() call */
	size_t len;
	uint64_t enqueued_ms;
	enum queue_class class;
};

struct queue_counters {
	uint64_t pushed[QUEUE_NUM_CLASSES];
	uint64_t dropped[QUEUE_NUM_CLASSES][QUEUE_NUM_DROPS];
	uint64_t sojourn_max_ms;
};

/* Of datagrams that had to wait, in the last ten to twenty seconds. */
struct queue_delay {
	uint64_t waited;
	uint32_t p50_ms, max_ms; /* p50: half an octave's grain from 16 ms on */
};

#define QUEUE_DEADLINE_MS 200 /* default, while the uplink is up */
/* Control waits at least this long: a lost handshake flight costs the app a
 * retransmission time-out of 500 ms and more (RFC 8489, 6.2.1; RFC 9147). */
#define QUEUE_CONTROL_DEADLINE_MS 1000
#define QUEUE_TRIM_MS             10000 /* empty for this long: memory goes */

struct queue *queue_new(void) MUST_CHECK;
void queue_free(struct queue *q);

enum queue_class queue_classify(const uint8_t *data, size_t len);
/* Copies the datagram. 0; -ENOMEM or -EMSGSIZE: dropped and counted. */
int queue_push(struct queue *q, const struct endpoint *peer,
	       const uint8_t *data, size_t len, uint64_t now_ms);
/* The datagram to send next; drops what has waited too long first. */
bool queue_peek(struct queue *q, uint64_t now_ms,
		struct queue_item *item) MUST_CHECK;
/* Removes what the last queue_peek() gave. Does nothing when the queue has
 * been pushed to since, because the datagram may be gone: peek again. */
void queue_pop(struct queue *q);
bool queue_empty(const struct queue *q);
/* Applies to what waits too: longer while there is no allocation yet. */
void queue_set_deadline(struct queue *q, uint32_t deadline_ms);
/* Gives back the memory of classes that have been empty for QUEUE_TRIM_MS. */
void queue_trim(struct queue *q, uint64_t now_ms);
const struct queue_counters *queue_counters(const struct queue *q);
void queue_delay(const struct queue *q, uint64_t now_ms,
		 struct queue_delay *out);
/* What was dropped since this was called last is counted there, too. */
void queue_count_drops(struct queue *q, struct worker_stats *stats);

#endif
