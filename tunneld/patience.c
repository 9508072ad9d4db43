/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * patience.c - how long the system's resolver is worth waiting for
 *
 * Turns how long answers took into a budget for the next one. In a closed
 * network the resolver often drops what it does not know, and each look-up
 * would cost its whole time-out; a resolver that answers is given twice what
 * it takes. A slow answer counts at once and is forgotten slowly.
 */
#include <config.h>

#include "patience.h"

void patience_init(struct patience *p)
{
	*p = (struct patience){ .silent = 0 };
}

static bool is_given_up(const struct patience *p)
{
	return p->silent >= PATIENCE_SILENT_MAX;
}

uint32_t patience_ms(const struct patience *p)
{
	uint32_t ms = 2 * p->typical_ms;

	if (is_given_up(p))
		return 0;
	if (p->typical_ms == 0)
		return PATIENCE_FIRST_MS;
	if (ms < PATIENCE_MIN_MS)
		return PATIENCE_MIN_MS;
	return ms < PATIENCE_MAX_MS ? ms : PATIENCE_MAX_MS;
}

bool patience_knows(const struct patience *p)
{
	return p->typical_ms > 0;
}

bool patience_may_ask(struct patience *p, uint64_t now_ms)
{
	if (!is_given_up(p))
		return true;
	if (now_ms < p->retest_ms)
		return false;
	p->retest_ms = now_ms + PATIENCE_RETEST_MS;
	return true;
}

void patience_answered(struct patience *p, uint64_t took_ms)
{
	uint32_t ms = took_ms < PATIENCE_MAX_MS ? (uint32_t)took_ms
						: PATIENCE_MAX_MS;

	p->silent = 0;
	if (ms < p->typical_ms)
		ms = (7 * p->typical_ms + ms) / 8;
	p->typical_ms = ms > 0 ? ms : 1;
}

void patience_silent(struct patience *p, uint64_t now_ms)
{
	p->silent++;
	if (is_given_up(p))
		p->retest_ms = now_ms + PATIENCE_RETEST_MS;
}
