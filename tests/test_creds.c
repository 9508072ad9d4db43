/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_creds.c - a relay's credentials: configured, made or fetched */
#include <config.h>

#include "../tunneld/creds.h"

#include "lib/unit.h"

#include <string.h>

static struct creds *make(enum creds_kind kind, const char *username,
			  const char *secret)
{
	const struct creds_opts opts = { .kind = kind,
					 .username = username,
					 .secret = secret };
	const char *words;

	return creds_new(&opts, &words);
}

static void test_static(void)
{
	struct creds *c = make(CREDS_STATIC, "alice", "pass ;word");
	struct creds_pair pair;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "alice");
	CU_ASSERT_STRING_EQUAL(pair.password, "pass ;word");
	CU_ASSERT_EQUAL(pair.expires, 0);
	CU_ASSERT_FALSE(creds_due(c));
	CU_ASSERT_FALSE(creds_refused(c, 1700000000, &pair));
	creds_put(c);
}

/* Passwords computed by
 * printf 1700043200:alice | openssl dgst -sha1 -hmac s3cret -binary | base64 */
static void test_rest(void)
{
	struct creds *c = make(CREDS_REST, "alice", "s3cret");
	struct creds_pair pair, later;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "1700043200:alice");
	CU_ASSERT_STRING_EQUAL(pair.password, "QwoaCWsbGyBTwZodZx/QxKnSykI=");
	CU_ASSERT_EQUAL(pair.expires, 1700043200);
	CU_ASSERT_EQUAL(creds_make(c, 1700000001, &later), 0);
	CU_ASSERT_FALSE(creds_same_user(&pair, &later));
	creds_put(c);

	c = make(CREDS_REST, "", "s3cret");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1700000000, &pair), 0);
	CU_ASSERT_STRING_EQUAL(pair.username, "1700043200:turnout");
	CU_ASSERT_STRING_EQUAL(pair.password, "liaD24ZlfwYrR9M5vzuMLAp8w6Q=");
	creds_put(c);
}

/* The same again helps only when the clock has been put right meanwhile. */
static void test_rest_refused(void)
{
	struct creds *c = make(CREDS_REST, "alice", "s3cret");
	struct creds_pair pair;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 1000000000, &pair), 0);
	CU_ASSERT_FALSE(creds_refused(c, 1000000010, &pair));
	CU_ASSERT_TRUE(creds_refused(c, 1700000000, &pair));
	creds_put(c);
}

static void test_limits(void)
{
	char text[600];
	struct creds_pair pair;
	struct creds *c;

	memset(text, 'x', sizeof(text));
	text[599] = '\0';
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, text, "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "", "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, NULL, "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "u", text));
	CU_ASSERT_PTR_NULL(make(CREDS_REST, "u", ""));
	CU_ASSERT_PTR_NULL(make(CREDS_REST, text, "s"));
	CU_ASSERT_PTR_NULL(make(CREDS_URI, NULL, NULL));
	CU_ASSERT_PTR_NULL(make(CREDS_COMMAND, NULL, NULL));
	/* bytes that no server could have prepared (RFC 4013) */
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "u\xff", "p"));
	CU_ASSERT_PTR_NULL(make(CREDS_STATIC, "u", "p\xff"));
	CU_ASSERT_PTR_NULL(make(CREDS_REST, "u\n", "s"));
	text[511] = '\0';
	c = make(CREDS_STATIC, "u", text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 0, &pair), 0);
	CU_ASSERT_EQUAL(strlen(pair.password), 511);
	creds_put(c);
	/* the longest name still leaves room for the time */
	text[CREDS_USERNAME_MAX - 21] = '\0';
	c = make(CREDS_REST, text, "s");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 99999999999, &pair), 0);
	CU_ASSERT_EQUAL(strlen(pair.username), strlen(text) + 13);
	creds_put(c);
}

static void test_wipe(void)
{
	static const struct creds_pair zero;
	struct creds *c = make(CREDS_STATIC, "u", "p");
	struct creds_pair pair;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(creds_make(c, 0, &pair), 0);
	creds_pair_wipe(&pair);
	CU_ASSERT_EQUAL(memcmp(&pair, &zero, sizeof(pair)), 0);
	creds_put(c);
}

static CU_TestInfo tests[] = {
	{ "static credentials", test_static },
	{ "REST credentials, as openssl computes them", test_rest },
	{ "REST credentials refused", test_rest_refused },
	{ "what is too long or missing", test_limits },
	{ "a pair is wiped", test_wipe },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "creds", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
