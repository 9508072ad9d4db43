/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_private.h - what the files of the TURN machine share, and nobody else
 */
#ifndef TURN_PRIVATE_H
#define TURN_PRIVATE_H

#include "stun_auth.h"
#include "stun_cred.h"
#include "stun_txn.h"
#include "turn.h"
#include "turn_peer.h"

#define TURN_WORDS_MAX  256
#define TURN_DOMAIN_MAX 256  /* RFC 1035, 2.3.4, and a NUL */
#define TURN_TICKET_MAX 1024 /* ours; RFC 8016, 6.1.7 recommends 192 bits */

/* Requests about the allocation and the connection as a whole. */
enum turn_control {
	TURN_CONTROL_ALLOCATE = 0,
	TURN_CONTROL_REFRESH,
	TURN_CONTROL_PING,
	TURN_NUM_CONTROLS,
};

struct turn_request {
	struct stun_txn txn;
	bool due;          /* waits for turn_output() */
	uint64_t begun_ms; /* of the txn */
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
	uint64_t ping_first_ms; /* of those in a row without an answer */
	unsigned int pings;     /* in such a row */
	bool ping_urgent;
	uint32_t rtt_us;

	uint64_t refresh_ms;   /* when to */
	uint64_t expires_ms;   /* of the allocation */
	uint64_t allocate_ms;  /* when to ask again after a 5xx, or NEVER */
	unsigned int refusals; /* of Allocate or Refresh, in a row */
	bool probing;          /* the Refresh asks whether it still lives */
	uint32_t ask_lifetime_s;
	uint8_t family;
	bool datagram;
	bool released;

	/* RFC 8016 */
	bool ask_mobility;
	bool resuming;
	uint64_t resume_end_ms; /* patience with Refresh */
	uint8_t ticket[TURN_TICKET_MAX];
	size_t ticket_len; /* 0: none */

	struct endpoint relayed;
	struct endpoint alternate; /* family 0: none */
	char alternate_domain[TURN_DOMAIN_MAX];
	unsigned int error;
	enum turn_blame blame;
	char words[TURN_WORDS_MAX];
};

/* turn.c */
void turn_set_state(struct turn *t, enum turn_state state, uint64_t now_ms);
/* For good; tells the owner. A code blames what it always does; `reason`: the
 * relay's own words, or "". */
void turn_fail(struct turn *t, unsigned int code, const char *reason,
	       uint64_t now_ms);
void turn_fail_blaming(struct turn *t, enum turn_blame blame, unsigned int code,
		       const char *reason, uint64_t now_ms);

/* turn_control.c */
void turn_control_begin(struct turn *t, enum turn_control which,
			uint64_t now_ms);
/* Ask whether the allocation is still there: Refresh says 437 where other
 * requests say 400 only. */
void turn_control_probe(struct turn *t, uint64_t now_ms);
bool turn_control_output(struct turn *t, struct buf *out);
/* True when the message answers a request about the allocation. */
bool turn_control_answer(struct turn *t, const struct stun_msg *m,
			 uint64_t now_ms);
void turn_control_tick(struct turn *t, uint64_t now_ms);
uint64_t turn_control_deadline_ms(const struct turn *t);

/* turn_alive.c */
void turn_alive_heard(struct turn *t, const struct stun_msg *m,
		      uint64_t now_ms);
void turn_alive_sample(struct turn *t, const struct turn_request *q,
		       uint64_t now_ms);
void turn_alive_tick(struct turn *t, uint64_t now_ms);
uint64_t turn_alive_deadline_ms(const struct turn *t);

/* turn_data.c */
int turn_data_channel(struct turn *t, const uint8_t *frame, size_t len,
		      uint64_t now_ms) MUST_CHECK;
void turn_data_indication(struct turn *t, const struct stun_msg *m,
			  uint64_t now_ms);
/* Requests about peers that wait; false when one did not fit. */
bool turn_data_output(struct turn *t, struct buf *out);

/* turn_ask.c */
/* An answer to a request about a peer. */
void turn_ask_answer(struct turn *t, const struct stun_msg *m, uint64_t now_ms);
void turn_ask_tick(struct turn *t, uint64_t now_ms);

/* turn_resume.c */
/* Take opts->resume. 0, -EBADMSG, -EACCES (another user), -EINVAL (another
 * family), -ENOMEM. */
int turn_resume_import(struct turn *t, const struct turn_opts *opts) MUST_CHECK;
void turn_resume_start(struct turn *t, uint64_t now_ms);

#endif
