/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log_ring.c - the last lines of the log, for those who ask later
 *
 * Turns lines into slots of one size, so that the newest takes the place of the
 * oldest without further thought. Slots that were never used cost no memory.
 */
#include <config.h>

#include "log_ring.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_ring_line slots[LOG_RING_LINES];
static uint64_t next; /* the number of the next line */
static int wake_fd = -1;

static uint64_t oldest(void)
{
	return next > LOG_RING_LINES ? next - LOG_RING_LINES : 0;
}

void log_ring_add(enum log_level level, const char *text, size_t len)
{
	const uint64_t one = 1;
	struct log_ring_line *slot;
	struct timespec now;
	ssize_t n = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	if (len >= LOG_RING_LINE_BYTES)
		len = LOG_RING_LINE_BYTES - 1;
	pthread_mutex_lock(&lock);
	slot = &slots[next++ % LOG_RING_LINES];
	slot->at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	slot->level = level;
	memcpy(slot->text, text, len);
	slot->text[len] = '\0';
	/* Within the lock: the descriptor is not closed meanwhile. */
	if (wake_fd >= 0)
		n = write(wake_fd, &one, sizeof(one));
	pthread_mutex_unlock(&lock);
	(void)n;
}

uint64_t log_ring_tail(enum log_level level, unsigned int count)
{
	uint64_t number;

	pthread_mutex_lock(&lock);
	number = next;
	for (uint64_t i = next; i > oldest() && count > 0; i--) {
		if (slots[(i - 1) % LOG_RING_LINES].level > level)
			continue;
		number = i - 1;
		count--;
	}
	pthread_mutex_unlock(&lock);
	return number;
}

bool log_ring_read(uint64_t *number, struct log_ring_line *line)
{
	bool found;

	pthread_mutex_lock(&lock);
	if (*number < oldest())
		*number = oldest();
	found = *number < next;
	if (found)
		*line = slots[(*number)++ % LOG_RING_LINES];
	pthread_mutex_unlock(&lock);
	return found;
}

void log_ring_wake(int fd)
{
	pthread_mutex_lock(&lock);
	wake_fd = fd;
	pthread_mutex_unlock(&lock);
}
