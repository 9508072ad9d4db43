/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_creds.c - static and time-limited relay credentials */
#include <config.h>

#include "../tunneld/creds.h"

#include "lib/unit.h"

#include <errno.h>
#include <string.h>

static void test_static(void)
{
	struct creds_pair pair;
	struct creds c;

	CU_ASSERT_EQUAL_FATAL(
		creds_init(&c, CREDS_STATIC, "alice", "pass ;word"), 0);
	CU_ASSERT_EQUAL(creds_make(&c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "alice");
	CU_ASSERT_STRING_EQUAL(pair.password, "pass ;word");
	CU_ASSERT_EQUAL(pair.expires, 0);
	creds_fini(&c);
	creds_fini(&c);
}

/* Passwords computed by
 * printf 1700043200:alice | openssl dgst -sha1 -hmac s3cret -binary | base64 */
static void test_rest(void)
{
	struct creds_pair pair;
	struct creds c;

	CU_ASSERT_EQUAL_FATAL(creds_init(&c, CREDS_REST, "alice", "s3cret"), 0);
	CU_ASSERT_EQUAL(creds_make(&c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "1700043200:alice");
	CU_ASSERT_STRING_EQUAL(pair.password, "QwoaCWsbGyBTwZodZx/QxKnSykI=");
	CU_ASSERT_EQUAL(pair.expires, 1700043200);
	creds_fini(&c);

	CU_ASSERT_EQUAL_FATAL(creds_init(&c, CREDS_REST, "", "s3cret"), 0);
	CU_ASSERT_EQUAL(creds_make(&c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "1700043200:turnout");
	CU_ASSERT_STRING_EQUAL(pair.password, "liaD24ZlfwYrR9M5vzuMLAp8w6Q=");
	creds_fini(&c);
}

static void test_limits(void)
{
	char text[600];
	struct creds_pair pair;
	struct creds c;

	memset(text, 'x', sizeof(text));
	text[599] = '\0';
	CU_ASSERT_EQUAL(creds_init(&c, CREDS_STATIC, text, "p"), -EINVAL);
	CU_ASSERT_EQUAL(creds_init(&c, CREDS_STATIC, "", "p"), -EINVAL);
	CU_ASSERT_EQUAL(creds_init(&c, CREDS_STATIC, "u", text), -EINVAL);
	CU_ASSERT_EQUAL(creds_init(&c, CREDS_REST, "u", ""), -EINVAL);
	CU_ASSERT_EQUAL(creds_init(&c, CREDS_REST, text, "s"), -EINVAL);
	text[511] = '\0';
	CU_ASSERT_EQUAL_FATAL(creds_init(&c, CREDS_STATIC, "u", text), 0);
	CU_ASSERT_EQUAL(creds_make(&c, 0, &pair), 0);
	CU_ASSERT_EQUAL(strlen(pair.password), 511);
	creds_fini(&c);
	/* the longest name still leaves room for the time */
	text[CREDS_USERNAME_MAX - 21] = '\0';
	CU_ASSERT_EQUAL_FATAL(creds_init(&c, CREDS_REST, text, "s"), 0);
	CU_ASSERT_EQUAL(creds_make(&c, 99999999999, &pair), 0);
	CU_ASSERT_EQUAL(strlen(pair.username), strlen(text) + 13);
	creds_fini(&c);
}

static void test_wipe(void)
{
	static const struct creds_pair zero;
	struct creds_pair pair;
	struct creds c;

	CU_ASSERT_EQUAL_FATAL(creds_init(&c, CREDS_STATIC, "u", "p"), 0);
	CU_ASSERT_EQUAL(creds_make(&c, 0, &pair), 0);
	creds_pair_wipe(&pair);
	CU_ASSERT_EQUAL(memcmp(&pair, &zero, sizeof(pair)), 0);
	creds_fini(&c);
}

static CU_TestInfo tests[] = {
	{ "static credentials", test_static },
	{ "REST credentials, as openssl computes them", test_rest },
	{ "what is too long or missing", test_limits },
	{ "a pair is wiped", test_wipe },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "creds", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
