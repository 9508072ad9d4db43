/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_http_head.c - which heads are taken and what they say; every one that
 * two readers could take in two ways is refused
 */
#include <config.h>

#include "http_head.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int request(struct http_head *h, const char *text)
{
	size_t len = strlen(text);

	CU_ASSERT_EQUAL(http_head_find(text, len, 0), (int)len);
	return http_head_parse_request(h, text, len);
}

static bool same(const struct http_text *t, const char *text)
{
	return t->len == strlen(text) && memcmp(t->at, text, t->len) == 0;
}

static void good_request(void)
{
	static struct http_head h;

	CU_ASSERT_EQUAL(request(&h, "GET /a?b=c HTTP/1.1\r\nHost: x.example\r\n"
				    "X-Note:\t two  words \r\nX-None:\r\n\r\n"),
			0);
	CU_ASSERT_STRING_EQUAL(h.method, "GET");
	CU_ASSERT(same(&h.target, "/a?b=c"));
	CU_ASSERT(same(&h.host, "x.example"));
	CU_ASSERT_EQUAL(h.minor, 1);
	CU_ASSERT_EQUAL(h.fields, 3);
	CU_ASSERT(same(&h.field[1].name, "X-Note"));
	CU_ASSERT(same(&h.field[1].value, "two  words"));
	CU_ASSERT(same(&h.field[2].value, ""));
	CU_ASSERT_EQUAL(h.framing, HTTP_FRAMING_NONE);
	CU_ASSERT_FALSE(h.close || h.keep_alive || h.upgrade);
	CU_ASSERT_EQUAL(request(&h, "\r\nM-SEARCH / HTTP/1.0\n\n"), 0);
	CU_ASSERT_EQUAL(h.minor, 0);
	CU_ASSERT_EQUAL(request(&h, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
			0);
	CU_ASSERT(same(&h.target, "*"));
	CU_ASSERT_EQUAL(request(&h, "GET http://a.example/x HTTP/1.1\r\n"
				    "Host: a.example\r\n\r\n"),
			0);
	CU_ASSERT(same(&h.target, "/x"));
}

static void known_fields(void)
{
	static struct http_head h;

	CU_ASSERT_EQUAL(request(&h, "POST / HTTP/1.1\r\nHost: a\r\n"
				    "content-length: 0012\r\n"
				    "Expect: 100-Continue\r\n"
				    "Connection: X-Mine, close\r\n"
				    "x-mine: 1\r\nX-Yours: 2\r\n"
				    "Proxy-Thing: 3\r\nKeep-Alive: 5\r\n\r\n"),
			0);
	CU_ASSERT_EQUAL(h.framing, HTTP_FRAMING_LENGTH);
	CU_ASSERT_EQUAL(h.length, 12);
	CU_ASSERT(h.expects_continue && h.close);
	CU_ASSERT_FALSE(http_head_is_private(&h, &h.field[0])); /* Host */
	CU_ASSERT_TRUE(http_head_is_private(&h, &h.field[3]));
	CU_ASSERT_TRUE(http_head_is_private(&h, &h.field[4]));
	CU_ASSERT_FALSE(http_head_is_private(&h, &h.field[5]));
	CU_ASSERT_TRUE(http_head_is_private(&h, &h.field[6]));
	CU_ASSERT_TRUE(http_head_is_private(&h, &h.field[7]));
	CU_ASSERT_EQUAL(request(&h, "PUT / HTTP/1.1\r\nHost: a\r\n"
				    "Transfer-Encoding: Chunked\r\n"
				    "Connection: Upgrade, Keep-Alive\r\n"
				    "Upgrade: websocket\r\n\r\n"),
			0);
	CU_ASSERT_EQUAL(h.framing, HTTP_FRAMING_CHUNKED);
	CU_ASSERT(h.upgrade && h.keep_alive);
}

#define TOP "GET / HTTP/1.1\r\nHost: a\r\n"

/* RFC 9112: 2.2, 3, 3.2, 5.1, 5.2, 6.1, 6.3 */
static void bad_requests(void)
{
	static const struct {
		const char *text;
		int error;
		const char *why;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", -EBADMSG, "no Host" },
		{ TOP "Host: b\r\n\r\n", -EBADMSG, "several Host" },
		{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", -EBADMSG, "Host" },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", -EBADMSG, "Host" },
		{ TOP "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		  -EBADMSG, "several Content-Length" },
		{ TOP "Content-Length: 1, 1\r\n\r\n", -EBADMSG, "strange" },
		{ TOP "Content-Length: +1\r\n\r\n", -EBADMSG, "strange" },
		{ TOP "Content-Length: -1\r\n\r\n", -EBADMSG, "strange" },
		{ TOP "Content-Length: 0x1\r\n\r\n", -EBADMSG, "strange" },
		{ TOP "Content-Length:\r\n\r\n", -EBADMSG, "empty" },
		{ TOP "Content-Length: 9223372036854775808\r\n\r\n", -EBADMSG,
		  "strange" },
		{ TOP "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		  -EBADMSG, "beside" },
		{ TOP "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		  -EBADMSG, "beside" },
		{ TOP "Transfer-Encoding: chunked\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n",
		  -EBADMSG, "several Transfer" },
		{ TOP "Transfer-Encoding: gzip, chunked\r\n\r\n", -ENOTSUP,
		  "not known" },
		{ TOP "Transfer-Encoding: xchunked\r\n\r\n", -ENOTSUP,
		  "not known" },
		{ TOP "Transfer-Encoding:\x0b"
		      "chunked\r\n\r\n",
		  -EBADMSG, "control" },
		{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		  -EBADMSG, "HTTP/1.0" },
		{ TOP "X: a\r\n b\r\n\r\n", -EBADMSG, "folded" },
		{ "GET / HTTP/1.1\r\n Host: a\r\n\r\n", -EBADMSG, "folded" },
		{ TOP "X : a\r\n\r\n", -EBADMSG, "name" },
		{ TOP ": a\r\n\r\n", -EBADMSG, "name" },
		{ TOP "X\r\n\r\n", -EBADMSG, "colon" },
		{ TOP "X: a\rY: b\r\n\r\n", -EBADMSG, "control" },
		{ TOP "X: a\r\r\n\r\n", -EBADMSG, "control" },
		{ "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, "target" },
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, "target" },
		{ "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, "target" },
		{ "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, "target" },
		{ "GET a HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, "target" },
		{ "GET * HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, "target" },
		{ "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG,
		  "target" },
		{ "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG,
		  "target" },
		{ "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG,
		  "target" },
		{ "GET /\r\n\r\n", -EBADMSG, "not an HTTP" },
		{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", -EPROTO, "HTTP/1.1" },
		{ "GET / HTTP/1.2\r\nHost: a\r\n\r\n", -EPROTO, "HTTP/1.1" },
		{ "GET / http/1.1\r\nHost: a\r\n\r\n", -EPROTO, "HTTP/1.1" },
		{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", -EPROTO, "HTTP/1.1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct http_head h;
		int rc = request(&h, rows[i].text);

		CU_ASSERT_EQUAL(rc, rows[i].error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(h.why);
		CU_ASSERT_PTR_NOT_NULL(strstr(h.why, rows[i].why));
		if (rc != rows[i].error || strstr(h.why, rows[i].why) == NULL)
			fprintf(stderr, "\n%s: %d, %s\n", rows[i].text, rc,
				h.why);
	}
}

static void nul(void)
{
	static const char text[] = TOP "X: a\0b\r\n\r\n";
	static struct http_head h;

	CU_ASSERT_EQUAL(http_head_parse_request(&h, text, sizeof(text) - 1),
			-EBADMSG);
}

static void ends(void)
{
	static const char *const whole[] = {
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.0\n\n",
		"\r\nGET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.0\n\r\n",
	};

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		size_t len = strlen(whole[i]), n;

		for (n = 1; n < len; n++)
			CU_ASSERT_EQUAL(http_head_find(whole[i], n, n - 1), 0);
		CU_ASSERT_EQUAL(http_head_find(whole[i], len, len - 1),
				(int)len);
	}
}

/* Nothing is waited for that cannot come. */
static void never_http(void)
{
	char *big = malloc(HTTP_HEAD_MAX);

	CU_ASSERT_EQUAL(http_head_find("\x16\x03\x01", 3, 0), -EBADMSG);
	CU_ASSERT_EQUAL(http_head_find("\0", 1, 0), -EBADMSG);
	CU_ASSERT_EQUAL(http_head_find("GET\t/", 5, 0), -EBADMSG);
	CU_ASSERT_EQUAL(http_head_find("\r\n\r\n\r\n", 6, 0), -EBADMSG);
	CU_ASSERT_EQUAL(http_head_find("\r\nGET", 5, 0), 0);
	memset(big, 'A', HTTP_HEAD_MAX);
	CU_ASSERT_EQUAL(http_head_find(big, 31, 0), 0);
	CU_ASSERT_EQUAL(http_head_find(big, 32, 0), -EBADMSG);
	memcpy(big, "GET /", 5);
	CU_ASSERT_EQUAL(http_head_find(big, HTTP_HEAD_MAX - 1, 0), 0);
	CU_ASSERT_EQUAL(http_head_find(big, HTTP_HEAD_MAX, 0), -EBADMSG);
	free(big);
}

static void many_fields(void)
{
	static struct http_head h;
	static char text[16384] = TOP;

	for (size_t i = 1; i < HTTP_FIELDS_MAX; i++)
		strcat(text, "X: y\r\n");
	CU_ASSERT_EQUAL(http_head_parse_request(&h, text, strlen(text)),
			-EBADMSG);
	strcat(text, "\r\n");
	CU_ASSERT_EQUAL(http_head_parse_request(&h, text, strlen(text)), 0);
	text[strlen(text) - 2] = '\0';
	strcat(text, "X: y\r\n\r\n");
	CU_ASSERT_EQUAL(http_head_parse_request(&h, text, strlen(text)),
			-EBADMSG);
}

struct response {
	const char *text;
	bool to_head;
	int error;
	enum http_framing framing;
	uint64_t length;
};

static void responses(void)
{
#define SAYS(...) "HTTP/1.1 200 OK\r\n" __VA_ARGS__ "\r\n"
#define TE        "Transfer-Encoding: chunked\r\n"
	static const struct response rows[] = {
		{ SAYS("Content-Length: 7\r\n"), false, 0, HTTP_FRAMING_LENGTH,
		  7 },
		{ SAYS("Content-Length: 7\r\n"), true, 0, HTTP_FRAMING_NONE,
		  7 },
		{ SAYS("Content-Length: 7\r\nContent-Length: 7\r\n"), false, 0,
		  HTTP_FRAMING_LENGTH, 7 },
		{ SAYS("Content-Length: 7\r\nContent-Length: 8\r\n"), false,
		  -EBADMSG, HTTP_FRAMING_LENGTH, 7 },
		{ SAYS("Content-Length: 7\r\n" TE), false, 0,
		  HTTP_FRAMING_CHUNKED, 7 },
		{ SAYS(TE "Content-Length: 7\r\n"), false, 0,
		  HTTP_FRAMING_CHUNKED, 0 },
		{ SAYS("Transfer-Encoding: gzip\r\n"), false, -ENOTSUP,
		  HTTP_FRAMING_NONE, 0 },
		{ SAYS(), false, 0, HTTP_FRAMING_TO_END, 0 },
		{ "HTTP/1.0 204 \r\nContent-Length: 7\r\n\r\n", false, 0,
		  HTTP_FRAMING_NONE, 7 },
		{ "HTTP/1.1 304\r\n\r\n", false, 0, HTTP_FRAMING_NONE, 0 },
		{ "HTTP/1.1 103 Early Hints\r\n\r\n", false, 0,
		  HTTP_FRAMING_NONE, 0 },
		{ "HTTP/1.1 20 OK\r\n\r\n", false, -EBADMSG, 0, 0 },
		{ "HTTP/1.1 2000 OK\r\n\r\n", false, -EBADMSG, 0, 0 },
		{ "HTTP/1.1 000 OK\r\n\r\n", false, -EBADMSG, 0, 0 },
		{ "HTTP/2 200\r\n\r\n", false, -EBADMSG, 0, 0 },
		{ "HTTP/1.1 200 O\rK\r\n\r\n", false, -EBADMSG, 0, 0 },
		{ "ICY 200 OK\r\n\r\n", false, -EBADMSG, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct response *r = &rows[i];
		static struct http_head h;
		int rc = http_head_parse_response(&h, r->text, strlen(r->text),
						  r->to_head);

		CU_ASSERT_EQUAL(rc, r->error);
		CU_ASSERT_EQUAL(h.framing, r->framing);
		CU_ASSERT_EQUAL(h.length, r->length);
		if (rc != r->error)
			fprintf(stderr, "\n%s: %d\n", r->text, rc);
	}
}

static CU_TestInfo tests[] = {
	{ "a request", good_request },
	{ "what the connection's fields say", known_fields },
	{ "what could be taken in two ways is refused", bad_requests },
	{ "a NUL", nul },
	{ "where the head ends", ends },
	{ "another protocol is known at once", never_http },
	{ "no more than so many fields", many_fields },
	{ "how a response is framed", responses },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "http_head", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
