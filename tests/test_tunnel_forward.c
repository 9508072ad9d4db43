/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_tunnel_forward.c - apps' connections to port 80 through a proxy that
 * refuses CONNECT: they come about all the same, and speak HTTP
 */
#include <config.h>

#include "dial.h"
#include "dial_lab.h"
#include "http_server.h"
#include "log.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>

#define NO(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define PAGE       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

struct proxy_double {
	struct http_server *server;
	const char *to_connect;
	atomic_uint connects, requests;
};

static int prepare(void)
{
	log_open(LOG_LEVEL_ERROR, false);
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static const char *answer(void *arg, const char *request)
{
	struct proxy_double *p = arg;

	if (strncmp(request, "CONNECT ", 8) == 0) {
		atomic_fetch_add(&p->connects, 1);
		return p->to_connect;
	}
	atomic_fetch_add(&p->requests, 1);
	return strstr(request, "GET http://web.example/x HTTP/1.1\r\n") != NULL
		       ? PAGE
		       : NO("404 Not Found");
}

static struct dial_request *dial(struct lab *l, const struct proxy_double *p,
				 const char *host, uint16_t port, int app)
{
	struct dial_request *req = lab_request(l, host, port);

	req->egress = lab_egress("127.0.0.1", http_server_port(p->server), "",
				 "");
	req->socket = app;
	lab_start(l, req);
	lab_run(l);
	return req;
}

static void get(int fd)
{
	static const char request[] =
		"GET /x HTTP/1.1\r\nHost: web.example\r\n\r\n";
	char buf[256] = "";
	int flags = fcntl(fd, F_GETFL);

	(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	CU_ASSERT_EQUAL(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL),
			(ssize_t)sizeof(request) - 1);
	CU_ASSERT_EQUAL(recv(fd, buf, sizeof(PAGE) - 1, MSG_WAITALL),
			(ssize_t)sizeof(PAGE) - 1);
	CU_ASSERT_STRING_EQUAL(buf, PAGE);
	(void)fcntl(fd, F_SETFL, flags);
}

static void check(const char *to_connect, int family, bool nonblocking)
{
	struct proxy_double p = { .to_connect = to_connect };
	struct dial_request *req;
	int app, flags;
	struct lab l;

	lab_open(&l);
	app = lab_app_socket(family, nonblocking);
	flags = fcntl(app, F_GETFL);
	p.server = http_server_new(answer, &p);
	req = dial(&l, &p, "web.example", 80, app);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->error, 0);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_EQUAL(fcntl(req->fd, F_GETFL), flags);
	get(req->fd);
	CU_ASSERT_EQUAL(p.connects, 1);
	CU_ASSERT_EQUAL(p.requests, 1);
	dial_request_free(req);
	http_server_free(p.server);
	lab_close(&l);
}

static void forwarded(void)
{
	check(NO("403 Forbidden"), AF_INET, false);
	check(NO("403 Forbidden"), AF_INET, true);
	check(NO("405 Method Not Allowed"), AF_INET, true);
	check(NO("501 Not Implemented"), AF_INET6, true);
}

/* Neither is a refusal of CONNECT. */
static void not_forwarded(void)
{
	static const struct {
		const char *says;
		uint16_t port;
		bool app;
		enum dial_reason reason;
	} rows[] = {
		{ NO("403 Forbidden"), 443, true, DIAL_PROXY_DENIED },
		{ NO("403 Forbidden"), 80, false, DIAL_PROXY_DENIED },
		{ NO("503 Unavailable"), 80, true, DIAL_TARGET_UNREACH },
		{ NO("302 Found"), 80, true, DIAL_CAPTIVE_PORTAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct proxy_double p = { .to_connect = rows[i].says };
		struct dial_request *req;
		struct lab l;

		lab_open(&l);
		p.server = http_server_new(answer, &p);
		req = dial(&l, &p, "web.example", rows[i].port,
			   rows[i].app ? lab_app_socket(AF_INET, true) : -1);
		CU_ASSERT_EQUAL(req->reason, rows[i].reason);
		CU_ASSERT_EQUAL(p.requests, 0);
		dial_request_free(req);
		http_server_free(p.server);
		lab_close(&l);
	}
}

/* After two hosts nobody asks again; CONNECT elsewhere is another matter. */
static void remembered(void)
{
	static const char *const hosts[] = { "web.example", "b.example",
					     "web.example", "web.example" };
	struct proxy_double p = { .to_connect = NO("403 Forbidden") };
	struct dial_request *req;
	struct lab l;

	lab_open(&l);
	p.server = http_server_new(answer, &p);
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		req = dial(&l, &p, hosts[i], 80, lab_app_socket(AF_INET, true));
		CU_ASSERT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_EQUAL(p.connects, i < 2 ? i + 1 : 2);
		if (i != 1)
			get(req->fd);
		dial_request_free(req);
	}
	req = dial(&l, &p, "web.example", 8080, lab_app_socket(AF_INET, true));
	CU_ASSERT_EQUAL(req->reason, DIAL_PROXY_DENIED);
	CU_ASSERT_EQUAL(p.connects, 3);
	dial_request_free(req);
	http_server_free(p.server);
	lab_close(&l);
}

static CU_TestInfo tests[] = {
	{ "port 80 without CONNECT", forwarded },
	{ "other refusals stay refusals", not_forwarded },
	{ "refusals are remembered", remembered },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "tunnel_forward", .pInitFunc = prepare, .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
