/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_http_exchange.c - what the proxy gets of an app's request, and what the
 * app gets of the answer
 */
#include <config.h>

#include "http_exchange.h"

#include "lib/forward_lab.h"
#include "lib/unit.h"

#include <signal.h>
#include <stdlib.h>

#define OK5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

/* `request` becomes `wanted` at the proxy; its answer is 200. */
static void check_request(const char *request, const char *wanted)
{
	struct forward_lab l;

	forward_open(&l);
	forward_say(l.app, request);
	forward_accept(&l);
	forward_expect(l.served, wanted);
	forward_say(l.served, "HTTP/1.1 204 No Content\r\n\r\n");
	forward_expect(l.app, "HTTP/1.1 204 No Content\r\n\r\n");
	forward_close(&l);
}

#define TO     " http://" FORWARD_HOST
#define FIRST  " HTTP/1.1\r\nHost: web.example\r\n"
#define SOURCE "Host: web.example\r\n"

static void requests(void)
{
	check_request("GET /a/../b%20?c=d HTTP/1.1\r\n" SOURCE
		      "User-Agent: x\r\nAccept: */*\r\n\r\n",
		      "GET" TO "/a/../b%20?c=d" FIRST
		      "User-Agent: x\r\nAccept: */*\r\n\r\n");
	/* Neither more than the app has said, nor less. */
	check_request("GET / HTTP/1.1\r\n" SOURCE
		      "X-Empty:\r\nCookie: a=1\r\nCookie: b=2\r\n"
		      "authorization: Basic eDp5\r\n\r\n",
		      "GET" TO "/" FIRST
		      "X-Empty:\r\nCookie: a=1\r\nCookie: b=2\r\n"
		      "authorization: Basic eDp5\r\n\r\n");
	/* The host is the one that the app has connected to. */
	check_request("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
		      "GET" TO "/ HTTP/1.1\r\nHost: other.example\r\n\r\n");
	check_request("GET http://third.example/x HTTP/1.1\r\n"
		      "Host: other.example\r\n\r\n",
		      "GET" TO "/x HTTP/1.1\r\nHost: other.example\r\n\r\n");
	check_request("OPTIONS * HTTP/1.1\r\n" SOURCE "\r\n",
		      "OPTIONS" TO FIRST "\r\n");
	check_request("DELETE /x HTTP/1.1\r\n" SOURCE "\r\n",
		      "DELETE" TO "/x" FIRST "\r\n");
	check_request("HEAD /x HTTP/1.1\r\n" SOURCE "\r\n",
		      "HEAD" TO "/x" FIRST "\r\n");
	check_request("PROPFIND /x HTTP/1.1\r\n" SOURCE "Depth: 1\r\n\r\n",
		      "PROPFIND" TO "/x" FIRST "Depth: 1\r\n\r\n");
}

/* RFC 9110, 7.6.1 */
static void private_fields(void)
{
	check_request("GET / HTTP/1.1\r\n" SOURCE
		      "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\n"
		      "Keep-Alive: 5\r\nProxy-Authorization: Basic eDp5\r\n"
		      "Proxy-Connection: close\r\nTE: trailers\r\n"
		      "Upgrade: h2c\r\nX-Yours: 2\r\n\r\n",
		      "GET" TO "/" FIRST "X-Yours: 2\r\n\r\n");
}

static void bodies(void)
{
	check_request("PUT /x HTTP/1.1\r\n" SOURCE
		      "Content-Length: 5\r\n\r\nhello",
		      "PUT" TO "/x" FIRST "Content-Length: 5\r\n\r\nhello");
	check_request("POST /x HTTP/1.1\r\n" SOURCE
		      "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
		      "POST" TO "/x" FIRST
		      "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
	check_request("POST /x HTTP/1.1\r\n" SOURCE "\r\n",
		      "POST" TO "/x" FIRST "Content-Length: 0\r\n\r\n");
	check_request("PATCH /x HTTP/1.1\r\n" SOURCE
		      "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "5;ext=1\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		      "PATCH" TO "/x" FIRST "Transfer-Encoding: chunked\r\n"
		      "Expect: 100-continue\r\n\r\n"
		      "5\r\nhello\r\n0\r\n\r\n");
	check_request("GET /search HTTP/1.1\r\n" SOURCE
		      "Content-Length: 2\r\n\r\n{}",
		      "GET" TO "/search" FIRST "Content-Length: 2\r\n\r\n{}");
}

static void old_version(void)
{
	struct forward_lab l;

	forward_open(&l);
	forward_say(l.app, "GET /x HTTP/1.0\r\n\r\n");
	forward_accept(&l);
	forward_expect(l.served,
		       "GET" TO "/x HTTP/1.0\r\nHost: web.example\r\n\r\n");
	/* What HTTP/1.0 does not know is not sent to it. */
	forward_say(l.served, "HTTP/1.1 103 Early Hints\r\n\r\n"
			      "HTTP/1.1 200 OK\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n"
			      "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
	forward_expect(l.app, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
			      "hello");
	forward_expect_end(l.app);
	forward_close(&l);
}

/* `answer` becomes `wanted`; the connection is kept, or ends. */
static void check_answer(const char *method, const char *answer,
			 const char *wanted, bool kept)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\n" SOURCE "\r\n", method);
	forward_say(l.app, text);
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, answer);
	if (!kept)
		shutdown(l.served, SHUT_WR);
	forward_expect(l.app, wanted);
	if (!kept) {
		forward_expect_end(l.app);
	} else {
		forward_say(l.app, "GET /next HTTP/1.1\r\n" SOURCE "\r\n");
		/* libcurl does not forget that a proxy is an old one. */
		forward_expect(l.served, "GET" TO "/next HTTP/1.");
		forward_head(l.served, text);
		forward_say(l.served, OK5);
		forward_expect(l.app, OK5);
	}
	forward_close(&l);
}

#define CHUNKS "5;x=1\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"

static void answers(void)
{
	check_answer("GET", OK5, OK5, true);
	/* The proxy's version and connection are not the app's. */
	check_answer("GET",
		     "HTTP/1.0 404 Not  here\r\nConnection: keep-alive, X-P\r\n"
		     "X-P: 1\r\nKeep-Alive: timeout=5\r\nX-A: b\r\n"
		     "Proxy-Connection: keep-alive\r\n"
		     "Content-Length: 2\r\n\r\nno",
		     "HTTP/1.1 404 Not  here\r\nX-A: b\r\n"
		     "Content-Length: 2\r\n\r\nno",
		     true);
	/* Chunks as they are, and once the length that counts. */
	check_answer("GET",
		     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
		     "Trailer: X-Sum\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n" CHUNKS,
		     "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n" CHUNKS,
		     true);
	check_answer("GET",
		     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
		     "Content-Length: 4\r\n\r\n\x1f\x8b\x08\x01",
		     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
		     "Content-Length: 4\r\n\r\n\x1f\x8b\x08\x01",
		     true);
	check_answer("GET",
		     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
		     "Content-Length: 2\r\nX: a\r\n  b\r\n\r\nok",
		     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a  b\r\n\r\n"
		     "ok",
		     true);
	check_answer("GET", "HTTP/1.1 200 OK\r\n\r\nto the end",
		     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
		     false);
	check_answer("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true);
	check_answer("GET", "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
		     "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", true);
	/* RFC 9110, 15.2; nobody has expected a 100. */
	check_answer("GET",
		     "HTTP/1.1 100 Continue\r\n\r\n"
		     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK5,
		     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK5, true);
	/* The proxy's own words are an answer, too. */
	check_answer("GET",
		     "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR 0\r\n"
		     "Content-Length: 2\r\n\r\nno",
		     "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR 0\r\n"
		     "Content-Length: 2\r\n\r\nno",
		     true);
}

/* What could be taken in two ways, or is no answer: 502, and why. */
static void bad_answers(void)
{
	static const char *const rows[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
		"Content-Length: 3\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n"
		"Content-Length: 2\r\n\r\nno",
		"",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct forward_lab l;
		char text[4096];

		forward_open(&l);
		forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
		forward_accept(&l);
		forward_head(l.served, text);
		forward_say(l.served, rows[i]);
		shutdown(l.served, SHUT_WR);
		forward_head(l.app, text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 502 Bad"));
		if (strstr(text, "HTTP/1.1 502 Bad") == NULL)
			fprintf(stderr, "\n%s\n%s\n", rows[i], text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "Connection: close\r\n"));
		CU_ASSERT_PTR_NULL(strstr(text, "Proxy-Auth"));
		forward_close(&l);
	}
}

/* The app sees that it is not the whole. */
static void cut_answers(void)
{
	static const char *const rows[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct forward_lab l;
		char text[4096], byte[64];
		ssize_t n;

		forward_open(&l);
		forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
		forward_accept(&l);
		forward_head(l.served, text);
		forward_say(l.served, rows[i]);
		shutdown(l.served, SHUT_WR);
		forward_head(l.app, text);
		do {
			CU_ASSERT_TRUE(forward_readable(l.app));
			n = recv(l.app, byte, sizeof(byte), 0);
		} while (n > 0);
		CU_ASSERT(n < 0 && errno == ECONNRESET);
		forward_close(&l);
	}
}

/* No byte behind the end of an answer is taken for another one. */
static void excess(void)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served,
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "0\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: 1\r\n\r\n");
	forward_expect(l.app,
		       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "0\r\n\r\n");
	forward_say(l.app, "GET /2 HTTP/1.1\r\n" SOURCE "\r\n");
	p[0].fd = l.served;
	p[1].fd = l.listener;
	CU_ASSERT(poll(p, 2, FORWARD_PATIENCE_MS) > 0);
	if (p[1].revents != 0 ||
	    recv(l.served, text, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
		forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, OK5);
	forward_expect(l.app, OK5);
	forward_close(&l);
}

static void expect_continue(void)
{
	struct forward_lab l;

	forward_open(&l);
	forward_say(l.app,
		    "PUT /x HTTP/1.1\r\n" SOURCE "Expect: 100-continue\r\n"
		    "Content-Length: 5\r\n\r\n");
	forward_expect(l.app, "HTTP/1.1 100 Continue\r\n\r\n");
	forward_say(l.app, "hello");
	forward_accept(&l);
	forward_expect(l.served,
		       "PUT" TO "/x" FIRST "Content-Length: 5\r\n\r\nhello");
	forward_say(l.served, OK5);
	forward_expect(l.app, OK5);
	forward_close(&l);
}

/* Server-sent events: each as it comes. */
static void events(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, "HTTP/1.1 200 OK\r\n"
			      "Content-Type: text/event-stream\r\n\r\n");
	forward_expect(l.app, "HTTP/1.1 200 OK\r\n"
			      "Content-Type: text/event-stream\r\n"
			      "Connection: close\r\n\r\n");
	for (int i = 0; i < 5; i++) {
		forward_say(l.served, "data: x\n\n");
		forward_expect(l.app, "data: x\n\n");
	}
	forward_close(&l);
}

/* Each side's piece is answered by the other's, on one request. */
static void both_ways(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "POST / HTTP/1.1\r\n" SOURCE
			   "Transfer-Encoding: chunked\r\n\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, "HTTP/1.1 200 OK\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n");
	forward_expect(l.app, "HTTP/1.1 200 OK\r\n"
			      "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		forward_say(l.app, "4\r\nping\r\n");
		forward_expect(l.served, "4\r\nping\r\n");
		forward_say(l.served, "4\r\npong\r\n");
		forward_expect(l.app, "4\r\npong\r\n");
	}
	forward_say(l.app, "0\r\n\r\n");
	forward_expect(l.served, "0\r\n\r\n");
	forward_say(l.served, "0\r\n\r\n");
	forward_expect(l.app, "0\r\n\r\n");
	forward_close(&l);
}

#define BIG (16u << 20)

/* Until it does not go on for a while; `fd` is non-blocking then. */
static size_t push(int fd, size_t total)
{
	static const char zeros[65536];
	size_t sent = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	while (sent < total && poll(&p, 1, 300) == 1) {
		size_t left = total - sent;
		ssize_t n = send(fd, zeros,
				 left < sizeof(zeros) ? left : sizeof(zeros),
				 MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
	}
	return sent;
}

/* What is left of `total` after `sent` is sent, while all of it is read. */
static size_t flow(int from, size_t sent, size_t total, int to)
{
	static char buf[65536];
	size_t got = 0;

	(void)fcntl(to, F_SETFL, O_NONBLOCK);
	while (got < total) {
		struct pollfd p[2] = {
			{ .fd = to, .events = POLLIN },
			{ .fd = sent < total ? from : -1, .events = POLLOUT },
		};
		size_t left = total - sent;
		ssize_t n;

		if (poll(p, 2, FORWARD_PATIENCE_MS) <= 0)
			break;
		if (p[1].revents != 0) {
			n = send(from, buf,
				 left < sizeof(buf) ? left : sizeof(buf),
				 MSG_NOSIGNAL);
			sent += n > 0 ? (size_t)n : 0;
		}
		n = recv(to, buf, sizeof(buf), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

/* Whoever does not read makes the other wait, and nobody keeps it all. */
static void back_pressure(void)
{
	struct forward_lab l;
	char text[4096];
	size_t sent;

	forward_open(&l);
	snprintf(text, sizeof(text),
		 "PUT / HTTP/1.1\r\n" SOURCE "Content-Length: %u\r\n\r\n", BIG);
	forward_say(l.app, text);
	forward_accept(&l);
	forward_head(l.served, text);
	sent = push(l.app, BIG);
	CU_ASSERT(sent < BIG);
	CU_ASSERT_EQUAL(flow(l.app, sent, BIG, l.served), BIG);
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BIG);
	forward_say(l.served, text);
	(void)fcntl(l.app, F_SETFL, 0);
	forward_expect(l.app, text);
	sent = push(l.served, BIG);
	CU_ASSERT(sent < BIG);
	CU_ASSERT_EQUAL(flow(l.served, sent, BIG, l.app), BIG);
	forward_close(&l);
}

/* The app goes: the proxy need not work on. */
static void app_goes(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, "HTTP/1.1 200 OK\r\n\r\nsome");
	CU_ASSERT_TRUE(forward_readable(l.app));
	close(l.app); /* unread bytes make a reset of it */
	l.app = -1;
	forward_expect_end(l.served);
	forward_wait_count(&l, 0);
	forward_close(&l);
}

/* An app that says that it has no more to ask still gets the answer. */
static void app_half_closes(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
	shutdown(l.app, SHUT_WR);
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, OK5);
	forward_expect(l.app, OK5);
	forward_expect_end(l.app);
	forward_close(&l);
}

/* An answer before the request's body has come: nobody waits for that. */
static void early_refusal(void)
{
	struct forward_lab l;
	char text[4096];
	uint64_t start = clock_now_ms();

	forward_open(&l);
	forward_say(l.app, "POST / HTTP/1.1\r\n" SOURCE
			   "Content-Length: 1000\r\n\r\nsome");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_say(l.served, "HTTP/1.1 413 Too Large\r\n"
			      "Content-Length: 2\r\n\r\nno");
	forward_expect(l.app, "HTTP/1.1 413 Too Large\r\n"
			      "Content-Length: 2\r\n\r\nno");
	forward_expect_end(l.app);
	forward_close(&l);
	forward_open(&l);
	forward_say(l.app, "POST / HTTP/1.1\r\n" SOURCE
			   "Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
	forward_accept(&l);
	forward_head(l.served, text);
	forward_expect(l.served, "4\r\nsome\r\n");
	forward_say(l.served, "HTTP/1.0 500 Oops\r\n\r\nno");
	shutdown(l.served, SHUT_WR);
	forward_expect(l.app, "HTTP/1.1 500 Oops\r\n"
			      "Connection: close\r\n\r\nno");
	forward_expect_end(l.app);
	forward_expect_end(l.served); /* not as if that were all */
	forward_close(&l);
	CU_ASSERT(clock_now_ms() - start < 10000);
}

static void bad_body(void)
{
	struct forward_lab l;
	char text[4096];

	forward_open(&l);
	forward_say(l.app, "POST / HTTP/1.1\r\n" SOURCE
			   "Transfer-Encoding: chunked\r\n\r\n5x\r\n");
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 400 Bad"));
	forward_close(&l);
}

/* Bound, but nobody listens: a port that is free would soon be the next
 * program's. */
static int stop_listening(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	int bound;

	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	bound = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(bind(bound, (struct sockaddr *)&at, len), 0);
	return bound;
}

static void proxy_is_not_there(void)
{
	struct forward_lab l;
	char text[4096] = "";

	forward_open(&l);
	l.listener = stop_listening(l.listener);
	forward_say(l.app, "GET / HTTP/1.1\r\n" SOURCE "\r\n");
	forward_head(l.app, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 502 Bad"));
	CU_ASSERT_TRUE(forward_readable(l.app));
	CU_ASSERT(recv(l.app, text, sizeof(text) - 1, 0) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "connect: Connection refused"));
	forward_close(&l);
}

static CU_TestInfo tests[] = {
	{ "requests", requests },
	{ "what is for one connection", private_fields },
	{ "bodies", bodies },
	{ "HTTP/1.0", old_version },
	{ "answers", answers },
	{ "answers that are none", bad_answers },
	{ "answers that are cut", cut_answers },
	{ "bytes behind an answer", excess },
	{ "Expect: 100-continue", expect_continue },
	{ "server-sent events", events },
	{ "both ways at once", both_ways },
	{ "back-pressure", back_pressure },
	{ "the app goes", app_goes },
	{ "the app closes its half", app_half_closes },
	{ "an answer before the end of the request", early_refusal },
	{ "a body that is none", bad_body },
	{ "a proxy that is not there", proxy_is_not_there },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "http_exchange",
	  .pInitFunc = ignore_sigpipe,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
