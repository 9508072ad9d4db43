/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_patience.c - the budget of a resolver that is quick, slow, dead, and
 * back again */
#include <config.h>

#include "patience.h"

#include "lib/unit.h"

static void test_first(void)
{
	struct patience p;

	patience_init(&p);
	CU_ASSERT_EQUAL(patience_ms(&p), PATIENCE_FIRST_MS);
	CU_ASSERT_TRUE(patience_may_ask(&p, 0));
	CU_ASSERT_TRUE(patience_may_ask(&p, 0));
}

/* Twice what it takes: more at once, less bit by bit, within bounds. */
static void test_learned(void)
{
	struct patience p;
	uint32_t before;

	patience_init(&p);
	patience_answered(&p, 0);
	CU_ASSERT_EQUAL(patience_ms(&p), PATIENCE_MIN_MS);
	patience_answered(&p, 300);
	CU_ASSERT_EQUAL(patience_ms(&p), 600);
	patience_answered(&p, 10);
	before = patience_ms(&p);
	CU_ASSERT(before < 600 && before > 400);
	for (int i = 0; i < 50; i++)
		patience_answered(&p, 10);
	CU_ASSERT_EQUAL(patience_ms(&p), PATIENCE_MIN_MS);
	patience_answered(&p, UINT64_MAX);
	CU_ASSERT_EQUAL(patience_ms(&p), PATIENCE_MAX_MS);
}

static void test_silence(void)
{
	uint64_t now_ms = 1000;
	struct patience p;

	patience_init(&p);
	for (int i = 0; i < PATIENCE_SILENT_MAX; i++) {
		CU_ASSERT(patience_ms(&p) > 0);
		patience_silent(&p, now_ms);
	}
	CU_ASSERT_EQUAL(patience_ms(&p), 0);
	CU_ASSERT_FALSE(patience_may_ask(&p, now_ms));
	now_ms += PATIENCE_RETEST_MS;
	CU_ASSERT_TRUE(patience_may_ask(&p, now_ms)); /* one */
	CU_ASSERT_FALSE(patience_may_ask(&p, now_ms));
	CU_ASSERT_EQUAL(patience_ms(&p), 0);
	/* It was only slow. */
	patience_answered(&p, 450);
	CU_ASSERT_EQUAL(patience_ms(&p), 900);
	/* Not three in a row. */
	patience_silent(&p, now_ms);
	patience_silent(&p, now_ms);
	patience_answered(&p, 10);
	patience_silent(&p, now_ms);
	CU_ASSERT(patience_ms(&p) > 0);
}

static CU_TestInfo tests[] = {
	{ "a resolver that nothing is known of", test_first },
	{ "twice what it takes", test_learned },
	{ "silent, asked again, back", test_silence },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "patience", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
