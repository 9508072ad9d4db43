/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_ticket.h - all that another connection, also one of a later tunneld,
 * needs to go on with an allocation (RFC 8016): which server, and what
 * turn_export() says; secret
 */
#ifndef LEG_TICKET_H
#define LEG_TICKET_H

#include "leg_place.h"
#include "relay.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct leg;

/* Longest of leg_ticket_encode() */
#define LEG_TICKET_MAX 34816

struct leg_ticket {
	char name[RELAY_NAME_MAX + 1]; /* of the relay, and the host */
	char host[CONTROL_NAME_MAX + 1];
	struct leg_place place;
	uint8_t family; /* of the relayed address */
	bool proven;    /* resuming is known to work there */
	size_t len;
	uint8_t blob[]; /* turn_export()'s */
};

/* Of a leg that is READY or was. NULL: not mobile, or no memory. */
struct leg_ticket *leg_ticket_new(const struct leg *leg, uint64_t now_ms);
void leg_ticket_free(struct leg_ticket *t); /* wipes */

/* Append it as bytes. 0 or -ENOBUFS. */
int leg_ticket_encode(const struct leg_ticket *t, struct buf *out) MUST_CHECK;
/* NULL with errno: EBADMSG, ENOMEM. */
struct leg_ticket *leg_ticket_decode(const uint8_t *data,
				     size_t len) MUST_CHECK;

#endif
