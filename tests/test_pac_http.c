/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pac_http.c - scripts from web servers, within Chromium's limits */
#include <config.h>

#include "../tunneld/pac_http.h"

#include "../tunneld/cancel.h"
#include "../tunneld/clock.h"
#include "../tunneld/pac_wait.h"
#include "fake/http_server.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *say(void *arg, const char *request)
{
	(void)request;
	return arg;
}

struct got {
	struct pac_fetched f;
	int rc;
	char request[1000];
};

static void fetch(struct got *got, const char *answer, uint32_t timeout_ms)
{
	struct http_server *s = http_server_new(say, (void *)answer);
	char url[100], name[] = "here";
	struct pac_place from = { .place = url, .name = name };
	struct cancel cancel;
	struct pac_wait w = { .deadline_ms = clock_now_ms() + timeout_ms,
			      .cancel = &cancel };

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memset(got, 0, sizeof(*got));
	cancel_init(&cancel);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/wpad.dat",
		 (unsigned int)http_server_port(s));
	got->rc = pac_http_fetch(&from, &got->f, &w);
	http_server_last_request(s, got->request, sizeof(got->request));
	cancel_fini(&cancel);
	http_server_free(s);
}

static void gives(const char *answer, const char *text)
{
	struct got got;

	fetch(&got, answer, 10000);
	CU_ASSERT_EQUAL(got.rc, 0);
	if (got.rc == 0)
		CU_ASSERT_STRING_EQUAL(got.f.script->text, text)
	else
		printf("%s\n", got.f.words);
	pac_script_put(got.f.script);
}

static void fails(const char *answer, int rc, const char *words)
{
	struct got got;

	fetch(&got, answer, rc == -ETIMEDOUT ? 200 : 10000);
	CU_ASSERT_EQUAL(got.rc, rc);
	CU_ASSERT_PTR_NULL(got.f.script);
	CU_ASSERT_PTR_NOT_NULL(strstr(got.f.words, words));
	if (strstr(got.f.words, words) == NULL)
		printf("%s\n", got.f.words);
}

#define OK "HTTP/1.1 200 OK\r\n"

static void test_answers(void)
{
	gives(OK "Content-Length: 1\r\n\r\nx", "x");
	gives(OK "Connection: close\r\n\r\nx", "x");
	gives(OK "Content-Length: 1\r\n\r\n\xe9", "\xc3\xa9");
	gives(OK "Content-Type: text/plain; charset=UTF-8 \r\n"
		 "Content-Length: 2\r\n\r\n\xc3\xa9",
	      "\xc3\xa9");
	gives(OK "Content-Length: 5\r\n\r\n\xef\xbb\xbf\xc3\xa9", "\xc3\xa9");
	fails("HTTP/1.1 204 No Content\r\n\r\n", -ECONNABORTED, "says 204");
	fails("HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
	      -ECONNABORTED, "says 201");
	fails("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	      -ECONNABORTED, "says 404");
	fails("HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n", -EACCES,
	      "says 407");
	fails(OK "Content-Length: 0\r\n\r\n", -EBADMSG, "is empty");
	fails(OK "Content-Length: 9\r\n\r\nx", -ECONNABORTED, "127.0.0.1");
	fails(NULL, -ETIMEDOUT, "127.0.0.1: no answer in time");
}

static void test_size(void)
{
	static const char head[] = OK "Connection: close\r\n\r\n";
	size_t n = strlen(head);
	char *answer = malloc(n + PAC_SCRIPT_BYTES_MAX + 2);
	struct got got;

	CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
	memcpy(answer, head, n);
	memset(answer + n, 'x', PAC_SCRIPT_BYTES_MAX + 1);
	answer[n + PAC_SCRIPT_BYTES_MAX + 1] = '\0';
	fails(answer, -E2BIG, "too large");
	answer[n + PAC_SCRIPT_BYTES_MAX] = '\0';
	fetch(&got, answer, 10000);
	CU_ASSERT_EQUAL(got.rc, 0);
	if (got.rc == 0)
		CU_ASSERT_EQUAL(got.f.script->len, PAC_SCRIPT_BYTES_MAX);
	pac_script_put(got.f.script);
	free(answer);
}

/* Never through a proxy, whatever the environment says. */
static void test_request(void)
{
	struct got got;

	setenv("http_proxy", "http://192.0.2.1:3128", 1);
	setenv("all_proxy", "http://192.0.2.1:3128", 1);
	fetch(&got, OK "Content-Length: 1\r\n\r\nx", 10000);
	CU_ASSERT_EQUAL(got.rc, 0);
	CU_ASSERT_EQUAL(strncmp(got.request, "GET /wpad.dat HTTP/1.1\r\n", 24),
			0);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		got.request, "\r\nAccept: application/x-ns-proxy-autoconfig, "
			     "*/*\r\n"));
	pac_script_put(got.f.script);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

static CU_TestInfo tests[] = {
	{ "answers of web servers", test_answers },
	{ "the largest script", test_size },
	{ "the request", test_request },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "pac_http", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
