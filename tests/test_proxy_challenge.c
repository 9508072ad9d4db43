/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_proxy_challenge.c - Proxy-Authenticate in all the forms it has */
#include <config.h>

#include "proxy_challenge.h"

#include "proxy.h"
#include "unit.h"

#include <string.h>

#define ALL                                                                 \
	(PROXY_SCHEME_NEGOTIATE | PROXY_SCHEME_NTLM | PROXY_SCHEME_DIGEST | \
	 PROXY_SCHEME_BASIC)

static struct proxy_challenge read_all(const char *const lines[], size_t n)
{
	struct proxy_challenge c = { .offered = 0 };

	for (size_t i = 0; i < n; i++)
		proxy_challenge_add(&c, lines[i], strlen(lines[i]));
	return c;
}

static void offers(const char *line, uint8_t offered, const char *realm)
{
	struct proxy_challenge c = read_all(&line, 1);

	CU_ASSERT_EQUAL(c.offered, offered);
	CU_ASSERT_STRING_EQUAL(c.realm, realm);
	if (c.offered != offered || strcmp(c.realm, realm) != 0)
		printf("%s: %x \"%s\"\n", line, c.offered, c.realm);
}

static void one_a_field(void)
{
	offers("Basic realm=\"proxy\"\r\n", PROXY_SCHEME_BASIC, "proxy");
	offers(" basic Realm = proxy", PROXY_SCHEME_BASIC, "proxy");
	offers("Negotiate", PROXY_SCHEME_NEGOTIATE, "");
	offers("NTLM", PROXY_SCHEME_NTLM, "");
	offers("NTLM TlRMTVNTUAACAAAA+/==", PROXY_SCHEME_NTLM, "");
	offers("Negotiate oRQwEqADCgEAoQsGCSqGSIL3EgECAg==",
	       PROXY_SCHEME_NEGOTIATE, "");
	offers("Digest realm=\"a \\\"b\\\"\", qop=\"auth,auth-int\", "
	       "nonce=\"x\", algorithm=SHA-256",
	       PROXY_SCHEME_DIGEST, "a \"b\"");
	offers("Basic realm=\"\"", PROXY_SCHEME_BASIC, "");
}

static void several(void)
{
	static const char *const fields[] = { "Negotiate\r\n", "NTLM\r\n",
					      "Digest realm=\"d\", nonce=\"n\"",
					      "Basic realm=\"b\"" };
	struct proxy_challenge c = read_all(fields, 4);

	CU_ASSERT_EQUAL(c.offered, ALL);
	CU_ASSERT_STRING_EQUAL(c.realm, "d");
	CU_ASSERT_FALSE(c.other);
	offers("Negotiate, NTLM, Digest realm=\"d\", nonce=\"n\", Basic "
	       "realm=\"b\"",
	       ALL, "d");
	offers("Basic realm=\"x, Digest realm=y\", NTLM",
	       PROXY_SCHEME_BASIC | PROXY_SCHEME_NTLM, "x, Digest realm=y");
	offers("Negotiate abc==,Basic realm=b",
	       PROXY_SCHEME_NEGOTIATE | PROXY_SCHEME_BASIC, "b");
}

static void stale(void)
{
	const char *line = "Digest realm=\"d\", nonce=\"n\", stale=TRUE";
	const char *not = "Digest realm=\"stale=true\", stale=\"false\"";

	CU_ASSERT_TRUE(read_all(&line, 1).stale);
	CU_ASSERT_FALSE(read_all(&not, 1).stale);
}

static void nonsense(void)
{
	const char *bearer = "Bearer realm=\"x\"";

	CU_ASSERT_TRUE(read_all(&bearer, 1).other);
	offers("Bearer realm=\"x\"", 0, "x");
	offers("", 0, "");
	offers(",,, ,", 0, "");
	offers("=", 0, "");
	offers("\"", 0, "");
	offers("Basic realm=\"no end", PROXY_SCHEME_BASIC, "no end");
	offers("Basic realm=\"no end\\", PROXY_SCHEME_BASIC, "no end\\");
	offers("Basic realm=\"\x1b[1m\"", PROXY_SCHEME_BASIC, "?[1m");
	offers("Basic realm=\"0123456789012345678901234567890123456789"
	       "01234567890123456789012345678901234567890\"",
	       PROXY_SCHEME_BASIC,
	       "0123456789012345678901234567890123456789012345678901234567890"
	       "12");
}

static CU_TestInfo tests[] = {
	{ "one a field", one_a_field },
	{ "several", several },
	{ "stale", stale },
	{ "nonsense", nonsense },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_challenge", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
