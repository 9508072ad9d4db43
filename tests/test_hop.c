/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_hop.c - the app's own socket: connected in place, given back as it was,
 * or left alone where it cannot be used
 */
#include <config.h>

#include "hop.h"

#include "dial_lab.h"
#include "http_proxy.h"
#include "resolver.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include <netinet/tcp.h>

struct stage {
	struct lab lab;
	struct http_proxy *proxy;
};

static void begin(struct stage *s, enum http_proxy_way way, const char *ip)
{
	struct http_proxy_opts opts = { .way = way, .ip = ip };

	lab_open(&s->lab);
	s->proxy = http_proxy_new(&opts);
}

static void end(struct stage *s)
{
	http_proxy_free(s->proxy);
	lab_close(&s->lab);
}

static struct dial_request *dial(struct stage *s, int app, const char *proxy)
{
	struct dial_request *req = lab_request(&s->lab, "relay.example", 443);

	req->egress = lab_egress(proxy, http_proxy_port(s->proxy), "", "");
	req->socket = app;
	req->timeout_ms = 400;
	lab_start(&s->lab, req);
	lab_run(&s->lab);
	return req;
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CU_ASSERT(getsockopt(fd, level, name, &value, &len) == 0);
	return value;
}

static void set(int fd, int level, int name, int value)
{
	CU_ASSERT(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static uint16_t bind_to(int fd, int family, const char *ip)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	socklen_t len = sizeof(ss);
	struct endpoint e;

	if (family == AF_INET)
		inet_pton(family, ip, &in->sin_addr);
	else
		inet_pton(family, ip, &in6->sin6_addr);
	CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&ss,
			     family == AF_INET ? sizeof(*in) : sizeof(*in6)) ==
			0);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	CU_ASSERT(endpoint_from_sockaddr(&e, &ss, len));
	return endpoint_port(&e);
}

/* As the app made it: blocking or not, its options, its local port. */
static void in_place(void)
{
	for (int i = 0; i < 8; i++) {
		bool nonblocking = i & 1, nodelay = i & 2;
		int family = i & 4 ? AF_INET6 : AF_INET;
		int app = lab_app_socket(family, nonblocking);
		struct dial_request *req;
		struct stage s;
		uint16_t port;

		begin(&s, HTTP_PROXY_EARLY, NULL);
		s.lab.fds--; /* `app` came before and goes with the request */
		set(app, IPPROTO_TCP, TCP_NODELAY, nodelay);
		set(app, SOL_SOCKET, SO_RCVLOWAT, 1000);
		set(app, IPPROTO_TCP, TCP_CORK, nodelay);
		port = bind_to(app, family,
			       family == AF_INET ? "0.0.0.0" : "::");
		req = dial(&s, app, "127.0.0.1");
		CU_ASSERT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_TRUE(req->same_socket);
		CU_ASSERT_EQUAL(req->fd, app);
		CU_ASSERT_EQUAL(req->socket, -1);
		CU_ASSERT_EQUAL(!!(fcntl(app, F_GETFL) & O_NONBLOCK),
				nonblocking);
		CU_ASSERT_EQUAL(get(app, IPPROTO_TCP, TCP_NODELAY), nodelay);
		CU_ASSERT_EQUAL(get(app, SOL_SOCKET, SO_KEEPALIVE), 0);
		CU_ASSERT_EQUAL(get(app, SOL_SOCKET, SO_RCVLOWAT), 1000);
		CU_ASSERT_EQUAL(get(app, IPPROTO_TCP, TCP_CORK), nodelay);
		CU_ASSERT_EQUAL(http_proxy_last_port(s.proxy), port);
		set(app, SOL_SOCKET, SO_RCVLOWAT, 1);
		CU_ASSERT_FALSE(lab_echoes(app, "hello")); /* "early" first */
		dial_request_free(req);
		end(&s);
	}
}

/* After a failure: no peer, no pending error, flags and port as before, and
 * it can connect again, elsewhere. */
static void check_given_back(struct dial_request *req, int app,
			     bool nonblocking, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint e;

	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_TRUE(req->same_socket);
	CU_ASSERT_EQUAL(req->socket, -1);
	CU_ASSERT_EQUAL(getpeername(app, (struct sockaddr *)&ss, &len), -1);
	CU_ASSERT_EQUAL(errno, ENOTCONN);
	CU_ASSERT_EQUAL(get(app, SOL_SOCKET, SO_ERROR), 0);
	CU_ASSERT_EQUAL(!!(fcntl(app, F_GETFL) & O_NONBLOCK), nonblocking);
	len = sizeof(ss);
	getsockname(app, (struct sockaddr *)&ss, &len);
	CU_ASSERT(endpoint_from_sockaddr(&e, &ss, len));
	CU_ASSERT_EQUAL(endpoint_port(&e), port);
}

static void given_back(void)
{
	static const struct {
		enum http_proxy_way way;
		enum dial_reason reason;
	} rows[] = {
		{ HTTP_PROXY_SAY, DIAL_PROXY_CLOSED },
		{ HTTP_PROXY_RST, DIAL_PROXY_RESET },
		{ HTTP_PROXY_FIN, DIAL_PROXY_CLOSED },
		{ HTTP_PROXY_SILENT, DIAL_PROXY_TIMEOUT },
		{ HTTP_PROXY_DEAF, DIAL_PROXY_TIMEOUT },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct http_proxy_opts good = { .way = HTTP_PROXY_TUNNEL };
		bool nonblocking = i % 2;
		struct http_proxy_opts bad = { .way = rows[i / 2].way,
					       .answer = "" };
		struct dial_request *req, *again;
		struct stage s;
		int app;
		uint16_t port;

		lab_open(&s.lab);
		s.proxy = http_proxy_new(&bad);
		app = lab_app_socket(AF_INET, nonblocking);
		set(app, SOL_SOCKET, SO_REUSEADDR, 1);
		set(app, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, nonblocking);
		port = bind_to(app, AF_INET, "0.0.0.0");
		req = dial(&s, app, "127.0.0.1");
		CU_ASSERT_EQUAL(req->reason, rows[i / 2].reason);
		check_given_back(req, app, nonblocking, port);
		CU_ASSERT_EQUAL(get(app, IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
				nonblocking);
		req->fd = -1;
		http_proxy_free(s.proxy);
		s.proxy = http_proxy_new(&good);
		again = dial(&s, app, "127.0.0.1");
		CU_ASSERT_EQUAL(again->reason, DIAL_OK);
		CU_ASSERT_EQUAL(again->fd, app);
		CU_ASSERT_TRUE(lab_echoes(app, "hello"));
		dial_request_free(again);
		dial_request_free(req);
		end(&s);
	}
}

static void refused_address_then_good(void)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		struct dial_request *req;
		struct stage s;
		int app;

		begin(&s, HTTP_PROXY_TUNNEL, "127.0.0.2");
		app = lab_app_socket(families[i], false);
		req = dial(&s, app, "two.test");
		CU_ASSERT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_EQUAL(req->fd, app);
		CU_ASSERT_TRUE(lab_echoes(app, "hello"));
		dial_request_free(req);
		end(&s);
	}
}

/* What the kernel leaves of an attempt by IPv4 on an IPv6 socket. */
static void ipv6_after_ipv4(void)
{
	static const enum http_proxy_way ways[] = { HTTP_PROXY_FIN,
						    HTTP_PROXY_DEAF };

	for (int i = 0; i < 2; i++) {
		struct timeval limit = { .tv_sec = 2 };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
					    .sin6_addr = in6addr_loopback };
		socklen_t len = sizeof(in6);
		struct dial_request *req;
		struct stage s;
		int app, listen_fd, peer;
		char c;

		begin(&s, ways[i], NULL);
		app = lab_app_socket(AF_INET6, false);
		setsockopt(app, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		req = dial(&s, app, "127.0.0.1");
		CU_ASSERT_NOT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_EQUAL_FATAL(req->fd, app);
		listen_fd = lab_app_socket(AF_INET6, false);
		CU_ASSERT(bind(listen_fd, (struct sockaddr *)&in6, len) == 0);
		CU_ASSERT(listen(listen_fd, 1) == 0);
		getsockname(listen_fd, (struct sockaddr *)&in6, &len);
		CU_ASSERT_EQUAL_FATAL(
			connect(app, (struct sockaddr *)&in6, len), 0);
		peer = accept(listen_fd, NULL, NULL);
		CU_ASSERT_EQUAL(send(app, "x", 1, 0), 1);
		CU_ASSERT_EQUAL(recv(peer, &c, 1, 0), 1);
		close(peer);
		close(listen_fd);
		dial_request_free(req);
		end(&s);
	}
}

/* "::1" refuses, then 127.0.0.1 is the proxy: an IPv6 socket serves both, an
 * IPv4 one only the second. */
static void both_families(void)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		struct dial_request *req;
		struct stage s;
		int app;

		begin(&s, HTTP_PROXY_TUNNEL, NULL);
		app = lab_app_socket(families[i], true);
		req = dial(&s, app, "both.test");
		CU_ASSERT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_EQUAL(req->fd, app);
		CU_ASSERT_TRUE(lab_echoes(app, "hello"));
		dial_request_free(req);
		end(&s);
	}
}

/* A new socket of the same family, the app's own untouched beside it. */
static void check_replaced(struct stage *s, int app, const char *proxy,
			   bool nonblocking)
{
	struct dial_request *req = dial(s, app, proxy);
	int family = get(app, SOL_SOCKET, SO_DOMAIN);

	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	if (req->reason != DIAL_OK)
		fprintf(stderr, "\n%s\n", req->detail);
	CU_ASSERT_FALSE(req->same_socket);
	CU_ASSERT_EQUAL(req->socket, app);
	CU_ASSERT_NOT_EQUAL_FATAL(req->fd, -1);
	CU_ASSERT_NOT_EQUAL(req->fd, app);
	CU_ASSERT_EQUAL(get(req->fd, SOL_SOCKET, SO_DOMAIN), family);
	CU_ASSERT_EQUAL(get(req->fd, IPPROTO_TCP, TCP_NODELAY), 1);
	CU_ASSERT_EQUAL(get(req->fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	CU_ASSERT_EQUAL(!!(fcntl(req->fd, F_GETFL) & O_NONBLOCK), nonblocking);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
	dial_request_free(req);
}

static void replaced(void)
{
	struct stage s;
	int app;

	/* IPv6 only, and the proxy has an IPv4 address. */
	begin(&s, HTTP_PROXY_TUNNEL, NULL);
	app = lab_app_socket(AF_INET6, true);
	set(app, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(app, IPPROTO_TCP, TCP_NODELAY, 1);
	set(app, SOL_SOCKET, SO_KEEPALIVE, 1);
	check_replaced(&s, app, "127.0.0.1", true);
	/* Bound to ::1: from there no IPv4 address can be reached. */
	app = lab_app_socket(AF_INET6, false);
	bind_to(app, AF_INET6, "::1");
	set(app, IPPROTO_TCP, TCP_NODELAY, 1);
	set(app, SOL_SOCKET, SO_KEEPALIVE, 1);
	check_replaced(&s, app, "127.0.0.1", false);
	end(&s);
}

/* An address of this machine that is not loopback; without a route there is
 * none, and nothing to test. */
static bool interface_ip(char ip[INET_ADDRSTRLEN])
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(9) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	ok = connect(fd, (struct sockaddr *)&in, len) == 0 &&
	     getsockname(fd, (struct sockaddr *)&in, &len) == 0 &&
	     inet_ntop(AF_INET, &in.sin_addr, ip, INET_ADDRSTRLEN) != NULL;
	close(fd);
	return ok;
}

static void bound_to_loopback(void)
{
	char ip[INET_ADDRSTRLEN];
	struct dial_request *req;
	struct stage s;
	int app;

	/* To a proxy on this machine it can stay. */
	begin(&s, HTTP_PROXY_TUNNEL, NULL);
	app = lab_app_socket(AF_INET, false);
	bind_to(app, AF_INET, "127.0.0.1");
	req = dial(&s, app, "127.0.0.1");
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_TRUE(req->same_socket);
	dial_request_free(req);
	end(&s);
	if (!interface_ip(ip))
		return;
	begin(&s, HTTP_PROXY_TUNNEL, ip);
	app = lab_app_socket(AF_INET, false);
	bind_to(app, AF_INET, "127.0.0.1");
	set(app, IPPROTO_TCP, TCP_NODELAY, 1);
	set(app, SOL_SOCKET, SO_KEEPALIVE, 1);
	check_replaced(&s, app, ip, false);
	end(&s);
}

/* Descriptors that no connect(2) of a TCP socket could have brought. */
static void not_a_fresh_tcp_socket(void)
{
	struct dial_request *req;
	struct stage s;
	int pair[2];

	begin(&s, HTTP_PROXY_TUNNEL, NULL);
	req = dial(&s, socket(AF_INET, SOCK_DGRAM, 0), "127.0.0.1");
	CU_ASSERT_EQUAL(req->reason, DIAL_INTERNAL);
	CU_ASSERT_EQUAL(req->error, EINVAL);
	dial_request_free(req);
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	req = dial(&s, pair[0], "127.0.0.1");
	CU_ASSERT_EQUAL(req->reason, DIAL_INTERNAL);
	dial_request_free(req);
	close(pair[1]);
	CU_ASSERT_EQUAL(pipe(pair), 0);
	req = dial(&s, pair[0], "127.0.0.1");
	CU_ASSERT_EQUAL(req->reason, DIAL_INTERNAL);
	dial_request_free(req);
	close(pair[1]);
	CU_ASSERT_EQUAL(http_proxy_connections(s.proxy), 0);
	end(&s);
}

/* One that the app has connected itself stays connected. */
static void connected_already(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct dial_request *req;
	socklen_t len = sizeof(in);
	struct stage s;
	int app;

	begin(&s, HTTP_PROXY_TUNNEL, NULL);
	app = lab_app_socket(AF_INET, false);
	in.sin_port = htons(http_proxy_port(s.proxy));
	CU_ASSERT_EQUAL(connect(app, (struct sockaddr *)&in, len), 0);
	req = dial(&s, app, "127.0.0.1");
	CU_ASSERT_NOT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->error, EISCONN);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_EQUAL(getpeername(app, (struct sockaddr *)&in, &len), 0);
	CU_ASSERT_EQUAL(fcntl(app, F_GETFL) & O_NONBLOCK, 0);
	dial_request_free(req);
	end(&s);
}

/* Without a proxy as well. */
static void direct(void)
{
	struct dial_request *req;
	struct stage s;
	int app;

	begin(&s, HTTP_PROXY_TUNNEL, NULL);
	app = lab_app_socket(AF_INET, true);
	req = lab_request(&s.lab, "both.test", http_proxy_port(s.proxy));
	req->socket = app;
	lab_start(&s.lab, req);
	lab_run(&s.lab);
	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_TRUE(req->same_socket);
	dial_request_free(req);
	app = lab_app_socket(AF_INET, true);
	req = lab_request(&s.lab, "127.0.0.1", 1);
	req->socket = app;
	lab_start(&s.lab, req);
	lab_run(&s.lab);
	CU_ASSERT_EQUAL(req->reason, DIAL_TARGET_REFUSED);
	CU_ASSERT_EQUAL(req->error, ECONNREFUSED);
	CU_ASSERT_EQUAL(req->fd, app);
	CU_ASSERT_EQUAL(get(app, SOL_SOCKET, SO_ERROR), 0);
	dial_request_free(req);
	end(&s);
}

static void cancelled(void)
{
	static const enum http_proxy_way ways[] = { HTTP_PROXY_SILENT,
						    HTTP_PROXY_DEAF };

	for (int i = 0; i < 2; i++) {
		struct dial_request *req;
		struct stage s;
		int app;
		uint16_t port;

		begin(&s, ways[i], NULL);
		app = lab_app_socket(AF_INET, false);
		port = bind_to(app, AF_INET, "0.0.0.0");
		req = lab_request(&s.lab, "relay.example", 443);
		req->egress = lab_egress("127.0.0.1", http_proxy_port(s.proxy),
					 "", "");
		req->socket = app;
		lab_start(&s.lab, req);
		poll(NULL, 0, 50);
		dial_cancel(req);
		lab_run(&s.lab);
		CU_ASSERT_EQUAL(req->reason, DIAL_CANCELLED);
		check_given_back(req, app, false, port);
		dial_request_free(req);
		end(&s);
	}
}

static CU_TestInfo tests[] = {
	{ "connected in place", in_place },
	{ "given back after each failure", given_back },
	{ "an address refuses, the next does not", refused_address_then_good },
	{ "addresses of both families", both_families },
	{ "IPv6 after IPv4 on one socket", ipv6_after_ipv4 },
	{ "replaced where it cannot be used", replaced },
	{ "bound to loopback", bound_to_loopback },
	{ "no TCP socket", not_a_fresh_tcp_socket },
	{ "connected already", connected_already },
	{ "without a proxy", direct },
	{ "cancelled", cancelled },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "hop", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
