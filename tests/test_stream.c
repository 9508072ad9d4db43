/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_stream.c - bytes of TCP and datagrams of UDP, without TLS */
#include <config.h>

#include "stream.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define WAIT_MS 5000

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	CU_ASSERT(getsockopt(fd, level, name, &value, &len) == 0);
	return value;
}

static int bound(int family, int type, struct sockaddr_storage *ss,
		 socklen_t *len)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = in6addr_loopback };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	int rc = family == AF_INET
			 ? bind(fd, (struct sockaddr *)&in, sizeof(in))
			 : bind(fd, (struct sockaddr *)&in6, sizeof(in6));

	*len = sizeof(*ss);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	getsockname(fd, (struct sockaddr *)ss, len);
	return fd;
}

/* A stream, and the plain socket at its other end. */
static int udp_pair(struct stream *s, int family)
{
	struct sockaddr_storage there, here;
	socklen_t there_len, here_len;
	int other = bound(family, SOCK_DGRAM, &there, &there_len);
	int own = bound(family, SOCK_DGRAM | SOCK_NONBLOCK, &here, &here_len);

	CU_ASSERT(connect(own, (struct sockaddr *)&there, there_len) == 0);
	CU_ASSERT(connect(other, (struct sockaddr *)&here, here_len) == 0);
	stream_open(s, own, NULL, true);
	return other;
}

static int tcp_pair(struct stream *s)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int listener = bound(AF_INET, SOCK_STREAM, &ss, &len), other;
	int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT(listen(listener, 1) == 0);
	CU_ASSERT(connect(own, (struct sockaddr *)&ss, len) == 0);
	other = accept(listener, NULL, NULL);
	close(listener);
	(void)fcntl(own, F_SETFL, O_NONBLOCK);
	stream_open(s, own, NULL, false);
	return other;
}

static void wait_readable(const struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	CU_ASSERT_FATAL(poll(&p, 1, WAIT_MS) == 1);
}

static void datagrams_stay_apart(void)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		struct stream s;
		int other = udp_pair(&s, families[i]);
		char buf[100];
		size_t n;

		CU_ASSERT_TRUE(stream_is_datagram(&s));
		CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n),
				IO_WANT_READ);
		CU_ASSERT_EQUAL(send(other, "one", 3, 0), 3);
		CU_ASSERT_EQUAL(send(other, "three", 5, 0), 5);
		wait_readable(&s);
		CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_OK);
		CU_ASSERT(n == 3 && memcmp(buf, "one", 3) == 0);
		CU_ASSERT_EQUAL(stream_pending(&s), 0);
		CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_OK);
		CU_ASSERT(n == 5 && memcmp(buf, "three", 5) == 0);
		CU_ASSERT_EQUAL(stream_write(&s, "ab", 2, &n), IO_OK);
		CU_ASSERT_EQUAL(n, 2);
		CU_ASSERT_EQUAL(stream_write(&s, "cde", 3, &n), IO_OK);
		CU_ASSERT_EQUAL(recv(other, buf, sizeof(buf), 0), 2);
		CU_ASSERT_EQUAL(recv(other, buf, sizeof(buf), 0), 3);
		stream_close(&s);
		close(other);
	}
}

/* Half a frame is worth nothing; an empty datagram is no end. */
static void cut_and_empty(void)
{
	struct stream s;
	int other = udp_pair(&s, AF_INET);
	char buf[4];
	size_t n;

	CU_ASSERT_EQUAL(send(other, "12345", 5, 0), 5);
	CU_ASSERT_EQUAL(send(other, "", 0, 0), 0);
	CU_ASSERT_EQUAL(send(other, "1234", 4, 0), 4);
	wait_readable(&s);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_WANT_READ);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_EQUAL(stream_dropped(&s), 1);
	wait_readable(&s);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_WANT_READ);
	wait_readable(&s);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT_EQUAL(stream_dropped(&s), 1);
	stream_close(&s);
	close(other);
}

static void too_big(void)
{
	static char big[65535];
	struct stream s;
	int other = udp_pair(&s, AF_INET);
	char buf[8];
	size_t n;

	CU_ASSERT_EQUAL(stream_write(&s, big, sizeof(big), &n), IO_OK);
	CU_ASSERT_EQUAL(n, sizeof(big));
	CU_ASSERT_EQUAL(stream_dropped(&s), 1);
	CU_ASSERT_EQUAL(stream_write(&s, "small", 5, &n), IO_OK);
	CU_ASSERT_EQUAL(recv(other, buf, sizeof(buf), 0), 5);
	stream_close(&s);
	close(other);
}

/* ICMP tells the next call, whichever it is. */
static void nobody_there(void)
{
	for (int i = 0; i < 2; i++) {
		struct stream s;
		int other = udp_pair(&s, AF_INET);
		char buf[8];
		enum io io = IO_OK;
		size_t n;

		close(other);
		CU_ASSERT_EQUAL(stream_write(&s, "x", 1, &n), IO_OK);
		wait_readable(&s);
		io = i == 0 ? stream_read(&s, buf, sizeof(buf), &n)
			    : stream_write(&s, "x", 1, &n);
		CU_ASSERT_EQUAL(io, IO_FAIL);
		errno = 0;
		CU_ASSERT_STRING_EQUAL(stream_error(&s), "Connection refused");
		stream_close(&s);
	}
}

static void socket_options(void)
{
	struct stream s;
	int other = tcp_pair(&s), plain, big = 4 << 20, want;

	CU_ASSERT_FALSE(stream_is_datagram(&s));
	CU_ASSERT_EQUAL(get(s.fd, IPPROTO_TCP, TCP_NODELAY), 1);
	CU_ASSERT_EQUAL(get(s.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16384);
	CU_ASSERT_EQUAL(get(s.fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 15000);
	stream_close(&s);
	close(other);
	plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(plain, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	want = get(plain, SOL_SOCKET, SO_RCVBUF);
	close(plain);
	other = udp_pair(&s, AF_INET);
	CU_ASSERT_EQUAL(get(s.fd, SOL_SOCKET, SO_RCVBUF), want);
	stream_close(&s);
	CU_ASSERT_EQUAL(s.fd, -1);
	close(other);
}

static void bytes(void)
{
	static char block[65536];
	struct stream s;
	int other = tcp_pair(&s);
	char buf[4];
	enum io io;
	size_t n;

	CU_ASSERT_EQUAL(send(other, "hello", 5, 0), 5);
	wait_readable(&s);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_OK);
	CU_ASSERT_EQUAL(n, 1);
	do
		io = stream_write(&s, block, sizeof(block), &n);
	while (io == IO_OK);
	CU_ASSERT_EQUAL(io, IO_WANT_WRITE);
	CU_ASSERT_EQUAL(n, 0);
	shutdown(other, SHUT_WR);
	wait_readable(&s);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_EOF);
	stream_close(&s);
	close(other);
}

static void reset(void)
{
	struct linger now = { .l_onoff = 1 };
	struct stream s;
	int other = tcp_pair(&s);
	char buf[4];
	size_t n;

	setsockopt(other, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(other);
	wait_readable(&s);
	CU_ASSERT_EQUAL(stream_read(&s, buf, sizeof(buf), &n), IO_FAIL);
	errno = 0;
	CU_ASSERT_STRING_EQUAL(stream_error(&s), "Connection reset by peer");
	CU_ASSERT_EQUAL(stream_write(&s, "x", 1, &n), IO_FAIL);
	stream_close(&s);
}

static CU_TestInfo tests[] = {
	{ "datagrams stay apart", datagrams_stay_apart },
	{ "datagrams cut and empty", cut_and_empty },
	{ "datagram too big", too_big },
	{ "nobody there", nobody_there },
	{ "socket options", socket_options },
	{ "bytes", bytes },
	{ "reset", reset },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "stream", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
