/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * patience.h - how long the system's resolver is worth waiting for; pure
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

#define PATIENCE_FIRST_MS 250 /* of a resolver that nothing is known of */
#define PATIENCE_MIN_MS   100
#define PATIENCE_MAX_MS   1000
/* So many look-ups in a row without an answer in time: it is not waited for
 * any more, … */
#define PATIENCE_SILENT_MAX 3
/* … only asked, this often. */
#define PATIENCE_RETEST_MS 30000

struct patience {
	uint32_t typical_ms; /* smoothed; 0: no answer yet */
	unsigned int silent; /* in a row */
	uint64_t retest_ms;
};

void patience_init(struct patience *p);
/* Wait so long for an answer; 0: not at all. */
uint32_t patience_ms(const struct patience *p);
/* Has it ever answered? */
bool patience_knows(const struct patience *p);
/* May it be asked? Once in a while also when it is not waited for. */
bool patience_may_ask(struct patience *p, uint64_t now_ms) MUST_CHECK;
/* It has answered, whatever it said, and however late. */
void patience_answered(struct patience *p, uint64_t took_ms);
/* It has not, while it was waited for. */
void patience_silent(struct patience *p, uint64_t now_ms);

#endif
