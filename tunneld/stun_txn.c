/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_txn.c - one request and its answer
 *
 * Turns responses into a verdict: done, failed, try again or not for us
 * (RFC 8489, 6.2, 6.3.3, 6.3.4 and 9.2.5).
 *
 * Theory of operation: begin -> build -> answer. A RETRY begins it anew inside
 * answer(), so that the owner only has to build again. Whatever stands in an
 * answer that fails its integrity check has no effect but a count: a forger
 * must not be able to end a transaction with more than a lost connection
 * would. Errors without any integrity are taken, because servers send most
 * of them before they know the user.
 */
#include <config.h>

#include "stun_txn.h"

#include "buf.h"
#include "clock.h"
#include "stun_cred.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

int stun_txn_begin(struct stun_txn *t, uint16_t method, uint64_t now_ms)
{
	*t = (struct stun_txn){
		.method = method,
		.next_send_ms = CLOCK_NEVER,
		.deadline_ms = now_ms + STUN_TXN_TIMEOUT_MS,
	};
	if (RAND_bytes(t->id, sizeof(t->id)) != 1)
		return -EIO;
	t->active = true;
	return 0;
}

void stun_txn_end(struct stun_txn *t)
{
	t->active = false;
}

void stun_txn_repeat(struct stun_txn *t, uint32_t rto_ms, uint64_t now_ms)
{
	if (rto_ms == 0 || rto_ms > STUN_TXN_RTO_MS)
		rto_ms = STUN_TXN_RTO_MS;
	if (rto_ms < STUN_TXN_RTO_MIN_MS)
		rto_ms = STUN_TXN_RTO_MIN_MS;
	t->rto_ms = rto_ms;
	t->wait_ms = rto_ms;
	t->next_send_ms = now_ms + rto_ms;
}

/* RFC 8489, 6.2.1: with the default this comes to seven times, and the
 * deadline to 16 times the first wait after the last. A shorter first wait
 * adds some at the beginning: what ends it is the deadline alone, so that a
 * hole in the path is survived as long by each. */
bool stun_txn_resend_due(struct stun_txn *t, const struct stun_cred *cred,
			 uint64_t now_ms)
{
	if (!t->active || now_ms < t->next_send_ms || now_ms >= t->deadline_ms)
		return false;
	t->wait_ms *= 2;
	t->next_send_ms = now_ms + t->wait_ms;
	if (t->next_send_ms >= t->deadline_ms)
		t->next_send_ms = CLOCK_NEVER;
	/* Without randomness the old id serves, too. */
	if (t->challenge != cred->challenges)
		(void)RAND_bytes(t->id, sizeof(t->id));
	return true;
}

uint64_t stun_txn_next_ms(const struct stun_txn *t)
{
	if (!t->active)
		return CLOCK_NEVER;
	return t->next_send_ms < t->deadline_ms ? t->next_send_ms
						: t->deadline_ms;
}

void stun_txn_build_begin(const struct stun_txn *t, struct stun_build *b,
			  struct buf *out)
{
	stun_build_begin(b, out, STUN_CLASS_REQUEST, t->method, t->id);
}

void stun_txn_build_end(struct stun_txn *t, struct stun_build *b,
			const struct stun_cred *cred)
{
	t->signed_request = stun_cred_ready(cred);
	t->challenge = cred->challenges;
	if (t->signed_request)
		stun_cred_sign(cred, b);
}

/* May this answer be believed (RFC 8489, 9.2.5)? */
static bool trusted(const struct stun_txn *t, struct stun_cred *cred,
		    const struct stun_msg *m, unsigned int code)
{
	enum stun_auth_result r;

	/* The server cannot sign what it says about a user or a nonce that it
	 * does not know. What is asked for there, is looked at there. */
	if (code == 401 || code == 438)
		return true;
	if (stun_cred_is_stripped(m))
		return false;
	if (!t->signed_request)
		return true;
	r = stun_cred_verify(cred, m);
	if (r == STUN_AUTH_GOOD) {
		cred->successes++;
		cred->inherited = false;
		return true;
	}
	/* Servers of RFC 5389 do not sign every error, but can well sign a
	 * redirection; those of RFC 8489 sign all. */
	return r == STUN_AUTH_NONE && m->class == STUN_CLASS_ERROR &&
	       code != 300 && !stun_cred_is_strict(cred);
}

static enum stun_txn_verdict fail(struct stun_txn *t,
				  struct stun_txn_error *err, const char *why)
{
	stun_txn_end(t);
	err->code = 0;
	snprintf(err->reason, sizeof(err->reason), "%s", why);
	return STUN_TXN_ERROR;
}

/* May it be tried again? */
static bool may_retry(struct stun_txn *t, const struct stun_cred *cred,
		      const struct stun_msg *m, unsigned int code)
{
	if (code == 401) {
		if (!t->signed_request)
			return true;
		/* A password that has been refused is not sent twice, unless
		 * it is for another realm or so; and that once. */
		if (t->refused || !stun_cred_asks_anew(cred, m))
			return false;
		t->refused = true;
		return true;
	}
	/* One nonce for one request, and others have used them up: that is
	 * progress, too. */
	if (t->successes != cred->successes)
		t->stale = 0;
	t->successes = cred->successes;
	return ++t->stale <= STUN_TXN_STALE_MAX;
}

/* 401 or 438: try again, fail, or - when the answer says nothing - fail. */
static enum stun_txn_verdict challenged(struct stun_txn *t,
					struct stun_cred *cred,
					const struct stun_msg *m,
					struct stun_txn_error *err,
					uint64_t now_ms)
{
	struct stun_txn before;
	int r;

	if (!may_retry(t, cred, m, err->code)) {
		stun_txn_end(t);
		return STUN_TXN_ERROR;
	}
	before = *t;
	r = stun_cred_challenge(cred, m);
	if (r == 0)
		r = stun_txn_begin(t, t->method, now_ms);
	if (r < 0)
		return fail(t, err, stun_cred_words(r));
	t->stale = before.stale;
	t->refused = before.refused;
	t->successes = before.successes;
	if (before.rto_ms != 0)
		stun_txn_repeat(t, before.rto_ms, now_ms);
	return STUN_TXN_RETRY;
}

enum stun_txn_verdict stun_txn_answer(struct stun_txn *t,
				      struct stun_cred *cred,
				      const struct stun_msg *m,
				      struct stun_txn_error *err,
				      uint64_t now_ms)
{
	bool has_code = true;
	uint16_t unknown;
	char why[64];

	*err = (struct stun_txn_error){ 0 };
	if (!t->active || m->method != t->method ||
	    (m->class != STUN_CLASS_SUCCESS && m->class != STUN_CLASS_ERROR) ||
	    memcmp(m->id, t->id, sizeof(t->id)) != 0)
		return STUN_TXN_IGNORE;
	if (m->class == STUN_CLASS_ERROR)
		has_code = stun_msg_error(m, &err->code, err->reason);
	if (!trusted(t, cred, m, err->code)) {
		t->bad_integrity++;
		return STUN_TXN_IGNORE;
	}
	if (!has_code)
		return fail(t, err, "error without a code");
	/* RFC 8489, 6.3.3 and 6.3.4: then the transaction has failed. */
	unknown = stun_msg_unknown(m);
	if (unknown != 0) {
		snprintf(why, sizeof(why),
			 "answer with unknown attribute 0x%04x", unknown);
		return fail(t, err, why);
	}
	if (err->code == 401 || err->code == 438)
		return challenged(t, cred, m, err, now_ms);
	stun_txn_end(t);
	return m->class == STUN_CLASS_SUCCESS ? STUN_TXN_SUCCESS
					      : STUN_TXN_ERROR;
}
