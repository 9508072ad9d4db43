/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clock_skew.c - how wrong this machine's clock is */
#include <config.h>

#include "clock_skew.h"

#include "log.h"

#include <stdlib.h>

/* What has been said is not said again for less than this. */
#define NEWS_S 600

static void tell(int64_t skew, const char *who)
{
	long long n = llabs((long long)skew);
	const char *unit = "seconds";

	if (n >= 2 * 86400) {
		n /= 86400;
		unit = "days";
	} else if (n >= 2 * 3600) {
		n /= 3600;
		unit = "hours";
	} else if (n >= 2 * 60) {
		n /= 60;
		unit = "minutes";
	}
	log_event(LOG_LEVEL_WARN, LOG_EVENT_CLOCK_WRONG, NULL,
		  "this machine's clock is %lld %s %s, by the answer of "
		  "%.200s; relay credentials are made for the right time",
		  n, unit, skew > 0 ? "behind" : "ahead", who);
}

void clock_skew_note(struct clock_skew *s, time_t remote, time_t local,
		     const char *who, bool authentic)
{
	int64_t skew = (int64_t)remote - (int64_t)local;
	int64_t said = atomic_load(&s->said);

	if (authentic)
		atomic_store(&s->authentic, true);
	else if (atomic_load(&s->authentic))
		return;
	if (llabs((long long)skew) < CLOCK_SKEW_MIN_S)
		skew = 0;
	atomic_store(&s->seconds, skew);
	if (llabs((long long)(skew - said)) < NEWS_S &&
	    (skew != 0) == (said != 0))
		return;
	/* Several threads may have found out at once. */
	if (!atomic_compare_exchange_strong(&s->said, &said, skew))
		return;
	if (skew != 0)
		tell(skew, who);
	else
		log_info("this machine's clock is right again, by the answer "
			 "of %.200s",
			 who);
}

int64_t clock_skew_s(struct clock_skew *s)
{
	return atomic_load(&s->seconds);
}

time_t clock_skew_time(struct clock_skew *s)
{
	return time(NULL) + (time_t)atomic_load(&s->seconds);
}
