/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_http_forward.c - connections that are forwarded: one request after the
 * other, those that cannot be made, logins, the end, and which proxies refuse
 */
#include <config.h>

#include "http_forward.h"

#include "lib/forward_lab.h"
#include "lib/unit.h"
#include "log.h"

#include <signal.h>

#define HEAD_OF(path) "GET " path " HTTP/1.1\r\nHost: web.example\r\n"
#define OK5           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int prepare(void)
{
	log_open(LOG_LEVEL_ERROR, false);
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static void pipeline(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, HEAD_OF("/1") "\r\n" HEAD_OF("/2") "\r\n" HEAD_OF(
				   "/3") "Connection: close\r\n\r\n");
	forward_accept(&l);
	for (int i = 1; i <= 3; i++) {
		char line[64];

		snprintf(line, sizeof(line),
			 "GET http://web.example/%d HTTP/1.1\r\n", i);
		forward_expect(l.served, line);
		forward_head(l.served, text);
		forward_say(l.served, OK5);
		forward_expect(l.app, i < 3 ? OK5
					    : "HTTP/1.1 200 OK\r\n"
					      "Content-Length: 5\r\n"
					      "Connection: close\r\n\r\nhello");
	}
	forward_expect_end(l.app);
	forward_close(&l);
}

static void old_keep_alive(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	for (int i = 0; i < 2; i++) {
		forward_say(l.app,
			    "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
		if (i == 0)
			forward_accept(&l);
		forward_head(l.served, text);
		forward_say(l.served, "HTTP/1.1 200 OK\r\n"
				      "Connection: keep-alive\r\n"
				      "Content-Length: 5\r\n\r\nhello");
		forward_expect(l.app, "HTTP/1.1 200 OK\r\n"
				      "Content-Length: 5\r\n"
				      "Connection: keep-alive\r\n\r\nhello");
	}
	forward_close(&l);
}

/* The proxy gets nothing of it; the app is told why. */
static void check_refused(const char *request, const char *status,
			  const char *words)
{
	struct forward_lab l;
	char text[4096] = "", body[4096] = "";

	forward_open(&l);
	forward_say(l.app, request);
	forward_head(l.app, text);
	CU_ASSERT_EQUAL(strncmp(text, status, strlen(status)), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Connection: close\r\n"));
	CU_ASSERT_TRUE(forward_readable(l.app));
	(void)!recv(l.app, body, sizeof(body) - 1, MSG_WAITALL | MSG_DONTWAIT);
	CU_ASSERT_PTR_NOT_NULL(strstr(body, words));
	if (strstr(body, words) == NULL)
		fprintf(stderr, "\n%s%s\n", text, body);
	close(l.app); /* that ends the lingering */
	l.app = -1;
	CU_ASSERT_TRUE(forward_nobody_came(&l));
	forward_wait_count(&l, 0);
	forward_close(&l);
}

static void refused(void)
{
	check_refused(HEAD_OF("/") "Content-Length: 1\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n",
		      "HTTP/1.1 400", "beside");
	check_refused(HEAD_OF("/") "X: a\r\n b\r\n\r\n", "HTTP/1.1 400",
		      "folded");
	check_refused(HEAD_OF("/") "X: a\rX-Evil: b\r\n\r\n", "HTTP/1.1 400",
		      "control");
	check_refused(HEAD_OF("/") "Transfer-Encoding: gzip\r\n\r\n",
		      "HTTP/1.1 501", "not known");
	check_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400",
		      "not HTTP/1");
	check_refused("CONNECT web.example:80 HTTP/1.1\r\n"
		      "Host: web.example\r\n\r\n",
		      "HTTP/1.1 400", "target");
	check_refused("\x16\x03\x01\x02", "HTTP/1.1 400", "is not HTTP");
	check_refused(HEAD_OF("/chat") "Connection: Upgrade\r\n"
				       "Upgrade: websocket\r\n\r\n",
		      "HTTP/1.1 501", "CONNECT to web.example:80");
}

static void no_body_for_head(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "HEAD / HTTP/1.1\r\n\r\n");
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 400 Bad Request"));
	forward_expect_end(l.app);
	forward_close(&l);
}

/* base64("zoe:s:e@c") */
#define LOGIN "Proxy-Authorization: Basic em9lOnM6ZUBj\r\n"
#define CLOSED_407                                               \
	"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=" \
	"\"x\"\r\nContent-Length: 0\r\n\r\n"

static void set_login(struct forward_lab *l)
{
	struct proxy_creds_opts opts = { .kind = PROXY_CREDS_FIXED,
					 .username = "zoe",
					 .password = "s:e@c" };

	l->proxy->creds = proxy_creds_new(&opts);
	l->proxy->scheme[0] = PROXY_SCHEME_BASIC;
	l->proxy->scheme_count = 1;
	l->proxy->basic_over_http = true;
	CU_ASSERT_PTR_NOT_NULL_FATAL(l->proxy->creds);
}

/* The next request comes, on the same connection unless that ends. */
static void next_request(struct forward_lab *l, char text[4096])
{
	struct pollfd p[2] = { { .fd = l->served, .events = POLLIN },
			       { .fd = l->listener, .events = POLLIN } };
	char c;

	CU_ASSERT_FATAL(poll(p, 2, FORWARD_PATIENCE_MS) > 0);
	if (p[1].revents != 0 ||
	    recv(l->served, &c, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
		forward_accept(l);
	forward_head(l->served, text);
}

/* The first request asks how to log in; its body is not lost. From then on the
 * login is sent at once. */
static void login(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	set_login(&l);
	forward_say(l.app, "POST / HTTP/1.1\r\nHost: web.example\r\n"
			   "Content-Length: 5\r\n\r\nhello");
	forward_accept(&l);
	forward_head(l.served, text);
	CU_ASSERT_PTR_NULL(strstr(text, "Proxy-Auth"));
	forward_expect(l.served, "hello");
	forward_say(l.served, CLOSED_407);
	next_request(&l, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, LOGIN));
	forward_expect(l.served, "hello");
	forward_say(l.served, OK5);
	forward_expect(l.app, OK5);
	for (int i = 0; i < 2; i++) {
		forward_say(l.app, HEAD_OF("/") "\r\n");
		next_request(&l, text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, LOGIN));
		forward_say(l.served, OK5);
		forward_expect(l.app, OK5);
	}
	forward_close(&l);
}

/* A proxy that is not known yet is asked before the body goes. */
static void login_before_much(void)
{
	static char much[100000];
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	set_login(&l);
	snprintf(text, sizeof(text),
		 "POST / HTTP/1.1\r\nHost: web.example\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 sizeof(much));
	forward_say(l.app, text);
	CU_ASSERT_EQUAL(send(l.app, much, sizeof(much), 0), sizeof(much));
	forward_accept(&l);
	forward_head(l.served, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Expect: 100-continue"));
	forward_say(l.served, CLOSED_407);
	next_request(&l, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, LOGIN));
	CU_ASSERT_PTR_NULL(strstr(text, "Expect"));
	CU_ASSERT_EQUAL(recv(l.served, much, sizeof(much), MSG_WAITALL),
			sizeof(much));
	forward_say(l.served, OK5);
	forward_expect(l.app, OK5);
	forward_close(&l);
}

/* More than is kept, and a proxy that waits for all of it: the app is told, and
 * may ask again. */
static void login_after_much(void)
{
	static char much[100000];
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	set_login(&l);
	snprintf(text, sizeof(text),
		 "POST / HTTP/1.1\r\nHost: web.example\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 sizeof(much));
	forward_say(l.app, text);
	CU_ASSERT_EQUAL(send(l.app, much, sizeof(much), 0), sizeof(much));
	forward_accept(&l);
	forward_head(l.served, text);
	CU_ASSERT_EQUAL(recv(l.served, much, sizeof(much), MSG_WAITALL),
			sizeof(much));
	forward_say(l.served, CLOSED_407);
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 502 Bad Gateway"));
	forward_close(&l);
}

/* A password that the proxy refuses is sent to it once. */
static void wrong_login(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	set_login(&l);
	forward_say(l.app, HEAD_OF("/") "\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, CLOSED_407);
	next_request(&l, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, LOGIN));
	forward_say(l.served, CLOSED_407);
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 502 Bad Gateway"));
	CU_ASSERT_PTR_NULL(strstr(text, "Proxy-Auth"));
	close(l.app);
	forward_wait_count(&l, 0);
	l.app = forward_connect(&l);
	forward_say(l.app, HEAD_OF("/") "\r\n");
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 502 Bad Gateway"));
	CU_ASSERT_TRUE(forward_nobody_came(&l));
	forward_close(&l);
}

/* Basic is not for everybody to read, unless that is allowed. */
static void no_basic(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	set_login(&l);
	l.proxy->basic_over_http = false;
	forward_say(l.app, HEAD_OF("/") "\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, CLOSED_407);
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 502 Bad Gateway"));
	CU_ASSERT_TRUE(forward_readable(l.app));
	(void)!recv(l.app, text, sizeof(text) - 1, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "basic_over_http"));
	forward_close(&l);
}

/* forward_close() is what is tested: at once, wherever they are. */
static void the_end(void)
{
	struct forward_lab l;
	char text[4096];
	int other[3];

	forward_open(&l);
	for (int i = 0; i < 3; i++)
		other[i] = forward_connect(&l);
	forward_say(other[0], "GET / HT"); /* half a head */
	forward_say(other[1], "PUT / HTTP/1.1\r\nHost: web.example\r\n"
			      "Content-Length: 9\r\n\r\nhalf");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.app, HEAD_OF("/") "\r\n"); /* no answer comes */
	forward_accept(&l);
	forward_head(l.served, text);
	forward_close(&l);
	for (int i = 0; i < 3; i++)
		close(other[i]);
}

static void too_many(void)
{
	int app[HTTP_FORWARDS_MAX], one;
	struct forward_lab l;
	struct http_forward_opts opts = { .host = FORWARD_HOST };

	forward_open(&l);
	opts.proxy = l.proxy;
	opts.auth = l.auth;
	for (int i = 1; i < HTTP_FORWARDS_MAX; i++)
		app[i] = forward_connect(&l);
	CU_ASSERT_EQUAL(http_forwards_count(l.forwards), HTTP_FORWARDS_MAX);
	forward_pair(&one, &opts.fd);
	CU_ASSERT_EQUAL(http_forward_start(l.forwards, &opts), -EAGAIN);
	forward_expect_end(one);
	close(one);
	for (int i = 1; i < HTTP_FORWARDS_MAX; i++)
		close(app[i]);
	forward_wait_count(&l, 1);
	close(l.app);
	l.app = forward_connect(&l);
	forward_close(&l);
}

static void refusals(void)
{
	struct http_forwards *f = http_forwards_new();
	struct proxy *a = proxy_new(), *b = proxy_new();

	strcpy(a->host, "a.example");
	strcpy(b->host, "b.example");
	CU_ASSERT_FALSE(http_forward_note(f, a, "x.example", 200, 1000));
	CU_ASSERT_FALSE(http_forward_note(f, a, "x.example", 503, 1000));
	CU_ASSERT_FALSE(http_forward_is_known(f, a, 1000));
	/* One host may be what it does not like. */
	CU_ASSERT_TRUE(http_forward_note(f, a, "x.example", 403, 1000));
	CU_ASSERT_TRUE(http_forward_note(f, a, "X.example", 403, 2000));
	CU_ASSERT_FALSE(http_forward_is_known(f, a, 2000));
	CU_ASSERT_TRUE(http_forward_note(f, a, "y.example", 403, 3000));
	CU_ASSERT_TRUE(http_forward_is_known(f, a, 3000));
	CU_ASSERT_TRUE(http_forward_is_known(f, a, 302999));
	CU_ASSERT_FALSE(http_forward_is_known(f, a, 303000));
	CU_ASSERT_FALSE(http_forward_is_known(f, b, 3000));
	/* It knows no CONNECT. */
	CU_ASSERT_TRUE(http_forward_note(f, b, "x.example", 501, 4000));
	CU_ASSERT_TRUE(http_forward_is_known(f, b, 4000));
	CU_ASSERT_FALSE(http_forward_note(f, b, "x.example", 200, 5000));
	CU_ASSERT_FALSE(http_forward_is_known(f, b, 5000));
	/* Only so many are remembered. */
	for (uint16_t i = 0; i < 100; i++) {
		b->port = i;
		CU_ASSERT_TRUE(http_forward_note(f, b, "x", 405, 6000U + i));
		CU_ASSERT_TRUE(http_forward_is_known(f, b, 6000U + i));
	}
	CU_ASSERT_FALSE(http_forward_is_known(f, a, 6100));
	proxy_put(a);
	proxy_put(b);
	CU_ASSERT_TRUE(http_forwards_free(f));
}

static CU_TestInfo tests[] = {
	{ "one request after the other", pipeline },
	{ "HTTP/1.0 that keeps the connection", old_keep_alive },
	{ "what cannot be forwarded", refused },
	{ "HEAD is answered without a body", no_body_for_head },
	{ "a login", login },
	{ "a login before a long body", login_before_much },
	{ "a login after a long body", login_after_much },
	{ "a wrong login", wrong_login },
	{ "Basic over http://", no_basic },
	{ "the end", the_end },
	{ "too many", too_many },
	{ "proxies that refuse CONNECT", refusals },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "http_forward", .pInitFunc = prepare, .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
