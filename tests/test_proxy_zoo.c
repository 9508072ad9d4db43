/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_proxy_zoo.c - every animal of the zoo, for an app's blocking socket,
 * its non-blocking one, and a dial of our own: reason, errno, words; the app's
 * socket as it was, no descriptor left, and in time
 */
#include <config.h>

#include "proxy_zoo.h"

#include "dial.h"
#include "dial_lab.h"
#include "tls.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define TARGET "relay.example"
/* For those that never come to an end. */
#define SHORT_MS 300
/* More than any of the others takes on a busy machine. */
#define BOUND_MS 10000

enum caller {
	CALLER_OWN = 0,
	CALLER_BLOCKING,
	CALLER_NONBLOCKING,
	CALLER_NUM,
};

struct row {
	const char *animal;
	enum dial_reason reason;
	int error;
	const char *words;   /* in the detail */
	const char *first;   /* what comes out of the tunnel unasked */
	const char *login;   /* the password of "zoe" */
	uint32_t timeout_ms; /* 0: BOUND_MS */
	bool alpn;
};

/* More of the row may follow. */
#define WORKS(...)                                \
	{                                         \
		.error = 0, .animal = __VA_ARGS__ \
	}
#define FAILS(reason_, errno_, words_, ...)                                 \
	{                                                                   \
		.reason = DIAL_##reason_, .error = errno_, .words = words_, \
		.animal = __VA_ARGS__                                       \
	}
#define DENIED(words, ...) FAILS(PROXY_DENIED, ECONNREFUSED, words, __VA_ARGS__)
#define LOGIN(...)         FAILS(PROXY_AUTH, ECONNREFUSED, "407 Proxy", __VA_ARGS__)
#define STRANGE(words, ...) \
	FAILS(PROXY_PROTOCOL, ECONNABORTED, words, __VA_ARGS__)
#define LATE(...)                                                         \
	FAILS(PROXY_TIMEOUT, ETIMEDOUT, "no answer in time", __VA_ARGS__, \
	      .timeout_ms = SHORT_MS)
#define CLOSED(...)                                                        \
	FAILS(PROXY_CLOSED, ECONNRESET, "the proxy closed the connection", \
	      __VA_ARGS__)
#define RESET(...) FAILS(PROXY_RESET, ECONNRESET, "reset by peer", __VA_ARGS__)

static const struct row rows[] = {
	WORKS("plain 200"),
	WORKS("HTTP/1.0"),
	WORKS("no reason phrase"),
	WORKS("204"),
	WORKS("200 with a length", .first = "hello"),
	WORKS("200 in chunks", .first = "5\r\nhello\r\n0\r\n\r\n"),
	WORKS("early data", .first = "early"),
	WORKS("drip that ends"),
	WORKS("LF only"),
	WORKS("folded header"),
	WORKS("100 KB of headers"),
	WORKS("slow target"),
	LATE("slow target"),
	WORKS("rejects ALPN"),
	DENIED("400 Bad Request", "rejects ALPN", .alpn = true),
	LOGIN("407 and goes on"),
	WORKS("407 and goes on", .login = "secret"),
	LOGIN("407 and goes on", .login = "wrong"),
	LOGIN("407 and closes"),
	WORKS("407 and closes", .login = "secret"),
	LOGIN("407 and closes", .login = "wrong"),
	LOGIN("407 without challenge"),
	WORKS("401 to a wrong login", .login = "secret"),
	FAILS(PROXY_AUTH, ECONNREFUSED, "refused this login",
	      "401 to a wrong login", .login = "wrong"),
	FAILS(CAPTIVE_PORTAL, ENETUNREACH, "302 Found", "302"),
	DENIED("400 Bad Request", "400"),
	DENIED("403 Forbidden", "403"),
	DENIED("403 Forbidden (ERR_ACCESS_DENIED)", "403 of squid"),
	DENIED("405 Method Not Allowed", "405"),
	DENIED("501 Not Implemented", "501"),
	FAILS(TARGET_UNREACH, EHOSTUNREACH, "502 Bad Gateway", "502"),
	FAILS(TARGET_UNREACH, EHOSTUNREACH, "503 Service Unavailable", "503"),
	FAILS(TARGET_TIMEOUT, ETIMEDOUT, "504 Gateway Timeout", "504"),
	STRANGE("103 Early Hints", "1xx first"),
	STRANGE("is not HTTP", "garbage"),
	STRANGE("is not HTTP", "HTML"),
	STRANGE("a header is not HTTP", "NUL in a header"),
	STRANGE("too large", "64 KB in a header"),
	STRANGE("Too large", "endless headers"),
	LATE("black hole"),
	LATE("silent"),
	LATE("200 without end"),
	LATE("endless drip"),
	CLOSED("FIN at once"),
	CLOSED("FIN for an answer"),
	CLOSED("FIN after the status line"),
	RESET("RST at once"),
	RESET("RST in the headers"),
	WORKS("idle cutter"),
	WORKS("cuts after 1 MB"),
};

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

/* A listener that nobody has to accept from. */
static int plain_listener(struct sockaddr_in *in)
{
	socklen_t len = sizeof(*in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*in = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)in, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)in, &len);
	return fd;
}

/* As if nothing had happened: the app may connect it somewhere else. */
static void check_restored(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct sockaddr_in in, peer;
	socklen_t len = sizeof(peer);
	int listener = plain_listener(&in), error = -1;

	CU_ASSERT_EQUAL(getpeername(fd, (struct sockaddr *)&peer, &len), -1);
	CU_ASSERT_EQUAL(errno, ENOTCONN);
	CU_ASSERT(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 ||
		  errno == EINPROGRESS);
	CU_ASSERT_EQUAL(poll(&p, 1, BOUND_MS), 1);
	len = sizeof(error);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	CU_ASSERT_EQUAL(error, 0);
	len = sizeof(peer);
	CU_ASSERT_EQUAL(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
	CU_ASSERT_EQUAL(peer.sin_port, in.sin_port);
	close(listener);
}

static void check_first(int fd, const char *first)
{
	char buf[64];
	size_t want = strlen(first), got = 0;

	while (got < want) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		CU_ASSERT_EQUAL_FATAL(poll(&p, 1, BOUND_MS), 1);
		n = recv(fd, buf + got, want - got, 0);
		CU_ASSERT_FATAL(n > 0);
		got += (size_t)n;
	}
	CU_ASSERT_EQUAL(memcmp(buf, first, want), 0);
}

static struct dial_request *request(struct lab *l, const struct row *row,
				    struct proxy_zoo *z, enum caller caller)
{
	struct dial_request *req = lab_request(l, TARGET, 443);
	bool login = row->login != NULL;

	req->egress = lab_egress("127.0.0.1", proxy_zoo_port(z),
				 login ? "zoe" : "", login ? row->login : "");
	req->timeout_ms = row->timeout_ms != 0 ? row->timeout_ms : BOUND_MS;
	req->alpn_header = row->alpn;
	if (caller != CALLER_OWN)
		req->socket = lab_app_socket(AF_INET,
					     caller == CALLER_NONBLOCKING);
	return req;
}

static void check_failed(const struct row *row, const struct dial_request *req,
			 enum caller caller)
{
	bool found = strstr(req->detail, row->words) != NULL;

	CU_ASSERT_TRUE(found);
	if (!found)
		fprintf(stderr, "\n%s: \"%s\" lacks \"%s\"\n", row->animal,
			req->detail, row->words);
	if (caller == CALLER_OWN) {
		CU_ASSERT_EQUAL(req->fd, -1);
		return;
	}
	CU_ASSERT_TRUE(req->same_socket);
	check_restored(req->fd);
}

static void check_worked(const struct row *row, const struct dial_request *req,
			 enum caller caller)
{
	if (req->reason != DIAL_OK)
		return;
	CU_ASSERT_EQUAL(req->same_socket, caller != CALLER_OWN);
	CU_ASSERT_STRING_EQUAL(req->detail, "");
	if (row->first != NULL)
		check_first(req->fd, row->first);
	CU_ASSERT_TRUE(lab_echoes(req->fd, "hello"));
}

static void check(const struct row *row, enum caller caller)
{
	struct dial_request *req;
	struct proxy_zoo *z;
	struct lab l;
	uint64_t start, took;
	int flags;

	lab_open(&l);
	z = proxy_zoo_new(row->animal, 0);
	req = request(&l, row, z, caller);
	flags = caller == CALLER_OWN ? 0 : fcntl(req->socket, F_GETFL);
	start = clock_now_ms();
	lab_start(&l, req);
	lab_run(&l);
	took = clock_now_ms() - start;
	CU_ASSERT(took <
		  (row->timeout_ms != 0 ? row->timeout_ms + 1000 : BOUND_MS));
	if (req->reason != row->reason)
		fprintf(stderr, "\n%s (%d): %s: %s\n", row->animal, caller,
			dial_reason_name(req->reason), req->detail);
	CU_ASSERT_EQUAL(req->reason, row->reason);
	CU_ASSERT_EQUAL(req->error, row->error);
	if (caller != CALLER_OWN)
		CU_ASSERT_EQUAL(fcntl(req->fd, F_GETFL), flags);
	if (row->error != 0)
		check_failed(row, req, caller);
	else
		check_worked(row, req, caller);
	dial_request_free(req);
	proxy_zoo_free(z);
	lab_close(&l);
}

static void own_dials(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i], CALLER_OWN);
}

static void blocking_sockets(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i], CALLER_BLOCKING);
}

static void nonblocking_sockets(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i], CALLER_NONBLOCKING);
}

static void nobody_is_left_out(void)
{
	for (size_t i = 0; i < zoo_animals_count; i++) {
		bool found = false;

		for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
			found |= strcmp(zoo_animals[i].name, rows[j].animal) ==
				 0;
		CU_ASSERT_TRUE(found);
	}
}

/* The limit is the proxy's, not ours: all that it let through arrives. */
static void cut_in_the_middle(void)
{
	static const struct row row = WORKS("cuts after 1 MB");
	char buf[16384] = "";
	size_t left_in = 1 << 20, left_out = left_in;
	struct dial_request *req;
	struct proxy_zoo *z;
	struct lab l;
	ssize_t n = 1;

	lab_open(&l);
	z = proxy_zoo_new(row.animal, 0);
	req = request(&l, &row, z, CALLER_NONBLOCKING);
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL_FATAL(req->reason, DIAL_OK);
	while (n != 0) {
		struct pollfd p = { .fd = req->fd,
				    .events = POLLIN |
					      (left_out > 0 ? POLLOUT : 0) };

		CU_ASSERT_EQUAL_FATAL(poll(&p, 1, BOUND_MS), 1);
		n = send(req->fd, buf,
			 left_out < sizeof(buf) ? left_out : sizeof(buf),
			 MSG_NOSIGNAL);
		left_out -= n > 0 ? (size_t)n : 0;
		n = recv(req->fd, buf, sizeof(buf), 0);
		CU_ASSERT_FATAL(n >= 0 || errno == EAGAIN);
		left_in -= n > 0 ? (size_t)n : 0;
	}
	CU_ASSERT_EQUAL(left_out, 0);
	CU_ASSERT_EQUAL(left_in, 0);
	dial_request_free(req);
	proxy_zoo_free(z);
	lab_close(&l);
}

/* A proxy that inspects TLS shows a certificate of its own. */
static void inspection(void)
{
	static const struct row row = WORKS("plain 200");
	struct tls_server_opts opts = { .name = TARGET, .stranger = true };
	struct tls_server *inspector;
	struct dial_request *req;
	struct proxy_zoo *z;
	const char *words;
	struct lab l;

	lab_open(&l);
	inspector = tls_server_new(&opts);
	z = proxy_zoo_new(row.animal, tls_server_port(inspector));
	req = request(&l, &row, z, CALLER_OWN);
	req->tls = tls_ctx_new(tls_server_ca_file(inspector), &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(req->tls);
	lab_start(&l, req);
	lab_run(&l);
	CU_ASSERT_EQUAL(req->reason, DIAL_RELAY_TLS);
	CU_ASSERT_EQUAL(req->error, ECONNREFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(req->detail, "Stranger CA"));
	CU_ASSERT_EQUAL(req->fd, -1);
	tls_ctx_put(req->tls);
	dial_request_free(req);
	proxy_zoo_free(z);
	tls_server_free(inspector);
	lab_close(&l);
}

static CU_TestInfo tests[] = {
	{ "every animal has a row", nobody_is_left_out },
	{ "dials of our own", own_dials },
	{ "an app's blocking socket", blocking_sockets },
	{ "an app's non-blocking socket", nonblocking_sockets },
	{ "a tunnel that is cut after 1 MB", cut_in_the_middle },
	{ "a proxy that inspects TLS", inspection },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "proxy_zoo", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
