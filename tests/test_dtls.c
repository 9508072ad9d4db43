/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_dtls.c - DTLS handshakes over a way that loses datagrams, and what a
 * datagram on an established session can be
 */
#include <config.h>

#include "clock.h"
#include "tls.h"
#include "tls_server.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define WAIT_MS 20000
#define NAME    "relay.test"

struct pair {
	struct tls_server *server;
	struct tls_ctx *ctx;
	struct tls *tls;
	int fd;
};

static int connected_socket(uint16_t port, bool ipv6)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = in6addr_loopback };
	int fd = socket(ipv6 ? AF_INET6 : AF_INET,
			SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = ipv6 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
		      : connect(fd, (struct sockaddr *)&in, sizeof(in));

	CU_ASSERT_EQUAL_FATAL(rc, 0);
	return fd;
}

static int begin(struct pair *p, struct tls_server_opts server,
		 const char *name, uint32_t timeout_ms)
{
	struct tls_opts opts = { .name = name, .datagram = true };
	const char *words = NULL;

	server.datagram = true;
	p->server = tls_server_new(&server);
	p->ctx = tls_ctx_new(tls_server_ca_file(p->server), &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->ctx);
	p->fd = connected_socket(tls_server_port(p->server), server.ipv6);
	p->tls = tls_open(p->ctx, p->fd, &opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->tls);
	return tls_handshake_wait(p->tls, timeout_ms);
}

static void end(struct pair *p)
{
	tls_free(p->tls);
	close(p->fd);
	tls_ctx_put(p->ctx);
	tls_server_free(p->server);
}

static enum io read_wait(struct pair *p, char *buf, size_t max, size_t *n)
{
	enum io io;

	for (;;) {
		struct pollfd fd = { .fd = p->fd, .events = POLLIN };

		io = tls_read(p->tls, buf, max, n);
		if (io != IO_WANT_READ)
			return io;
		CU_ASSERT_FATAL(poll(&fd, 1, WAIT_MS) == 1);
	}
}

/* Write `len` bytes, and read the same ones as one datagram. */
static void echo(struct pair *p, size_t len)
{
	static char sent[16384], got[16384];
	size_t n;

	for (size_t i = 0; i < len; i++)
		sent[i] = (char)(i * 31 + len);
	CU_ASSERT_EQUAL(tls_write(p->tls, sent, len, &n), IO_OK);
	CU_ASSERT_EQUAL(n, len);
	CU_ASSERT_EQUAL(read_wait(p, got, sizeof(got), &n), IO_OK);
	CU_ASSERT_EQUAL(n, len);
	CU_ASSERT_EQUAL(memcmp(sent, got, len), 0);
}

static void both_families(void)
{
	for (int i = 0; i < 2; i++) {
		struct tls_server_opts opts = { .name = NAME, .ipv6 = i };
		struct pair p;

		CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), 0);
		CU_ASSERT_STRING_EQUAL(tls_server_sni(p.server), NAME);
		CU_ASSERT_STRING_EQUAL(tls_server_alpn(p.server), "stun.turn");
		CU_ASSERT_FALSE(tls_resumed(p.tls));
		echo(&p, 1);
		echo(&p, 1200);
		echo(&p, 16384);
		end(&p);
	}
}

/* Whichever datagrams of the handshake get lost. */
static void losses(void)
{
	for (unsigned int i = 1; i <= 6; i++) {
		struct tls_server_opts opts = {
			.name = NAME,
			.lose_in = i <= 3 ? i : 0,
			.lose_out = i > 3 ? i - 3 : 0,
		};
		struct pair p;

		CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), 0);
		echo(&p, 100);
		end(&p);
	}
}

static void refuse(struct tls_server_opts opts, const char *words)
{
	struct pair p;

	CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), -EPROTO);
	if (strstr(tls_error(p.tls), words) == NULL) {
		CU_FAIL("tls_error()");
		fprintf(stderr, "%s, not %s\n", tls_error(p.tls), words);
	}
	end(&p);
}

static void bad_certificates(void)
{
	refuse((struct tls_server_opts){ .name = "other.test" },
	       "certificate of relay.test: hostname mismatch");
	refuse((struct tls_server_opts){ .name = NAME, .stranger = true },
	       "issuer CN = Stranger CA");
	refuse((struct tls_server_opts){ .name = NAME, .expired = true },
	       "certificate has expired");
}

static void no_answer(void)
{
	static const enum tls_server_way ways[] = { TLS_SERVER_SILENT,
						    TLS_SERVER_GARBAGE };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct tls_server_opts opts = { .way = ways[i] };
		uint64_t start = clock_now_ms(), took;
		struct pair p;

		CU_ASSERT_EQUAL(begin(&p, opts, NAME, 700), -ETIMEDOUT);
		took = clock_now_ms() - start;
		CU_ASSERT(took >= 700 && took < 7000);
		CU_ASSERT_STRING_EQUAL(tls_error(p.tls),
				       "no answer to the handshake in time");
		end(&p);
	}
}

/* ICMP tells at once; in the middle of a session too. */
static void nobody_there(void)
{
	struct tls_server_opts opts = { .name = NAME };
	struct tls_opts to = { .name = NAME, .datagram = true };
	struct pair p;
	uint16_t port;
	struct tls *t;
	enum io io = IO_OK;
	size_t n;
	int fd;

	CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), 0);
	port = tls_server_port(p.server);
	tls_server_free(p.server);
	p.server = NULL;
	for (int i = 0; i < 100 && io == IO_OK; i++)
		io = tls_write(p.tls, "x", 1, &n);
	CU_ASSERT_EQUAL(io, IO_FAIL);
	CU_ASSERT_STRING_EQUAL(tls_error(p.tls), "Connection refused");
	CU_ASSERT_EQUAL(tls_write(p.tls, "x", 1, &n), IO_FAIL);
	fd = connected_socket(port, false);
	t = tls_open(p.ctx, fd, &to);
	CU_ASSERT_EQUAL(tls_handshake_wait(t, WAIT_MS), -ECONNREFUSED);
	CU_ASSERT_STRING_EQUAL(tls_error(t), "Connection refused");
	tls_free(t);
	close(fd);
	end(&p);
}

/* Empty datagrams and such that are no record end nothing; close_notify
 * does. */
static void what_comes_between(void)
{
	struct tls_server_opts opts = { .name = NAME,
					.way = TLS_SERVER_NOTIFY };
	struct pair p;
	char buf[16];
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), 0);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT(n == 3 && memcmp(buf, "bye", 3) == 0);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_EOF);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_EOF);
	end(&p);
}

/* A record is read whole or not at all. */
static void too_long_to_read(void)
{
	struct tls_server_opts opts = { .name = NAME };
	char text[4000] = "long", buf[100];
	struct pair p;
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), 0);
	CU_ASSERT_EQUAL(tls_write(p.tls, text, sizeof(text), &n), IO_OK);
	CU_ASSERT_EQUAL(tls_write(p.tls, text, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(read_wait(&p, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(n, sizeof(buf));
	CU_ASSERT_EQUAL(memcmp(buf, text, n), 0);
	CU_ASSERT_EQUAL(tls_dropped(p.tls), 1);
	CU_ASSERT_EQUAL(tls_read(p.tls, buf, sizeof(buf), &n), IO_WANT_READ);
	CU_ASSERT_EQUAL(tls_pending(p.tls), 0);
	end(&p);
}

static void too_long_to_write(void)
{
	struct tls_server_opts opts = { .name = NAME };
	static char text[65000];
	struct pair p;
	size_t n;

	CU_ASSERT_EQUAL(begin(&p, opts, NAME, WAIT_MS), 0);
	CU_ASSERT_EQUAL(tls_write(p.tls, text, sizeof(text), &n), IO_OK);
	CU_ASSERT_EQUAL(n, sizeof(text));
	CU_ASSERT_EQUAL(tls_dropped(p.tls), 1);
	echo(&p, 1000);
	end(&p);
}

/* A network of its own, whose loopback carries 2000 bytes. */
static bool small_network(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_mtu = 2000 };
	int fd;
	bool ok;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ok = ioctl(fd, SIOCSIFMTU, &ifr) == 0;
	ifr.ifr_flags = IFF_UP;
	ok = ok && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
	close(fd);
	return ok;
}

/* The exit status of a child: 77 without the right to make a network. */
static int write_too_big(void)
{
	struct tls_server_opts opts = { .name = NAME };
	int discover = IP_PMTUDISC_DO;
	static char text[16384];
	struct pair p;
	char buf[8];
	size_t n;

	if (!small_network())
		return 77;
	if (begin(&p, opts, NAME, WAIT_MS) != 0)
		return 1;
	setsockopt(p.fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover,
		   sizeof(discover));
	if (tls_write(p.tls, text, sizeof(text), &n) != IO_OK ||
	    n != sizeof(text) || tls_dropped(p.tls) != 1)
		return 2;
	if (tls_write(p.tls, "hello", 5, &n) != IO_OK ||
	    read_wait(&p, buf, sizeof(buf), &n) != IO_OK || n != 5)
		return 3;
	end(&p);
	return 0;
}

/* The kernel says EMSGSIZE to that datagram only. */
static void too_big_for_the_way(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(write_too_big());
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT(WIFEXITED(status));
	CU_ASSERT(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
	if (WEXITSTATUS(status) != 0)
		fprintf(stderr, "too_big_for_the_way: %d\n",
			WEXITSTATUS(status));
}

static CU_TestInfo tests[] = {
	{ "IPv4 and IPv6", both_families },
	{ "losses", losses },
	{ "bad certificates", bad_certificates },
	{ "no answer", no_answer },
	{ "nobody there", nobody_there },
	{ "what comes between", what_comes_between },
	{ "too long to read", too_long_to_read },
	{ "too long to write", too_long_to_write },
	{ "too big for the way", too_big_for_the_way },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "dtls", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
