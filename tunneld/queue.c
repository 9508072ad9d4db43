/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue.c - datagrams of one flow that wait for the uplink
 *
 * Turns pushes in order of arrival into pops in order of urgency, and drops
 * from the head what would come too late (classes: RFC 7983, 7).
 *
 * Theory of operation: each class has a ring of records, header and payload
 * together and never split, so that a peeked datagram is one piece of memory.
 * Where the next record does not fit before the end of the ring, it starts
 * over at 0 and `wrap` remembers where the old lap ends.
 */
#include <config.h>

#include "queue.h"

#include "stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AUDIO_LEN_MAX 400 /* bytes; longer RTP is taken for video */
/* So many control datagrams in a row, then one of another class that waits:
 * a data channel is DTLS and could starve audio for ever. */
#define CONTROL_RUN_MAX 16

struct record {
	uint64_t enqueued_ms;
	struct endpoint peer;
	uint32_t len;
};
_Static_assert(sizeof(struct record) % 8 == 0, "records stay aligned");

struct ring {
	uint8_t *mem; /* NULL until needed */
	size_t head, tail, wrap;
	size_t count;
	uint64_t used_ms; /* last push */
};

/* How long datagrams waited, counted by time: each millisecond up to 15, then
 * two steps an octave. */
#define DELAY_LINEAR  16
#define DELAY_BUCKETS 40
#define WINDOW_MS     10000

struct window {
	uint64_t since_ms;
	uint32_t waited[DELAY_BUCKETS];
	uint32_t max_ms;
};

struct queue {
	struct ring ring[QUEUE_NUM_CLASSES];
	int peeked; /* class, or -1 */
	uint64_t sojourn_ms, peeked_ms;
	struct window window, before; /* this one, and the one before */
	unsigned int control_run;
	uint32_t deadline_ms;
	struct queue_counters counters;
	uint64_t drops; /* of those that the counters tell, all together */
	/* what queue_count_drops() has counted */
	uint64_t told_drops, told[QUEUE_NUM_CLASSES][QUEUE_NUM_DROPS];
};

_Static_assert(STATS_CLASSES == QUEUE_NUM_CLASSES &&
		       STATS_DROPS == QUEUE_NUM_DROPS,
	       "counters for each");

/* A whole datagram fits anywhere; video holds 250 ms of 8 Mbit/s. */
static const size_t ring_size[QUEUE_NUM_CLASSES] = {
	[QUEUE_CLASS_CONTROL] = 128 * 1024,
	[QUEUE_CLASS_AUDIO] = 96 * 1024,
	[QUEUE_CLASS_VIDEO] = 256 * 1024,
};

static size_t record_size(size_t len)
{
	return sizeof(struct record) + ((len + 7) & ~(size_t)7);
}

static struct record *ring_head(const struct ring *r)
{
	return (struct record *)(void *)(r->mem + r->head);
}

static void ring_pop(struct ring *r)
{
	r->head += record_size(ring_head(r)->len);
	/* A ring that runs empty starts over, so that light traffic keeps to
	 * the same few cache lines. */
	if (--r->count == 0)
		r->head = r->tail = r->wrap = 0;
	else if (r->wrap != 0 && r->head == r->wrap)
		r->head = r->wrap = 0;
}

/* Room for `need` bytes in one piece, or NULL. */
static struct record *ring_reserve(struct ring *r, size_t size, size_t need)
{
	size_t at = r->tail;

	if (r->wrap != 0) {
		if (need > r->head - r->tail)
			return NULL;
	} else if (need > size - r->tail) {
		if (need > r->head)
			return NULL;
		r->wrap = r->tail;
		at = 0;
	}
	r->tail = at + need;
	r->count++;
	return (struct record *)(void *)(r->mem + at);
}

struct queue *queue_new(void)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->peeked = -1;
	q->deadline_ms = QUEUE_DEADLINE_MS;
	return q;
}

void queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	for (int c = 0; c < QUEUE_NUM_CLASSES; c++)
		free(q->ring[c].mem);
	free(q);
}

enum queue_class queue_classify(const uint8_t *data, size_t len)
{
	if (len == 0)
		return QUEUE_CLASS_VIDEO;
	if (data[0] <= 3 || (data[0] >= 20 && data[0] <= 63))
		return QUEUE_CLASS_CONTROL;
	if (data[0] < 128 || data[0] > 191)
		return QUEUE_CLASS_VIDEO;
	/* RFC 5761, 4: the packet types that RTP payload types keep clear of */
	if (len >= 2 && data[1] >= 192 && data[1] <= 223)
		return QUEUE_CLASS_AUDIO;
	return len <= AUDIO_LEN_MAX ? QUEUE_CLASS_AUDIO : QUEUE_CLASS_VIDEO;
}

static uint32_t class_deadline_ms(const struct queue *q, int class)
{
	if (class == QUEUE_CLASS_CONTROL &&
	    q->deadline_ms < QUEUE_CONTROL_DEADLINE_MS)
		return QUEUE_CONTROL_DEADLINE_MS;
	return q->deadline_ms;
}

static void count_drop(struct queue *q, int class, enum queue_drop why)
{
	q->counters.dropped[class][why]++;
	q->drops++;
}

static uint64_t head_age_ms(const struct ring *r, uint64_t now_ms)
{
	uint64_t then_ms = ring_head(r)->enqueued_ms;

	return now_ms > then_ms ? now_ms - then_ms : 0;
}

int queue_push(struct queue *q, const struct endpoint *peer,
	       const uint8_t *data, size_t len, uint64_t now_ms)
{
	enum queue_class class = queue_classify(data, len);
	size_t size = ring_size[class], need = record_size(len);
	struct ring *r = &q->ring[class];
	struct record *rec;

	q->counters.pushed[class]++;
	q->peeked = -1;
	if (len > size || need > size) {
		count_drop(q, class, QUEUE_DROP_TOO_LONG);
		return -EMSGSIZE;
	}
	if (r->mem == NULL) {
		r->mem = malloc(size);
		if (r->mem == NULL) {
			count_drop(q, class, QUEUE_DROP_FULL);
			return -ENOMEM;
		}
	}
	while ((rec = ring_reserve(r, size, need)) == NULL) {
		ring_pop(r);
		count_drop(q, class, QUEUE_DROP_FULL);
	}
	rec->enqueued_ms = now_ms;
	rec->peer = *peer;
	rec->len = (uint32_t)len;
	if (len > 0)
		memcpy(rec + 1, data, len);
	r->used_ms = now_ms;
	return 0;
}

static void drop_late(struct queue *q, uint64_t now_ms)
{
	for (int c = 0; c < QUEUE_NUM_CLASSES; c++) {
		struct ring *r = &q->ring[c];

		while (r->count > 0 &&
		       head_age_ms(r, now_ms) > class_deadline_ms(q, c)) {
			ring_pop(r);
			count_drop(q, c, QUEUE_DROP_DEADLINE);
		}
	}
}

/* The most urgent class that holds something, or -1. */
static int choose(const struct queue *q)
{
	int other = -1;

	for (int c = QUEUE_NUM_CLASSES - 1; c > QUEUE_CLASS_CONTROL; c--)
		if (q->ring[c].count > 0)
			other = c;
	if (q->ring[QUEUE_CLASS_CONTROL].count == 0)
		return other;
	if (other >= 0 && q->control_run >= CONTROL_RUN_MAX)
		return other;
	return QUEUE_CLASS_CONTROL;
}

/* Delays */

static unsigned int bucket_of(uint64_t ms)
{
	unsigned int octave, n;

	if (ms < DELAY_LINEAR)
		return (unsigned int)ms;
	if (ms > UINT32_MAX)
		return DELAY_BUCKETS - 1;
	octave = 31 - (unsigned int)__builtin_clz((uint32_t)ms);
	n = DELAY_LINEAR + 2 * (octave - 4) + (ms >> (octave - 1) & 1);
	return n < DELAY_BUCKETS ? n : DELAY_BUCKETS - 1;
}

static uint32_t bucket_ms(unsigned int n)
{
	if (n < DELAY_LINEAR)
		return n;
	n -= DELAY_LINEAR;
	return (n % 2 ? 24u : 16u) << n / 2;
}

static void count_delay(struct queue *q, uint64_t ms, uint64_t now_ms)
{
	if (now_ms >= q->window.since_ms + WINDOW_MS) {
		q->before = q->window;
		q->window = (struct window){ .since_ms = now_ms };
	}
	q->window.waited[bucket_of(ms)]++;
	if (ms > q->window.max_ms)
		q->window.max_ms = (uint32_t)ms;
}

static void add_window(struct queue_delay *d, uint64_t sum[DELAY_BUCKETS],
		       const struct window *w, uint64_t now_ms)
{
	if (now_ms >= w->since_ms + 2 * WINDOW_MS)
		return;
	for (unsigned int i = 0; i < DELAY_BUCKETS; i++) {
		sum[i] += w->waited[i];
		d->waited += w->waited[i];
	}
	if (w->max_ms > d->max_ms)
		d->max_ms = w->max_ms;
}

void queue_delay(const struct queue *q, uint64_t now_ms,
		 struct queue_delay *out)
{
	uint64_t sum[DELAY_BUCKETS] = { 0 }, below = 0;
	unsigned int i = 0;

	*out = (struct queue_delay){ 0 };
	add_window(out, sum, &q->before, now_ms);
	add_window(out, sum, &q->window, now_ms);
	if (out->waited == 0)
		return;
	while ((below += sum[i]) * 2 < out->waited)
		i++;
	out->p50_ms = bucket_ms(i);
}

bool queue_peek(struct queue *q, uint64_t now_ms, struct queue_item *item)
{
	const struct record *rec;

	drop_late(q, now_ms);
	q->peeked = choose(q);
	if (q->peeked < 0)
		return false;
	rec = ring_head(&q->ring[q->peeked]);
	q->sojourn_ms = head_age_ms(&q->ring[q->peeked], now_ms);
	q->peeked_ms = now_ms;
	*item = (struct queue_item){
		.peer = rec->peer,
		.data = (const uint8_t *)(rec + 1),
		.len = rec->len,
		.enqueued_ms = rec->enqueued_ms,
		.class = (enum queue_class)q->peeked,
	};
	return true;
}

void queue_pop(struct queue *q)
{
	if (q->peeked < 0)
		return;
	ring_pop(&q->ring[q->peeked]);
	if (q->peeked == QUEUE_CLASS_CONTROL)
		q->control_run++;
	else
		q->control_run = 0;
	if (q->sojourn_ms > q->counters.sojourn_max_ms)
		q->counters.sojourn_max_ms = q->sojourn_ms;
	count_delay(q, q->sojourn_ms, q->peeked_ms);
	q->peeked = -1;
}

bool queue_empty(const struct queue *q)
{
	for (int c = 0; c < QUEUE_NUM_CLASSES; c++)
		if (q->ring[c].count > 0)
			return false;
	return true;
}

void queue_set_deadline(struct queue *q, uint32_t deadline_ms)
{
	q->deadline_ms = deadline_ms;
}

void queue_trim(struct queue *q, uint64_t now_ms)
{
	for (int c = 0; c < QUEUE_NUM_CLASSES; c++) {
		struct ring *r = &q->ring[c];

		if (r->mem == NULL || r->count > 0 ||
		    now_ms < r->used_ms + QUEUE_TRIM_MS)
			continue;
		free(r->mem);
		*r = (struct ring){ 0 };
	}
}

const struct queue_counters *queue_counters(const struct queue *q)
{
	return &q->counters;
}

void queue_count_drops(struct queue *q, struct worker_stats *stats)
{
	if (q->told_drops == q->drops)
		return;
	stats_add(&stats->drop_queue, q->drops - q->told_drops);
	q->told_drops = q->drops;
	for (int c = 0; c < QUEUE_NUM_CLASSES; c++) {
		for (int why = 0; why < QUEUE_NUM_DROPS; why++) {
			uint64_t n = q->counters.dropped[c][why];

			stats_add(&stats->queue_drops[c][why],
				  n - q->told[c][why]);
			q->told[c][why] = n;
		}
	}
}
