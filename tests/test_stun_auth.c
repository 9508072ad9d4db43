/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_stun_auth.c - keys and seals against RFC 5769, and RFC 8489, B.1 */
#include <config.h>

#include "../tunneld/stun_auth.h"

#include "../tunneld/buf.h"
#include "../tunneld/stun_msg.h"
#include "lib/rfc5769.h"
#include "lib/rfc8489.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

#include <arpa/inet.h>

static void check_vector(const uint8_t *data, size_t len)
{
	const size_t key_len = strlen(RFC5769_PASSWORD);
	uint8_t copy[128];
	struct stun_msg m;

	memcpy(copy, data, len);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, copy, len), 0);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, RFC5769_PASSWORD, key_len),
			STUN_AUTH_GOOD);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, RFC5769_PASSWORD, key_len - 1),
			STUN_AUTH_BAD);
	CU_ASSERT_EQUAL(stun_auth_check_fingerprint(&m), STUN_AUTH_GOOD);
	/* one bit anywhere before the seal */
	for (size_t at = 8; at < len - 8; at++) {
		copy[at] ^= 1;
		if (stun_msg_parse(&m, copy, len) == 0) {
			CU_ASSERT_NOT_EQUAL(
				stun_auth_verify(&m, RFC5769_PASSWORD, key_len),
				STUN_AUTH_GOOD);
			CU_ASSERT_NOT_EQUAL(stun_auth_check_fingerprint(&m),
					    STUN_AUTH_GOOD);
		}
		copy[at] ^= 1;
	}
}

static void test_verify(void)
{
	check_vector(rfc5769_request, sizeof(rfc5769_request));
	check_vector(rfc5769_ipv4, sizeof(rfc5769_ipv4));
	check_vector(rfc5769_ipv6, sizeof(rfc5769_ipv6));
}

/* The vectors pad with blanks, as RFC 5389 allowed. */
static void blank_padding(struct buf *buf, size_t n)
{
	memset(buf->data + buf->len - n, ' ', n);
}

static void seal_and_compare(struct stun_build *b, const uint8_t *want,
			     size_t len)
{
	stun_auth_sign(b, RFC5769_PASSWORD, strlen(RFC5769_PASSWORD));
	stun_auth_fingerprint(b);
	CU_ASSERT_FALSE(b->out->failed);
	CU_ASSERT_EQUAL_FATAL(b->out->len, len);
	CU_ASSERT_EQUAL(memcmp(b->out->data, want, len), 0);
}

static void test_build_request(void)
{
	struct stun_build b;
	uint8_t out[128];
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 rfc5769_id);
	stun_build_bytes(&b, STUN_ATTR_SOFTWARE, "STUN test client", 16);
	stun_build_u32(&b, 0x0024, 0x6e0001ff);
	stun_build_bytes(&b, 0x8029, rfc5769_request + 52, 8);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
	blank_padding(&buf, 3);
	seal_and_compare(&b, rfc5769_request, sizeof(rfc5769_request));
}

static void build_response(int family, const char *ip, const uint8_t *want,
			   size_t len)
{
	struct endpoint e = { .port_be = htons(32853) };
	struct stun_build b;
	uint8_t out[128];
	struct buf buf;

	e.family = family == AF_INET ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
	CU_ASSERT_EQUAL_FATAL(inet_pton(family, ip, e.ip), 1);
	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS, STUN_METHOD_BINDING,
			 rfc5769_id);
	stun_build_bytes(&b, STUN_ATTR_SOFTWARE, "test vector", 11);
	blank_padding(&buf, 1);
	stun_build_address(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, &e);
	seal_and_compare(&b, want, len);
}

static void test_build_responses(void)
{
	build_response(AF_INET, "192.0.2.1", rfc5769_ipv4,
		       sizeof(rfc5769_ipv4));
	build_response(AF_INET6, "2001:db8:1234:5678:11:2233:4455:6677",
		       rfc5769_ipv6, sizeof(rfc5769_ipv6));
}

static void test_long_term(void)
{
	uint8_t key[STUN_KEY_LEN], out[128];
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	CU_ASSERT_EQUAL_FATAL(stun_auth_key(RFC5769_LT_USERNAME,
					    RFC5769_LT_REALM,
					    strlen(RFC5769_LT_REALM),
					    RFC5769_LT_PASSWORD, key),
			      0);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, rfc5769_long_term,
					     sizeof(rfc5769_long_term)),
			      0);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, key, sizeof(key)), STUN_AUTH_GOOD);
	CU_ASSERT_EQUAL(stun_auth_check_fingerprint(&m), STUN_AUTH_NONE);

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 m.id);
	stun_build_bytes(&b, STUN_ATTR_USERNAME, RFC5769_LT_USERNAME,
			 strlen(RFC5769_LT_USERNAME));
	stun_build_bytes(&b, STUN_ATTR_NONCE, RFC5769_LT_NONCE,
			 strlen(RFC5769_LT_NONCE));
	stun_build_bytes(&b, STUN_ATTR_REALM, RFC5769_LT_REALM,
			 strlen(RFC5769_LT_REALM));
	stun_auth_sign(&b, key, sizeof(key));
	CU_ASSERT_EQUAL_FATAL(buf.len, sizeof(rfc5769_long_term));
	CU_ASSERT_EQUAL(memcmp(out, rfc5769_long_term, buf.len), 0);
}

/* The example of RFC 8489, 9.2.2. */
static void test_key(void)
{
	static const uint8_t want[STUN_KEY_LEN] = {
		0x84, 0x93, 0xfb, 0xc5, 0x3b, 0xa5, 0x82, 0xfb,
		0x4c, 0x04, 0x4c, 0x45, 0x6b, 0xdc, 0x40, 0xeb,
	};
	uint8_t key[STUN_KEY_LEN];

	CU_ASSERT_EQUAL(stun_auth_key("user", "realm", 5, "pass", key), 0);
	CU_ASSERT_EQUAL(memcmp(key, want, sizeof(key)), 0);
}

/* RFC 8489, B.1: USERHASH, a key of SHA-256, MESSAGE-INTEGRITY-SHA256. */
static void test_sha256(void)
{
	uint8_t key[STUN_KEY_SHA256_LEN], hash[STUN_USERHASH_LEN], out[256];
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	CU_ASSERT_EQUAL_FATAL(stun_auth_key_sha256(RFC5769_LT_USERNAME,
						   RFC5769_LT_REALM,
						   strlen(RFC5769_LT_REALM),
						   RFC5769_LT_PASSWORD, key),
			      0);
	CU_ASSERT_EQUAL_FATAL(
		stun_auth_userhash(RFC5769_LT_USERNAME, RFC5769_LT_REALM,
				   strlen(RFC5769_LT_REALM), hash),
		0);
	CU_ASSERT_EQUAL_FATAL(
		stun_msg_parse(&m, rfc8489_request, sizeof(rfc8489_request)),
		0);
	CU_ASSERT_EQUAL(stun_auth_verify_sha256(&m, key, sizeof(key)),
			STUN_AUTH_GOOD);
	CU_ASSERT_EQUAL(stun_auth_verify_sha256(&m, key, sizeof(key) - 1),
			STUN_AUTH_BAD);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, key, sizeof(key)), STUN_AUTH_NONE);

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 rfc8489_id);
	stun_build_bytes(&b, STUN_ATTR_USERHASH, hash, sizeof(hash));
	stun_build_bytes(&b, STUN_ATTR_NONCE, RFC8489_NONCE,
			 strlen(RFC8489_NONCE));
	stun_build_bytes(&b, STUN_ATTR_REALM, RFC5769_LT_REALM,
			 strlen(RFC5769_LT_REALM));
	stun_build_u32(&b, STUN_ATTR_PASSWORD_ALGORITHM, 2u << 16);
	stun_auth_sign_sha256(&b, key, sizeof(key));
	CU_ASSERT_EQUAL_FATAL(buf.len, sizeof(rfc8489_request));
	CU_ASSERT_EQUAL(memcmp(out, rfc8489_request, buf.len), 0);
}

static void test_sha256_no_bit_changes(void)
{
	uint8_t key[STUN_KEY_SHA256_LEN], copy[sizeof(rfc8489_request)];
	struct stun_msg m;

	CU_ASSERT_EQUAL_FATAL(stun_auth_key_sha256(RFC5769_LT_USERNAME,
						   RFC5769_LT_REALM,
						   strlen(RFC5769_LT_REALM),
						   RFC5769_LT_PASSWORD, key),
			      0);
	memcpy(copy, rfc8489_request, sizeof(copy));
	for (size_t at = 0; at < sizeof(copy); at++) {
		copy[at] ^= 1;
		if (stun_msg_parse(&m, copy, sizeof(copy)) == 0)
			CU_ASSERT_NOT_EQUAL(
				stun_auth_verify_sha256(&m, key, sizeof(key)),
				STUN_AUTH_GOOD);
		copy[at] ^= 1;
	}
}

/* A message of nothing but an integrity cut to `len` bytes. The HMACs are
 * Python's: hmac.new(b"k", header, "sha256"), whose length field counts the
 * attribute as cut. */
static enum stun_auth_result cut_to(size_t len, const uint8_t *hmac)
{
	struct stun_build b;
	uint8_t out[64];
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS, STUN_METHOD_REFRESH,
			 rfc8489_id);
	stun_build_bytes(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, hmac, len);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
	return stun_auth_verify_sha256(&m, "k", 1);
}

/* RFC 8489, 14.6: 16 bytes at least, in steps of 4. */
static void test_truncated(void)
{
	static const uint8_t cut12[] = {
		0xe0, 0x3f, 0xa4, 0xc0, 0x11, 0x6d,
		0x72, 0x7f, 0x1b, 0x7d, 0xf7, 0x6d,
	};
	static const uint8_t cut16[] = {
		0x40, 0xd5, 0xf0, 0xd6, 0x02, 0xd9, 0x47, 0xb6,
		0xaf, 0x11, 0xe1, 0x50, 0xb0, 0x69, 0x94, 0xf0,
	};
	static const uint8_t cut17[] = {
		0xb6, 0x54, 0x45, 0x91, 0xda, 0xa6, 0x11, 0x3c, 0x18,
		0xf9, 0xb2, 0x93, 0x00, 0x0c, 0x4d, 0x8d, 0x94,
	};
	static const uint8_t cut20[] = {
		0xb5, 0x95, 0x6c, 0x29, 0x08, 0x95, 0xc7, 0xb2, 0xb5, 0x75,
		0x8f, 0xcd, 0xb4, 0xec, 0xf6, 0x75, 0x4e, 0x84, 0x89, 0xa8,
	};
	static const uint8_t cut32[] = {
		0xde, 0x46, 0xfa, 0x70, 0xe0, 0x30, 0x6d, 0xc2,
		0x07, 0xdf, 0xe3, 0xe3, 0xce, 0x11, 0x99, 0x01,
		0xfc, 0x6d, 0x6c, 0xb6, 0xce, 0xdc, 0x3c, 0x76,
		0x7e, 0xf1, 0x98, 0x22, 0x8e, 0xe6, 0xc4, 0x4c,
	};
	uint8_t bad[36];

	CU_ASSERT_EQUAL(cut_to(16, cut16), STUN_AUTH_GOOD);
	CU_ASSERT_EQUAL(cut_to(20, cut20), STUN_AUTH_GOOD);
	CU_ASSERT_EQUAL(cut_to(32, cut32), STUN_AUTH_GOOD);
	for (size_t i = 0; i < 20; i++) {
		memcpy(bad, cut20, 20);
		bad[i] ^= 0x80;
		CU_ASSERT_EQUAL(cut_to(20, bad), STUN_AUTH_BAD);
	}
	/* the right bytes, but fewer or more than allowed */
	CU_ASSERT_EQUAL(cut_to(12, cut12), STUN_AUTH_BAD);
	CU_ASSERT_EQUAL(cut_to(0, cut12), STUN_AUTH_BAD);
	CU_ASSERT_EQUAL(cut_to(17, cut17), STUN_AUTH_BAD);
	memset(bad, 0, sizeof(bad));
	memcpy(bad, cut32, 32);
	CU_ASSERT_EQUAL(cut_to(36, bad), STUN_AUTH_BAD);
}

/* One key for many messages gives what a key each gives. */
static void test_seal(void)
{
	static const struct {
		enum stun_seal_kind kind;
		void (*sign)(struct stun_build *b, const void *key,
			     size_t key_len);
	} rows[] = {
		{ STUN_SEAL_SHA1, stun_auth_sign },
		{ STUN_SEAL_SHA256, stun_auth_sign_sha256 },
	};
	uint8_t key[STUN_KEY_MAX + 1] = "0123456789abcdef";
	uint8_t one[128], two[128];
	struct stun_build b;
	struct stun_seal s;
	struct stun_msg m;
	struct buf buf;

	CU_ASSERT_EQUAL(stun_seal_init(&s, STUN_SEAL_SHA1, key, sizeof(key)),
			-ENOTSUP);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_EQUAL_FATAL(stun_seal_init(&s, rows[i].kind, key, 16),
				      0);
		for (uint32_t n = 0; n < 3; n++) {
			buf_init(&buf, one, sizeof(one));
			stun_build_begin(&b, &buf, STUN_CLASS_REQUEST,
					 STUN_METHOD_REFRESH, rfc8489_id);
			stun_build_u32(&b, STUN_ATTR_LIFETIME, n);
			rows[i].sign(&b, key, 16);
			buf_init(&buf, two, sizeof(two));
			stun_build_begin(&b, &buf, STUN_CLASS_REQUEST,
					 STUN_METHOD_REFRESH, rfc8489_id);
			stun_build_u32(&b, STUN_ATTR_LIFETIME, n);
			stun_seal_sign(&s, &b);
			CU_ASSERT_FALSE(buf.failed);
			CU_ASSERT_EQUAL(memcmp(one, two, buf.len), 0);
			CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, two, buf.len),
					      0);
			CU_ASSERT_EQUAL(stun_seal_verify(&s, &m),
					STUN_AUTH_GOOD);
			two[27] ^= 1;
			CU_ASSERT_EQUAL(stun_seal_verify(&s, &m),
					STUN_AUTH_BAD);
		}
		stun_seal_fini(&s);
		CU_ASSERT_EQUAL(s.key[0], 0);
	}
}

static void test_absent(void)
{
	struct stun_build b;
	uint8_t out[64];
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 rfc5769_id);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, "k", 1), STUN_AUTH_NONE);
	CU_ASSERT_EQUAL(stun_auth_check_fingerprint(&m), STUN_AUTH_NONE);
	/* a truncated SHA-1 is not an integrity */
	stun_build_bytes(&b, STUN_ATTR_MESSAGE_INTEGRITY, out, 16);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, "k", 1), STUN_AUTH_BAD);
	/* no room: the message as a whole has failed */
	buf.max = buf.len + 10;
	stun_auth_sign(&b, "k", 1);
	CU_ASSERT_TRUE(buf.failed);
}

static CU_TestInfo tests[] = {
	{ "RFC 5769, 2.1 to 2.3 verify, and no bit may change", test_verify },
	{ "RFC 5769, 2.1 is built byte for byte", test_build_request },
	{ "RFC 5769, 2.2 and 2.3 are built byte for byte",
	  test_build_responses },
	{ "RFC 5769, 2.4 verifies and is built byte for byte", test_long_term },
	{ "the key of RFC 8489, 9.2.2", test_key },
	{ "RFC 8489, B.1 verifies and is built byte for byte", test_sha256 },
	{ "no bit of RFC 8489, B.1 may change", test_sha256_no_bit_changes },
	{ "a SHA-256 integrity may be cut, and how far", test_truncated },
	{ "one key for many messages", test_seal },
	{ "messages without seals", test_absent },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "stun_auth", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
