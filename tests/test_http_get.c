/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_http_get.c - documents from a web service, directly and through a
 * proxy, and everything that services and proxies do instead
 */
#include <config.h>

#include "../tunneld/http_get.h"

#include "../tunneld/clock_skew.h"
#include "../tunneld/tls.h"
#include "fake/http_proxy.h"
#include "fake/http_server.h"
#include "fake/socks_server.h"
#include "fake/tls_server.h"
#include "lib/dial_lab.h"
#include "lib/unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OK_JSON                                                 \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
	"Content-Length: 10\r\n\r\n{\"a\":\"b\"} "

struct fetch {
	struct http_get g;
	struct cancel cancel;
	char url[300];
};

static void prepare(struct fetch *f, struct lab *l, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void prepare(struct fetch *f, struct lab *l, const char *fmt, ...)
{
	va_list ap;

	memset(f, 0, sizeof(*f));
	va_start(ap, fmt);
	vsnprintf(f->url, sizeof(f->url), fmt, ap);
	va_end(ap);
	cancel_init(&f->cancel);
	f->g.url = f->url;
	f->g.pool = l->pool;
	f->g.cancel = &f->cancel;
	f->g.deadline_ms = clock_now_ms() + 10000;
}

static void finish(struct fetch *f)
{
	http_get_fini(&f->g);
	cancel_fini(&f->cancel);
	egress_put(f->g.egress);
}

static const char *say(void *arg, const char *request)
{
	(void)request;
	return arg;
}

static void test_get(void)
{
	struct http_server *s;
	char request[1000];
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = http_server_new(say, (void *)OK_JSON);
	prepare(&f, &l, "http://127.0.0.1:%u/turn?key=1", http_server_port(s));
	f.g.headers = "Authorization: Bearer x\r\n\nX-Two:  y\n";
	CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
	CU_ASSERT_EQUAL(f.g.status, 200);
	CU_ASSERT_STRING_EQUAL(f.g.data, "{\"a\":\"b\"} ");
	CU_ASSERT_EQUAL(f.g.len, 10);
	http_server_last_request(s, request, sizeof(request));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, "GET /turn?key=1 HTTP/1.1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(request, "\r\nAuthorization: Bearer x\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, "\r\nX-Two:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, "\r\nUser-Agent: turnout\r\n"));
	finish(&f);
	http_server_free(s);
	lab_close(&l);
}

static void test_post(void)
{
	struct http_server *s;
	char request[1000];
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = http_server_new(say, (void *)OK_JSON);
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	f.g.body = "{\"ttl\": 86400}";
	CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
	http_server_last_request(s, request, sizeof(request));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, "POST / HTTP/1.1\r\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(request, "\r\nContent-Type: application/json\r\n"));
	CU_ASSERT_PTR_NULL(strstr(request, "Expect"));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, "\r\n\r\n{\"ttl\": 86400}"));
	finish(&f);
	http_server_free(s);
	lab_close(&l);
}

/* What must not reach the wire never opens a connection's request. */
static void test_bad_headers(void)
{
	static const char *const rows[] = {
		"Host: other",
		"no colon",
		": empty",
		"X: a\rInjected: b",
		"X Y: a",
		"X: a\x01",
		"Content-Length: 9",
		"Transfer-Encoding: chunked",
		"Proxy-Authorization: Basic eDp5",
	};
	struct http_server *s;
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = http_server_new(say, (void *)OK_JSON);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
		f.g.headers = rows[i];
		CU_ASSERT_EQUAL(http_get(&f.g), -EINVAL);
		CU_ASSERT_PTR_NULL(f.g.data);
		finish(&f);
	}
	CU_ASSERT_EQUAL(http_server_requests(s), 0);
	http_server_free(s);
	lab_close(&l);
}

static void test_bad_urls(void)
{
	static const char *const rows[] = {
		"",
		"file:///etc/passwd",
		"ftp://127.0.0.1/",
		"gopher://127.0.0.1:1/x",
		"http://u:p@127.0.0.1/",
	};
	struct fetch f;
	struct lab l;

	lab_open(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		prepare(&f, &l, "%s", rows[i]);
		CU_ASSERT_EQUAL(http_get(&f.g), -EINVAL);
		finish(&f);
	}
	lab_close(&l);
}

/* Each answer, and what is said of it; never what stands behind the host. */
static void test_answers(void)
{
	static const struct {
		const char *answer;
		int error;
		const char *words;
	} rows[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		  -ECONNABORTED, "404" },
		{ "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", -EACCES,
		  "401" },
		{ "HTTP/1.1 304 Not Modified\r\n\r\n", -ECONNABORTED, "304" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
		  -ECONNABORTED, "" },
		{ "SSH-2.0-x\r\n\r\n", -ECONNABORTED, "" },
		{ "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
		  "Content-Length: 0\r\n\r\n",
		  -EPROTO, "redirects" },
		{ "HTTP/1.1 302 Found\r\nLocation: /again\r\n"
		  "Content-Length: 0\r\n\r\n",
		  -ELOOP, "too many" },
	};
	struct fetch f;
	struct lab l;

	lab_open(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_server *s = http_server_new(say,
							(void *)rows[i].answer);

		prepare(&f, &l, "http://127.0.0.1:%u/SECRET?SECRET",
			http_server_port(s));
		CU_ASSERT_EQUAL(http_get(&f.g), rows[i].error);
		CU_ASSERT_PTR_NOT_NULL(strstr(f.g.words, rows[i].words));
		CU_ASSERT_PTR_NOT_NULL(strstr(f.g.words, "127.0.0.1"));
		CU_ASSERT_PTR_NULL(strstr(f.g.words, "SECRET"));
		CU_ASSERT(http_server_requests(s) <= 1 + HTTP_GET_REDIRECTS);
		finish(&f);
		http_server_free(s);
	}
	lab_close(&l);
}

static void test_large(void)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
	static const char header[] = "HTTP/1.1 200 OK\r\n";
	char *text = malloc(200000);
	struct http_server *s;
	struct fetch f;
	struct lab l;

	lab_open(&l);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int extra = 0; extra < 2; extra++) {
		size_t len = HTTP_GET_BYTES_MAX + (size_t)extra;

		strcpy(text, head);
		memset(text + strlen(head), 'x', len);
		text[strlen(head) + len] = '\0';
		s = http_server_new(say, text);
		prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
		CU_ASSERT_EQUAL(http_get(&f.g), extra ? -E2BIG : 0);
		CU_ASSERT_EQUAL(f.g.len, extra ? 0 : len);
		finish(&f);
		http_server_free(s);
	}
	/* header fields without an end */
	strcpy(text, header);
	for (size_t used = strlen(header); used < 150000;)
		used += (size_t)sprintf(text + used, "X: %0900d\r\n", 1);
	s = http_server_new(say, text);
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	CU_ASSERT_NOT_EQUAL(http_get(&f.g), 0);
	finish(&f);
	http_server_free(s);
	free(text);
	lab_close(&l);
}

static void test_deadline(void)
{
	struct http_server *s;
	uint64_t start = clock_now_ms();
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = http_server_new(say, NULL);
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	f.g.deadline_ms = start + 300;
	CU_ASSERT_EQUAL(http_get(&f.g), -ETIMEDOUT);
	CU_ASSERT(clock_now_ms() - start >= 290);
	CU_ASSERT(clock_now_ms() - start < 5000);
	finish(&f);
	http_server_free(s);
	lab_close(&l);
}

static void *run_get(void *arg)
{
	struct fetch *f = arg;

	return http_get(&f->g) == -ECANCELED ? f : NULL;
}

static void test_cancel(void)
{
	struct http_server *s;
	uint64_t start = clock_now_ms();
	pthread_t thread;
	struct fetch f;
	struct lab l;
	void *result;

	lab_open(&l);
	s = http_server_new(say, NULL);
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	f.g.deadline_ms = start + 60000;
	pthread_create(&thread, NULL, run_get, &f);
	while (http_server_requests(s) == 0)
		poll(NULL, 0, 5);
	cancel_now(&f.cancel);
	pthread_join(thread, &result);
	CU_ASSERT_PTR_NOT_NULL(result);
	CU_ASSERT(clock_now_ms() - start < 30000);
	finish(&f);
	http_server_free(s);
	lab_close(&l);
}

/* Redirects: what was meant for the first host stays there. */

struct redirects {
	char to[400];
	unsigned int status;
};

static const char *redirect(void *arg, const char *request)
{
	static __thread char answer[600];
	struct redirects *r = arg;

	if (strstr(request, " /end ") != NULL)
		return OK_JSON;
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 %u Moved\r\nLocation: %s\r\nContent-Length: 0\r\n"
		 "\r\n",
		 r->status, r->to);
	return answer;
}

static void test_redirect_same_host(void)
{
	struct redirects r = { .to = "/end" };
	struct http_server *s;
	static const unsigned int codes[] = { 301, 302, 303, 307, 308 };
	char request[1000];
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = http_server_new(redirect, &r);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		r.status = codes[i];
		prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
		f.g.headers = "X-Key: k";
		f.g.body = "{}";
		CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
		http_server_last_request(s, request, sizeof(request));
		CU_ASSERT_PTR_NOT_NULL(strstr(request, "X-Key: k"));
		CU_ASSERT_EQUAL(strncmp(request, "POST", 4) == 0,
				codes[i] >= 307);
		finish(&f);
	}
	http_server_free(s);
	lab_close(&l);
}

static void test_redirect_other_host(void)
{
	struct http_server *other;
	struct redirects r = { .status = 302 };
	struct http_server *s;
	char request[1000];
	struct fetch f;
	struct lab l;

	lab_open(&l);
	other = http_server_new(say, (void *)OK_JSON);
	s = http_server_new(redirect, &r);
	snprintf(r.to, sizeof(r.to), "http://127.0.0.1:%u/x",
		 http_server_port(other));
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	f.g.headers = "X-Key: k";
	CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
	http_server_last_request(other, request, sizeof(request));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, "GET /x "));
	CU_ASSERT_PTR_NULL(strstr(request, "X-Key"));
	finish(&f);
	/* and a body is not sent on at all */
	r.status = 307;
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	f.g.body = "{\"key\":1}";
	CU_ASSERT_EQUAL(http_get(&f.g), -EPROTO);
	CU_ASSERT_EQUAL(http_server_requests(other), 1);
	finish(&f);
	http_server_free(s);
	http_server_free(other);
	lab_close(&l);
}

/* TLS */

static void get_tls(struct lab *l, const struct tls_server_opts *opts,
		    bool trusted, int rc, const char *words)
{
	struct tls_server *s = tls_server_new(opts);
	struct fetch f;

	prepare(&f, l, "https://127.0.0.1:%u/p", tls_server_port(s));
	f.g.ca_file = trusted ? tls_server_ca_file(s) : NULL;
	CU_ASSERT_EQUAL(http_get(&f.g), rc);
	if (rc == 0)
		CU_ASSERT_STRING_EQUAL(f.g.data, "{\"a\":\"b\"} ")
	else if (strstr(f.g.words, words) == NULL)
		printf("%s\n", f.g.words);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.g.words, words));
	finish(&f);
	tls_server_free(s);
}

static void test_tls(void)
{
	struct tls_server_opts o = { .way = TLS_SERVER_SAY,
				     .answer = OK_JSON,
				     .ip = "127.0.0.1" };
	struct lab l;

	lab_open(&l);
	get_tls(&l, &o, true, 0, "");
	get_tls(&l, &o, false, -ECONNABORTED, "certificate");
	o.stranger = true;
	get_tls(&l, &o, true, -ECONNABORTED, "certificate");
	o.stranger = false;
	o.expired = true;
	get_tls(&l, &o, true, -ECONNABORTED, "certificate");
	o.expired = false;
	o.ip = NULL;
	o.name = "other.example";
	get_tls(&l, &o, true, -ECONNABORTED, "127.0.0.1");
	o = (struct tls_server_opts){
		.way = TLS_SERVER_SAY,
		.ip = "127.0.0.1",
		.answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/x"
			  "\r\nContent-Length: 0\r\n\r\n",
	};
	get_tls(&l, &o, true, -EPROTO, "https to http");
	lab_close(&l);
}

/* Through a proxy */

static void test_proxy(void)
{
	const struct tls_server_opts o = { .way = TLS_SERVER_SAY,
					   .answer = OK_JSON,
					   .ip = "127.0.0.1" };
	struct tls_server *s;
	struct http_proxy *p;
	char request[1000], connect[64];
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = tls_server_new(&o);
	p = http_proxy_new(&(struct http_proxy_opts){
		.login = "al:p:w", .forward_port = tls_server_port(s) });
	prepare(&f, &l, "https://127.0.0.1:%u/p", tls_server_port(s));
	f.g.ca_file = tls_server_ca_file(s);
	f.g.headers = "Authorization: Bearer SECRET";
	f.g.egress = lab_egress("localhost", http_proxy_port(p), "al", "p:w");
	CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
	CU_ASSERT_STRING_EQUAL(f.g.words, "");
	http_proxy_last_request(p, request, sizeof(request));
	snprintf(connect, sizeof(connect), "CONNECT 127.0.0.1:%u ",
		 tls_server_port(s));
	CU_ASSERT_PTR_NOT_NULL(strstr(request, connect));
	CU_ASSERT_PTR_NULL(strstr(request, "SECRET"));
	finish(&f);
	http_proxy_free(p);
	tls_server_free(s);
	lab_close(&l);
}

static struct egress *egress_of(struct proxy *p)
{
	struct egress_opts opts = { .proxy = &p, .count = 1 };
	struct egress *e = egress_new(&opts);

	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	proxy_put(p);
	return e;
}

static void get_by(struct lab *l, const struct tls_server *s, struct proxy *p)
{
	struct fetch f;

	strcpy(p->host, "127.0.0.1");
	prepare(&f, l, "https://127.0.0.1:%u/p", tls_server_port(s));
	f.g.ca_file = tls_server_ca_file(s);
	f.g.egress = egress_of(p);
	CU_ASSERT_EQUAL(http_get(&f.g), 0);
	CU_ASSERT_STRING_EQUAL(f.g.words, "");
	finish(&f);
}

/* TLS to the service inside TLS to the proxy; and inside SOCKS. */
static void test_proxy_kinds(void)
{
	const struct tls_server_opts o = { .way = TLS_SERVER_SAY,
					   .answer = OK_JSON,
					   .ip = "127.0.0.1" };
	struct tls_server_opts front = { .way = TLS_SERVER_FORWARD,
					 .ip = "127.0.0.1" };
	struct tls_server *s, *outer;
	struct socks_server *socks;
	struct http_proxy *inner;
	struct proxy *p;
	const char *words;
	struct lab l;

	lab_open(&l);
	s = tls_server_new(&o);
	inner = http_proxy_new(&(struct http_proxy_opts){
		.forward_port = tls_server_port(s) });
	front.forward_port = http_proxy_port(inner);
	outer = tls_server_new(&front);
	p = proxy_new();
	p->kind = PROXY_HTTPS;
	p->port = tls_server_port(outer);
	p->tls = tls_ctx_new(tls_server_ca_file(outer), &words);
	get_by(&l, s, p);
	CU_ASSERT_EQUAL(http_proxy_connections(inner), 1);
	socks = socks_server_new(&(struct socks_server_opts){
		.forward_port = tls_server_port(s) });
	p = proxy_new();
	p->kind = PROXY_SOCKS5;
	p->port = socks_server_port(socks);
	get_by(&l, s, p);
	CU_ASSERT_EQUAL(socks_server_connections(socks), 1);
	socks_server_free(socks);
	tls_server_free(outer);
	http_proxy_free(inner);
	tls_server_free(s);
	lab_close(&l);
}

/* Not by this module, and not by dials: one wrong password is sent once. */
static void test_refused_password(void)
{
	struct http_proxy *p;
	struct dial_request *req;
	struct fetch f;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&(struct http_proxy_opts){ .login = "al:right" });
	for (int i = 0; i < 3; i++) {
		prepare(&f, &l, "%s",
			i == 1 ? "http://relay.example/"
			       : "https://relay.example/");
		f.g.egress = lab_egress("127.0.0.1", http_proxy_port(p), "al",
					"wrong");
		CU_ASSERT_EQUAL(http_get(&f.g), -EACCES);
		CU_ASSERT_PTR_NOT_NULL(
			strstr(f.g.words, i == 0 ? "407" : "refused"));
		CU_ASSERT_PTR_NULL(strstr(f.g.words, "wrong"));
		finish(&f);
	}
	CU_ASSERT_EQUAL(http_proxy_logins(p), 1);
	req = lab_request(&l, "relay.example", 443);
	req->egress = lab_egress("127.0.0.1", http_proxy_port(p), "al",
				 "wrong");
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_AUTH);
	CU_ASSERT_EQUAL(http_proxy_logins(p), 1);
	dial_request_free(req);
	http_proxy_free(p);
	lab_close(&l);
}

/* … and the other way round. */
static void test_refused_by_dial(void)
{
	struct http_proxy *p;
	struct fetch f;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&(struct http_proxy_opts){ .login = "al:right" });
	prepare(&f, &l, "http://relay.example/");
	f.g.egress = lab_egress("127.0.0.1", http_proxy_port(p), "al", "wrong");
	CU_ASSERT_EQUAL(http_get(&f.g), -EACCES);
	CU_ASSERT_EQUAL(f.g.status, 0); /* the host has said nothing */
	CU_ASSERT_EQUAL(http_get(&f.g), -EACCES);
	CU_ASSERT_EQUAL(http_proxy_logins(p), 1);
	finish(&f);
	http_proxy_free(p);
	lab_close(&l);
}

static void test_proxy_refuses(void)
{
	struct http_proxy *p;
	struct fetch f;
	struct lab l;

	lab_open(&l);
	p = http_proxy_new(&(struct http_proxy_opts){
		.way = HTTP_PROXY_SAY,
		.answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n"
			  "\r\n" });
	prepare(&f, &l, "https://relay.example/");
	f.g.egress = lab_egress("127.0.0.1", http_proxy_port(p), "", "");
	CU_ASSERT_EQUAL(http_get(&f.g), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(f.g.words, "CONNECT relay.example:443: 403"));
	finish(&f);
	http_proxy_free(p);
	lab_close(&l);
}

/* libcurl looks at them by itself unless it is told not to. */
static void test_environment(void)
{
	struct http_server *s;
	struct http_proxy *p;
	struct fetch f;
	struct lab l;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	setenv("no_proxy", "*", 1);
	lab_open(&l);
	s = http_server_new(say, (void *)OK_JSON);
	p = http_proxy_new(&(struct http_proxy_opts){
		.forward_port = http_server_port(s) });
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
	finish(&f);
	prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
	f.g.egress = lab_egress("127.0.0.1", http_proxy_port(p), "", "");
	/* by it in spite of no_proxy */
	CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
	CU_ASSERT_EQUAL(http_proxy_connections(p), 1);
	finish(&f);
	http_proxy_free(p);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("no_proxy");
	http_server_free(s);
	lab_close(&l);
}

static void test_nobody_there(void)
{
	struct http_server *s;
	unsigned int port;
	struct fetch f;
	struct lab l;

	lab_open(&l);
	s = http_server_new(say, NULL);
	port = http_server_port(s);
	http_server_free(s);
	prepare(&f, &l, "https://127.0.0.1:%u/SECRET", port);
	CU_ASSERT_EQUAL(http_get(&f.g), -ECONNREFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.g.words, "connect"));
	CU_ASSERT_PTR_NULL(strstr(f.g.words, "SECRET"));
	finish(&f);
	lab_close(&l);
}

/* Dates */

static void make_dated(char *out, size_t max, time_t t)
{
	char date[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(out, max,
		 "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 2\r\n\r\n{}",
		 date);
}

static void test_date(void)
{
	char answer[200];
	struct http_server *s;
	static const int skews[] = { 86400, -7200, 3 };
	struct fetch f;
	struct lab l;

	lab_open(&l);
	for (size_t i = 0; i < sizeof(skews) / sizeof(skews[0]); i++) {
		int64_t skew;

		make_dated(answer, sizeof(answer), time(NULL) + skews[i]);
		s = http_server_new(say, answer);
		prepare(&f, &l, "http://127.0.0.1:%u/", http_server_port(s));
		CU_ASSERT_EQUAL_FATAL(http_get(&f.g), 0);
		skew = clock_skew_s(dial_skew(l.pool));
		if (skews[i] == 3)
			CU_ASSERT_EQUAL(skew, 0)
		else
			CU_ASSERT(llabs(skew - skews[i]) <= 30);
		finish(&f);
		http_server_free(s);
	}
	lab_close(&l);
}

static CU_TestInfo tests[] = {
	{ "GET with header lines", test_get },
	{ "POST of JSON", test_post },
	{ "header lines that would be others", test_bad_headers },
	{ "URLs that are none", test_bad_urls },
	{ "answers that do not help", test_answers },
	{ "answers are bounded", test_large },
	{ "time is bounded", test_deadline },
	{ "it can be broken off", test_cancel },
	{ "redirects on the same host", test_redirect_same_host },
	{ "redirects to another host get no secrets",
	  test_redirect_other_host },
	{ "certificates are verified, https stays https", test_tls },
	{ "through a proxy with a password", test_proxy },
	{ "through https:// and socks5:// proxies", test_proxy_kinds },
	{ "a refused proxy password is sent once", test_refused_password },
	{ "… for plain http, too", test_refused_by_dial },
	{ "a proxy that forbids", test_proxy_refuses },
	{ "the environment has no say", test_environment },
	{ "nobody there", test_nobody_there },
	{ "the date tells how wrong the clock is", test_date },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "http_get", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_run(suites);
}
