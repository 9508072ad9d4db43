/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_creds_json.c - the answers of the services that there are, and of those
 * that mean no good
 */
#include <config.h>

#include "../tunneld/creds_json.h"

#include "../tunneld/creds_private.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *what, *text;
	const char *username, *password;
	int64_t ttl_s, expires_s;
	size_t uris;
	const char *first, *last;
};

static const struct row good[] = {
	{ "Uberti's draft",
	  "{\"username\":\"1433895918:506926651\",\"password\":"
	  "\"ZhKa8mI2=\",\"ttl\":86400,\"uris\":[\"turn:1.2.3.4:9991?"
	  "transport=udp\",\"turn:1.2.3.4:9992?transport=tcp\",\"turns:1.2.3.4:"
	  "443?transport=tcp\"]}",
	  "1433895918:506926651", "ZhKa8mI2=", 86400, 1433895918, 3,
	  "turn:1.2.3.4:9991?transport=udp",
	  "turns:1.2.3.4:443?transport=tcp" },
	{ "Matrix (synapse)",
	  "{\"username\":\"1443779631:@user:example.com\",\"password\":"
	  "\"JlKfB\","
	  "\"uris\":[\"turn:turn.example.com:3478?transport=udp\"],"
	  "\"ttl\":86400}",
	  "1443779631:@user:example.com", "JlKfB", 86400, 1443779631, 1,
	  "turn:turn.example.com:3478?transport=udp",
	  "turn:turn.example.com:3478?transport=udp" },
	{ "Twilio",
	  "{\"username\":\"dc2d2894\",\"ice_servers\":[{\"url\":\"stun:global."
	  "stun.twilio.com:3478\",\"urls\":\"stun:global.stun.twilio.com:3478\""
	  "},{\"username\":\"dc2d2894\",\"credential\":\"tE2Dajzd\",\"url\":"
	  "\"turn:global.turn.twilio.com:3478?transport=udp\",\"urls\":\"turn:"
	  "global.turn.twilio.com:3478?transport=udp\"},{\"username\":"
	  "\"dc2d2894"
	  "\",\"credential\":\"tE2Dajzd\",\"url\":\"turn:global.turn.twilio."
	  "com:"
	  "443?transport=tcp\",\"urls\":\"turn:global.turn.twilio.com:443?"
	  "transport=tcp\"}],\"date_updated\":\"Fri, 01 May 2020 01:42:57 +0000"
	  "\",\"account_sid\":\"AC1\",\"ttl\":\"86400\",\"password\":"
	  "\"tE2Dajzd\"}",
	  "dc2d2894", "tE2Dajzd", 86400, 0, 2,
	  "turn:global.turn.twilio.com:3478?transport=udp",
	  "turn:global.turn.twilio.com:443?transport=tcp" },
	{ "Cloudflare, one object",
	  "{\"iceServers\":{\"urls\":[\"stun:stun.cloudflare.com:3478\",\"turn:"
	  "turn.cloudflare.com:3478?transport=udp\",\"turns:turn.cloudflare."
	  "com:"
	  "443?transport=tcp\"],\"username\":\"bc91b63e\",\"credential\":\"eb5f"
	  "\"}}",
	  "bc91b63e", "eb5f", 0, 0, 2,
	  "turn:turn.cloudflare.com:3478?transport=udp",
	  "turns:turn.cloudflare.com:443?transport=tcp" },
	{ "Cloudflare, list",
	  "{\"iceServers\":[{\"urls\":[\"stun:stun.cloudflare.com:3478\"]},"
	  "{\"urls\":[\"turns:turn.cloudflare.com:5349?transport=tcp\"],"
	  "\"username\":\"u\",\"credential\":\"c\"}]}",
	  "u", "c", 0, 0, 1, "turns:turn.cloudflare.com:5349?transport=tcp",
	  "turns:turn.cloudflare.com:5349?transport=tcp" },
	{ "Metered",
	  "[{\"urls\":\"stun:stun.relay.metered.ca:80\"},{\"urls\":\"turn:"
	  "global"
	  ".relay.metered.ca:80\",\"username\":\"u\",\"credential\":\"c\"},"
	  "{\"urls\":\"turns:global.relay.metered.ca:443?transport=tcp\","
	  "\"username\":\"u\",\"credential\":\"c\"}]",
	  "u", "c", 0, 0, 2, "turn:global.relay.metered.ca:80",
	  "turns:global.relay.metered.ca:443?transport=tcp" },
	{ "LiveKit",
	  "{\"iceServers\":[{\"urls\":[\"turns:turn.example.com:443?transport="
	  "tcp\"],\"username\":\"PA_x\",\"credential\":\"y\"}],\"ttl\":3600.0}",
	  "PA_x", "y", 3600, 0, 1, "turns:turn.example.com:443?transport=tcp",
	  "turns:turn.example.com:443?transport=tcp" },
	{ "Xirsys",
	  "{\"v\":{\"iceServers\":{\"username\":\"u\",\"urls\":[\"stun:eu."
	  "xirsys.com\",\"turn:eu.xirsys.com:80?transport=udp\"],"
	  "\"credential\":\"c\"}},\"s\":\"ok\"}",
	  "u", "c", 0, 0, 1, "turn:eu.xirsys.com:80?transport=udp",
	  "turn:eu.xirsys.com:80?transport=udp" },
	{ "Google's duration",
	  "{\"lifetimeDuration\":\"43200.000s\",\"iceServers\":[{\"urls\":"
	  "[\"turn:1.2.3.4\"],\"username\":\"u\",\"credential\":\"c\"}]}",
	  "u", "c", 43200, 0, 1, "turn:1.2.3.4", "turn:1.2.3.4" },
	{ "a login without URIs, the time behind",
	  "\xef\xbb\xbf {\"username\":\"id:1433895918\",\"password\":\"p\"}",
	  "id:1433895918", "p", 0, 1433895918, 0, NULL, NULL },
	{ "a second relay with another login",
	  "[{\"urls\":\"turn:a\",\"username\":\"u\",\"credential\":\"c\"},"
	  "{\"urls\":\"turn:b\",\"username\":\"v\",\"credential\":\"c\"}]",
	  "u", "c", 0, 0, 1, "turn:a", "turn:a" },
	{ "lengths of time that are none",
	  "{\"username\":\"u\",\"password\":\"\",\"ttl\":-5}", "u", "", 0, 0, 0,
	  NULL, NULL },
	{ "a length of time beyond all",
	  "{\"username\":\"u\",\"password\":\"p\",\"ttl\":1e300}", "u", "p",
	  31536000, 0, 0, NULL, NULL },
	{ "the same URI twice, and some that are none",
	  "{\"username\":\"u\",\"password\":\"p\",\"uris\":[\"turn:a\",\"turn:a"
	  "\",\"stun:a\",\"http://a\",\"turn:a b\",7,null,\"TURNS:b\"]}",
	  "u", "p", 0, 0, 2, "turn:a", "TURNS:b" },
};

static const struct row lines[] = {
	{ "git-credential",
	  "protocol=https\nhost=relay\nusername=u\npassword=p=w\n"
	  "password_expiry_utc=1893456000\n",
	  "u", "p=w", 0, 1893456000, 0, NULL, NULL },
	{ "with a time and URIs",
	  "\nusername=u\r\npassword=p\r\nttl=600\r\nuri=turn:a\nuri=turns:b",
	  "u", "p", 600, 0, 2, "turn:a", "turns:b" },
	{ "JSON", " \n{\"username\":\"u\",\"password\":\"p\"}\n", "u", "p", 0,
	  0, 0, NULL, NULL },
	{ "times that are none",
	  "username=u\npassword=p\nttl=-1\npassword_expiry_utc=x\n", "u", "p",
	  0, 0, 0, NULL, NULL },
};

typedef int parser(const char *text, size_t len, struct creds_served *out,
		   const char **words);

static void check(const struct row *r, parser *parse)
{
	struct creds_served *s = malloc(sizeof(*s));
	size_t len = strlen(r->text);
	char *text = malloc(len); /* so that ASan sees what is read behind */
	const char *words;

	CU_ASSERT_FATAL(s != NULL && text != NULL);
	memcpy(text, r->text, len);
	if (parse(text, len, s, &words) != 0) {
		printf("%s: %s\n", r->what, words);
		CU_FAIL_FATAL("refused");
	}
	CU_ASSERT_STRING_EQUAL(s->username, r->username);
	CU_ASSERT_STRING_EQUAL(s->password, r->password);
	CU_ASSERT_EQUAL(s->ttl_s, r->ttl_s);
	CU_ASSERT_EQUAL(s->expires_s, r->expires_s);
	CU_ASSERT_EQUAL_FATAL(s->uri_count, r->uris);
	if (r->uris > 0) {
		CU_ASSERT_STRING_EQUAL(s->uri[0], r->first);
		CU_ASSERT_STRING_EQUAL(s->uri[r->uris - 1], r->last);
	}
	free(text);
	free(s);
}

static void test_services(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check(&good[i], creds_json_parse);
}

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		check(&lines[i], creds_json_parse_any);
}

static void refuses(parser *parse, const char *text, size_t len,
		    const char *part)
{
	static const struct creds_served zero;
	struct creds_served *s = malloc(sizeof(*s));
	const char *words = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(parse(text, len, s, &words), -EBADMSG);
	if (strstr(words, part) == NULL)
		printf("%.60s: %s\n", text, words);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, part));
	CU_ASSERT_EQUAL(memcmp(s, &zero, sizeof(zero)), 0);
	free(s);
}

static void test_missing(void)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "", "not JSON" },
		{ "<html>", "not JSON" },
		{ "{\"username\":\"u\",", "not JSON" },
		{ "{\"username\":\"u\\u0000\",\"password\":\"p\"}",
		  "not JSON" },
		{ "3", "not JSON" },
		{ "{}", "neither" },
		{ "{\"s\":\"error\",\"v\":\"unauthorized\"}", "neither" },
		{ "{\"username\":\"u\"}", "no password" },
		{ "{\"username\":5,\"password\":\"p\"}", "no username" },
		{ "{\"username\":\"\",\"password\":\"p\"}", "no username" },
		{ "[]", "empty" },
		{ "[1,[],null,\"x\"]", "for TURN" },
		{ "{\"iceServers\":[{\"urls\":\"stun:a\"}]}", "for TURN" },
		{ "{\"iceServers\":[{\"urls\":\"turn:a\"}]}", "credential" },
	};
	static const struct {
		const char *text, *part;
	} of_lines[] = {
		{ "", "nothing" },
		{ " \n", "nothing" },
		{ "password=p\n", "username" },
		{ "username=u\n", "password" },
		{ "some words\n", "username" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses(creds_json_parse, rows[i].text, strlen(rows[i].text),
			rows[i].part);
	for (size_t i = 0; i < sizeof(of_lines) / sizeof(of_lines[0]); i++)
		refuses(creds_json_parse_any, of_lines[i].text,
			strlen(of_lines[i].text), of_lines[i].part);
	refuses(creds_json_parse_any, "username=u\npassword=p\0x", 23, "NUL");
}

static char *repeat(const char *head, const char *part, int times,
		    const char *tail)
{
	size_t len = strlen(head) + strlen(part) * (size_t)times + strlen(tail);
	char *text = malloc(len + 1), *at;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	at = stpcpy(text, head);
	while (times-- > 0)
		at = stpcpy(at, part);
	strcpy(at, tail);
	return text;
}

static void test_hostile(void)
{
	static const struct {
		const char *head, *part;
		int times;
		const char *tail, *words;
	} rows[] = {
		{ "", "[", 60000, "", "deep" },
		{ "", "{\"v\":", 10000, "", "deep" },
		{ "{\"username\":\"", "x", 509, "\",\"password\":\"p\"}",
		  "username" },
		{ "{\"username\":\"u\",\"password\":\"", "x", 512, "\"}",
		  "password" },
		{ "{\"username\":\"u\",\"password\":\"p\",\"x\":\"", "x", 65536,
		  "\"}", "too long" },
		{ "", "{\"v\":", 1000,
		  "{\"username\":\"u\",\"password\":\"p\"}", "deep" },
	};
	struct creds_served *s = malloc(sizeof(*s));
	const char *words;
	char *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = repeat(rows[i].head, rows[i].part, rows[i].times,
			      rows[i].tail);
		refuses(creds_json_parse, text, strlen(text), rows[i].words);
		free(text);
	}
	/* more of everything than anybody has: the first count */
	text = repeat("{\"username\":\"u\",\"password\":\"p\",\"iceServers\":[",
		      "{\"urls\":[\"turn:a\",\"turn:b\"]},", 1500, "null]}");
	CU_ASSERT_EQUAL(creds_json_parse(text, strlen(text), s, &words), 0);
	CU_ASSERT_EQUAL(s->uri_count, 2);
	free(text);
	free(s);
}

static void test_many(void)
{
	struct creds_served *s = malloc(sizeof(*s));
	char text[4000] = "{\"username\":\"u\",\"password\":\"p\",\"uris\":[";
	const char *words;

	for (int i = 0; i < 60; i++)
		snprintf(text + strlen(text), 20, "\"turn:h%d\",", i);
	strcat(text, "\"turn:z\"]}");
	CU_ASSERT_EQUAL(creds_json_parse(text, strlen(text), s, &words), 0);
	CU_ASSERT_EQUAL(s->uri_count, CREDS_URIS_MAX);
	CU_ASSERT_STRING_EQUAL(s->uri[CREDS_URIS_MAX - 1], "turn:h31");
	free(s);
}

static CU_TestInfo tests[] = {
	{ "the services in the field", test_services },
	{ "lines of a command", test_lines },
	{ "words for what is missing", test_missing },
	{ "depth, length and size are bounded", test_hostile },
	{ "no more URIs than fit", test_many },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "creds_json", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
