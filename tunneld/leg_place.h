/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_place.h - where a relay has sent us instead of itself, and whether we go
 * (300 Try Alternate: RFC 8489, 10)
 */
#ifndef LEG_PLACE_H
#define LEG_PLACE_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stdbool.h>

struct relay;

#define LEG_HOPS_MAX 3

struct leg_place {
	struct endpoint address; /* family 0: the relay itself */
	/* what the certificate must be for; empty: as at the relay, for an
	 * address without a name is no other identity */
	char domain[CONTROL_NAME_MAX + 1];
	unsigned int hops;
	struct endpoint visited[LEG_HOPS_MAX]; /* before `address` */
};

/* `from`: where the answer came from (NULL: the relay itself), `peer`: to
 * which address that connection was (family 0, through a proxy: not known).
 * NULL: follow, and `next` says where to; else why not, for the log. */
const char *leg_place_follow(const struct relay *relay,
			     const struct leg_place *from,
			     const struct endpoint *peer,
			     const struct endpoint *alternate,
			     const char *domain, struct leg_place *next);

#endif
