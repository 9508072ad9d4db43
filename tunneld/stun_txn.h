/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_txn.h - one request and its answer over a reliable transport
 * (RFC 8489, 6.2.2, 6.3 and 9.2.5)
 *
 * Nothing is retransmitted: the stream does that. A challenge (401) is
 * answered once, a stale nonce (438) a few times, each with a new id.
 */
#ifndef STUN_TXN_H
#define STUN_TXN_H

#include "stun_msg.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct stun_cred;

#define STUN_TXN_TIMEOUT_MS 39500 /* RFC 8489, 6.2.2: Ti */
#define STUN_TXN_STALE_MAX  5     /* new nonces taken in a row */

struct stun_txn {
	uint8_t id[STUN_ID_LEN];
	uint16_t method;
	bool active; /* waits for its answer */
	bool signed_request;
	uint8_t stale;              /* how often 438 has come */
	unsigned int bad_integrity; /* answers ignored for that */
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
