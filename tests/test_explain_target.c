/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_explain_target.c - destinations as people write them */
#include <config.h>

#include "../tunneld/explain_target.h"

#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *text, *host;
	uint16_t port;
	enum policy_protocol protocol;
} good[] = {
	{ "www.example.com:8443", "www.example.com", 8443, POLICY_TCP },
	{ "WWW.Example.com.:80", "www.example.com", 80, POLICY_TCP },
	{ "http://a", "a", 80, POLICY_TCP },
	{ "https://a/b:c@d?e#f", "a", 443, POLICY_TCP },
	{ "HTTPS://a:8443?x", "a", 8443, POLICY_TCP },
	{ "wss://a#x", "a", 443, POLICY_TCP },
	{ "https://joe:p@ss:w@a.example/", "a.example", 443, POLICY_TCP },
	{ "udp://192.0.2.1:3478", "192.0.2.1", 3478, POLICY_UDP },
	{ "tcp://[2001:DB8::1]:1", "2001:db8::1", 1, POLICY_TCP },
	{ "[2001:db8::1]:65535", "2001:db8::1", 65535, POLICY_TCP },
	{ "https://[::1]", "::1", 443, POLICY_TCP },
	{ "x-app://a:5000", "a", 5000, POLICY_TCP },
	/* RFC 7064, 7065: no slashes */
	{ "stun:a", "a", 3478, POLICY_UDP },
	{ "turn:a:1?transport=tcp", "a", 1, POLICY_TCP },
	{ "turns:a", "a", 5349, POLICY_TCP },
	{ "turns:a:443?transport=udp", "a", 443, POLICY_UDP },
	/* hosts by the names of schemes */
	{ "http:8080", "http", 8080, POLICY_TCP },
	{ "turn:3478", "turn", 3478, POLICY_TCP },
};

static const struct {
	const char *text, *about;
} bad[] = {
	{ "", "not a destination" },
	{ "a", "port is missing" },
	{ "gopher://a", "port is missing" },
	{ "192.0.2.1", "port is missing" },
	{ "2001:db8::1", "port is missing" },
	{ "udp://a", "port is missing" },
	{ "a:0", "" },
	{ "a:65536", "" },
	{ "a:-1", "" },
	{ "a:1x", "" },
	{ "a b:1", "" },
	{ "a..b:1", "neither a host name" },
	{ "https://", "not a destination" },
	{ "joe:s3cret@x://y", "" },
	{ "https://joe:s3cret@", "not a destination" },
	{ "[2001:db8::1:1", "" },
};

static void test_good(void)
{
	struct explain_target t;
	char words[160];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		words[0] = '\0';
		if (explain_target_parse(good[i].text, &t, words,
					 sizeof(words)) != 0)
			printf("%s: %s\n", good[i].text, words);
		CU_ASSERT_STRING_EQUAL(words, "");
		CU_ASSERT_STRING_EQUAL(t.host, good[i].host);
		CU_ASSERT_EQUAL(t.port, good[i].port);
		CU_ASSERT_EQUAL(t.protocol, good[i].protocol);
		CU_ASSERT_EQUAL(t.ip.family != ENDPOINT_NONE,
				strchr("12:", good[i].host[0]) != NULL);
	}
}

static void test_bad(void)
{
	struct explain_target t;
	char words[160], name[400];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		words[0] = '\0';
		CU_ASSERT_EQUAL(explain_target_parse(bad[i].text, &t, words,
						     sizeof(words)),
				-EINVAL);
		if (strstr(words, bad[i].about) == NULL || words[0] == '\0')
			printf("%s: %s\n", bad[i].text, words);
		CU_ASSERT(strstr(words, bad[i].about) != NULL &&
			  words[0] != '\0');
		CU_ASSERT_PTR_NULL(strstr(words, "s3cret"));
	}
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_EQUAL(explain_target_parse(name, &t, words, sizeof(words)),
			-EINVAL);
}

static CU_TestInfo tests[] = {
	{ "destinations", test_good },
	{ "what is none", test_bad },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "explain_target", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
