/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uplink_look.c - what there is to tell of an uplink */
#include <config.h>

#include "flow_facts.h"
#include "leg.h"
#include "queue.h"
#include "relay.h"
#include "uplink_private.h"

#include <string.h>

static enum uplink_state state_of(const struct uplink *u)
{
	if (u->leg == NULL)
		return u->relayed.family != ENDPOINT_NONE
			       ? UPLINK_STATE_LOST
			       : UPLINK_STATE_CONNECTING;
	switch (u->doubt) {
	case UPLINK_DOUBT_ASKED:
		return UPLINK_STATE_SILENT;
	case UPLINK_DOUBT_STALLED:
		return UPLINK_STATE_STALLED;
	default:
		return UPLINK_STATE_READY;
	}
}

static void look_at_leg(const struct leg *leg, struct uplink_facts *out)
{
	const struct relay *relay = leg_relay(leg);

	strcpy(out->relay, relay->name);
	strcpy(out->host, relay->host);
	out->port = relay->port;
	out->transport = relay->transport;
	out->proxied = relay->egress != NULL;
	out->mobile = leg_is_mobile(leg);
	out->rtt_us = leg_rtt_us(leg);
	out->peers = leg_peer_count(leg);
	out->refused += leg_refused(leg);
}

void uplink_look(const struct uplink *u, uint64_t now_ms,
		 struct uplink_facts *out)
{
	uint64_t then_ms = u->leg != NULL ? u->carried_ms : u->lost_ms;

	*out = (struct uplink_facts){
		.family = u->family,
		.state = state_of(u),
		.since_ms = then_ms != 0 ? now_ms - then_ms : 0,
		.relayed = u->relayed,
		.refused = u->refused,
		.losses = u->losses,
		.resumptions = u->resumptions,
		.changes = u->changes,
		.queue = *queue_counters(u->queue),
	};
	queue_delay(u->queue, now_ms, &out->delay);
	if (u->leg != NULL)
		look_at_leg(u->leg, out);
}
