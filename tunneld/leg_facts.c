/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* leg_facts.c - what a leg tells about itself */
#include <config.h>

#include "dial_reason.h"
#include "leg.h"
#include "leg_place.h"
#include "leg_private.h"
#include "turn.h"

#include <stdio.h>

enum leg_state leg_state(const struct leg *l)
{
	return l->state;
}

const struct endpoint *leg_relayed(const struct leg *l)
{
	return turn_relayed(l->turn);
}

struct relay *leg_relay(const struct leg *l)
{
	return l->relay;
}

struct relay_set *leg_relay_set(const struct leg *l)
{
	return l->set;
}

bool leg_server(const struct leg *l, struct endpoint *server)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return l->stream.fd >= 0 &&
	       getpeername(l->stream.fd, (struct sockaddr *)&sa, &len) == 0 &&
	       endpoint_from_sockaddr(server, &sa, len);
}

const struct leg_end *leg_end(const struct leg *l)
{
	return &l->end;
}

const struct leg_place *leg_next_place(const struct leg *l)
{
	return l->end.redirected ? l->place : NULL;
}

bool leg_is_resumed(const struct leg *l)
{
	return l->resumed;
}

bool leg_is_mobile(const struct leg *l)
{
	return l->turn != NULL && turn_is_mobile(l->turn);
}

uint32_t leg_rtt_us(const struct leg *l)
{
	return l->turn != NULL ? turn_rtt_us(l->turn) : 0;
}

size_t leg_peer_count(const struct leg *l)
{
	return l->turn != NULL ? turn_peer_count(l->turn) : 0;
}

uint64_t leg_refused(const struct leg *l)
{
	return l->refused;
}

bool leg_is_fresh(const struct leg *l)
{
	return !l->used && !l->resumed;
}

bool leg_has_more(const struct leg *l, unsigned int *next)
{
	*next = l->more;
	return l->more != 0;
}

const struct endpoint *leg_local(const struct leg *l)
{
	return &l->local;
}

uint64_t leg_last_in_ms(const struct leg *l)
{
	return l->last_in_ms;
}

uint64_t leg_last_out_ms(const struct leg *l)
{
	return l->last_out_ms;
}

uint64_t leg_silent_since_ms(const struct leg *l)
{
	return l->silent_since_ms;
}

const char *leg_cause_name(uint32_t cause, char out[LEG_CAUSE_NAME_MAX])
{
	static const struct {
		uint32_t cause;
		const char *name;
	} names[] = {
		{ LEG_CAUSE_ENDED, "ended" },
		{ LEG_CAUSE_GARBAGE, "not_turn" },
		{ LEG_CAUSE_BROKEN, "broken" },
		{ LEG_CAUSE_SILENT, "silent" },
		{ LEG_CAUSE_SLOW, "slow" },
		{ LEG_CAUSE_CREDS, "credentials" },
		{ LEG_CAUSE_INTERNAL, "internal" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].cause == cause)
			return names[i].name;
	if (cause >= LEG_CAUSE_TURN && cause < LEG_CAUSE_ENDED)
		snprintf(out, LEG_CAUSE_NAME_MAX, "turn_%u",
			 cause - LEG_CAUSE_TURN);
	else
		snprintf(out, LEG_CAUSE_NAME_MAX, "%s",
			 cause < DIAL_NUM_REASONS
				 ? dial_reason_name((enum dial_reason)cause)
				 : "unknown");
	return out;
}
