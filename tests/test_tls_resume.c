/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_tls_resume.c - which connections are abbreviated, and which must not be
 */
#include <config.h>

#include "tls.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define WAIT_MS 5000
#define NAME    "relay.test"

static int ignore_sigpipe(void)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

struct client {
	struct tls *tls;
	int fd;
	bool resumed;
};

static struct tls_ctx *new_ctx(const struct tls_server *s)
{
	const char *words;
	struct tls_ctx *ctx = tls_ctx_new(tls_server_ca_file(s), &words);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ctx);
	return ctx;
}

static int dial(uint16_t port, bool datagram)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET,
			(datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
			0);

	CU_ASSERT_FATAL(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static struct client start(struct tls_ctx *ctx, uint16_t port,
			   const struct tls_opts *opts)
{
	struct client c = { .fd = dial(port, opts->datagram) };

	c.tls = tls_open(ctx, c.fd, opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c.tls);
	CU_ASSERT_EQUAL_FATAL(tls_handshake_wait(c.tls, WAIT_MS), 0);
	c.resumed = tls_resumed(c.tls);
	return c;
}

/* Tickets of TLS 1.3 come with the first data. */
static void talk(struct client *c)
{
	char buf[8];
	size_t n;
	enum io io;

	CU_ASSERT_EQUAL(tls_write(c->tls, "hello", 5, &n), IO_OK);
	while ((io = tls_read(c->tls, buf, sizeof(buf), &n)) == IO_WANT_READ) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };

		CU_ASSERT_FATAL(poll(&p, 1, WAIT_MS) == 1);
	}
	CU_ASSERT_EQUAL(io, IO_OK);
	CU_ASSERT(n == 5 && memcmp(buf, "hello", 5) == 0);
}

static void stop(struct client *c)
{
	tls_free(c->tls);
	close(c->fd);
}

/* One whole connection; was it resumed? */
static bool visit(struct tls_ctx *ctx, uint16_t port,
		  const struct tls_opts *opts)
{
	struct client c = start(ctx, port, opts);

	talk(&c);
	stop(&c);
	return c.resumed;
}

static const struct tls_server_opts servers[] = {
	{ .name = NAME },
	{ .name = NAME, .tls12 = true },
	{ .name = NAME, .tls12 = true, .no_tickets = true },
	{ .name = NAME, .datagram = true },
	{ .name = NAME, .datagram = true, .no_tickets = true },
};

static struct tls_opts to(const struct tls_server *s, unsigned int i)
{
	return (struct tls_opts){ .name = NAME,
				  .port = tls_server_port(s),
				  .datagram = servers[i].datagram };
}

static void second_is_resumed(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(servers); i++) {
		struct tls_server *s = tls_server_new(&servers[i]);
		struct tls_ctx *ctx = new_ctx(s);
		struct tls_opts opts = to(s, i);
		uint16_t port = opts.port;

		CU_ASSERT_FALSE(visit(ctx, port, &opts));
		for (int again = 0; again < 5; again++)
			CU_ASSERT_TRUE(visit(ctx, port, &opts));
		CU_ASSERT_EQUAL(tls_server_handshakes(s), 6);
		CU_ASSERT_EQUAL(tls_server_resumed(s), 5);
		tls_ctx_put(ctx);
		tls_server_free(s);
	}
}

/* An end without close_notify, or a reset, says nothing against the session:
 * it is after those that a quick return matters. */
static void after_a_cut(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct tls_server_opts cut = servers[i];
		struct tls_server *s;
		struct tls_ctx *ctx;
		struct tls_opts opts;

		cut.way = TLS_SERVER_TRUNCATE;
		s = tls_server_new(&cut);
		ctx = new_ctx(s);
		opts = to(s, i);
		for (int again = 0; again < 3; again++) {
			struct client c = start(ctx, opts.port, &opts);
			struct pollfd p = { .fd = c.fd, .events = POLLIN };
			char buf[8];
			size_t n;
			enum io io;

			CU_ASSERT_EQUAL(c.resumed, again > 0);
			while ((io = tls_read(c.tls, buf, 8, &n)) != IO_EOF) {
				CU_ASSERT_FATAL(io != IO_FAIL);
				CU_ASSERT(poll(&p, 1, WAIT_MS) == 1);
			}
			stop(&c);
		}
		tls_ctx_put(ctx);
		tls_server_free(s);
	}
}

/* The server has been started anew: a full handshake, in the same connection.
 */
static void refused(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(servers); i++) {
		struct tls_server *s = tls_server_new(&servers[i]);
		struct tls_ctx *ctx = new_ctx(s);
		struct tls_opts opts = to(s, i);
		uint16_t port = opts.port;

		CU_ASSERT_FALSE(visit(ctx, port, &opts));
		tls_server_forget(s);
		CU_ASSERT_FALSE(visit(ctx, port, &opts));
		CU_ASSERT_TRUE(visit(ctx, port, &opts));
		CU_ASSERT_EQUAL(tls_server_handshakes(s), 3);
		tls_ctx_put(ctx);
		tls_server_free(s);
	}
}

/* Nothing that a check has not been made for: another name, another server,
 * another context; and nothing without a port. */
static void never_elsewhere(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(servers); i++) {
		struct tls_server_opts with_ip = servers[i];
		struct tls_server *s;
		struct tls_ctx *ctx, *other;
		struct tls_opts opts, changed;
		uint16_t port;

		with_ip.ip = "127.0.0.1";
		s = tls_server_new(&with_ip);
		ctx = new_ctx(s);
		other = new_ctx(s);
		opts = to(s, i);
		port = opts.port;
		CU_ASSERT_FALSE(visit(ctx, port, &opts));
		changed = opts;
		changed.name = "127.0.0.1";
		changed.server = NAME;
		CU_ASSERT_FALSE(visit(ctx, port, &changed));
		changed = opts;
		changed.server = "elsewhere.test";
		CU_ASSERT_FALSE(visit(ctx, port, &changed));
		changed = opts;
		changed.port++;
		CU_ASSERT_FALSE(visit(ctx, port, &changed));
		changed.port = 0;
		CU_ASSERT_FALSE(visit(ctx, port, &changed));
		CU_ASSERT_FALSE(visit(ctx, port, &changed));
		CU_ASSERT_FALSE(visit(other, port, &opts));
		CU_ASSERT_TRUE(visit(ctx, port, &opts));
		tls_ctx_put(other);
		tls_ctx_put(ctx);
		tls_server_free(s);
	}
}

/* Each ticket of TLS 1.3 once, also among connections that start together; a
 * session of 1.2 as often as wanted. */
static void at_the_same_time(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct tls_server *s = tls_server_new(&servers[i]);
		struct tls_ctx *ctx = new_ctx(s);
		struct tls_opts opts = to(s, i);
		struct client c[8];
		unsigned int resumed = 0;

		for (int n = 0; n < 8; n++) {
			c[n] = start(ctx, opts.port, &opts);
			CU_ASSERT(n == 0 || i == 1 || !c[n].resumed);
			if (n == 0 && i == 1)
				talk(&c[0]);
		}
		for (int n = 0; n < 8; n++) {
			talk(&c[n]);
			stop(&c[n]);
		}
		/* Sixteen tickets came; no more than four are kept. */
		for (int n = 0; n < 8; n++) {
			c[n] = start(ctx, opts.port, &opts);
			resumed += c[n].resumed;
		}
		CU_ASSERT_EQUAL(resumed, i == 0 ? 4 : 8);
		for (int n = 0; n < 8; n++)
			stop(&c[n]);
		tls_ctx_put(ctx);
		tls_server_free(s);
	}
}

/* Servers beyond the bound push out the one that was longest out of use. */
static void many_servers(void)
{
	struct tls_server_opts server = { .name = NAME };
	struct tls_server *s = tls_server_new(&server);
	struct tls_ctx *ctx = new_ctx(s);
	uint16_t port = tls_server_port(s);
	struct tls_opts opts = { .name = NAME };

	for (uint16_t n = 1; n <= 20; n++) {
		opts.port = n;
		CU_ASSERT_FALSE(visit(ctx, port, &opts));
		opts.port = 1;
		CU_ASSERT_TRUE(n == 1 || visit(ctx, port, &opts));
	}
	opts.port = 2;
	CU_ASSERT_FALSE(visit(ctx, port, &opts));
	opts.port = 20;
	CU_ASSERT_TRUE(visit(ctx, port, &opts));
	tls_ctx_put(ctx);
	tls_server_free(s);
}

/* The last reference to the context may be a session's: its tickets have a
 * place to go until then. */
static void context_goes_first(void)
{
	struct tls_server *s = tls_server_new(&servers[0]);
	struct tls_ctx *ctx = new_ctx(s);
	struct tls_opts opts = to(s, 0);
	struct client c = start(ctx, opts.port, &opts);

	tls_ctx_put(ctx);
	talk(&c);
	stop(&c);
	tls_server_free(s);
}

struct crowd {
	struct tls_ctx *ctx;
	struct tls_opts opts;
};

static void *visit_often(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 10; i++)
		(void)visit(crowd->ctx, crowd->opts.port, &crowd->opts);
	return NULL;
}

static void from_many_threads(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct tls_server *s = tls_server_new(&servers[i]);
		struct crowd crowd = { .ctx = new_ctx(s), .opts = to(s, i) };
		pthread_t threads[4];

		for (int n = 0; n < 4; n++)
			CU_ASSERT_FATAL(pthread_create(&threads[n], NULL,
						       visit_often,
						       &crowd) == 0);
		for (int n = 0; n < 4; n++)
			pthread_join(threads[n], NULL);
		CU_ASSERT_EQUAL(tls_server_handshakes(s), 40);
		CU_ASSERT(tls_server_resumed(s) >= 30);
		tls_ctx_put(crowd.ctx);
		tls_server_free(s);
	}
}

static CU_TestInfo tests[] = {
	{ "the second connection", second_is_resumed },
	{ "after a cut", after_a_cut },
	{ "refused by the server", refused },
	{ "never elsewhere", never_elsewhere },
	{ "at the same time", at_the_same_time },
	{ "many servers", many_servers },
	{ "context goes first", context_goes_first },
	{ "from many threads", from_many_threads },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "tls_resume", .pInitFunc = ignore_sigpipe, .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
