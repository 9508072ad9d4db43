/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow_facts.h - what there is to tell of a flow; copied out of its worker, and
 * without any secret
 */
#ifndef FLOW_FACTS_H
#define FLOW_FACTS_H

#include "queue.h"
#include "relay.h"
#include "rtp_loss.h"

#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uplink_state {
	UPLINK_STATE_CONNECTING = 0, /* there was no relayed address yet */
	UPLINK_STATE_READY,
	UPLINK_STATE_SILENT,  /* the relay was asked for a sign of life */
	UPLINK_STATE_STALLED, /* it gave none */
	UPLINK_STATE_LOST,    /* there was one; another is being made */
	UPLINK_NUM_STATES,
};

struct uplink_facts {
	uint8_t family; /* of the relayed address: 4 or 6 */
	enum uplink_state state;
	uint64_t since_ms;       /* how long it has carried, or not */
	struct endpoint relayed; /* the last; family 0: none yet */
	/* What carries it; an empty name: nothing does. */
	char relay[RELAY_NAME_MAX + 1];
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port;
	enum relay_transport transport;
	bool proxied;
	bool mobile;
	uint32_t rtt_us;  /* to the relay; 0: not known */
	size_t peers;     /* that it has spoken to */
	uint64_t refused; /* datagrams that the relay would not have */
	uint32_t losses, resumptions, changes;
	struct queue_counters queue;
	struct queue_delay delay;
};

#define FLOW_FACTS_UPLINKS 2

struct flow_facts {
	uint64_t cookie;
	uint32_t uid;
	uint64_t now_ms;     /* all of this was so then */
	struct endpoint app; /* family 0: it has not sent yet */
	uint64_t age_ms;
	uint64_t last_up_ms, last_down_ms; /* to and from peers; 0: never */
	struct {
		uint64_t datagrams, bytes;
	} up, down;
	uint64_t malformed;       /* from the app: strangers, blocked peers */
	uint64_t unresolved;      /* to names without an address */
	uint64_t untaken;         /* to the app: its socket refused them */
	uint32_t overflows;       /* … or its receive buffer was full */
	struct rtp_loss_sum loss; /* of what came from peers */
	size_t uplink_count;
	struct uplink_facts uplink[FLOW_FACTS_UPLINKS];
};

#endif
