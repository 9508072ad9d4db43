/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_doh.c - DNS over HTTPS: the request on the wire, and what comes back */
#include <config.h>

#include "doh.h"

#include "addr.h"
#include "buf.h"
#include "dial.h"
#include "egress.h"
#include "fake/http_proxy.h"
#include "lib/dial_lab.h"
#include "lib/unit.h"
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define REQUEST_MAX 2048

/* A service that has one IPv4 address, and an IPv6 one for names that begin
 * with "six". */
struct service {
	int listener;
	uint16_t port;
	pthread_t thread;
	const char *type, *status;
	char request[REQUEST_MAX]; /* the last one's head */
	unsigned int requests;
	bool silent;
};

static struct loop *loop;
static struct dial_pool *pool;

/* The head ends where the body begins; the query is all of the body. */
static size_t read_request(int fd, struct service *s, uint8_t *query)
{
	char data[REQUEST_MAX];
	size_t have = 0, want = 0, head = 0;
	ssize_t n;

	while (head == 0 || have < head + want) {
		char *end, *length;

		n = recv(fd, data + have, sizeof(data) - 1 - have, 0);
		if (n <= 0)
			return 0;
		have += (size_t)n;
		data[have] = '\0';
		end = strstr(data, "\r\n\r\n");
		length = strstr(data, "Content-Length: ");
		if (end == NULL || length == NULL)
			continue;
		head = (size_t)(end + 4 - data);
		want = strtoul(length + 16, NULL, 10);
	}
	memcpy(query, data + head, want);
	data[head] = '\0';
	memcpy(s->request, data, head + 1);
	return want;
}

static size_t make_answer(const uint8_t *query, size_t len, uint8_t *out)
{
	bool six = memcmp(query + 13, "six", 3) == 0;
	bool aaaa = query[len - 3] == 28, has = six == aaaa;
	struct buf b;

	buf_init(&b, out, 512);
	buf_put(&b, query, len);
	out[2] = 0x81;
	out[3] = memcmp(query + 13, "none", 4) == 0 ? 0x83 : 0x80;
	out[7] = has && out[3] == 0x80;
	if (out[7] == 0)
		return b.len;
	buf_put(&b, "\xc0\x0c\0", 3);
	buf_put_u8(&b, query[len - 3]);
	buf_put(&b, "\0\1\0\0\0\x3c\0", 7);
	buf_put_u8(&b, six ? 16 : 4);
	buf_put(&b,
		six ? "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" : "\xc0\0\2\1",
		six ? 16 : 4);
	return b.len;
}

static void serve(struct service *s, int fd)
{
	uint8_t query[REQUEST_MAX], answer[512];
	size_t len = read_request(fd, s, query);
	char head[256];
	int n;

	if (len == 0)
		return;
	s->requests++;
	if (s->silent) {
		while (recv(fd, head, sizeof(head), 0) > 0)
			;
		return;
	}
	len = make_answer(query, len, answer);
	n = snprintf(head, sizeof(head),
		     "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu"
		     "\r\nConnection: close\r\n\r\n",
		     s->status, s->type, len);
	if (send(fd, head, (size_t)n, MSG_NOSIGNAL) == n)
		(void)!send(fd, answer, len, MSG_NOSIGNAL);
}

static void *run(void *arg)
{
	struct service *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		serve(s, fd);
		close(fd);
	}
	return NULL;
}

static void service_open(struct service *s)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);

	*s = (struct service){ .type = "application/dns-message",
			       .status = "200 OK" };
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(
		bind(s->listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(s->listener, 8), 0);
	getsockname(s->listener, (struct sockaddr *)&sin, &len);
	s->port = ntohs(sin.sin_port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, run, s), 0);
}

static void service_close(struct service *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
}

struct answer {
	int calls, error;
	char text[128];
};

static void on_answer(void *arg, int error, const struct endpoint *addrs,
		      size_t count, uint64_t now_ms)
{
	struct answer *a = arg;
	char text[ADDR_TEXT_MAX];

	(void)now_ms;
	a->calls++;
	a->error = error;
	for (size_t i = 0; i < count; i++)
		strcat(a->text, addr_format_ip(&addrs[i], text));
	loop_stop(loop);
}

static void expect(const struct service *s, const char *name, int error,
		   const char *text)
{
	struct answer a = { .calls = 0 };
	char uri[64];

	snprintf(uri, sizeof(uri), "http://127.0.0.1:%u/dns-query", s->port);
	CU_ASSERT_PTR_NOT_NULL_FATAL(
		doh_start(pool, loop, uri, NULL, name, on_answer, &a));
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(a.calls, 1);
	CU_ASSERT_EQUAL(a.error, error);
	CU_ASSERT_STRING_EQUAL(a.text, text);
}

static void test_answers(void)
{
	struct service s;

	service_open(&s);
	expect(&s, "a.example", 0, "192.0.2.1");
	CU_ASSERT_PTR_NOT_NULL(strstr(s.request, "POST /dns-query HTTP/1.1"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(s.request, "Content-Type: application/dns-message\r\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(s.request, "Accept: application/dns-message\r\n"));
	CU_ASSERT_PTR_NULL(strstr(s.request, "json"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.request, "Content-Length: 27\r\n"));
	CU_ASSERT_EQUAL(s.requests, 1);
	expect(&s, "six.example", 0, "2001:db8::1");
	CU_ASSERT_EQUAL(s.requests, 3);
	expect(&s, "none.example", -ENOENT, "");
	service_close(&s);
}

static void test_failures(void)
{
	struct answer a = { .calls = 0 };
	struct service s;
	struct doh *d;
	char uri[64];

	service_open(&s);
	s.type = "text/html"; /* a captive portal */
	s.status = "200 OK";
	expect(&s, "a.example", -EBADMSG, "");
	s.type = "application/dns-message";
	s.status = "503 Not now";
	CU_ASSERT_EQUAL(s.requests, 1);
	snprintf(uri, sizeof(uri), "http://127.0.0.1:%u/", s.port);
	d = doh_start(pool, loop, uri, NULL, "a.example", on_answer, &a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT(a.calls == 1 && a.error < 0);
	/* Given up while it waits. */
	s.silent = true;
	d = doh_start(pool, loop, uri, NULL, "a.example", on_answer, &a);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	doh_cancel(d);
	s.silent = false;
	s.status = "200 OK";
	expect(&s, "a.example", 0, "192.0.2.1");
	CU_ASSERT_EQUAL(a.calls, 1);
	service_close(&s);
}

/* By name, as the proxy alone can resolve it. */
static void test_through_proxy(void)
{
	struct http_proxy_opts opts = { .way = HTTP_PROXY_TUNNEL };
	struct answer a = { .calls = 0 };
	struct egress *egress;
	struct http_proxy *p;
	char request[REQUEST_MAX];
	struct service s;

	service_open(&s);
	opts.forward_port = s.port;
	p = http_proxy_new(&opts);
	egress = lab_egress("127.0.0.1", http_proxy_port(p), "", "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(
		doh_start(pool, loop, "http://dns.example:8053/dns-query",
			  egress, "a.example", on_answer, &a));
	egress_put(egress);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_EQUAL(a.error, 0);
	CU_ASSERT_STRING_EQUAL(a.text, "192.0.2.1");
	http_proxy_last_request(p, request, sizeof(request));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(request, "CONNECT dns.example:8053 HTTP/1."));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.request, "Host: dns.example:8053\r\n"));
	http_proxy_free(p);
	service_close(&s);
}

static int setup(void)
{
	loop = loop_new();
	pool = dial_pool_new(4);
	return loop == NULL || pool == NULL;
}

static int teardown(void)
{
	dial_pool_free(pool);
	loop_free(loop);
	return 0;
}

static CU_TestInfo tests[] = {
	{ "answers", test_answers },
	{ "failures", test_failures },
	{ "through the proxy", test_through_proxy },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "doh",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
