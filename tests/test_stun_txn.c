/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_stun_txn.c - what each kind of answer means for a request */
#include <config.h>

#include "../tunneld/stun_txn.h"

#include "../tunneld/buf.h"
#include "../tunneld/clock.h"
#include "../tunneld/stun_cred.h"
#include "lib/unit.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static struct stun_cred cred;
static struct stun_txn txn;
static uint8_t request[1024], answer[1024];

static void begin(void)
{
	CU_ASSERT_EQUAL_FATAL(stun_cred_init(&cred, "alice", "secret"), 0);
	CU_ASSERT_EQUAL_FATAL(stun_txn_begin(&txn, STUN_METHOD_REFRESH, 1000),
			      0);
}

static struct stun_msg build(void)
{
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, request, sizeof(request));
	stun_txn_build_begin(&txn, &b, &buf);
	stun_build_u32(&b, STUN_ATTR_LIFETIME, 600);
	stun_txn_build_end(&txn, &b, &cred);
	CU_ASSERT_FALSE_FATAL(buf.failed);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, request, buf.len), 0);
	return m;
}

/* Of a header whose length field is `length`, with the credentials' key. */
static const uint8_t *hmac_sha256(const uint8_t *header, uint16_t length)
{
	static uint8_t out[32];
	uint8_t copy[STUN_HEADER_LEN];
	unsigned int n;

	memcpy(copy, header, sizeof(copy));
	be16_set(copy + 2, length);
	CU_ASSERT_PTR_NOT_NULL(HMAC(EVP_sha256(), cred.seal.key,
				    (int)cred.seal.key_len, copy, sizeof(copy),
				    out, &n));
	return out;
}

/* An answer of ours: code 0 is a success; `sign`: with the right key. */
static enum stun_txn_verdict give(enum stun_class class, unsigned int code,
				  const char *realm, const char *nonce,
				  bool sign, struct stun_txn_error *err)
{
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, answer, sizeof(answer));
	stun_build_begin(&b, &buf, class, txn.method, txn.id);
	if (code != 0)
		stun_build_u32(&b, STUN_ATTR_ERROR_CODE,
			       code / 100 << 8 | code % 100);
	if (realm != NULL)
		stun_build_bytes(&b, STUN_ATTR_REALM, realm, strlen(realm));
	if (nonce != NULL)
		stun_build_bytes(&b, STUN_ATTR_NONCE, nonce, strlen(nonce));
	if (sign)
		stun_seal_sign(&cred.seal, &b);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, buf.len), 0);
	return stun_txn_answer(&txn, &cred, &m, err, 2000);
}

static enum stun_txn_verdict challenge(unsigned int code, const char *realm,
				       const char *nonce)
{
	struct stun_txn_error err;

	return give(STUN_CLASS_ERROR, code, realm, nonce, false, &err);
}

/* A request that has been authenticated. */
static void begin_signed(void)
{
	begin();
	(void)build();
	CU_ASSERT_EQUAL_FATAL(challenge(401, "realm", "n1"), STUN_TXN_RETRY);
	(void)build();
	CU_ASSERT_TRUE(txn.signed_request);
}

static void test_challenge(void)
{
	uint8_t first_id[STUN_ID_LEN];
	struct stun_attr a;
	struct stun_msg m;

	begin();
	CU_ASSERT_EQUAL(txn.deadline_ms, 1000 + 39500);
	m = build();
	CU_ASSERT_FALSE(stun_attr_find(&m, STUN_ATTR_USERNAME, &a));
	CU_ASSERT_FALSE(stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY, &a));
	memcpy(first_id, txn.id, STUN_ID_LEN);

	CU_ASSERT_EQUAL(challenge(401, "realm", "n1"), STUN_TXN_RETRY);
	CU_ASSERT_TRUE(txn.active);
	CU_ASSERT_NOT_EQUAL(memcmp(first_id, txn.id, STUN_ID_LEN), 0);
	CU_ASSERT_EQUAL(txn.deadline_ms, 2000 + 39500);
	m = build();
	CU_ASSERT_TRUE_FATAL(stun_attr_find(&m, STUN_ATTR_USERNAME, &a));
	CU_ASSERT_EQUAL(a.len, 5);
	CU_ASSERT_TRUE_FATAL(stun_attr_find(&m, STUN_ATTR_REALM, &a));
	CU_ASSERT_EQUAL(memcmp(a.value, "realm", 5), 0);
	CU_ASSERT_TRUE_FATAL(stun_attr_find(&m, STUN_ATTR_NONCE, &a));
	CU_ASSERT_EQUAL(memcmp(a.value, "n1", 2), 0);
	CU_ASSERT_EQUAL(stun_cred_verify(&cred, &m), STUN_AUTH_GOOD);
	/* refused with the password: not again */
	CU_ASSERT_EQUAL(challenge(401, "realm", "n2"), STUN_TXN_ERROR);
	CU_ASSERT_FALSE(txn.active);
	stun_cred_fini(&cred);
}

static void test_bad_challenges(void)
{
	begin();
	(void)build();
	CU_ASSERT_EQUAL(challenge(401, NULL, "n"), STUN_TXN_ERROR);
	stun_cred_fini(&cred);
	begin();
	(void)build();
	CU_ASSERT_EQUAL(challenge(401, "realm", NULL), STUN_TXN_ERROR);
	CU_ASSERT_FALSE(txn.active);
	stun_cred_fini(&cred);
}

static void test_stale(void)
{
	begin_signed();
	for (int i = 0; i < STUN_TXN_STALE_MAX; i++) {
		CU_ASSERT_EQUAL(challenge(438, i % 2 ? "realm" : NULL, "n2"),
				STUN_TXN_RETRY);
		(void)build();
	}
	CU_ASSERT_EQUAL(challenge(438, "realm", "n3"), STUN_TXN_ERROR);
	stun_cred_fini(&cred);
}

/* Nonces for one request each: others have used them up meanwhile. */
static void test_stale_with_progress(void)
{
	struct stun_txn slow;
	struct stun_txn_error err;

	begin_signed();
	for (int i = 0; i < STUN_TXN_STALE_MAX * 3; i++) {
		CU_ASSERT_EQUAL_FATAL(challenge(438, "realm", "n2"),
				      STUN_TXN_RETRY);
		(void)build();
		if (i % STUN_TXN_STALE_MAX != 0)
			continue;
		slow = txn;
		CU_ASSERT_EQUAL_FATAL(
			stun_txn_begin(&txn, STUN_METHOD_REFRESH, 2000), 0);
		(void)build();
		CU_ASSERT_EQUAL(
			give(STUN_CLASS_SUCCESS, 0, NULL, NULL, true, &err),
			STUN_TXN_SUCCESS);
		txn = slow;
	}
	stun_cred_fini(&cred);
}

/* A 401 to credentials: once more if it asks for something else, no more. */
static void test_other_realm(void)
{
	begin_signed();
	CU_ASSERT_EQUAL(challenge(401, "other", "n2"), STUN_TXN_RETRY);
	(void)build();
	CU_ASSERT_EQUAL(challenge(401, "third", "n3"), STUN_TXN_ERROR);
	CU_ASSERT_FALSE(txn.active);
	stun_cred_fini(&cred);
}

/* The next connection begins with the last one's challenge. */
static void test_inherited(void)
{
	static const unsigned int codes[] = { 401, 438 };
	uint8_t saved[STUN_CRED_SAVE_MAX];
	struct buf_reader r;
	struct buf buf;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		begin_signed();
		buf_init(&buf, saved, sizeof(saved));
		stun_cred_save(&cred, &buf);
		stun_cred_fini(&cred);

		begin();
		buf_reader_init(&r, saved, buf.len);
		CU_ASSERT_EQUAL_FATAL(stun_cred_load(&cred, &r), 0);
		(void)build();
		CU_ASSERT_TRUE(txn.signed_request);
		CU_ASSERT_EQUAL(challenge(codes[i], "realm", "n9"),
				STUN_TXN_RETRY);
		(void)build();
		/* that one was this connection's own */
		CU_ASSERT_EQUAL(challenge(401, "realm", "n10"), STUN_TXN_ERROR);
		stun_cred_fini(&cred);
	}
}

/* Once it has worked here, it is this connection's own. */
static void test_inherited_works(void)
{
	uint8_t saved[STUN_CRED_SAVE_MAX];
	struct stun_txn_error err;
	struct buf_reader r;
	struct buf buf;

	begin_signed();
	buf_init(&buf, saved, sizeof(saved));
	stun_cred_save(&cred, &buf);
	stun_cred_fini(&cred);
	begin();
	buf_reader_init(&r, saved, buf.len);
	CU_ASSERT_EQUAL_FATAL(stun_cred_load(&cred, &r), 0);
	(void)build();
	CU_ASSERT_EQUAL(give(STUN_CLASS_SUCCESS, 0, NULL, NULL, true, &err),
			STUN_TXN_SUCCESS);
	CU_ASSERT_EQUAL_FATAL(stun_txn_begin(&txn, STUN_METHOD_REFRESH, 1000),
			      0);
	(void)build();
	CU_ASSERT_EQUAL(challenge(401, "realm", "n2"), STUN_TXN_ERROR);
	stun_cred_fini(&cred);
}

static void test_not_ours(void)
{
	struct stun_txn_error err;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;
	uint8_t id[STUN_ID_LEN];

	begin();
	m = build();
	/* our own request comes back */
	CU_ASSERT_EQUAL(stun_txn_answer(&txn, &cred, &m, &err, 0),
			STUN_TXN_IGNORE);
	CU_ASSERT_EQUAL(give(STUN_CLASS_INDICATION, 0, NULL, NULL, false, &err),
			STUN_TXN_IGNORE);
	/* another id, another method */
	memcpy(id, txn.id, sizeof(id));
	id[11] ^= 1;
	for (int i = 0; i < 2; i++) {
		buf_init(&buf, answer, sizeof(answer));
		stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS,
				 i ? STUN_METHOD_ALLOCATE : STUN_METHOD_REFRESH,
				 i ? txn.id : id);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, buf.len), 0);
		CU_ASSERT_EQUAL(stun_txn_answer(&txn, &cred, &m, &err, 0),
				STUN_TXN_IGNORE);
	}
	CU_ASSERT_TRUE(txn.active);
	stun_txn_end(&txn);
	CU_ASSERT_EQUAL(give(STUN_CLASS_SUCCESS, 0, NULL, NULL, false, &err),
			STUN_TXN_IGNORE);
	stun_cred_fini(&cred);
}

/* What an authenticated request makes of answers without the right seal. */
static void test_trust(void)
{
	static const struct {
		unsigned int code;
		bool sign;
		enum stun_txn_verdict verdict;
	} rows[] = {
		{ 0, true, STUN_TXN_SUCCESS }, { 0, false, STUN_TXN_IGNORE },
		{ 437, true, STUN_TXN_ERROR }, { 437, false, STUN_TXN_ERROR },
		{ 300, true, STUN_TXN_ERROR }, { 300, false, STUN_TXN_IGNORE },
	};
	struct stun_txn_error err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin_signed();
		CU_ASSERT_EQUAL(give(rows[i].code ? STUN_CLASS_ERROR
						  : STUN_CLASS_SUCCESS,
				     rows[i].code, NULL, NULL, rows[i].sign,
				     &err),
				rows[i].verdict);
		CU_ASSERT_EQUAL(txn.active, rows[i].verdict == STUN_TXN_IGNORE);
		CU_ASSERT_EQUAL(txn.bad_integrity,
				rows[i].verdict == STUN_TXN_IGNORE);
		if (rows[i].verdict == STUN_TXN_ERROR)
			CU_ASSERT_EQUAL(err.code, rows[i].code);
		stun_cred_fini(&cred);
	}
}

/* How an answer is made for a server of RFC 8489. */
enum seal {
	NO_SEAL = 0,
	SHA1,
	SHA256,
	BOTH,
	WRONG
};

static void seal(struct stun_build *b, enum seal how)
{
	const void *key = cred.seal.key;
	size_t len = cred.seal.key_len;

	if (how == SHA1 || how == BOTH)
		stun_auth_sign(b, key, len);
	if (how == SHA256 || how == BOTH)
		stun_auth_sign_sha256(b, key, len);
	if (how == WRONG)
		stun_auth_sign_sha256(b, "no", 2);
}

static enum stun_txn_verdict answer_modern(unsigned int code, const char *nonce,
					   const char *algorithms,
					   enum seal how,
					   struct stun_txn_error *err)
{
	enum stun_class class = code != 0 ? STUN_CLASS_ERROR
					  : STUN_CLASS_SUCCESS;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, answer, sizeof(answer));
	stun_build_begin(&b, &buf, class, txn.method, txn.id);
	if (code != 0)
		stun_build_u32(&b, STUN_ATTR_ERROR_CODE,
			       code / 100 << 8 | code % 100);
	if (code == 401 || code == 438)
		stun_build_bytes(&b, STUN_ATTR_REALM, "realm", 5);
	if (nonce != NULL)
		stun_build_bytes(&b, STUN_ATTR_NONCE, nonce, strlen(nonce));
	if (algorithms != NULL)
		stun_build_bytes(&b, STUN_ATTR_PASSWORD_ALGORITHMS, algorithms,
				 4);
	seal(&b, how);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, buf.len), 0);
	return stun_txn_answer(&txn, &cred, &m, err, 2000);
}

#define COOKIE "obMatJos2gAAA" /* password algorithms */
#define LIST   "\0\2\0\0"      /* SHA-256 */

/* RFC 8489, 9.2.5, row by row: a request signed with SHA-256 and what comes
 * back for it. */
static void test_modern(void)
{
	static const struct {
		unsigned int code; /* 0: success */
		const char *nonce, *algorithms;
		enum seal seal;
		enum stun_txn_verdict verdict;
		unsigned int got; /* the error's code */
	} rows[] = {
		{ 0, NULL, NULL, SHA256, STUN_TXN_SUCCESS, 0 },
		{ 0, NULL, NULL, BOTH, STUN_TXN_SUCCESS, 0 },
		{ 437, NULL, NULL, SHA256, STUN_TXN_ERROR, 437 },
		/* a weaker integrity than agreed, none, or a wrong one */
		{ 0, NULL, NULL, SHA1, STUN_TXN_IGNORE, 0 },
		{ 0, NULL, NULL, NO_SEAL, STUN_TXN_IGNORE, 0 },
		{ 0, NULL, NULL, WRONG, STUN_TXN_IGNORE, 0 },
		{ 437, NULL, NULL, SHA1, STUN_TXN_IGNORE, 0 },
		{ 437, NULL, NULL, NO_SEAL, STUN_TXN_IGNORE, 0 },
		{ 400, NULL, NULL, NO_SEAL, STUN_TXN_IGNORE, 0 },
		{ 300, NULL, NULL, NO_SEAL, STUN_TXN_IGNORE, 0 },
		/* a nonce that promises what is not there */
		{ 0, COOKIE "x", NULL, SHA256, STUN_TXN_IGNORE, 0 },
		{ 437, COOKIE "x", NULL, SHA256, STUN_TXN_IGNORE, 0 },
		{ 0, COOKIE "x", LIST, SHA256, STUN_TXN_SUCCESS, 0 },
		{ 438, COOKIE "x", NULL, NO_SEAL, STUN_TXN_ERROR, 0 },
		{ 438, COOKIE "x", NULL, SHA256, STUN_TXN_ERROR, 0 },
		/* a nonce whose cookie somebody has altered */
		{ 438, "obMatJos2AAAAx", NULL, NO_SEAL, STUN_TXN_ERROR, 0 },
		{ 438, "obMatJos2AAAAx", LIST, NO_SEAL, STUN_TXN_ERROR, 0 },
		{ 438, "x", NULL, NO_SEAL, STUN_TXN_ERROR, 0 },
		/* algorithms that are weaker, or that nobody knows */
		{ 438, COOKIE "x", "\0\1\0\0", NO_SEAL, STUN_TXN_ERROR, 0 },
		{ 438, COOKIE "x", "\0\7\0\0", NO_SEAL, STUN_TXN_ERROR, 0 },
		/* what is followed, and what is final */
		{ 438, COOKIE "x", LIST, NO_SEAL, STUN_TXN_RETRY, 438 },
		{ 401, COOKIE "x", LIST, NO_SEAL, STUN_TXN_ERROR, 401 },
	};
	struct stun_txn_error err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		(void)build();
		CU_ASSERT_EQUAL_FATAL(
			answer_modern(401, COOKIE "1", LIST, NO_SEAL, &err),
			STUN_TXN_RETRY);
		(void)build();
		CU_ASSERT_EQUAL(answer_modern(rows[i].code, rows[i].nonce,
					      rows[i].algorithms, rows[i].seal,
					      &err),
				rows[i].verdict);
		if (rows[i].verdict == STUN_TXN_IGNORE) {
			CU_ASSERT_TRUE(txn.active);
			CU_ASSERT_EQUAL(txn.bad_integrity, 1);
		} else {
			CU_ASSERT_EQUAL(err.code, rows[i].got);
			CU_ASSERT(rows[i].got != 0 ||
				  (err.reason[0] != '\0') ==
					  (rows[i].code != 0));
		}
		stun_cred_fini(&cred);
	}
}

/* The same for the first, unsigned request. */
static void test_modern_first(void)
{
	static const struct {
		unsigned int code;
		const char *nonce, *algorithms;
		enum stun_txn_verdict verdict;
	} rows[] = {
		{ 401, COOKIE "x", LIST, STUN_TXN_RETRY },
		{ 401, "obMatJos2AAAAx", NULL, STUN_TXN_RETRY },
		{ 401, COOKIE "x", NULL, STUN_TXN_ERROR },
		{ 438, COOKIE "x", NULL, STUN_TXN_ERROR },
		{ 401, COOKIE "x", "\0\7\0\0", STUN_TXN_ERROR },
		{ 300, NULL, NULL, STUN_TXN_ERROR },
		{ 300, COOKIE "x", NULL, STUN_TXN_IGNORE },
		{ 0, COOKIE "x", NULL, STUN_TXN_IGNORE },
	};
	struct stun_txn_error err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		(void)build();
		CU_ASSERT_EQUAL(answer_modern(rows[i].code, rows[i].nonce,
					      rows[i].algorithms, NO_SEAL,
					      &err),
				rows[i].verdict);
		CU_ASSERT_EQUAL(err.code,
				rows[i].code == 300 || rows[i].verdict ==
							       STUN_TXN_RETRY
					? rows[i].code
					: 0);
		stun_cred_fini(&cred);
	}
}

/* An integrity cut to 16 bytes is one, too (14.6). */
static void test_modern_cut(void)
{
	struct stun_txn_error err;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	begin();
	(void)build();
	CU_ASSERT_EQUAL_FATAL(
		answer_modern(401, COOKIE "1", LIST, NO_SEAL, &err),
		STUN_TXN_RETRY);
	(void)build();
	buf_init(&buf, answer, sizeof(answer));
	stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS, txn.method, txn.id);
	stun_build_bytes(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256,
			 hmac_sha256(answer, 20), 16);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, buf.len), 0);
	CU_ASSERT_EQUAL(stun_txn_answer(&txn, &cred, &m, &err, 2000),
			STUN_TXN_SUCCESS);
	stun_cred_fini(&cred);
}

static void give_forged(enum stun_class class, unsigned int code)
{
	static const uint8_t other_key[STUN_KEY_LEN] = { 1 };
	struct stun_txn_error err;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	begin_signed();
	buf_init(&buf, answer, sizeof(answer));
	stun_build_begin(&b, &buf, class, txn.method, txn.id);
	if (code != 0)
		stun_build_u32(&b, STUN_ATTR_ERROR_CODE,
			       code / 100 << 8 | code % 100);
	stun_auth_sign(&b, other_key, sizeof(other_key));
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, buf.len), 0);
	CU_ASSERT_EQUAL(stun_txn_answer(&txn, &cred, &m, &err, 2000),
			STUN_TXN_IGNORE);
	CU_ASSERT_TRUE(txn.active);
	CU_ASSERT_EQUAL(txn.bad_integrity, 1);
	stun_cred_fini(&cred);
}

static void test_forged(void)
{
	give_forged(STUN_CLASS_SUCCESS, 0);
	give_forged(STUN_CLASS_ERROR, 437);
	give_forged(STUN_CLASS_ERROR, 300);
}

static void test_broken_answers(void)
{
	struct stun_txn_error err;
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	begin();
	(void)build();
	CU_ASSERT_EQUAL(give(STUN_CLASS_ERROR, 0, NULL, NULL, false, &err),
			STUN_TXN_ERROR);
	CU_ASSERT_EQUAL(err.code, 0);
	CU_ASSERT_STRING_EQUAL(err.reason, "error without a code");
	stun_cred_fini(&cred);

	begin();
	(void)build();
	buf_init(&buf, answer, sizeof(answer));
	stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS, txn.method, txn.id);
	stun_build_u32(&b, 0x8888, 0);
	stun_build_u32(&b, 0x7001, 0);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, buf.len), 0);
	CU_ASSERT_EQUAL(stun_txn_answer(&txn, &cred, &m, &err, 0),
			STUN_TXN_ERROR);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.reason, "0x7001"));
	stun_cred_fini(&cred);
}

/* When it is sent, until the deadline; 0 ends the list. */
static void expect_schedule(uint32_t rto_ms, const uint32_t *at_ms)
{
	uint8_t first[1024], id[STUN_ID_LEN];
	struct stun_msg m;

	begin();
	stun_txn_repeat(&txn, rto_ms, 1000);
	m = build();
	memcpy(first, m.data, m.len);
	memcpy(id, txn.id, sizeof(id));
	for (; *at_ms != 0; at_ms++) {
		CU_ASSERT_EQUAL(stun_txn_next_ms(&txn), 1000 + *at_ms);
		CU_ASSERT_FALSE(stun_txn_resend_due(&txn, &cred, 999 + *at_ms));
		CU_ASSERT_TRUE(stun_txn_resend_due(&txn, &cred, 1000 + *at_ms));
		CU_ASSERT_FALSE(
			stun_txn_resend_due(&txn, &cred, 1000 + *at_ms));
		m = build();
		CU_ASSERT_EQUAL(memcmp(first, m.data, m.len), 0);
	}
	CU_ASSERT_EQUAL(stun_txn_next_ms(&txn), 1000 + 39500);
	CU_ASSERT_FALSE(stun_txn_resend_due(&txn, &cred, 1000 + 39500));
	stun_txn_end(&txn);
	CU_ASSERT_EQUAL(stun_txn_next_ms(&txn), CLOCK_NEVER);
	CU_ASSERT_FALSE(stun_txn_resend_due(&txn, &cred, 1000 + 39500));
	stun_cred_fini(&cred);
}

/* RFC 8489, 6.2.1: its own figures, and a known round trip's. */
static void test_repeat(void)
{
	static const uint32_t def[] = {
		500, 1500, 3500, 7500, 15500, 31500, 0
	};
	static const uint32_t quick[] = { 100,  300,   700,   1500, 3100,
					  6300, 12700, 25500, 0 };

	expect_schedule(0, def);
	expect_schedule(60000, def);
	expect_schedule(100, quick);
	expect_schedule(1, quick);
}

static void test_stream_does_not_repeat(void)
{
	begin();
	(void)build();
	CU_ASSERT_EQUAL(stun_txn_next_ms(&txn), txn.deadline_ms);
	CU_ASSERT_FALSE(stun_txn_resend_due(&txn, &cred, 40499));
	stun_cred_fini(&cred);
}

/* A retry repeats as its predecessor did; what was signed for an older nonce
 * is another request now. */
static void test_repeat_after_challenge(void)
{
	uint8_t id[STUN_ID_LEN];
	struct stun_txn other;
	struct stun_attr a;
	struct stun_msg m;

	begin();
	stun_txn_repeat(&txn, 200, 1000);
	(void)build();
	other = txn;
	other.id[0] ^= 1;
	CU_ASSERT_EQUAL_FATAL(challenge(401, "realm", "n1"), STUN_TXN_RETRY);
	CU_ASSERT_EQUAL(stun_txn_next_ms(&txn), 2200);
	(void)build();
	memcpy(id, txn.id, sizeof(id));
	CU_ASSERT_TRUE(stun_txn_resend_due(&txn, &cred, 2200));
	CU_ASSERT_EQUAL(memcmp(id, txn.id, sizeof(id)), 0);

	txn = other;
	CU_ASSERT_TRUE(stun_txn_resend_due(&txn, &cred, 2200));
	CU_ASSERT_NOT_EQUAL(memcmp(other.id, txn.id, sizeof(id)), 0);
	m = build();
	CU_ASSERT_TRUE(stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY, &a));
	stun_cred_fini(&cred);
}

static CU_TestInfo tests[] = {
	{ "401 is answered once", test_challenge },
	{ "challenges without realm or nonce", test_bad_challenges },
	{ "438 is answered a few times", test_stale },
	{ "438 while others succeed", test_stale_with_progress },
	{ "a 401 for another realm is answered once more", test_other_realm },
	{ "another connection's challenge", test_inherited },
	{ "another connection's challenge that works", test_inherited_works },
	{ "answers to others", test_not_ours },
	{ "which answers need a seal", test_trust },
	{ "servers of RFC 8489, row by row", test_modern },
	{ "the first answer of such a server", test_modern_first },
	{ "an integrity cut short", test_modern_cut },
	{ "a wrong seal ends nothing", test_forged },
	{ "answers that cannot be used", test_broken_answers },
	{ "datagrams are sent again at the RFC's times", test_repeat },
	{ "over a stream nothing is sent again", test_stream_does_not_repeat },
	{ "sending again after a challenge", test_repeat_after_challenge },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "stun_txn", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
