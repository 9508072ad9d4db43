/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_txn.h - one request and its answer (RFC 8489, 6.2, 6.3 and 9.2.5)
 *
 * Over a stream nothing is retransmitted: the stream does that. Over datagrams
 * the owner says so with stun_txn_repeat() after stun_txn_begin(), looks again
 * at stun_txn_next_ms(), and builds and sends once more when
 * stun_txn_resend_due(). A challenge (401) is answered once, and a second time
 * if it is for another realm than before. A stale nonce (438) is answered ten
 * times in a row in which no request with these credentials has succeeded, so
 * that nonces of a few seconds, or for one request each, do. Each retry has a
 * new id.
 */
#ifndef STUN_TXN_H
#define STUN_TXN_H

#include "stun_msg.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct stun_cred;

#define STUN_TXN_TIMEOUT_MS 39500 /* RFC 8489, 6.2.2: Ti */
#define STUN_TXN_STALE_MAX  10    /* new nonces taken in a row */
#define STUN_TXN_RTO_MS     500   /* RFC 8489, 6.2.1 */
#define STUN_TXN_RTO_MIN_MS 100

struct stun_txn {
	uint8_t id[STUN_ID_LEN];
	uint16_t method;
	bool active; /* waits for its answer */
	bool signed_request;
	bool refused;               /* a 401 to credentials was followed */
	uint8_t stale;              /* how often 438 has come in a row */
	unsigned int bad_integrity; /* answers ignored for that */
	uint32_t challenge;         /* of the credentials, when it was built */
	uint32_t successes;         /* of the credentials, at the last 438 */
	uint32_t rto_ms;            /* the first wait; 0: a stream */
	uint32_t wait_ms;           /* the wait that is under way */
	uint64_t next_send_ms;      /* CLOCK_NEVER: not again */
	uint64_t deadline_ms;
};

struct stun_txn_error {
	unsigned int code; /* 0: none, see `reason` */
	char reason[STUN_REASON_MAX];
};

enum stun_txn_verdict {
	STUN_TXN_IGNORE =
		0, /* not an answer to this one, or not to be trusted */
	STUN_TXN_SUCCESS,
	STUN_TXN_RETRY, /* build and send it again */
	STUN_TXN_ERROR,
};

/* A new id, and the time starts. 0 or -EIO (no randomness). */
int stun_txn_begin(struct stun_txn *t, uint16_t method,
		   uint64_t now_ms) MUST_CHECK;
void stun_txn_end(struct stun_txn *t);

/* For datagrams, right after stun_txn_begin(): send it again until the answer
 * or the deadline comes. `rto_ms`: the first wait, which doubles; from a known
 * round trip, or 0 for the default, which is also the most. A RETRY goes on
 * like this by itself. */
void stun_txn_repeat(struct stun_txn *t, uint32_t rto_ms, uint64_t now_ms);
/* True: build and send it once more, now; the next time is scheduled. It keeps
 * its id unless it was signed for an older challenge than `cred` holds now:
 * then it is another request. */
bool stun_txn_resend_due(struct stun_txn *t, const struct stun_cred *cred,
			 uint64_t now_ms);
/* When to look at it again: to resend or to give up. CLOCK_NEVER: ended. */
uint64_t stun_txn_next_ms(const struct stun_txn *t);

/* Header; then the caller's attributes; then credentials, if there are any,
 * and the seal. */
void stun_txn_build_begin(const struct stun_txn *t, struct stun_build *b,
			  struct buf *out);
void stun_txn_build_end(struct stun_txn *t, struct stun_build *b,
			const struct stun_cred *cred);

/* What `m` means for this transaction. SUCCESS and ERROR end it; RETRY has
 * begun it anew with what the server asked for. */
enum stun_txn_verdict stun_txn_answer(struct stun_txn *t,
				      struct stun_cred *cred,
				      const struct stun_msg *m,
				      struct stun_txn_error *err,
				      uint64_t now_ms);

#endif
