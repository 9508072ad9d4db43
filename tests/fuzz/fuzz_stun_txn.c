/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_stun_txn.c - one request, and a server that answers whatever it likes
 *
 * Input: a sequence of steps: answers (how sealed, which attributes), time,
 * a second connection with the first one's challenge. The server knows ids
 * and keys, so that its answers get past the look-up and the seal. Held
 * against every step: a request that is signed verifies, has one integrity,
 * and never less than one before it had.
 */
#include <config.h>

#include "../../tunneld/buf.h"
#include "../../tunneld/clock.h"
#include "../../tunneld/stun_cred.h"
#include "../../tunneld/stun_msg.h"
#include "../../tunneld/stun_txn.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct stun_cred cred;
	struct stun_txn txn;
	uint64_t now_ms;
	bool sha256, userhash; /* has been asked for */
	unsigned int retries;  /* since an answer has been verified */
};

static bool has(const struct stun_msg *m, enum stun_attr_type type)
{
	struct stun_attr a;

	return stun_attr_find(m, type, &a);
}

static void check_signed(struct world *w, const struct stun_msg *m)
{
	bool sha256 = has(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
	bool userhash = has(m, STUN_ATTR_USERHASH);

	if (stun_cred_verify(&w->cred, m) != STUN_AUTH_GOOD ||
	    sha256 == has(m, STUN_ATTR_MESSAGE_INTEGRITY) ||
	    sha256 != has(m, STUN_ATTR_PASSWORD_ALGORITHM) ||
	    sha256 != has(m, STUN_ATTR_PASSWORD_ALGORITHMS) ||
	    userhash == has(m, STUN_ATTR_USERNAME) ||
	    !has(m, STUN_ATTR_REALM) || !has(m, STUN_ATTR_NONCE))
		abort();
	if ((w->sha256 && !sha256) || (w->userhash && !userhash))
		abort();
	w->sha256 = sha256;
	w->userhash = userhash;
}

static void build(struct world *w)
{
	static uint8_t out[4096];
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_txn_build_begin(&w->txn, &b, &buf);
	stun_build_u32(&b, STUN_ATTR_LIFETIME, 600);
	stun_txn_build_end(&w->txn, &b, &w->cred);
	if (buf.failed || stun_msg_parse(&m, out, buf.len) < 0)
		abort();
	if (w->txn.signed_request)
		check_signed(w, &m);
	else if (stun_cred_ready(&w->cred))
		abort();
}

/* Attributes as the input has them: type, length byte, value. */
static void put_attributes(struct stun_build *b, struct buf_reader *r,
			   size_t max)
{
	const uint8_t *value;
	uint16_t type;
	uint8_t len;

	while (max-- > 0 && buf_get_u16(r, &type) && buf_get_u8(r, &len) &&
	       buf_take(r, len, &value))
		stun_build_bytes(b, type, value, len);
}

static void begin(struct world *w)
{
	if (stun_txn_begin(&w->txn, STUN_METHOD_REFRESH, w->now_ms) < 0)
		abort();
	stun_txn_repeat(&w->txn, 0, w->now_ms);
	w->retries = 0;
	build(w);
}

static void judge(struct world *w, const struct stun_msg *m, bool sealed)
{
	uint32_t successes = w->cred.successes;
	struct stun_txn_error err;

	switch (stun_txn_answer(&w->txn, &w->cred, m, &err, w->now_ms)) {
	case STUN_TXN_IGNORE:
		if (!w->txn.active)
			abort();
		break;
	case STUN_TXN_RETRY:
		/* Never for ever: some 401, and ten 438. */
		if (++w->retries > STUN_TXN_STALE_MAX + 3u ||
		    !stun_cred_ready(&w->cred))
			abort();
		build(w);
		break;
	case STUN_TXN_SUCCESS:
		if (w->txn.active || (w->txn.signed_request && !sealed))
			abort();
		break;
	case STUN_TXN_ERROR:
		if (w->txn.active || (err.code == 0 && err.reason[0] == '\0'))
			abort();
		break;
	}
	if (w->cred.successes != successes && !sealed)
		abort();
}

static void answer(struct world *w, struct buf_reader *r)
{
	static uint8_t out[8192];
	const struct stun_seal *seal = &w->cred.seal;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;
	uint8_t how;

	if (!buf_get_u8(r, &how))
		return;
	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, (enum stun_class)(how & 3), w->txn.method,
			 w->txn.id);
	put_attributes(&b, r, how >> 4);
	if (how & 4)
		stun_auth_sign(&b, seal->key, seal->key_len);
	if (how & 8)
		stun_auth_sign_sha256(&b, seal->key, seal->key_len);
	if (buf.failed || stun_msg_parse(&m, out, buf.len) < 0)
		abort();
	judge(w, &m, how & 12);
	if (!w->txn.active)
		begin(w);
}

/* What nobody but an attacker who does not know the key can send. */
static void raw(struct world *w, struct buf_reader *r)
{
	static uint8_t out[STUN_HEADER_LEN + 0xff];
	const uint8_t *value;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;
	uint8_t len;

	if (!buf_get_u8(r, &len) || !buf_take(r, len, &value))
		return;
	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS, w->txn.method,
			 w->txn.id);
	buf_put(&buf, value, len);
	buf_set_u16(&buf, 2, len);
	if (stun_msg_parse(&m, out, buf.len) == 0)
		judge(w, &m, false);
	if (!w->txn.active)
		begin(w);
}

static void pass(struct world *w, struct buf_reader *r)
{
	uint16_t s;

	if (!buf_get_u16(r, &s))
		return;
	w->now_ms += s;
	if (stun_txn_resend_due(&w->txn, &w->cred, w->now_ms))
		build(w);
	if (w->now_ms >= w->txn.deadline_ms)
		begin(w);
	if (stun_txn_next_ms(&w->txn) <= w->now_ms)
		abort(); /* would be a loop without sleep */
}

static void init(struct stun_cred *c)
{
	if (stun_cred_init(c, "user", "pass") < 0)
		abort();
}

/* A new connection, with the old one's challenge or one of the input's. */
static void reconnect(struct world *w, struct buf_reader *r)
{
	uint8_t saved[STUN_CRED_SAVE_MAX];
	const uint8_t *bytes;
	struct buf_reader load;
	struct stun_cred c;
	struct buf buf;
	uint8_t len;

	init(&c);
	buf_init(&buf, saved, sizeof(saved));
	stun_cred_save(&w->cred, &buf);
	buf_reader_init(&load, saved, buf.len);
	if (buf.failed || stun_cred_load(&c, &load) < 0 || load.left != 0 ||
	    stun_cred_ready(&c) != stun_cred_ready(&w->cred))
		abort();
	if (buf_get_u8(r, &len) && buf_take(r, len, &bytes)) {
		stun_cred_fini(&c);
		init(&c);
		buf_reader_init(&load, bytes, len);
		if (stun_cred_load(&c, &load) < 0 && stun_cred_ready(&c))
			abort();
		w->sha256 = w->userhash = false;
	}
	stun_cred_fini(&w->cred);
	w->cred = c;
	begin(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .now_ms = 1 };
	struct buf_reader r;
	uint8_t step;

	init(&w.cred);
	begin(&w);
	buf_reader_init(&r, data, size);
	while (buf_get_u8(&r, &step)) {
		switch (step % 4) {
		case 0:
			answer(&w, &r);
			break;
		case 1:
			raw(&w, &r);
			break;
		case 2:
			pass(&w, &r);
			break;
		default:
			reconnect(&w, &r);
			break;
		}
	}
	stun_cred_fini(&w.cred);
	return 0;
}
