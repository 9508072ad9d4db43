/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_stun_auth.c - keys and seals against RFC 5769, byte for byte */
#include <config.h>

#include "../tunneld/stun_auth.h"

#include "../tunneld/buf.h"
#include "../tunneld/stun_msg.h"
#include "lib/rfc5769.h"
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

static void challenge(uint8_t *out, size_t max, struct stun_msg *m,
		      const char *realm, const char *nonce, size_t nonce_len)
{
	struct stun_build b;
	struct buf buf;

	buf_init(&buf, out, max);
	stun_build_begin(&b, &buf, STUN_CLASS_ERROR, STUN_METHOD_ALLOCATE,
			 rfc5769_id);
	if (realm != NULL)
		stun_build_bytes(&b, STUN_ATTR_REALM, realm, strlen(realm));
	if (nonce != NULL)
		stun_build_bytes(&b, STUN_ATTR_NONCE, nonce, nonce_len);
	CU_ASSERT_FALSE_FATAL(buf.failed);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(m, out, buf.len), 0);
}

static void test_challenge(void)
{
	char longest[STUN_NONCE_MAX + 1];
	struct stun_cred c;
	struct stun_msg m;
	uint8_t out[2048];

	memset(longest, 'n', sizeof(longest));
	CU_ASSERT_EQUAL_FATAL(stun_cred_init(&c, "user", "pass"), 0);
	CU_ASSERT_FALSE(stun_cred_ready(&c));
	challenge(out, sizeof(out), &m, NULL, "n1", 2);
	CU_ASSERT_EQUAL(stun_cred_challenge(&c, &m), -EBADMSG);
	challenge(out, sizeof(out), &m, "realm", NULL, 0);
	CU_ASSERT_EQUAL(stun_cred_challenge(&c, &m), -EBADMSG);
	challenge(out, sizeof(out), &m, "", "n1", 2);
	CU_ASSERT_EQUAL(stun_cred_challenge(&c, &m), -EBADMSG);
	CU_ASSERT_FALSE(stun_cred_ready(&c));

	challenge(out, sizeof(out), &m, "realm", "n1", 2);
	CU_ASSERT_EQUAL(stun_cred_challenge(&c, &m), 0);
	CU_ASSERT_TRUE(stun_cred_ready(&c));
	CU_ASSERT_EQUAL(c.key[0], 0x84);
	/* a new nonce; the realm stays */
	challenge(out, sizeof(out), &m, NULL, longest, STUN_NONCE_MAX);
	CU_ASSERT_EQUAL(stun_cred_challenge(&c, &m), 0);
	CU_ASSERT_EQUAL(c.nonce_len, STUN_NONCE_MAX);
	CU_ASSERT_EQUAL(c.realm_len, 5);
	challenge(out, sizeof(out), &m, NULL, longest, STUN_NONCE_MAX + 1);
	CU_ASSERT_EQUAL(stun_cred_challenge(&c, &m), -EBADMSG);
	stun_cred_fini(&c);
	CU_ASSERT_FALSE(stun_cred_ready(&c));
	stun_cred_fini(&c);
}

static void test_usernames(void)
{
	char name[STUN_USERNAME_MAX + 2];
	struct stun_cred c;

	memset(name, 'u', sizeof(name));
	name[STUN_USERNAME_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(stun_cred_init(&c, name, "pass"), -EINVAL);
	CU_ASSERT_EQUAL(stun_cred_init(&c, "", "pass"), -EINVAL);
	name[STUN_USERNAME_MAX] = '\0';
	CU_ASSERT_EQUAL(stun_cred_init(&c, name, ""), 0);
	stun_cred_fini(&c);
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
	{ "realm and nonce are taken from challenges", test_challenge },
	{ "limits of usernames", test_usernames },
	{ "messages without seals", test_absent },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "stun_auth", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
