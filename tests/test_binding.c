/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_binding.c - which requests are answered here, and how */
#include <config.h>

#include "binding.h"

#include "buf.h"
#include "lib/unit.h"
#include "stun_auth.h"
#include "stun_msg.h"

#include <errno.h>
#include <string.h>

static const uint8_t id[STUN_ID_LEN] = "abcdefghijkl";

static size_t build(uint8_t *data, size_t max, enum stun_class class,
		    uint16_t method, const char *username)
{
	struct stun_build b;
	struct buf out;

	buf_init(&out, data, max);
	stun_build_begin(&b, &out, class, method, id);
	stun_build_bytes(&b, STUN_ATTR_SOFTWARE, "app", 3);
	if (username != NULL)
		stun_build_bytes(&b, STUN_ATTR_USERNAME, username,
				 strlen(username));
	CU_ASSERT_FALSE_FATAL(out.failed);
	return out.len;
}

static void test_which(void)
{
	uint8_t data[128];
	size_t n = build(data, sizeof(data), STUN_CLASS_REQUEST,
			 STUN_METHOD_BINDING, NULL);

	CU_ASSERT_EQUAL(binding_classify(data, n), BINDING_REQUEST);
	for (size_t cut = 0; cut < n; cut++)
		CU_ASSERT_EQUAL(binding_classify(data, cut), BINDING_NONE);
	n = build(data, sizeof(data), STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
		  "a:b");
	CU_ASSERT_EQUAL(binding_classify(data, n), BINDING_NONE);
	n = build(data, sizeof(data), STUN_CLASS_INDICATION,
		  STUN_METHOD_BINDING, NULL);
	CU_ASSERT_EQUAL(binding_classify(data, n), BINDING_INDICATION);
	n = build(data, sizeof(data), STUN_CLASS_REQUEST, STUN_METHOD_ALLOCATE,
		  NULL);
	CU_ASSERT_EQUAL(binding_classify(data, n), BINDING_NONE);
}

static void check_answer(const struct endpoint *mapped)
{
	uint8_t request[128], answer[256];
	size_t n = build(request, sizeof(request), STUN_CLASS_REQUEST,
			 STUN_METHOD_BINDING, NULL);
	struct stun_msg m;
	struct endpoint got;
	struct buf out;

	buf_init(&out, answer, sizeof(answer));
	CU_ASSERT_EQUAL(binding_answer(request, n, mapped, &out), 0);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, answer, out.len), 0);
	CU_ASSERT_EQUAL(m.class, STUN_CLASS_SUCCESS);
	CU_ASSERT_EQUAL(m.method, STUN_METHOD_BINDING);
	CU_ASSERT_EQUAL(memcmp(m.id, id, sizeof(id)), 0);
	CU_ASSERT(stun_msg_address(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &got));
	CU_ASSERT(endpoint_equal(&got, mapped));
	buf_init(&out, answer, 24);
	CU_ASSERT_EQUAL(binding_answer(request, n, mapped, &out), -ENOBUFS);
}

static void test_answer(void)
{
	struct endpoint v4 = { .family = ENDPOINT_IPV4,
			       .port_be = htons(49152),
			       .ip = { 192, 0, 2, 1 } };
	struct endpoint v6 = { .family = ENDPOINT_IPV6,
			       .port_be = htons(1),
			       .ip = { 0x20, 1, 0xd, 0xb8, [15] = 9 } };

	check_answer(&v4);
	check_answer(&v6);
}

/* RFC 3489, byte for byte: no cookie, MAPPED-ADDRESS in clear. */
static void test_classic(void)
{
	static const uint8_t request[] = "\x00\x01\x00\x00"
					 "0123456789abcdef";
	static const uint8_t want[] = "\x01\x01\x00\x0c"
				      "0123456789abcdef"
				      "\x00\x01\x00\x08\x00\x01\xc0\x00"
				      "\xc0\x00\x02\x01";
	struct endpoint mapped = { .family = ENDPOINT_IPV4,
				   .port_be = htons(49152),
				   .ip = { 192, 0, 2, 1 } };
	uint8_t answer[64];
	struct buf out;

	CU_ASSERT_EQUAL(binding_classify(request, 20), BINDING_REQUEST);
	CU_ASSERT_EQUAL(binding_classify(request, 19), BINDING_NONE);
	CU_ASSERT_EQUAL(binding_classify(request, 21), BINDING_NONE);
	buf_init(&out, answer, sizeof(answer));
	CU_ASSERT_EQUAL(binding_answer(request, 20, &mapped, &out), 0);
	CU_ASSERT_EQUAL(out.len, sizeof(want) - 1);
	CU_ASSERT_EQUAL(memcmp(answer, want, sizeof(want) - 1), 0);
}

static CU_TestInfo tests[] = {
	{ "plain requests only, whole ones only", test_which },
	{ "clients of RFC 3489 are answered in their way", test_classic },
	{ "the answer tells the relayed address", test_answer },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "binding", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
