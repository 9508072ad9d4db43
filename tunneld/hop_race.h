/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hop_race.h - TCP to whichever of a host's addresses answers first; blocks,
 * for pool threads only
 */
#ifndef HOP_RACE_H
#define HOP_RACE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdint.h>

struct cancel;

/* In turn by family, the first one's first (RFC 8305, 4). */
void hop_race_order(struct endpoint *addrs, unsigned int count);

/* A connected, non-blocking descriptor with TCP_NODELAY that the caller owns,
 * and in `*winner` the index of its address; or -errno: of the first attempt
 * that says something of the host, -ETIMEDOUT, -ECANCELED, -EMFILE … . `count`
 * is 1 to LOOKUP_MAX. */
int hop_race(const struct endpoint *addrs, unsigned int count,
	     uint64_t deadline_ms, struct cancel *cancel,
	     unsigned int *winner) MUST_CHECK;

#endif
