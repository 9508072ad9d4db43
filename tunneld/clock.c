/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clock.c - monotonic milliseconds */
#include <config.h>

#include "clock.h"

#include <time.h>

uint64_t clock_now_ms(void)
{
	struct timespec ts;

	/* Cannot fail: the clock and the pointer are always valid. */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t clock_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
