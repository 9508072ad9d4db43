/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock_skew.h - how wrong this machine's clock is, by the Date of HTTP
 * answers (RFC 9110, 6.6.1)
 *
 * Thread-safe. A zeroed struct knows nothing.
 */
#ifndef CLOCK_SKEW_H
#define CLOCK_SKEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Less is not worth a word: an answer takes its time, too. */
#define CLOCK_SKEW_MIN_S 60

struct clock_skew {
	_Atomic int64_t seconds; /* to be added; 0: none worth it */
	_Atomic int64_t said;    /* the log knows of */
	atomic_bool authentic;   /* by TLS, so that others do not count */
};

/* `who` says that it is `remote`, while our clock says `local`. Told in the
 * log when it is news. */
void clock_skew_note(struct clock_skew *s, time_t remote, time_t local,
		     const char *who, bool authentic);
/* Seconds to add to time(2); negative when our clock is fast. */
int64_t clock_skew_s(struct clock_skew *s);
/* The wall clock, put right. */
time_t clock_skew_time(struct clock_skew *s);

#endif
