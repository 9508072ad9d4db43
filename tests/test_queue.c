/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_queue.c - classes, order, bounds and counters of the queue */
#include <config.h>

#include "../tunneld/queue.h"

#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct endpoint peer_a = { .family = 4, .ip = { 192, 0, 2, 1 } };
static const struct endpoint peer_b = { .family = 4, .ip = { 192, 0, 2, 2 } };

static const uint8_t stun[20] = { 0x00, 0x01 };
static const uint8_t audio[160] = { 0x80, 0x6f };
static const uint8_t video[1200] = { 0x80, 0x60 };

static int push(struct queue *q, const uint8_t *data, size_t len, uint64_t ms)
{
	return queue_push(q, &peer_a, data, len, ms);
}

/* Pop one and check that it is a datagram of `class`. */
static void pop_expect(struct queue *q, enum queue_class class, uint64_t now)
{
	struct queue_item item;

	CU_ASSERT_FATAL(queue_peek(q, now, &item));
	CU_ASSERT_EQUAL(item.class, class);
	queue_pop(q);
}

static void test_classify(void)
{
	static const struct {
		uint8_t bytes[2];
		size_t len;
		enum queue_class class;
	} rows[] = {
		{ { 0, 1 }, 20, QUEUE_CLASS_CONTROL },
		{ { 3, 0 }, 20, QUEUE_CLASS_CONTROL },
		{ { 4, 0 }, 20, QUEUE_CLASS_VIDEO },
		{ { 19, 0 }, 20, QUEUE_CLASS_VIDEO },
		{ { 20, 254 }, 1200, QUEUE_CLASS_CONTROL },
		{ { 63, 0 }, 1200, QUEUE_CLASS_CONTROL },
		{ { 64, 0 }, 100, QUEUE_CLASS_VIDEO },
		{ { 127, 0 }, 100, QUEUE_CLASS_VIDEO },
		{ { 128, 111 }, 400, QUEUE_CLASS_AUDIO },
		{ { 128, 111 }, 401, QUEUE_CLASS_VIDEO },
		{ { 191, 0 }, 12, QUEUE_CLASS_AUDIO },
		{ { 192, 0 }, 12, QUEUE_CLASS_VIDEO },
		{ { 128, 191 }, 1200, QUEUE_CLASS_VIDEO },
		{ { 128, 192 }, 1200, QUEUE_CLASS_AUDIO },
		{ { 128, 223 }, 1200, QUEUE_CLASS_AUDIO },
		{ { 128, 224 }, 1200, QUEUE_CLASS_VIDEO },
		{ { 128, 0 }, 1, QUEUE_CLASS_AUDIO },
		{ { 0, 0 }, 0, QUEUE_CLASS_VIDEO },
	};
	uint8_t data[1200] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memcpy(data, rows[i].bytes, 2);
		CU_ASSERT_EQUAL(queue_classify(data, rows[i].len),
				rows[i].class);
	}
}

static void test_priority(void)
{
	struct queue *q = queue_new();
	struct queue_item item;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	CU_ASSERT_TRUE(queue_empty(q));
	CU_ASSERT_FALSE(queue_peek(q, 0, &item));
	CU_ASSERT_EQUAL(push(q, video, sizeof(video), 1), 0);
	CU_ASSERT_EQUAL(push(q, audio, sizeof(audio), 2), 0);
	CU_ASSERT_EQUAL(push(q, stun, sizeof(stun), 3), 0);
	CU_ASSERT_EQUAL(queue_push(q, &peer_b, audio, 100, 4), 0);

	pop_expect(q, QUEUE_CLASS_CONTROL, 10);
	CU_ASSERT_TRUE_FATAL(queue_peek(q, 10, &item));
	CU_ASSERT_TRUE(endpoint_equal(&item.peer, &peer_a));
	CU_ASSERT_EQUAL(item.len, sizeof(audio));
	CU_ASSERT_EQUAL(item.enqueued_ms, 2);
	CU_ASSERT_EQUAL(memcmp(item.data, audio, sizeof(audio)), 0);
	queue_pop(q);
	CU_ASSERT_TRUE_FATAL(queue_peek(q, 10, &item));
	CU_ASSERT_TRUE(endpoint_equal(&item.peer, &peer_b));
	queue_pop(q);
	pop_expect(q, QUEUE_CLASS_VIDEO, 12);
	CU_ASSERT_TRUE(queue_empty(q));
	CU_ASSERT_EQUAL(queue_counters(q)->sojourn_max_ms, 11);
	queue_free(q);
}

static void test_pop_needs_fresh_peek(void)
{
	struct queue *q = queue_new();
	struct queue_item item;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	CU_ASSERT_EQUAL(push(q, video, sizeof(video), 0), 0);
	CU_ASSERT_TRUE(queue_peek(q, 0, &item));
	CU_ASSERT_EQUAL(push(q, stun, sizeof(stun), 0), 0);
	queue_pop(q);
	pop_expect(q, QUEUE_CLASS_CONTROL, 0);
	queue_pop(q);
	pop_expect(q, QUEUE_CLASS_VIDEO, 0);
	CU_ASSERT_TRUE(queue_empty(q));
	queue_free(q);
}

static void test_control_does_not_starve(void)
{
	struct queue *q = queue_new();
	struct queue_item item;
	unsigned int before_audio = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	CU_ASSERT_EQUAL(push(q, audio, sizeof(audio), 0), 0);
	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(push(q, stun, sizeof(stun), 0), 0);
	while (queue_peek(q, 0, &item) && item.class == QUEUE_CLASS_CONTROL) {
		before_audio++;
		queue_pop(q);
	}
	CU_ASSERT_EQUAL(before_audio, 16);
	pop_expect(q, QUEUE_CLASS_AUDIO, 0);
	pop_expect(q, QUEUE_CLASS_CONTROL, 0);
	queue_free(q);
}

static void test_deadline(void)
{
	struct queue *q = queue_new();
	const struct queue_counters *n;
	struct queue_item item;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	n = queue_counters(q);
	CU_ASSERT_EQUAL(push(q, video, 1000, 1000), 0);
	CU_ASSERT_EQUAL(push(q, video, 1001, 1100), 0);
	CU_ASSERT_EQUAL(push(q, stun, sizeof(stun), 1000), 0);

	/* exactly the deadline is in time; the clock never runs backwards,
	 * and if it did nothing would be late */
	CU_ASSERT_TRUE(queue_peek(q, 1200, &item));
	CU_ASSERT_EQUAL(n->dropped[QUEUE_CLASS_VIDEO][QUEUE_DROP_DEADLINE], 0);
	CU_ASSERT_TRUE(queue_peek(q, 0, &item));
	CU_ASSERT_TRUE(queue_peek(q, 1201, &item));
	CU_ASSERT_EQUAL(n->dropped[QUEUE_CLASS_VIDEO][QUEUE_DROP_DEADLINE], 1);

	/* the head went, the newer one stays; control waits longer */
	pop_expect(q, QUEUE_CLASS_CONTROL, 2000);
	CU_ASSERT_EQUAL(n->dropped[QUEUE_CLASS_VIDEO][QUEUE_DROP_DEADLINE], 2);
	CU_ASSERT_EQUAL(push(q, stun, sizeof(stun), 2000), 0);
	CU_ASSERT_FALSE(queue_peek(q, 3001, &item));
	CU_ASSERT_EQUAL(n->dropped[QUEUE_CLASS_CONTROL][QUEUE_DROP_DEADLINE],
			1);

	/* a longer deadline applies to what waits already */
	CU_ASSERT_EQUAL(push(q, video, 1000, 4000), 0);
	queue_set_deadline(q, 30000);
	CU_ASSERT_TRUE(queue_peek(q, 34000, &item));
	CU_ASSERT_FALSE(queue_peek(q, 34001, &item));
	CU_ASSERT_TRUE(queue_empty(q));
	queue_free(q);
}

static void test_full_drops_oldest(void)
{
	struct queue *q = queue_new();
	const struct queue_counters *n;
	struct queue_item item;
	uint8_t data[1200];
	uint64_t pushed = 0, dropped, popped = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	memcpy(data, video, sizeof(data));
	n = queue_counters(q);
	for (; pushed < 1000; pushed++) {
		memcpy(data + 8, &pushed, sizeof(pushed));
		CU_ASSERT_EQUAL(push(q, data, sizeof(data), 0), 0);
	}
	dropped = n->dropped[QUEUE_CLASS_VIDEO][QUEUE_DROP_FULL];
	CU_ASSERT(dropped > 0 && dropped < 1000);
	CU_ASSERT_EQUAL(n->pushed[QUEUE_CLASS_VIDEO], 1000);
	while (queue_peek(q, 0, &item)) {
		uint64_t serial;

		memcpy(&serial, item.data + 8, sizeof(serial));
		CU_ASSERT_EQUAL(serial, dropped + popped);
		popped++;
		queue_pop(q);
	}
	CU_ASSERT_EQUAL(popped + dropped, 1000);
	queue_free(q);
}

static void test_too_long(void)
{
	static uint8_t huge[300 * 1024];
	struct queue *q = queue_new();
	struct queue_item item;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	huge[0] = 64;
	CU_ASSERT_EQUAL(push(q, huge, sizeof(huge), 0), -EMSGSIZE);
	CU_ASSERT_EQUAL(push(q, huge, SIZE_MAX, 0), -EMSGSIZE);
	CU_ASSERT_EQUAL(queue_counters(q)->dropped[QUEUE_CLASS_VIDEO]
						  [QUEUE_DROP_TOO_LONG],
			2);
	/* the longest UDP datagram fits into each class */
	CU_ASSERT_EQUAL(push(q, huge, 65507, 0), 0);
	huge[0] = 1;
	CU_ASSERT_EQUAL(push(q, huge, 65507, 0), 0);
	huge[0] = 128;
	huge[1] = 200;
	CU_ASSERT_EQUAL(push(q, huge, 65507, 0), 0);
	CU_ASSERT_EQUAL(push(q, huge, 0, 0), 0);
	for (int i = 0; i < 4; i++) {
		CU_ASSERT_TRUE(queue_peek(q, 0, &item));
		CU_ASSERT_EQUAL(item.len, i < 3 ? 65507 : 0);
		queue_pop(q);
	}
	CU_ASSERT_TRUE(queue_empty(q));
	queue_free(q);
	queue_free(NULL);
}

static void test_trim(void)
{
	struct queue *q = queue_new();
	struct queue_item item;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	queue_set_deadline(q, 100000);
	CU_ASSERT_EQUAL(push(q, video, sizeof(video), 0), 0);
	queue_trim(q, QUEUE_TRIM_MS * 2);
	pop_expect(q, QUEUE_CLASS_VIDEO, QUEUE_TRIM_MS);
	queue_trim(q, QUEUE_TRIM_MS - 1);
	queue_trim(q, QUEUE_TRIM_MS);
	queue_trim(q, QUEUE_TRIM_MS);
	CU_ASSERT_FALSE(queue_peek(q, 0, &item));
	CU_ASSERT_EQUAL(push(q, video, sizeof(video), 0), 0);
	pop_expect(q, QUEUE_CLASS_VIDEO, 0);
	queue_free(q);
}

/* What a class should hold: serial numbers and lengths, in order. */
struct model {
	uint32_t serial[4096];
	size_t len[4096];
	uint64_t at_ms[4096];
	size_t head, tail;
};

static void model_check_pop(struct model *m, const struct queue_item *item,
			    size_t drops)
{
	uint32_t serial;

	m->head += drops;
	CU_ASSERT_FATAL(m->head < m->tail);
	memcpy(&serial, item->data + 2, sizeof(serial));
	CU_ASSERT_EQUAL(serial, m->serial[m->head % 4096]);
	CU_ASSERT_EQUAL(item->len, m->len[m->head % 4096]);
	CU_ASSERT_EQUAL(item->enqueued_ms, m->at_ms[m->head % 4096]);
	CU_ASSERT_EQUAL(item->data[item->len - 1], (uint8_t)serial);
	m->head++;
}

static size_t all_drops(const struct queue *q, int class)
{
	const struct queue_counters *n = queue_counters(q);

	return n->dropped[class][QUEUE_DROP_FULL] +
	       n->dropped[class][QUEUE_DROP_DEADLINE];
}

static void model_push(struct queue *q, struct model *m, uint64_t now_ms,
		       uint32_t serial)
{
	static const uint8_t first[QUEUE_NUM_CLASSES] = { 0, 144, 144 };
	int class = rand() % QUEUE_NUM_CLASSES;
	size_t len = 7 + (size_t)rand() % 300;
	uint8_t data[2048];

	if (class == QUEUE_CLASS_VIDEO)
		len += 400;
	memset(data, 0x5a, len);
	data[0] = first[class];
	data[1] = 0;
	memcpy(data + 2, &serial, sizeof(serial));
	data[len - 1] = (uint8_t)serial;
	CU_ASSERT_EQUAL(push(q, data, len, now_ms), 0);
	m += class;
	m->serial[m->tail % 4096] = serial;
	m->len[m->tail % 4096] = len;
	m->at_ms[m->tail % 4096] = now_ms;
	m->tail++;
}

/* Random pushes and pops: what comes out is what went in, in order, less
 * exactly the drops that the counters tell. */
static void test_model(void)
{
	static struct model m[QUEUE_NUM_CLASSES];
	size_t seen[QUEUE_NUM_CLASSES] = { 0 };
	struct queue *q = queue_new();
	struct queue_item item;
	uint64_t now_ms = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	srand(7983);
	for (uint32_t step = 0; step < 200000; step++) {
		/* phases of growth and of draining, so that rings wrap */
		bool fill = (step / 3000) % 2 == 0;

		if (rand() % 10 < (fill ? 7 : 3)) {
			model_push(q, m, now_ms, step);
		} else if (queue_peek(q, now_ms, &item)) {
			int c = item.class;
			size_t drops = all_drops(q, c);

			model_check_pop(&m[c], &item, drops - seen[c]);
			seen[c] = drops;
			queue_pop(q);
		}
		if (rand() % 50 == 0)
			now_ms += (uint64_t)rand() % 12;
	}
	for (int c = 0; c < QUEUE_NUM_CLASSES; c++)
		CU_ASSERT(m[c].tail > 10000);
	CU_ASSERT(all_drops(q, QUEUE_CLASS_AUDIO) > 0);
	CU_ASSERT(all_drops(q, QUEUE_CLASS_VIDEO) > 0);
	queue_free(q);
}

/* Half of them wait 5 ms, a few long; and it is forgotten after a while. */
static void test_delay(void)
{
	struct endpoint peer = { .family = ENDPOINT_IPV4 };
	struct queue *q = queue_new();
	struct queue_delay d;
	struct queue_item item;
	uint64_t now_ms = 1000;

	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	queue_delay(q, now_ms, &d);
	CU_ASSERT_EQUAL(d.waited, 0);
	for (int i = 0; i < 100; i++) {
		uint8_t data[] = { 0x80, 0 };

		CU_ASSERT_EQUAL(queue_push(q, &peer, data, 2, now_ms), 0);
		now_ms += i % 10 == 0 ? 100 : 5;
		CU_ASSERT_TRUE(queue_peek(q, now_ms, &item));
		queue_pop(q);
	}
	queue_delay(q, now_ms, &d);
	CU_ASSERT_EQUAL(d.waited, 100);
	CU_ASSERT_EQUAL(d.p50_ms, 5);
	CU_ASSERT_EQUAL(d.max_ms, 100);
	queue_delay(q, now_ms + 30000, &d);
	CU_ASSERT_EQUAL(d.waited, 0);
	CU_ASSERT_EQUAL(d.max_ms, 0);
	queue_free(q);
}

static CU_TestInfo tests[] = {
	{ "delays of the last seconds", test_delay },
	{ "first bytes map to classes (RFC 7983)", test_classify },
	{ "control before audio before video", test_priority },
	{ "a pop takes what was peeked or nothing", test_pop_needs_fresh_peek },
	{ "control does not starve audio", test_control_does_not_starve },
	{ "what is late is dropped from the head", test_deadline },
	{ "a full class drops its oldest", test_full_drops_oldest },
	{ "the longest datagram fits, longer ones do not", test_too_long },
	{ "memory goes only after a while of emptiness", test_trim },
	{ "random pushes and pops match a model", test_model },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "queue", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
