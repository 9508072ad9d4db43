/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_stun_msg.c - message view and builder against RFC 5769 and garbage */
#include <config.h>

#include "../tunneld/stun_msg.h"

#include "../tunneld/buf.h"
#include "lib/rfc5769.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

static void expect_attr(const struct stun_msg *m, struct stun_attr *a,
			uint16_t type, const void *value, size_t len)
{
	CU_ASSERT_TRUE_FATAL(stun_attr_next(m, a));
	CU_ASSERT_EQUAL(a->type, type);
	CU_ASSERT_EQUAL_FATAL(a->len, len);
	if (value != NULL)
		CU_ASSERT_EQUAL(memcmp(a->value, value, len), 0);
}

static void test_read_request(void)
{
	struct stun_attr a = { 0 };
	struct stun_msg m;

	CU_ASSERT_EQUAL_FATAL(
		stun_msg_parse(&m, rfc5769_request, sizeof(rfc5769_request)),
		0);
	CU_ASSERT_EQUAL(m.class, STUN_CLASS_REQUEST);
	CU_ASSERT_EQUAL(m.method, STUN_METHOD_BINDING);
	CU_ASSERT_EQUAL(memcmp(m.id, rfc5769_id, STUN_ID_LEN), 0);
	expect_attr(&m, &a, STUN_ATTR_SOFTWARE, "STUN test client", 16);
	expect_attr(&m, &a, 0x0024, "\x6e\x00\x01\xff", 4);
	expect_attr(&m, &a, 0x8029, NULL, 8);
	expect_attr(&m, &a, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
	expect_attr(&m, &a, STUN_ATTR_MESSAGE_INTEGRITY, NULL, 20);
	expect_attr(&m, &a, STUN_ATTR_FINGERPRINT, NULL, 4);
	CU_ASSERT_FALSE(stun_attr_next(&m, &a));
	/* PRIORITY is an attribute of ICE, which this client never sends */
	CU_ASSERT_EQUAL(stun_msg_unknown(&m), 0x0024);
}

static void check_mapped(const uint8_t *data, size_t len, int family,
			 const char *ip)
{
	struct endpoint e, want = { 0 };
	struct stun_msg m;

	want.family = family == AF_INET ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
	want.port_be = htons(32853);
	CU_ASSERT_EQUAL_FATAL(inet_pton(family, ip, want.ip), 1);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, data, len), 0);
	CU_ASSERT_EQUAL(m.class, STUN_CLASS_SUCCESS);
	CU_ASSERT_TRUE_FATAL(
		stun_msg_address(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &e));
	CU_ASSERT_TRUE(endpoint_equal(&e, &want));
	CU_ASSERT_EQUAL(stun_msg_unknown(&m), 0);
}

static void test_read_responses(void)
{
	check_mapped(rfc5769_ipv4, sizeof(rfc5769_ipv4), AF_INET, "192.0.2.1");
	check_mapped(rfc5769_ipv6, sizeof(rfc5769_ipv6), AF_INET6,
		     "2001:db8:1234:5678:11:2233:4455:6677");
}

static void test_types(void)
{
	static const struct {
		enum stun_class class;
		uint16_t method;
		uint16_t type;
	} rows[] = {
		{ STUN_CLASS_REQUEST, STUN_METHOD_ALLOCATE, 0x0003 },
		{ STUN_CLASS_SUCCESS, STUN_METHOD_ALLOCATE, 0x0103 },
		{ STUN_CLASS_ERROR, STUN_METHOD_ALLOCATE, 0x0113 },
		{ STUN_CLASS_INDICATION, STUN_METHOD_SEND, 0x0016 },
		{ STUN_CLASS_INDICATION, STUN_METHOD_DATA, 0x0017 },
		{ STUN_CLASS_ERROR, 0xfff, 0x3fff },
		{ STUN_CLASS_REQUEST, 0x080, 0x0200 },
		{ STUN_CLASS_REQUEST, 0x010, 0x0020 },
	};
	struct stun_build b;
	struct stun_msg m;
	uint8_t out[64];
	struct buf buf;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_init(&buf, out, sizeof(out));
		stun_build_begin(&b, &buf, rows[i].class, rows[i].method,
				 rfc5769_id);
		CU_ASSERT_EQUAL(be16_get(out), rows[i].type);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
		CU_ASSERT_EQUAL(m.class, rows[i].class);
		CU_ASSERT_EQUAL(m.method, rows[i].method);
	}
}

static void test_malformed(void)
{
	uint8_t copy[sizeof(rfc5769_request)];
	struct stun_msg m;

	for (size_t n = 0; n < sizeof(rfc5769_request); n++)
		CU_ASSERT_EQUAL(stun_msg_parse(&m, rfc5769_request, n),
				-EBADMSG);
	memcpy(copy, rfc5769_request, sizeof(copy));
	copy[0] |= 0x40;
	CU_ASSERT_EQUAL(stun_msg_parse(&m, copy, sizeof(copy)), -EBADMSG);
	memcpy(copy, rfc5769_request, sizeof(copy));
	copy[4] ^= 1; /* cookie */
	CU_ASSERT_EQUAL(stun_msg_parse(&m, copy, sizeof(copy)), -EBADMSG);
	memcpy(copy, rfc5769_request, sizeof(copy));
	copy[22] = 0xff; /* first attribute longer than the message */
	CU_ASSERT_EQUAL(stun_msg_parse(&m, copy, sizeof(copy)), -EBADMSG);
	/* the last attribute's padding is missing */
	memcpy(copy, rfc5769_request, sizeof(copy));
	copy[sizeof(copy) - 5] = 5;
	CU_ASSERT_EQUAL(stun_msg_parse(&m, copy, sizeof(copy)), -EBADMSG);
}

/* Behind MESSAGE-INTEGRITY nothing but what seals is seen. */
static void test_behind_integrity(void)
{
	static const uint8_t zero[20];
	struct stun_attr a;
	struct stun_build b;
	uint8_t out[256];
	struct stun_msg m;
	struct buf buf;
	uint32_t v;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS, STUN_METHOD_REFRESH,
			 rfc5769_id);
	stun_build_bytes(&b, STUN_ATTR_MESSAGE_INTEGRITY, zero, 20);
	stun_build_u32(&b, STUN_ATTR_LIFETIME, 600);
	stun_build_bytes(&b, 0x7777, "x", 1);
	stun_build_u32(&b, STUN_ATTR_FINGERPRINT, 1);
	CU_ASSERT_FALSE(buf.failed);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
	CU_ASSERT_FALSE(stun_msg_u32(&m, STUN_ATTR_LIFETIME, &v));
	CU_ASSERT_EQUAL(stun_msg_unknown(&m), 0);
	CU_ASSERT_TRUE(stun_attr_find(&m, STUN_ATTR_FINGERPRINT, &a));
}

/* RFC 8489, 9: what is seen of attributes in that order. */
static void test_order_of_seals(void)
{
	static const struct {
		uint16_t types[5];
		uint16_t seen[5];
	} rows[] = {
		{ { 0x08, 0x1c, 0x0d, 0x8028 }, { 0x08, 0x1c, 0x8028 } },
		{ { 0x0d, 0x1c, 0x08, 0x0d, 0x8028 }, { 0x0d, 0x1c, 0x8028 } },
		{ { 0x08, 0x08, 0x0d, 0x1c, 0x1c }, { 0x08, 0x1c } },
		{ { 0x1c, 0x1c, 0x0d, 0x15, 0x7777 }, { 0x1c } },
		{ { 0x8028, 0x0d, 0x08, 0x0d }, { 0x8028, 0x0d, 0x08 } },
	};
	uint8_t out[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stun_attr a = { 0 };
		struct stun_build b;
		struct stun_msg m;
		struct buf buf;
		size_t n = 0;

		buf_init(&buf, out, sizeof(out));
		stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS,
				 STUN_METHOD_REFRESH, rfc5769_id);
		for (size_t k = 0; k < 5 && rows[i].types[k] != 0; k++)
			stun_build_u32(&b, rows[i].types[k], 0);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
		while (stun_attr_next(&m, &a)) {
			CU_ASSERT_FATAL(n < 5);
			CU_ASSERT_EQUAL(a.type, rows[i].seen[n]);
			n++;
		}
		CU_ASSERT(n == 5 || rows[i].seen[n] == 0);
		CU_ASSERT_EQUAL(stun_msg_unknown(&m), 0);
	}
}

/* Attributes of RFC 8489, 8656 and 8016 that a response may carry. */
static void test_known(void)
{
	static const uint16_t types[] = {
		0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x000c, 0x000d,
		0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0019,
		0x001c, 0x001d, 0x001e, 0x0020, 0x8000, 0x8001, 0x8002,
		0x8003, 0x8004, 0x8022, 0x8023, 0x8028, 0x8030, 0xffff,
	};
	struct stun_build b;
	uint8_t out[64];
	struct stun_msg m;
	struct buf buf;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		buf_init(&buf, out, sizeof(out));
		stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS,
				 STUN_METHOD_ALLOCATE, rfc5769_id);
		stun_build_u32(&b, types[i], 0);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
		CU_ASSERT_EQUAL(stun_msg_unknown(&m), 0);
	}
}

static void error_msg(struct buf *buf, struct stun_msg *m, const char *value,
		      size_t len)
{
	struct stun_build b;

	buf->len = 0;
	buf->failed = false;
	stun_build_begin(&b, buf, STUN_CLASS_ERROR, STUN_METHOD_ALLOCATE,
			 rfc5769_id);
	stun_build_bytes(&b, STUN_ATTR_ERROR_CODE, value, len);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(m, buf->data, buf->len), 0);
}

static void test_error(void)
{
	char reason[STUN_REASON_MAX], big[600];
	uint8_t out[1024];
	struct stun_msg m;
	unsigned int code;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	error_msg(&buf, &m, "\0\0\4\x25Stale nonce", 15);
	CU_ASSERT_TRUE(stun_msg_error(&m, &code, reason));
	CU_ASSERT_EQUAL(code, 437);
	CU_ASSERT_STRING_EQUAL(reason, "Stale nonce");

	/* NUL padding counted in the length, control and high bytes */
	error_msg(&buf, &m, "\0\0\4\1No\x1b[31m\xff \0\0\0", 16);
	CU_ASSERT_TRUE(stun_msg_error(&m, &code, reason));
	CU_ASSERT_EQUAL(code, 401);
	CU_ASSERT_STRING_EQUAL(reason, "No?[31m?");

	memset(big, 'a', sizeof(big));
	memcpy(big, "\0\0\6\x63", 4);
	error_msg(&buf, &m, big, sizeof(big));
	CU_ASSERT_TRUE(stun_msg_error(&m, &code, reason));
	CU_ASSERT_EQUAL(code, 699);
	CU_ASSERT_EQUAL(strlen(reason), STUN_REASON_MAX - 1);

	error_msg(&buf, &m, "\0\0\2\0", 4);
	CU_ASSERT_FALSE(stun_msg_error(&m, &code, reason));
	error_msg(&buf, &m, "\0\0\4\x64", 4);
	CU_ASSERT_FALSE(stun_msg_error(&m, &code, reason));
	error_msg(&buf, &m, "\0\0\4", 3);
	CU_ASSERT_FALSE(stun_msg_error(&m, &code, reason));
}

static void test_addresses(void)
{
	static const uint8_t lengths[] = { 0, 4, 7, 9, 12, 19, 21 };
	struct endpoint v4 = { .family = 4,
			       .port_be = htons(3478),
			       .ip = { 192, 0, 2, 7 } };
	struct endpoint v6 = { .family = 6,
			       .port_be = htons(1),
			       .ip = { 0x20, 1, 0xd, 0xb8, [15] = 9 } };
	struct stun_build b;
	struct endpoint e;
	uint8_t out[256];
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_REQUEST, STUN_METHOD_CHANNEL_BIND,
			 rfc5769_id);
	stun_build_address(&b, STUN_ATTR_XOR_PEER_ADDRESS, &v4);
	stun_build_address(&b, STUN_ATTR_XOR_RELAYED_ADDRESS, &v6);
	stun_build_bytes(&b, STUN_ATTR_ALTERNATE_SERVER,
			 "\0\1\x0d\x96\xc0\0\2\7", 8);
	CU_ASSERT_FALSE(buf.failed);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
	CU_ASSERT_TRUE(stun_msg_address(&m, STUN_ATTR_XOR_PEER_ADDRESS, &e));
	CU_ASSERT_TRUE(endpoint_equal(&e, &v4));
	CU_ASSERT_TRUE(stun_msg_address(&m, STUN_ATTR_XOR_RELAYED_ADDRESS, &e));
	CU_ASSERT_TRUE(endpoint_equal(&e, &v6));
	CU_ASSERT_TRUE(stun_msg_address(&m, STUN_ATTR_ALTERNATE_SERVER, &e));
	CU_ASSERT_TRUE(endpoint_equal(&e, &v4));
	CU_ASSERT_FALSE(stun_msg_address(&m, STUN_ATTR_MAPPED_ADDRESS, &e));

	for (size_t i = 0; i < sizeof(lengths); i++) {
		uint8_t value[24] = { 0, lengths[i] > 8 ? 2 : 1 };

		buf.len = 0;
		stun_build_begin(&b, &buf, STUN_CLASS_REQUEST,
				 STUN_METHOD_CHANNEL_BIND, rfc5769_id);
		stun_build_bytes(&b, STUN_ATTR_XOR_PEER_ADDRESS, value,
				 lengths[i]);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
		CU_ASSERT_FALSE(
			stun_msg_address(&m, STUN_ATTR_XOR_PEER_ADDRESS, &e));
	}
}

static void test_too_small(void)
{
	static uint8_t huge[70000];
	struct stun_build b;
	struct buf buf;

	for (size_t max = 0; max < 36; max++) {
		buf_init(&buf, huge, max);
		stun_build_begin(&b, &buf, STUN_CLASS_REQUEST,
				 STUN_METHOD_REFRESH, rfc5769_id);
		stun_build_u32(&b, STUN_ATTR_LIFETIME, 1);
		stun_build_bytes(&b, STUN_ATTR_USERNAME, "alice", 5);
		CU_ASSERT_TRUE(buf.failed);
		CU_ASSERT(buf.len <= max);
	}
	/* a message longer than its length field can tell */
	buf_init(&buf, huge, sizeof(huge));
	stun_build_begin(&b, &buf, STUN_CLASS_INDICATION, STUN_METHOD_SEND,
			 rfc5769_id);
	CU_ASSERT_PTR_NOT_NULL(stun_build_attr(&b, STUN_ATTR_DATA, 65000));
	CU_ASSERT_PTR_NULL(stun_build_attr(&b, STUN_ATTR_DATA, 600));
	CU_ASSERT_TRUE(buf.failed);
}

static CU_TestInfo tests[] = {
	{ "RFC 5769, 2.1 is read", test_read_request },
	{ "RFC 5769, 2.2 and 2.3 are read", test_read_responses },
	{ "class and method bits", test_types },
	{ "malformed messages are refused", test_malformed },
	{ "nothing counts behind the integrity", test_behind_integrity },
	{ "which integrity may follow which", test_order_of_seals },
	{ "attributes that are understood", test_known },
	{ "error codes, and reasons fit for a log", test_error },
	{ "addresses of both families and wrong sizes", test_addresses },
	{ "the builder never writes past its end", test_too_small },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "stun_msg", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
