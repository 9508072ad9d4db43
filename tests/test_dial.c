/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_dial.c - dials through a proxy that answers well or badly, directly,
 * and with TLS inside: outcome, errno, words, and no descriptor left
 */
#include <config.h>

#include "dial.h"

#include "dial_lab.h"
#include "http_proxy.h"
#include "resolver.h"
#include "tls.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include <netinet/tcp.h>

#define TARGET "relay.example"

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static struct dial_request *dial(struct lab *l, struct http_proxy *p,
				 uint32_t timeout_ms)
{
	struct dial_request *req = lab_request(l, TARGET, 443);

	req->egress = lab_egress("127.0.0.1", http_proxy_port(p), "", "");
	req->timeout_ms = timeout_ms;
	lab_start(l, req);
	lab_run(l);
	return req;
}

static void check_words(const struct dial_request *req, const char *want)
{
	if (strstr(req->detail, want) != NULL)
		return;
	fprintf(stderr, "\n\"%s\" lacks \"%s\"\n", req->detail, want);
	CU_FAIL("detail");
}

/* One row of the errno table. */
struct row {
	enum http_proxy_way way;
	const char *answer;
	enum dial_reason reason;
	int error;
	long code;
	const char *words; /* after "proxy 127.0.0.1:N: CONNECT T:443: " */
};

static void check_row(const struct row *row)
{
	struct http_proxy_opts opts = { .way = row->way,
					.answer = row->answer };
	char words[200];
	struct dial_request *req;
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	req = dial(&l, p, 5000);
	snprintf(words, sizeof(words), "proxy 127.0.0.1:%u: CONNECT %s:443: %s",
		 http_proxy_port(p), TARGET, row->words);
	check_words(req, words);
	CU_ASSERT_EQUAL(req->reason, row->reason);
	CU_ASSERT_EQUAL(req->error, row->error);
	CU_ASSERT_EQUAL(req->http_code, row->code);
	CU_ASSERT_EQUAL(req->fd, -1);
	CU_ASSERT_PTR_NULL(req->session);
	if (req->reason != row->reason)
		fprintf(stderr, "\n%s: %s\n", dial_reason_name(req->reason),
			req->detail);
	dial_request_free(req);
	http_proxy_free(p);
	lab_close(&l);
}

#define SAY(status, reason, error, code)                                    \
	{                                                                   \
		HTTP_PROXY_SAY,                                             \
			"HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n", \
			reason, error, code, status                         \
	}

static void errno_table(void)
{
	static const struct row rows[] = {
		SAY("403 Forbidden", DIAL_PROXY_DENIED, ECONNREFUSED, 403),
		SAY("404 Not Found", DIAL_PROXY_DENIED, ECONNREFUSED, 404),
		SAY("407 Login", DIAL_PROXY_AUTH, ECONNREFUSED, 407),
		SAY("302 Found", DIAL_CAPTIVE_PORTAL, ENETUNREACH, 302),
		SAY("500 Oops", DIAL_TARGET_UNREACH, EHOSTUNREACH, 500),
		SAY("502 Bad Gateway", DIAL_TARGET_UNREACH, EHOSTUNREACH, 502),
		SAY("503 Unavailable", DIAL_TARGET_UNREACH, EHOSTUNREACH, 503),
		SAY("504 Timeout", DIAL_TARGET_TIMEOUT, ETIMEDOUT, 504),
		{ HTTP_PROXY_RST, NULL, DIAL_PROXY_RESET, ECONNRESET, 0,
		  "Connection reset by peer" },
		{ HTTP_PROXY_FIN, NULL, DIAL_PROXY_CLOSED, ECONNRESET, 0,
		  "the proxy closed the connection" },
		{ HTTP_PROXY_SAY, "SSH-2.0-OpenSSH\r\n\r\n",
		  DIAL_PROXY_PROTOCOL, ECONNABORTED, 0,
		  "the answer is not HTTP" },
		{ HTTP_PROXY_SAY, "HTTP/1.1 200 OK\r\n", DIAL_PROXY_CLOSED,
		  ECONNRESET, 200, "the proxy closed the connection" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void squid_error(void)
{
	static const struct row rows[] = {
		{ HTTP_PROXY_SAY,
		  "HTTP/1.1 403 Forbidden\r\nx-squid-error: "
		  "ERR_ACCESS_DENIED 0\r\nContent-Length: 0\r\n\r\n",
		  DIAL_PROXY_DENIED, ECONNREFUSED, 403,
		  "403 Forbidden (ERR_ACCESS_DENIED)" },
		/* The proxy's text is not to be believed. */
		{ HTTP_PROXY_SAY,
		  "HTTP/1.1 403 a\x1b[31mb\xff\r\nX-Squid-Error: "
		  "E\x07V%s%n 0\r\nContent-Length: 0\r\n\r\n",
		  DIAL_PROXY_DENIED, ECONNREFUSED, 403,
		  "403 a?[31mb? (E?V%s%n)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* 1 MB of headers, or a status line of 10 kB. */
static void endless_answers(void)
{
	size_t big = 1 << 20;
	char *text = malloc(big + 64);
	struct http_proxy_opts opts = { .way = HTTP_PROXY_SAY, .answer = text };
	struct dial_request *req;
	struct http_proxy *p;
	struct lab l;

	strcpy(text, "HTTP/1.1 403 ");
	memset(text + 13, 'x', 10000);
	strcpy(text + 10013, "\r\n\r\n");
	lab_open(&l);
	p = http_proxy_new(&opts);
	req = dial(&l, p, 5000);
	CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_DENIED);
	dial_request_free(req);
	http_proxy_free(p);
	strcpy(text, "HTTP/1.1 200 OK\r\nX: ");
	memset(text + 20, 'y', big);
	text[20 + big] = '\0';
	p = http_proxy_new(&opts);
	req = dial(&l, p, 5000);
	CU_ASSERT_NOT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_NOT_EQUAL(req->error, 0);
	dial_request_free(req);
	http_proxy_free(p);
	lab_close(&l);
	free(text);
}

static void time_outs(void)
{
	static const enum http_proxy_way ways[] = { HTTP_PROXY_SILENT,
						    HTTP_PROXY_DRIP,
						    HTTP_PROXY_UNENDED,
						    HTTP_PROXY_DEAF };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct http_proxy_opts opts = { .way = ways[i] };
		struct dial_request *req;
		struct http_proxy *p;
		struct lab l;
		uint64_t start, took;

		lab_open(&l);
		p = http_proxy_new(&opts);
		start = clock_now_ms();
		req = dial(&l, p, 300);
		took = clock_now_ms() - start;
		CU_ASSERT(took >= 290 && took < 1000);
		CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_TIMEOUT);
		CU_ASSERT_EQUAL(req->error, ETIMEDOUT);
		CU_ASSERT_EQUAL(req->fd, -1);
		check_words(req, "no answer in time");
		dial_request_free(req);
		http_proxy_free(p);
		lab_close(&l);
	}
}

static void check_fresh(const struct dial_request *req)
{
	int one = 0;
	socklen_t len = sizeof(one);

	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->error, 0);
	CU_ASSERT_FALSE(req->same_socket);
	CU_ASSERT_FATAL(req->fd >= 0);
	CU_ASSERT_STRING_EQUAL(req->detail, "");
	CU_ASSERT(fcntl(req->fd, F_GETFL) & O_NONBLOCK);
	CU_ASSERT(fcntl(req->fd, F_GETFD) & FD_CLOEXEC);
	getsockopt(req->fd, IPPROTO_TCP, TCP_NODELAY, &one, &len);
	CU_ASSERT_EQUAL(one, 1);
}

static void good_answers(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct http_proxy_opts opts = { .answer = answers[i],
						.delay_ms = i == 0 ? 200 : 0 };
		struct dial_request *req;
		struct http_proxy *p;
		struct lab l;

		lab_open(&l);
		p = http_proxy_new(&opts);
		req = dial(&l, p, 5000);
		check_fresh(req);
		CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
		dial_request_free(req);
		http_proxy_free(p);
		lab_close(&l);
	}
}

/* Not one byte behind the answer is lost. */
static void early_data(void)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_EARLY };
	struct dial_request *req;
	struct http_proxy *p;
	struct lab l;
	char buf[16];

	lab_open(&l);
	p = http_proxy_new(&opts);
	req = dial(&l, p, 5000);
	check_fresh(req);
	CU_ASSERT_EQUAL(recv(req->fd, buf, sizeof(buf), 0), 5);
	CU_ASSERT_EQUAL(memcmp(buf, "early", 5), 0);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
	dial_request_free(req);
	http_proxy_free(p);
	lab_close(&l);
}

static void request_text(const char *host, bool alpn, const char *user,
			 const char *want, const char *never)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL };
	struct dial_request *req;
	struct http_proxy *p;
	struct lab l;
	char text[4096], login[64];

	/* Nothing is told to a proxy that does not ask. */
	snprintf(login, sizeof(login), "%s:s:e@c", user);
	if (*user != '\0')
		opts.login = login;

	lab_open(&l);
	p = http_proxy_new(&opts);
	req = lab_request(&l, host, 443);
	req->egress = lab_egress("one.test", http_proxy_port(p), user, "s:e@c");
	req->alpn_header = alpn;
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	http_proxy_last_request(p, text, sizeof(text));
	if (strstr(text, want) == NULL) {
		fprintf(stderr, "\n%s\nlacks %s\n", text, want);
		CU_FAIL("request");
	}
	CU_ASSERT_PTR_NULL(strstr(text, never));
	CU_ASSERT_PTR_NULL(strstr(text, "curl"));
	dial_request_free(req);
	http_proxy_free(p);
	lab_close(&l);
}

static void requests(void)
{
	request_text("relay.example", false, "",
		     "CONNECT relay.example:443 HTTP/1.1\r\nHost: "
		     "relay.example:443\r\n",
		     "ALPN");
	request_text("2001:db8::1", false, "",
		     "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n", "Authorization");
	request_text("192.0.2.1", true, "", "\r\nALPN: stun.turn\r\n",
		     "Authorization");
	/* base64("al%41ice:s:e@c") */
	request_text("under_score.example", true, "al%41ice",
		     "\r\nProxy-Authorization: Basic YWwlNDFpY2U6czplQGM=\r\n",
		     "al%41ice");
}

static void hostile_names(void)
{
	static const char *const names[] = {
		"",    "a b", "a\r\nX: y",  "a/b",  "u@h", "a?b", "[::1]",
		"a:b", "1.2", "0x7f000001", "\xff", "..",  "a#b", "a%41",
	};
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL };
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct dial_request *req = lab_request(&l, names[i], 443);

		req->egress = lab_egress("127.0.0.1", http_proxy_port(p), "",
					 "");
		lab_start(&l, req);
		lab_run(&l);
		CU_ASSERT_EQUAL(req->reason, DIAL_TARGET_DNS);
		CU_ASSERT_EQUAL(req->error, EHOSTUNREACH);
		dial_request_free(req);
	}
	CU_ASSERT_EQUAL(http_proxy_connections(p), 0);
	http_proxy_free(p);
	lab_close(&l);
}

/* The environment says nothing: what is configured is what is used. */
static void environment_is_ignored(void)
{
	setenv("no_proxy", "*", 1);
	setenv("NO_PROXY", "*", 1);
	setenv("http_proxy", "http://192.0.2.1:1", 1);
	setenv("ALL_PROXY", "socks5://192.0.2.1:1", 1);
	request_text("relay.example", false, "", "CONNECT relay.example:443",
		     "ALPN");
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void proxy_not_there(void)
{
	static const struct {
		const char *host;
		enum dial_reason reason;
		int error;
		const char *words;
	} rows[] = {
		{ "127.0.0.1", DIAL_PROXY_REFUSED, ECONNREFUSED,
		  "proxy 127.0.0.1:1: connect: Connection refused" },
		{ "nosuch.test", DIAL_PROXY_DNS, EHOSTUNREACH,
		  "proxy nosuch.test:1: name look-up: no such name" },
		{ "dead.test", DIAL_PROXY_DNS, EHOSTUNREACH,
		  "proxy dead.test:1: name look-up: the resolver failed" },
		{ "slow.test", DIAL_PROXY_DNS, EHOSTUNREACH,
		  "name look-up: the resolver did not answer in time" },
	};
	struct lab l;

	lab_open(&l);
	atomic_store(&resolver_slow_ms, 900);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dial_request *req = lab_request(&l, TARGET, 443);
		uint64_t start = clock_now_ms();

		req->egress = lab_egress(rows[i].host, 1, "", "");
		req->timeout_ms = 300;
		lab_start(&l, req);
		lab_run(&l);
		CU_ASSERT(clock_now_ms() - start < 700);
		CU_ASSERT_EQUAL(req->reason, rows[i].reason);
		CU_ASSERT_EQUAL(req->error, rows[i].error);
		check_words(req, rows[i].words);
		dial_request_free(req);
	}
	lab_close(&l);
	poll(NULL, 0, 900); /* the look-up that was left alone */
}

/* The first address refuses, the second is the proxy. */
static void second_address(void)
{
	struct http_proxy_opts opts = { .ip = "127.0.0.2" };
	struct dial_request *req;
	struct http_proxy *p;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&opts);
	req = lab_request(&l, TARGET, 443);
	req->egress = lab_egress("two.test", http_proxy_port(p), "", "");
	lab_start(&l, req);
	lab_run(&l);
	check_fresh(req);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
	dial_request_free(req);
	http_proxy_free(p);
	lab_close(&l);
}

static void direct(void)
{
	struct tls_server_opts opts = { .name = "one.test" };
	struct tls_server *s;
	struct dial_request *req;
	struct lab l;

	lab_open(&l);
	s = tls_server_new(&opts);
	req = lab_request(&l, "one.test", tls_server_port(s));
	lab_start(&l, req);
	lab_run(&l);
	check_fresh(req);
	CU_ASSERT_EQUAL(req->http_code, 0);
	dial_request_free(req);
	req = lab_request(&l, "one.test", 1);
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, DIAL_TARGET_REFUSED);
	CU_ASSERT_EQUAL(req->error, ECONNREFUSED);
	CU_ASSERT_STRING_EQUAL(req->detail,
			       "one.test:1: connect: Connection refused");
	dial_request_free(req);
	req = lab_request(&l, "nosuch.test", 1);
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, DIAL_TARGET_DNS);
	CU_ASSERT_EQUAL(req->error, EHOSTUNREACH);
	dial_request_free(req);
	tls_server_free(s);
	lab_close(&l);
}

struct inner {
	struct tls_server_opts server;
	bool through_proxy;
	const char *host;
	enum dial_reason reason;
	int error;
	const char *words;
};

static void check_inner(const struct inner *in)
{
	struct tls_server *s;
	struct http_proxy_opts opts;
	struct http_proxy *p;
	struct dial_request *req;
	struct lab l;
	const char *words;
	char byte;
	size_t n;

	lab_open(&l);
	s = tls_server_new(&in->server);
	opts = (struct http_proxy_opts){ .forward_port = tls_server_port(s) };
	p = http_proxy_new(&opts);
	req = lab_request(&l, in->host, tls_server_port(s));
	req->timeout_ms = 500;
	if (in->through_proxy)
		req->egress = lab_egress("127.0.0.1", http_proxy_port(p), "",
					 "");
	req->tls = tls_ctx_new(tls_server_ca_file(s), &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(req->tls);
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, in->reason);
	CU_ASSERT_EQUAL(req->error, in->error);
	if (in->reason == DIAL_OK) {
		check_fresh(req);
		CU_ASSERT_PTR_NOT_NULL_FATAL(req->session);
		CU_ASSERT_EQUAL(tls_write(req->session, "x", 1, &n), IO_OK);
		while (tls_read(req->session, &byte, 1, &n) == IO_WANT_READ)
			poll(NULL, 0, 1);
		CU_ASSERT_EQUAL(byte, 'x');
	} else {
		CU_ASSERT_EQUAL(req->fd, -1);
		CU_ASSERT_PTR_NULL(req->session);
		check_words(req, in->words);
	}
	tls_ctx_put(req->tls);
	dial_request_free(req);
	http_proxy_free(p);
	tls_server_free(s);
	lab_close(&l);
}

static void tls_inside(void)
{
	static const struct inner rows[] = {
		{ { .name = "one.test" }, false, "one.test", DIAL_OK, 0, "" },
		{ { .name = "r.example" }, true, "r.example", DIAL_OK, 0, "" },
		{ { .name = "x.example" },
		  true,
		  "r.example",
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  "TLS: certificate of r.example: hostname mismatch (subject "
		  "CN = x.example" },
		{ { .name = "r.example", .stranger = true },
		  true,
		  "r.example",
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  "issuer CN = Stranger CA); if that issuer is the relay's, "
		  "name its certificate in ca_file; if not, a proxy that "
		  "inspects TLS has re-signed it: ask IT to exempt "
		  "r.example:" },
		{ { .way = TLS_SERVER_SILENT },
		  true,
		  "r.example",
		  DIAL_TARGET_TIMEOUT,
		  ETIMEDOUT,
		  "TLS: no answer to the handshake in time" },
		{ { .way = TLS_SERVER_HANG_UP },
		  true,
		  "r.example",
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  "TLS: closed during the handshake" },
		{ { .way = TLS_SERVER_PLAINTEXT },
		  false,
		  "one.test",
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  "TLS: the answer is plain HTTP; this looks like a captive "
		  "portal" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_inner(&rows[i]);
}

static void reason_names(void)
{
	CU_ASSERT_STRING_EQUAL(dial_reason_name(DIAL_PROXY_DENIED),
			       "proxy_denied");
	CU_ASSERT_STRING_EQUAL(dial_reason_name(DIAL_INTERNAL), "internal");
	CU_ASSERT_STRING_EQUAL(dial_reason_name(DIAL_NUM_REASONS), "unknown");
}

static CU_TestInfo tests[] = {
	{ "the errno table", errno_table },
	{ "squid's reason, hostile text", squid_error },
	{ "endless answers", endless_answers },
	{ "time-outs", time_outs },
	{ "good answers", good_answers },
	{ "early data", early_data },
	{ "what is asked", requests },
	{ "names that are none", hostile_names },
	{ "environment", environment_is_ignored },
	{ "proxy not there", proxy_not_there },
	{ "second address", second_address },
	{ "direct", direct },
	{ "TLS inside", tls_inside },
	{ "names of reasons", reason_names },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "dial", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
