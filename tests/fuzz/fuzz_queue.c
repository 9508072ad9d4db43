/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz_queue.c - any order of pushes, pops and pauses keeps each class in
 * order, bounded and accounted for */
#include <config.h>

#include "../../tunneld/queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t first_byte[QUEUE_NUM_CLASSES] = { 20, 128, 64 };

static void push(struct queue *q, uint8_t how, uint32_t serial, uint64_t now_ms)
{
	static uint8_t bytes[65536];
	const struct endpoint peer = { .family = ENDPOINT_IPV4 };
	int class = how % QUEUE_NUM_CLASSES;
	size_t len = 6 + (size_t)(how / 3) * 800;

	if (class == QUEUE_CLASS_AUDIO)
		len = 6 + how;
	bytes[0] = first_byte[class];
	memcpy(bytes + 2, &serial, sizeof(serial));
	if (queue_push(q, &peer, bytes, len, now_ms) != 0)
		abort();
}

static void check_accounts(const struct queue *q, uint64_t popped)
{
	const struct queue_counters *n = queue_counters(q);
	uint64_t pushed = 0, dropped = 0;

	for (int c = 0; c < QUEUE_NUM_CLASSES; c++) {
		pushed += n->pushed[c];
		for (int d = 0; d < QUEUE_NUM_DROPS; d++)
			dropped += n->dropped[c][d];
	}
	if (popped + dropped > pushed ||
	    (queue_empty(q) && popped + dropped != pushed))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t last[QUEUE_NUM_CLASSES] = { 0 }, serial = 0, got;
	struct queue *q = queue_new();
	struct queue_item item;
	uint64_t now_ms = 0, popped = 0;

	if (q == NULL)
		abort();
	for (size_t i = 0; i < size; i++) {
		uint8_t step = data[i];

		if (step < 0x90) {
			push(q, step, ++serial, now_ms);
		} else if (step < 0xe0) {
			if (!queue_peek(q, now_ms, &item))
				continue;
			memcpy(&got, item.data + 2, sizeof(got));
			if (got <= last[item.class] ||
			    now_ms - item.enqueued_ms >
				    QUEUE_CONTROL_DEADLINE_MS)
				abort();
			last[item.class] = got;
			queue_pop(q);
			popped++;
		} else if (step < 0xfe) {
			now_ms += step - 0xe0u;
		} else {
			now_ms += step == 0xfe ? 300 : QUEUE_TRIM_MS;
			queue_trim(q, now_ms);
		}
		check_accounts(q, popped);
	}
	queue_free(q);
	return 0;
}
