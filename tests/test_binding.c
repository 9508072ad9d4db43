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

	CU_ASSERT(binding_is_plain(data, n));
	for (size_t cut = 0; cut < n; cut++)
		CU_ASSERT_FALSE(binding_is_plain(data, cut));
	n = build(data, sizeof(data), STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
		  "a:b");
	CU_ASSERT_FALSE(binding_is_plain(data, n));
	n = build(data, sizeof(data), STUN_CLASS_INDICATION,
		  STUN_METHOD_BINDING, NULL);
	CU_ASSERT_FALSE(binding_is_plain(data, n));
	n = build(data, sizeof(data), STUN_CLASS_REQUEST, STUN_METHOD_ALLOCATE,
		  NULL);
	CU_ASSERT_FALSE(binding_is_plain(data, n));
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

static CU_TestInfo tests[] = {
	{ "plain requests only, whole ones only", test_which },
	{ "the answer tells the relayed address", test_answer },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "binding", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
