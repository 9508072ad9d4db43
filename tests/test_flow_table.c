/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_flow_table.c - what is promised for a socket, by user and cookie */
#include <config.h>

#include "flow_table.h"

#include "lib/unit.h"

#include <errno.h>

static struct flow_record record(uint64_t cookie, uid_t uid, uint64_t secret)
{
	return (struct flow_record){ .cookie = cookie,
				     .uid = uid,
				     .secret = secret };
}

static void test_find_and_remove(void)
{
	struct flow_table *t = flow_table_new();
	struct flow_record a = record(7, 1000, 1), b = record(7, 1001, 2);
	struct endpoint bound;

	a.bound = (struct endpoint){ .family = ENDPOINT_IPV4, .port_be = 5 };
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_PTR_NULL(flow_table_find(t, 7, 1000));
	CU_ASSERT_EQUAL(flow_table_add(t, &a), 0);
	CU_ASSERT_EQUAL(flow_table_add(t, &b), 0);
	CU_ASSERT_EQUAL(flow_table_find(t, 7, 1000)->secret, 1);
	CU_ASSERT_EQUAL(flow_table_find(t, 7, 1001)->secret, 2);
	CU_ASSERT_PTR_NULL(flow_table_find(t, 7, 0));
	/* a flow of before: no effect */
	CU_ASSERT_FALSE(flow_table_remove(t, 7, 99, &bound));
	CU_ASSERT_EQUAL(flow_table_count(t), 2);
	CU_ASSERT_TRUE(flow_table_remove(t, 7, 1, &bound));
	CU_ASSERT_EQUAL(bound.port_be, 5);
	CU_ASSERT_PTR_NULL(flow_table_find(t, 7, 1000));
	CU_ASSERT_EQUAL(flow_table_find(t, 7, 1001)->secret, 2);
	flow_table_free(t);
}

static void test_limit_is_per_user(void)
{
	struct flow_table *t = flow_table_new();
	struct flow_record r = record(0, 1000, 0);
	struct endpoint bound;
	int err = 0;
	uint64_t n = 0;

	while (err == 0 && n < 100000) {
		n++;
		r = record(n, 1000, n);
		err = flow_table_add(t, &r);
	}
	CU_ASSERT_EQUAL(err, -ENOBUFS);
	CU_ASSERT_EQUAL(flow_table_count(t), n - 1);
	r = record(1, 1001, 1);
	CU_ASSERT_EQUAL(flow_table_add(t, &r), 0);
	for (uint64_t i = 1; i < n; i++) {
		CU_ASSERT_EQUAL(flow_table_find(t, i, 1000)->secret, i);
		CU_ASSERT_TRUE(flow_table_remove(t, i, i, &bound));
	}
	CU_ASSERT_EQUAL(flow_table_count(t), 1);
	flow_table_free(t);
}

static void test_note_and_list(void)
{
	struct flow_table *t = flow_table_new();
	struct endpoint app = { .family = ENDPOINT_IPV4, .port_be = 9 };
	uint64_t sum = 0;

	CU_ASSERT_PTR_NULL(flow_table_next(t, NULL));
	/* some in one bucket */
	for (uint64_t i = 1; i <= 5000; i++) {
		struct flow_record r = record(i, 1000, i * 10);

		CU_ASSERT_EQUAL(flow_table_add(t, &r), 0);
	}
	CU_ASSERT_TRUE(flow_table_note(t, 7, 70, &app, 1, false));
	CU_ASSERT_FALSE(
		flow_table_note(t, 7, 70, &app, 1, false)); /* no news */
	CU_ASSERT_TRUE(flow_table_note(t, 7, 70, &app, 3, true));
	CU_ASSERT_FALSE(flow_table_note(t, 7, 70, &app, 3, true));
	CU_ASSERT_FALSE(
		flow_table_note(t, 7, 71, &app, 1, false)); /* another's */
	for (const struct flow_record *r = flow_table_next(t, NULL); r != NULL;
	     r = flow_table_next(t, r)) {
		sum += r->cookie;
		CU_ASSERT_EQUAL(r->uplinks, r->cookie == 7 ? 3 : 0);
		CU_ASSERT(endpoint_equal(&r->app, &app) == (r->cookie == 7));
	}
	CU_ASSERT_EQUAL(sum, 5000 * 5001 / 2);
	flow_table_free(t);
}

static CU_TestInfo tests[] = {
	{ "users do not see each other's flows", test_find_and_remove },
	{ "one user cannot take all room", test_limit_is_per_user },
	{ "what becomes known, and a list of all", test_note_and_list },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "flow_table", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
