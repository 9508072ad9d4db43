/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_metrics_server.c - metrics by HTTP: what is asked well, what is not, and
 * clients that misbehave
 */
#include <config.h>

#include "metrics_server.h"

#include "loop.h"
#include "metrics_answer.h"
#include "metrics_file.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BODY "turnout_x 1\n"

/* Requests */

static unsigned int status_of(const char *text, bool local)
{
	struct metrics_request r;

	metrics_request_read(&r, text, strlen(text), local);
	return r.status;
}

static const struct {
	const char *text;
	unsigned int status;
} requests[] = {
	{ "", 0 },
	{ "GET /metrics HTTP/1.1\r\nHost: localhost\r\n", 0 },
	{ "GET /metrics HTTP/1.1\r\nHost: localhost:9\r\n\r\n", 200 },
	{ "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n", 200 },
	{ "GET /metrics HTTP/1.1\r\nHost: [::1]:9\r\n\r\n", 200 },
	{ "GET /metrics?a=b HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n", 200 },
	{ "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200 },
	{ "GET /metrics HTTP/1.0\r\n\r\n", 200 },
	{ "GET /metrics HTTP/1.1\r\n\r\n", 400 },
	{ "GET /metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 403 },
	{ "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404 },
	{ "GET /metricsx HTTP/1.1\r\nHost: localhost\r\n\r\n", 404 },
	{ "POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405 },
	{ "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
	  "Content-Length: 2\r\n\r\nab",
	  400 },
	{ "GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", 400 },
	{ "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
	{ "\x16\x03\x01\x02", 400 },
};

static void test_requests(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		unsigned int status = status_of(requests[i].text, true);

		CU_ASSERT_EQUAL(status, requests[i].status);
		if (status != requests[i].status)
			printf("%u for %s\n", status, requests[i].text);
	}
	/* Elsewhere it has whatever name people gave it. */
	CU_ASSERT_EQUAL(status_of(requests[9].text, false), 200);
}

static void test_accept(void)
{
	static const char text[] =
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
		"Accept: application/openmetrics-text;version=1.0.0;q=0.5,"
		"text/plain;version=0.0.4;q=0.3\r\n\r\n";
	struct metrics_request r;
	char head[METRICS_HEAD_MAX];

	metrics_request_read(&r, text, strlen(text), true);
	CU_ASSERT_TRUE(r.openmetrics);
	metrics_answer_head(&r, 7, head);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(head, "application/openmetrics-text; version=1.0.0"));
	CU_ASSERT_PTR_NOT_NULL(strstr(head, "Content-Length: 7\r\n"));
	r.openmetrics = false;
	metrics_answer_head(&r, 7, head);
	CU_ASSERT_PTR_NOT_NULL(strstr(head, "text/plain; version=0.0.4"));
}

/* Whatever comes, however it is cut: there is an answer in the end or more is
 * wanted, never both, and a request that was whole does not change. */
static void test_any_bytes(void)
{
	char text[METRICS_REQUEST_MAX + 1];
	struct metrics_request r;
	unsigned int seed = 1;

	for (int round = 0; round < 3000; round++) {
		const char *from =
			requests[(size_t)round % ARRAY_SIZE(requests)].text;
		size_t len = strlen(from);

		memcpy(text, from, len + 1);
		for (int i = 0; i < 3 && len > 0; i++) {
			seed = seed * 1103515245u + 12345u;
			text[(seed >> 8) % len] = (char)(seed >> 24);
		}
		for (size_t n = 0; n <= len; n++) {
			metrics_request_read(&r, text, n, true);
			CU_ASSERT_FATAL(r.status == 0 ||
					(r.status >= 200 && r.status < 600));
		}
	}
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	metrics_request_read(&r, text, METRICS_REQUEST_MAX, true);
	CU_ASSERT_EQUAL(r.status, 431);
}

/* The server */

struct fixture {
	struct loop *loop;
	struct metrics_server *server;
	pthread_t thread;
};

static char *body(void *arg, bool openmetrics, size_t *bytes)
{
	const char *text = openmetrics ? BODY "# EOF\n" : BODY;

	(void)arg;
	*bytes = strlen(text);
	return strdup(text);
}

static void *run(void *arg)
{
	CU_ASSERT_EQUAL(loop_run(arg), 0);
	return NULL;
}

static void open_fixture(struct fixture *f)
{
	struct metrics_server_opts opts = { .metrics = body };

	f->loop = opts.loop = loop_new();
	opts.listen.family = ENDPOINT_IPV4;
	memcpy(opts.listen.ip, "\x7f\0\0\1", 4);
	f->server = metrics_server_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->server);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&f->thread, NULL, run, f->loop),
			      0);
}

static void close_fixture(struct fixture *f)
{
	loop_stop(f->loop);
	pthread_join(f->thread, NULL);
	metrics_server_free(f->server);
	loop_free(f->loop);
}

static int dial(const struct fixture *f)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(metrics_server_at(f->server),
					     AF_INET, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* All that comes until the end. */
static void ask(int fd, const char *request, char *out, size_t max)
{
	size_t len = 0;
	ssize_t n;

	CU_ASSERT_EQUAL(send(fd, request, strlen(request), MSG_NOSIGNAL),
			(ssize_t)strlen(request));
	while ((n = recv(fd, out + len, max - 1 - len, 0)) > 0)
		len += (size_t)n;
	CU_ASSERT_EQUAL(n, 0);
	out[len] = '\0';
	close(fd);
}

static void test_serve(void)
{
	struct fixture f;
	char out[2048];

	open_fixture(&f);
	ask(dial(&f), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", out,
	    sizeof(out));
	CU_ASSERT_EQUAL(strncmp(out, "HTTP/1.1 200 OK\r\n", 17), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "\r\n\r\n" BODY));
	ask(dial(&f), "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", out,
	    sizeof(out));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "Content-Length: 12\r\n"));
	CU_ASSERT_STRING_EQUAL(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	ask(dial(&f), "PUT /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", out,
	    sizeof(out));
	CU_ASSERT_EQUAL(strncmp(out, "HTTP/1.1 405 ", 13), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "Allow: GET, HEAD\r\n"));
	close_fixture(&f);
}

/* Those that say nothing have their places for a while only, and one that
 * closes gives it back at once. */
static void test_places(void)
{
	struct fixture f;
	char out[2048];
	int silent[8];

	open_fixture(&f);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = dial(&f);
	close(silent[3]);
	ask(dial(&f), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", out,
	    sizeof(out));
	CU_ASSERT_EQUAL(strncmp(out, "HTTP/1.1 200 ", 13), 0);
	silent[3] = dial(&f);
	ask(dial(&f), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", out,
	    sizeof(out));
	CU_ASSERT_EQUAL(strncmp(out, "HTTP/1.1 200 ", 13), 0);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
	close_fixture(&f);
}

/* The file */

static void test_file(void)
{
	char dir[] = "/tmp/test-metrics.XXXXXX", path[64], other[64], text[64];
	struct stat st;
	FILE *file;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/turnout.prom", dir);
	snprintf(other, sizeof(other), "%s/turnout.prom.new", dir);
	CU_ASSERT_EQUAL(symlink("/dev/full", other), 0);
	CU_ASSERT_EQUAL(metrics_file_write(path, BODY, strlen(BODY)), 0);
	CU_ASSERT_EQUAL(metrics_file_write(path, "y 2\n", 4), 0);
	CU_ASSERT_TRUE(stat(path, &st) == 0 && (st.st_mode & 0777) == 0644);
	CU_ASSERT_EQUAL(access(other, F_OK), -1);
	file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE(fgets(text, sizeof(text), file) == text &&
		       strcmp(text, "y 2\n") == 0);
	fclose(file);
	unlink(path);
	rmdir(dir);
	CU_ASSERT_EQUAL(metrics_file_write(path, "y", 1), -ENOENT);
}

static CU_TestInfo tests[] = {
	{ "requests", test_requests },
	{ "which format", test_accept },
	{ "any bytes", test_any_bytes },
	{ "answers", test_serve },
	{ "silent clients", test_places },
	{ "the file", test_file },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "metrics_server", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
