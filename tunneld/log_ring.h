/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log_ring.h - the last lines of the log, for those who ask later; thread-safe
 *
 * A line has a number, one more than the one before it; the oldest give way.
 */
#ifndef LOG_RING_H
#define LOG_RING_H

#include "log.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_RING_LINES      512
#define LOG_RING_LINE_BYTES 1024

struct log_ring_line {
	int64_t at_ms; /* since 1970 */
	enum log_level level;
	char text[LOG_RING_LINE_BYTES]; /* no line end */
};

void log_ring_add(enum log_level level, const char *text, size_t len);
/* The number of the first of the last `count` lines that are as important as
 * `level` or more; of the next line, when there is none. */
uint64_t log_ring_tail(enum log_level level, unsigned int count);
/* The line of that number, or the oldest that is there after it; `*number` is
 * the next one's then. False: there is none yet. */
bool log_ring_read(uint64_t *number, struct log_ring_line *line) MUST_CHECK;
/* An eventfd that is told of each line; -1: none. Stays the caller's. */
void log_ring_wake(int fd);

#endif
