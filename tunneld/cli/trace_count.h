/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace_count.h - how often, and which of it is news */
#ifndef TRACE_COUNT_H
#define TRACE_COUNT_H

#include "trace_event.h"

#include <stdbool.h>
#include <stdint.h>

#define TRACE_COUNT_KEYS 8192 /* a power of two */

/* Zero: nothing yet. */
struct trace_count {
	unsigned long long intercepted, direct, blocked, unseen, names, without;
	uint64_t key[TRACE_COUNT_KEYS];
	unsigned int keys;
};

/* True: the first of its kind, from that process. Once the table is full,
 * everything is. */
bool trace_count_add(struct trace_count *count,
		     const struct trace_event *event);
/* Of kind, action, protocol, pid, destination, program, and words. Not 0. */
uint64_t trace_hash(const struct trace_event *event);

#endif
