/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_redact.c - what of a text goes through, and what becomes a pseudonym */
#include <config.h>

#include "../tunneld/cli/redact.h"

#include "../tunneld/cli/redact_json.h"
#include "../tunneld/cli/vocabulary.h"
#include "lib/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct redact *r;

static char *redacted(const char *text)
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&out, &bytes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	redact_text(r, text, strlen(text), false, to);
	fclose(to);
	return out;
}

static void is(const char *text, const char *expected)
{
	char *out = redacted(text);

	CU_ASSERT_STRING_EQUAL(out, expected);
	if (strcmp(out, expected) != 0)
		printf("\n  %s\n  became\n  %s\n", text, out);
	free(out);
}

static void begin(void)
{
	r = redact_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
}

static void test_ours(void)
{
	begin();
	is("2026-11-28T06:00:00.123Z warn: the relay does not answer",
	   "2026-11-28T06:00:00.123Z warn: the relay does not answer");
	is("cut after 42 s of silence; from now on something is sent every "
	   "20 s",
	   "cut after 42 s of silence; from now on something is sent every "
	   "20 s");
	is("/etc/turnout/tunneld.conf:12: log_level",
	   "/etc/turnout/tunneld.conf:12: log_level");
	is("Connection refused (127.0.0.1:3128, [::1]:443)",
	   "Connection refused (127.0.0.1:3128, [::1]:443)");
	is("rtt 12ms", "rtt 12ms");
	redact_free(r);
}

static void test_names(void)
{
	begin();
	is("http://alice:hunter2@proxy.corp.example:3128/secret?token=abcdefg",
	   "http://host-1:3128/...=word-1");
	is("proxy.corp.example:3128", "host-1:3128");
	is("turns:relay.example.net:443?transport=tcp",
	   "turns:host-2:443?transport=tcp");
	is("TURN at relay.example.net:443: 401 Unauthorized",
	   "TURN at host-2:443: 401 word-2");
	is("198.51.100.7:5000 and 2001:db8::7 and [2001:db8::7]:443",
	   "addr-1:5000 and addr-2 and [addr-2]:443");
	is("198.51.100.0/24", "addr-3/24");
	is("/home/alice/secret:3: x", "path-1:3: x");
	is("PROXY.CORP.EXAMPLE.", "host-1.");
	is("xn--bcher-kva.example", "host-3");
	is("b\xc3\xbc"
	   "cher.example",
	   "host-4");
	redact_free(r);
}

static void test_secrets(void)
{
	static const char *const secrets[] = {
		"hunter2",
		"correct-horse-battery-staple9",
		"p4ss:w0rd",
		"aGVsbG8gd29ybGQ=",
		"Zm9v/YmFy+Qg",
		"12345678901234",
		"0xdeadbeef",
		"s\303\251cret", /* octal: the next letter is a hex digit */
		"$ecret!",
		"alice@corp.example",
		"Bearer_eyJhbGciOi.J9.x",
		"DOMAIN\\alice",
	};

	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		char text[128], *out;

		begin();
		snprintf(text, sizeof(text), "login refused: %s at the relay",
			 secrets[i]);
		out = redacted(text);
		CU_ASSERT_PTR_NULL(strstr(out, secrets[i]));
		CU_ASSERT_EQUAL(strncmp(out, "login refused: ", 15), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(out, " at the relay"));
		free(out);
		redact_free(r);
	}
}

/* A name that is a word of ours is replaced all the same. */
static void test_known(void)
{
	begin();
	redact_know(r, REDACT_RELAY, "main");
	redact_know(r, REDACT_HOST, "proxy");
	redact_know(r, REDACT_USER, "relay-user");
	redact_know(r, REDACT_USER, "relay");
	is("relay main: the Proxy http://proxy:3128 and maintain",
	   "user-2 relay-1: the host-1 http://host-1:3128 and word-1");
	is("x-relay-user_main", "x-user-1_relay-1");
	is("domain", "domain");
	redact_free(r);
}

/* Random bytes: no byte of a word that is not ours survives, and nothing but
 * text comes out. */
static void test_any_bytes(void)
{
	unsigned int seed = 7;
	char text[200];

	for (int round = 0; round < 2000; round++) {
		char *out;
		size_t n = 0;

		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = (char)(1 + (seed >> 16) % 255);
		}
		text[sizeof(text) - 1] = '\0';
		begin();
		out = redacted(text);
		for (; out[n] != '\0'; n++)
			if (!isprint((unsigned char)out[n]) &&
			    !isspace((unsigned char)out[n]))
				break;
		CU_ASSERT_EQUAL(out[n], '\0');
		free(out);
		redact_free(r);
	}
}

static void test_vocabulary(void)
{
	CU_ASSERT_TRUE(vocabulary_count > 500);
	for (size_t i = 1; i < vocabulary_count; i++)
		CU_ASSERT_TRUE_FATAL(strcmp(vocabulary[i - 1], vocabulary[i]) <
				     0);
	CU_ASSERT_TRUE(redact_is_ours("bytes_from_relay", 16));
	CU_ASSERT_TRUE(redact_is_ours("turn_486", 8));
	CU_ASSERT_FALSE(redact_is_ours("hunter", 6));
	CU_ASSERT_FALSE(redact_is_ours("relay hunter", 12));
	CU_ASSERT_FALSE(redact_is_ours("", 0));
}

static void json_is(const char *text, const char *expected,
		    const char *expected_out)
{
	json_t *doc = json_loads(text, 0, NULL), *out;
	char left_out[REDACT_JSON_OUT_MAX], *words;

	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	out = redact_json(r, doc, left_out);
	words = json_dumps(out, JSON_COMPACT);
	CU_ASSERT_STRING_EQUAL(words, expected);
	CU_ASSERT_STRING_EQUAL(left_out, expected_out);
	if (strcmp(words, expected) != 0)
		printf("\n  %s\n", words);
	free(words);
	json_decref(out);
	json_decref(doc);
}

static void test_json(void)
{
	begin();
	redact_know(r, REDACT_RELAY, "office");
	json_is("{\"id\":\"proxy.login\"}", "{\"id\":\"proxy.login\"}", "");
	json_is("{\"id\":\"hunter2.login\"}", "{\"id\":\"host-1\"}", "");
	json_is("{\"schema\":\"turnout-status/1\",\"cookie\":5,"
		"\"relays\":[{\"name\":\"office\",\"host\":\"relay\","
		"\"port\":443,\"rtt_ms\":1.5}]}",
		"{\"schema\":\"turnout-status/1\",\"relays\":[{\"name\":"
		"\"relay-1\",\"host\":\"host-2\",\"port\":443,\"rtt_ms\":1.5}]"
		"}",
		"cookie");
	/* A string where a number belongs. */
	json_is("{\"port\":\"secret\",\"realm\":\"accepted\"}",
		"{\"port\":null,\"realm\":\"word-1\"}", "port");
	json_is("{\"failed_by\":{\"proxy_denied\":2,\"hunter2\":3,"
		"\"refused\":\"x\"}}",
		"{\"failed_by\":{\"proxy_denied\":2,\"refused\":null}}",
		"word-2, refused");
	redact_free(r);
}

static CU_TestInfo tests[] = {
	{ "what turnout says", test_ours },
	{ "hosts, addresses, paths", test_names },
	{ "secrets", test_secrets },
	{ "names that are known", test_known },
	{ "any bytes", test_any_bytes },
	{ "the vocabulary", test_vocabulary },
	{ "JSON", test_json },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "redact", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
