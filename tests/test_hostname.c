/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_hostname.c - host names folded, refused and compared */
#include <config.h>

#include "../tunneld/hostname.h"

#include "lib/unit.h"

#include <string.h>

static void test_normalise(void)
{
	static const char *const good[][2] = {
		{ "a", "a" },
		{ "Example.COM", "example.com" },
		{ "stun.lab.test.", "stun.lab.test" },
		{ "_sip._tcp.example", "_sip._tcp.example" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa" },
		{ "0x.example", "0x.example" },
		{ "3com.3com", "3com.3com" },
	};
	static const char *const bad[] = {
		"",           ".",      "..",    ".a",         "a..b",
		"a..",        "a b",    "a/b",   "a:1",        "*.a",
		"b\xc3\xbc",  "1",      "127.1", "192.0.2.1",  "a.1",
		"0x7f000001", "0x7F.1", "1.0x1", "192.0.2.1.", "::1",
		"[::1]",      "a\n",
	};
	char out[CONTROL_NAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		CU_ASSERT_TRUE(hostname_normalise(good[i][0], out));
		CU_ASSERT_STRING_EQUAL(out, good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_FALSE(hostname_normalise(bad[i], out));
}

static void test_lengths(void)
{
	char name[300], out[CONTROL_NAME_MAX + 1];

	memset(name, 'a', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	name[253] = '\0';
	CU_ASSERT_TRUE(hostname_normalise(name, out));
	name[253] = 'a';
	name[254] = '\0';
	CU_ASSERT_FALSE(hostname_normalise(name, out));
	name[253] = '.';
	CU_ASSERT_TRUE(hostname_normalise(name, out));
	CU_ASSERT_EQUAL(strlen(out), 253);
	memset(name, 'a', 64);
	name[64] = '\0';
	CU_ASSERT_FALSE(hostname_normalise(name, out));
	name[63] = '\0';
	CU_ASSERT_TRUE(hostname_normalise(name, out));
}

static void test_below(void)
{
	CU_ASSERT_TRUE(hostname_is_below("a.b", "b"));
	CU_ASSERT_TRUE(hostname_is_below("b", "b"));
	CU_ASSERT_FALSE(hostname_is_below("ab", "b"));
	CU_ASSERT_FALSE(hostname_is_below("b", "a.b"));
	CU_ASSERT_FALSE(hostname_is_below("a.b.c", "b"));
}

static CU_TestInfo tests[] = {
	{ "folded or refused", test_normalise },
	{ "lengths", test_lengths },
	{ "below a domain", test_below },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "hostname", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
