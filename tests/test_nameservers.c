/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_nameservers.c - resolv.conf(5) in all its forms, and changed */
#include <config.h>

#include "nameservers.h"

#include "addr.h"
#include "lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test-nameservers.XXXXXX";

static void put(const char *text)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void expect(const struct nameservers *n, size_t i, const char *expected)
{
	char text[ADDR_TEXT_MAX];

	CU_ASSERT_STRING_EQUAL(addr_format_ip(&n->at[i], text), expected);
	CU_ASSERT_EQUAL(n->at[i].port_be, 0);
}

static void test_forms(void)
{
	struct nameservers n;

	put("# nameserver 192.0.2.9\nsearch a.example\n nameserver\t10.0.0.1\n"
	    "nameserver\nnameserver dns.example\nnameserver fe80::1%eth0\r\n"
	    "options timeout:1\nnameserver 192.0.2.1 trailing\n"
	    "nameserver 192.0.2.2");
	nameservers_init(&n, path);
	CU_ASSERT_TRUE(nameservers_refresh(&n));
	CU_ASSERT_EQUAL_FATAL(n.count, 3); /* the fourth is not asked */
	expect(&n, 0, "10.0.0.1");
	expect(&n, 1, "fe80::1");
	expect(&n, 2, "192.0.2.1");
	nameservers_fini(&n);
}

static void test_changes(void)
{
	struct nameservers n;

	put("nameserver 10.0.0.1\n");
	nameservers_init(&n, path);
	CU_ASSERT_TRUE(nameservers_refresh(&n));
	CU_ASSERT_FALSE(nameservers_refresh(&n));
	/* Written anew, and the same servers. */
	put("# by another program\nnameserver 10.0.0.1\n");
	CU_ASSERT_FALSE(nameservers_refresh(&n));
	put("nameserver 10.0.0.22\n");
	CU_ASSERT_TRUE(nameservers_refresh(&n));
	expect(&n, 0, "10.0.0.22");
	unlink(path);
	CU_ASSERT_TRUE(nameservers_refresh(&n));
	CU_ASSERT_EQUAL(n.count, 0);
	CU_ASSERT_FALSE(nameservers_refresh(&n));
	nameservers_fini(&n);
}

static int setup(void)
{
	int fd = mkstemp(path);

	return fd < 0 || close(fd) < 0;
}

static int teardown(void)
{
	unlink(path);
	return 0;
}

static CU_TestInfo tests[] = {
	{ "what stands in it", test_forms },
	{ "changes", test_changes },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "nameservers",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
