/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_daemon.c - answers of tunneld that are streams, as turnout reads them */
#include <config.h>

#include "../tunneld/cli/daemon.h"

#include "lib/unit.h"

#include <turnout/control.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#define PATIENCE_MS 20000

/* A tunneld that answers one client with this. */
struct server {
	char dir[64], path[80];
	int fd;
	const char *answer;
	size_t bytes, repeat;
	bool silent; /* does not end */
	struct control_header header;
	struct control_report body;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	char c;

	CU_ASSERT_EQUAL(recv(fd, &s->header, sizeof(s->header), MSG_WAITALL),
			sizeof(s->header));
	CU_ASSERT_EQUAL(recv(fd, &s->body, sizeof(s->body), MSG_WAITALL),
			sizeof(s->body));
	for (size_t i = 0; i < s->repeat; i++)
		if (send(fd, s->answer, s->bytes, MSG_NOSIGNAL) < 0)
			break;
	if (s->silent) /* until the client has enough of it */
		CU_ASSERT_EQUAL(recv(fd, &c, 1, 0), 0);
	close(fd);
	return NULL;
}

static void open_server(struct server *s)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(s->dir, "/tmp/turnout-test.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/socket", s->dir);
	strcpy(sun.sun_path, s->path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(bind(s->fd, (void *)&sun, sizeof(sun)) == 0 &&
			listen(s->fd, 1) == 0);
	if (s->bytes == 0)
		s->bytes = strlen(s->answer);
	if (s->repeat == 0)
		s->repeat = 1;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void close_server(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->fd);
	unlink(s->path);
	rmdir(s->dir);
}

struct lines {
	char text[256];
	size_t count, bytes;
	int stop_at;
};

static int on_line(void *arg, char *line, size_t bytes)
{
	struct lines *l = arg;
	size_t len = strlen(l->text);

	CU_ASSERT_EQUAL(strlen(line), bytes);
	snprintf(l->text + len, sizeof(l->text) - len, "[%s]", line);
	l->bytes += bytes;
	return ++l->count == (size_t)l->stop_at ? 7 : 0;
}

static int stream(struct server *s, struct lines *l, int timeout_ms)
{
	const struct control_report body = { .kind = REPORT_STATUS };
	int n;

	open_server(s);
	n = daemon_stream(s->path, CONTROL_REPORT, &body, sizeof(body), on_line,
			  l, timeout_ms);
	close_server(s);
	return n;
}

static void test_lines(void)
{
	struct server s = { .answer = "one\n\nthree\nno end" };
	struct lines l = { 0 };

	CU_ASSERT_EQUAL(stream(&s, &l, PATIENCE_MS), 0);
	CU_ASSERT_STRING_EQUAL(l.text, "[one][][three][no end]");
	CU_ASSERT_EQUAL(s.header.type, CONTROL_REPORT);
	CU_ASSERT_EQUAL(s.header.bytes, sizeof(s.body));
	CU_ASSERT_EQUAL(s.body.kind, REPORT_STATUS);
}

static void test_stop(void)
{
	struct server s = { .answer = "one\ntwo\nthree\n", .silent = true };
	struct lines l = { .stop_at = 2 };

	CU_ASSERT_EQUAL(stream(&s, &l, PATIENCE_MS), 7);
	CU_ASSERT_STRING_EQUAL(l.text, "[one][two]");
}

static void test_many(void)
{
	struct server s = { .answer = "a line of 20 letters\n",
			    .repeat = 50000 };
	struct lines l = { 0 };

	CU_ASSERT_EQUAL(stream(&s, &l, PATIENCE_MS), 0);
	CU_ASSERT_EQUAL(l.count, 50000);
	CU_ASSERT_EQUAL(l.bytes, 50000 * 20);
}

static void test_bad(void)
{
	struct server nothing = { .answer = "" };
	struct server silent = { .answer = "x", .silent = true };
	struct server endless = { .answer = "no end ", .repeat = 1024 * 1024 };
	struct lines l = { 0 };

	CU_ASSERT_EQUAL(stream(&nothing, &l, PATIENCE_MS), -EPROTO);
	CU_ASSERT_EQUAL(stream(&silent, &l, 50), -ETIMEDOUT);
	CU_ASSERT_EQUAL(stream(&endless, &l, PATIENCE_MS), -EMSGSIZE);
	CU_ASSERT_EQUAL(l.count, 0);
	CU_ASSERT_EQUAL(daemon_stream("/nonexistent/socket", CONTROL_REPORT,
				      NULL, 0, on_line, &l, 50),
			-ENOENT);
}

static void test_document(void)
{
	const struct control_report body = { .kind = REPORT_STATUS };
	struct server s = { .answer = "{\"a\":\n1}\n", .repeat = 20000 };
	struct server endless = { .answer = "[[[[[[[[", .repeat = 1024 * 1024 };
	char *text = NULL;

	open_server(&s);
	CU_ASSERT_EQUAL_FATAL(daemon_document(s.path, CONTROL_REPORT, &body,
					      sizeof(body), PATIENCE_MS, &text),
			      0);
	close_server(&s);
	CU_ASSERT_EQUAL(strlen(text), 20000 * strlen(s.answer));
	CU_ASSERT_EQUAL(strncmp(text, "{\"a\":\n1}\n{", 10), 0);
	free(text);
	open_server(&endless);
	CU_ASSERT_EQUAL(daemon_document(endless.path, CONTROL_REPORT, &body,
					sizeof(body), PATIENCE_MS, &text),
			-EMSGSIZE);
	close_server(&endless);
}

static CU_TestInfo tests[] = {
	{ "lines, and what has no end", test_lines },
	{ "enough is enough", test_stop },
	{ "more than a buffer", test_many },
	{ "nothing, silence, a line without end", test_bad },
	{ "a whole document", test_document },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "daemon", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
