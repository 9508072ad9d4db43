/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_private.h - what turn.c and turn_data.c share, and nobody else */
#ifndef TURN_PRIVATE_H
#define TURN_PRIVATE_H

#include "stun_auth.h"
#include "stun_cred.h"
#include "stun_txn.h"
#include "turn.h"
#include "turn_peer.h"

#define TURN_WORDS_MAX 256

/* Requests about the allocation and the connection as a whole. */
enum turn_control {
	TURN_CONTROL_ALLOCATE = 0,
	TURN_CONTROL_REFRESH,
	TURN_CONTROL_PING,
	TURN_NUM_CONTROLS,
};

struct turn_request {
	struct stun_txn txn;
	bool due; /* waits for turn_output() */
};

struct turn {
	enum turn_state state;
	struct turn_peers peers;
	uint64_t last_in_ms, last_out_ms; /* anything on the stream */
	struct turn_events events;
	void *arg;
	uint8_t indication_id[STUN_ID_LEN]; /* random, then counted */

	struct turn_request control[TURN_NUM_CONTROLS];
	struct stun_cred cred;
	uint64_t keepalive_ms;
	uint64_t ping_deadline_ms;
	unsigned int pings;  /* in a row without any answer */
	uint64_t refresh_ms; /* when to */
	uint64_t expires_ms; /* of the allocation */
	uint32_t ask_lifetime_s;
	uint8_t family;
	bool released;

	struct endpoint relayed;
	struct endpoint alternate;  /* family 0: none */
	char alternate_domain[256]; /* "": none */
	uint32_t rtt_us;
	unsigned int error;
	char words[TURN_WORDS_MAX];
};

/* turn.c */
/* For good; tells the owner. `reason`: the relay's own words, or "". */
void turn_fail(struct turn *t, unsigned int code, const char *reason,
	       uint64_t now_ms);
/* Ask whether the allocation is still there: Refresh says 437 where other
 * requests say 400 only. */
void turn_probe(struct turn *t, uint64_t now_ms);

/* turn_data.c */
int turn_data_channel(struct turn *t, const uint8_t *frame, size_t len,
		      uint64_t now_ms) MUST_CHECK;
void turn_data_indication(struct turn *t, const struct stun_msg *m,
			  uint64_t now_ms);
/* An answer to a request about a peer. */
void turn_data_answer(struct turn *t, const struct stun_msg *m,
		      uint64_t now_ms);
/* Requests about peers that wait; false when one did not fit. */
bool turn_data_output(struct turn *t, struct buf *out);
void turn_data_tick(struct turn *t, uint64_t now_ms);

#endif
