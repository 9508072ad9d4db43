/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pac_wait.h - how long somebody waits for a script, and what he hears */
#ifndef PAC_WAIT_H
#define PAC_WAIT_H

#include <turnout/compiler.h>

#include <pthread.h>
#include <stdint.h>

struct cancel;

struct pac_wait {
	uint64_t deadline_ms;
	struct cancel *cancel; /* NULL: nobody will */
	char words[200];       /* on failure; printable */
};

/* Always `error`, so that a function can end by it. */
int pac_wait_fail(struct pac_wait *w, int error, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* 0, -ECANCELED or -ETIMEDOUT, with words. */
int pac_wait_over(struct pac_wait *w) MUST_CHECK;

/* For pac_wait_cond(), which returns after a signal or a moment. */
void pac_wait_cond_init(pthread_cond_t *cond);
void pac_wait_cond(pthread_cond_t *cond, pthread_mutex_t *lock);

#endif
