/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_dial_relay.c - the four ways to a relay: which address, which name is
 * verified, what is resumed, and how each fault in a handshake is told
 */
#include <config.h>

#include "addr.h"
#include "black_hole.h"
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

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

static void check_words(const struct dial_request *req, const char *want)
{
	if (strstr(req->detail, want) != NULL)
		return;
	fprintf(stderr, "\n\"%s\" lacks \"%s\"\n", req->detail, want);
	CU_FAIL("detail");
}

static void check_failed(const struct dial_request *req,
			 enum dial_reason reason, int error, const char *words)
{
	CU_ASSERT_EQUAL(req->reason, reason);
	CU_ASSERT_EQUAL(req->error, error);
	CU_ASSERT_EQUAL(req->fd, -1);
	CU_ASSERT_PTR_NULL(req->session);
	check_words(req, words);
}

static struct endpoint ip(const char *text, uint16_t port)
{
	struct endpoint e;

	CU_ASSERT_TRUE_FATAL(addr_parse_ip(text, &e));
	e.port_be = htons(port);
	return e;
}

/* A UDP socket that nobody reads. */
static int bound(const char *text, uint16_t *port)
{
	struct endpoint e = ip(text, *port);
	int family = e.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&e, family, &ss);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&ss, len), 0);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	CU_ASSERT_TRUE(endpoint_from_sockaddr(&e, &ss, len));
	*port = endpoint_port(&e);
	return fd;
}

static struct dial_request *run_udp(struct lab *l, const char *host,
				    uint16_t port, unsigned int first)
{
	struct dial_request *req = lab_request(l, host, port);

	req->kind = DIAL_DATAGRAM;
	req->first = first;
	lab_start(l, req);
	lab_run(l);
	return req;
}

/* Plain UDP: the first address, and the others by number. */
static void udp_addresses(void)
{
	static const char *const addrs[] = { "::1", "127.0.0.1" };
	struct dial_request *req;
	struct lab l;

	lab_open(&l);
	for (unsigned int i = 0; i < 2; i++) {
		struct endpoint e;
		uint16_t port = 0;
		int peer = bound(addrs[i], &port);
		char buf[8];

		req = run_udp(&l, "both.test", port, i);
		CU_ASSERT_EQUAL(req->reason, DIAL_OK);
		CU_ASSERT_EQUAL(req->addresses, 2);
		CU_ASSERT_EQUAL(req->address, i);
		e = ip(addrs[i], port);
		CU_ASSERT_TRUE(endpoint_equal(&req->peer, &e));
		CU_ASSERT_PTR_NULL(req->session);
		CU_ASSERT(fcntl(req->fd, F_GETFL) & O_NONBLOCK);
		CU_ASSERT(fcntl(req->fd, F_GETFD) & FD_CLOEXEC);
		CU_ASSERT_EQUAL(send(req->fd, "hello", 5, 0), 5);
		CU_ASSERT_EQUAL(recv(peer, buf, sizeof(buf), 0), 5);
		dial_request_free(req);
		close(peer);
	}
	req = run_udp(&l, "both.test", 9, 2);
	check_failed(req, DIAL_TARGET_UNREACH, EHOSTUNREACH,
		     "both.test:9: no further address");
	dial_request_free(req);
	lab_close(&l);
}

static void udp_refusals(void)
{
	struct dial_request *req;
	struct lab l;

	lab_open(&l);
	req = run_udp(&l, "nosuch.test", 9, 0);
	check_failed(req, DIAL_TARGET_DNS, EHOSTUNREACH,
		     "nosuch.test:9: name look-up: no such name");
	dial_request_free(req);
	req = run_udp(&l, "a b", 9, 0);
	check_failed(req, DIAL_TARGET_DNS, EHOSTUNREACH, "not a host name");
	dial_request_free(req);
	/* The kernel gives no route to that one, whatever the machine. */
	req = run_udp(&l, "255.255.255.255", 9, 0);
	check_failed(req, DIAL_TARGET_REFUSED, EACCES,
		     "connect: Permission denied");
	dial_request_free(req);
	req = lab_request(&l, "one.test", 9);
	req->kind = DIAL_DATAGRAM;
	req->egress = lab_egress("127.0.0.1", 9, "", "");
	lab_start(&l, req);
	lab_run(&l);
	check_failed(req, DIAL_INTERNAL, EINVAL, "UDP goes directly");
	dial_request_free(req);
	lab_close(&l);
}

/* A server and what a dial to it needs. */
struct scene {
	struct lab lab;
	struct tls_server *server;
	struct tls_ctx *ctx;
	bool datagram;
	uint32_t timeout_ms;
};

static void open_scene(struct scene *s, const struct tls_server_opts *opts)
{
	const char *words;

	lab_open(&s->lab);
	s->server = tls_server_new(opts);
	s->ctx = tls_ctx_new(tls_server_ca_file(s->server), &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->ctx);
	s->datagram = opts->datagram;
	s->timeout_ms = 15000;
}

static void close_scene(struct scene *s)
{
	tls_ctx_put(s->ctx);
	tls_server_free(s->server);
	lab_close(&s->lab);
}

static struct dial_request *request(struct scene *s, const char *host,
				    const char *tls_name)
{
	struct dial_request *req = lab_request(&s->lab, host,
					       tls_server_port(s->server));

	req->kind = s->datagram ? DIAL_DATAGRAM : DIAL_STREAM;
	req->tls = s->ctx;
	req->timeout_ms = s->timeout_ms;
	strcpy(req->tls_name, tls_name);
	return req;
}

static struct dial_request *run(struct scene *s, const char *host,
				const char *tls_name)
{
	struct dial_request *req = request(s, host, tls_name);

	lab_start(&s->lab, req);
	lab_run(&s->lab);
	return req;
}

static void check_talks(struct dial_request *req)
{
	struct pollfd p = { .fd = req->fd, .events = POLLIN };
	char buf[8];
	size_t n;
	enum io io;

	CU_ASSERT_EQUAL(req->reason, DIAL_OK);
	if (req->reason != DIAL_OK)
		fprintf(stderr, "\n%s\n", req->detail);
	CU_ASSERT_PTR_NOT_NULL_FATAL(req->session);
	CU_ASSERT(fcntl(req->fd, F_GETFL) & O_NONBLOCK);
	CU_ASSERT_EQUAL(tls_write(req->session, "hello", 5, &n), IO_OK);
	do {
		CU_ASSERT_FATAL(poll(&p, 1, 5000) == 1);
		io = tls_read(req->session, buf, sizeof(buf), &n);
	} while (io == IO_WANT_READ);
	CU_ASSERT_EQUAL(io, IO_OK);
	CU_ASSERT(n == 5 && memcmp(buf, "hello", 5) == 0);
}

/* Both kinds, both families, and the name of the URI rather than that of the
 * SRV target. */
static void names(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		struct tls_server_opts opts = {
			.name = i & 4 ? "relay.example" : "six.test",
			.ipv6 = i & 1,
			.datagram = i & 2,
		};
		struct dial_request *req;
		struct scene s;

		if (i & 1)
			opts.ip = "::1";
		open_scene(&s, &opts);
		req = run(&s, i & 1 ? "six.test" : "127.0.0.1",
			  i & 4 ? "relay.example" : "six.test");
		check_talks(req);
		CU_ASSERT_STRING_EQUAL(tls_server_sni(s.server),
				       i & 4 ? "relay.example" : "six.test");
		dial_request_free(req);
		if (i & 1) { /* a literal, without a name of its own */
			req = run(&s, "::1", "");
			check_talks(req);
			CU_ASSERT_STRING_EQUAL(tls_server_sni(s.server), "");
			dial_request_free(req);
		}
		req = run(&s, i & 1 ? "six.test" : "127.0.0.1", "other.test");
		check_failed(req, DIAL_RELAY_TLS, ECONNREFUSED,
			     "TLS: certificate of other.test: hostname "
			     "mismatch");
		dial_request_free(req);
		close_scene(&s);
	}
}

static void resumption(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct tls_server_opts opts = { .name = "one.test",
						.tls12 = i & 1,
						.datagram = i & 2 };
		struct scene s;

		open_scene(&s, &opts);
		for (int n = 0; n < 3; n++) {
			struct dial_request *req = run(&s, "one.test", "");

			check_talks(req);
			CU_ASSERT_EQUAL(tls_resumed(req->session), n > 0);
			dial_request_free(req);
		}
		close_scene(&s);
	}
}

/* The request holds the trust itself. */
static void context_goes_first(void)
{
	struct tls_server_opts opts = { .name = "one.test" };
	struct dial_request *req;
	struct scene s;

	open_scene(&s, &opts);
	req = request(&s, "one.test", "");
	lab_start(&s.lab, req);
	tls_ctx_put(s.ctx);
	s.ctx = NULL;
	lab_run(&s.lab);
	check_talks(req);
	dial_request_free(req);
	close_scene(&s);
}

/* The IPv6 address swallows everything: TCP is there a moment later, DTLS
 * after the address's share. */
static void silent_first_address(void)
{
	for (int i = 0; i < 2; i++) {
		struct tls_server_opts opts = { .name = "both.test",
						.datagram = i };
		uint64_t start, took;
		struct dial_request *req;
		struct black_hole hole;
		struct scene s;
		uint16_t port;
		int udp = -1;

		open_scene(&s, &opts);
		port = tls_server_port(s.server);
		if (i == 0)
			black_hole_open(&hole, ip("::1", port));
		else
			udp = bound("::1", &port);
		start = clock_now_ms();
		req = run(&s, "both.test", "");
		took = clock_now_ms() - start;
		check_talks(req);
		CU_ASSERT(took >= 240 && took < 7000);
		CU_ASSERT_EQUAL(req->peer.family, ENDPOINT_IPV4);
		if (i == 0)
			black_hole_close(&hole);
		else
			close(udp);
		dial_request_free(req);
		close_scene(&s);
	}
}

/* All that a handshake can meet, directly and through a proxy. */
static void faults(void)
{
	static const struct {
		struct tls_server_opts server;
		enum dial_reason reason;
		int error;
		const char *words;
	} rows[] = {
		{ { .way = TLS_SERVER_RESET },
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  ": TLS: Connection reset by peer" },
		{ { .way = TLS_SERVER_HANG_UP },
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  ": TLS: closed during the handshake" },
		{ { .way = TLS_SERVER_GARBAGE },
		  DIAL_RELAY_TLS,
		  ECONNREFUSED,
		  ": TLS: wrong version number" },
		{ { .way = TLS_SERVER_SILENT },
		  DIAL_TARGET_TIMEOUT,
		  ETIMEDOUT,
		  ": TLS: no answer to the handshake in time" },
		{ { .way = TLS_SERVER_STALL },
		  DIAL_TARGET_TIMEOUT,
		  ETIMEDOUT,
		  ": TLS: no answer to the handshake in time" },
		{ { .way = TLS_SERVER_SILENT, .datagram = true },
		  DIAL_TARGET_TIMEOUT,
		  ETIMEDOUT,
		  ": DTLS: no answer to the handshake in time" },
		{ { .way = TLS_SERVER_GARBAGE, .datagram = true },
		  DIAL_TARGET_TIMEOUT,
		  ETIMEDOUT,
		  ": DTLS: no answer to the handshake in time" },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		size_t row = i / 2;
		struct http_proxy_opts opts = { 0 };
		struct dial_request *req;
		struct http_proxy *p;
		uint64_t start;
		struct scene s;
		char words[80];

		if (i % 2 && rows[row].server.datagram)
			continue;
		open_scene(&s, &rows[row].server);
		opts.forward_port = tls_server_port(s.server);
		p = http_proxy_new(&opts);
		s.timeout_ms = rows[row].error == ETIMEDOUT ? 500 : 15000;
		req = request(&s, "one.test", "");
		if (i % 2)
			req->egress = lab_egress("127.0.0.1",
						 http_proxy_port(p), "", "");
		start = clock_now_ms();
		lab_start(&s.lab, req);
		lab_run(&s.lab);
		CU_ASSERT(clock_now_ms() - start < 5000);
		/* Through the proxy a reset may have become an end. */
		if (i % 2 && rows[row].server.way == TLS_SERVER_RESET)
			strcpy(words, ": TLS: ");
		else
			strcpy(words, rows[row].words);
		check_failed(req, rows[row].reason, rows[row].error, words);
		CU_ASSERT_EQUAL(strncmp(req->detail, "one.test:", 9), 0);
		dial_request_free(req);
		http_proxy_free(p);
		close_scene(&s);
	}
}

static void nobody_there(void)
{
	struct tls_server_opts opts = { .name = "one.test", .datagram = true };
	struct dial_request *req;
	struct scene s;

	open_scene(&s, &opts);
	req = request(&s, "one.test", "");
	tls_server_free(s.server);
	s.server = NULL;
	lab_start(&s.lab, req);
	lab_run(&s.lab);
	check_failed(req, DIAL_TARGET_REFUSED, ECONNREFUSED,
		     ": DTLS: Connection refused");
	dial_request_free(req);
	close_scene(&s);
}

static void cancelled(void)
{
	static const struct tls_server_opts servers[] = {
		{ .way = TLS_SERVER_SILENT },
		{ .way = TLS_SERVER_SILENT, .datagram = true },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(servers); i++) {
		uint64_t start = clock_now_ms();
		struct dial_request *req;
		struct scene s;

		open_scene(&s, &servers[i / 2]);
		s.timeout_ms = 30000;
		req = request(&s, "one.test", "");
		lab_start(&s.lab, req);
		if (i % 2)
			poll(NULL, 0, 100);
		dial_cancel(req);
		lab_run(&s.lab);
		CU_ASSERT(clock_now_ms() - start < 5000);
		CU_ASSERT_EQUAL(req->reason, DIAL_CANCELLED);
		CU_ASSERT_EQUAL(req->fd, -1);
		dial_request_free(req);
		close_scene(&s);
	}
}

static CU_TestInfo tests[] = {
	{ "UDP: addresses", udp_addresses },
	{ "UDP: refusals", udp_refusals },
	{ "names and families", names },
	{ "resumption", resumption },
	{ "context goes first", context_goes_first },
	{ "first address silent", silent_first_address },
	{ "faults in the handshake", faults },
	{ "nobody there", nobody_there },
	{ "cancelled", cancelled },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "dial_relay", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
