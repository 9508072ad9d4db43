/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pac_wait.c - deadlines and cancellation of those who wait for a script */
#include <config.h>

#include "pac_wait.h"

#include "cancel.h"
#include "clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

int pac_wait_fail(struct pac_wait *w, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->words, sizeof(w->words), fmt, ap);
	va_end(ap);
	for (char *c = w->words; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return error;
}

int pac_wait_over(struct pac_wait *w)
{
	if (w->cancel != NULL && cancel_is_set(w->cancel))
		return pac_wait_fail(w, -ECANCELED, "cancelled");
	if (clock_now_ms() >= w->deadline_ms)
		return pac_wait_fail(w, -ETIMEDOUT, "no answer in time");
	return 0;
}

void pac_wait_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void pac_wait_cond(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += CANCEL_POLL_MS * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	(void)pthread_cond_timedwait(cond, lock, &at);
}
