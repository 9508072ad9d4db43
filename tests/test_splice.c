/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_splice.c - bytes through a splice: whole, in order, to the end */
#include <config.h>

#include "splice.h"

#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define MUCH (3u * 1024 * 1024)

struct stage {
	int far; /* the other end of what is spliced */
	struct splice *splice;
	int near; /* connected through it */
};

static int connect_to(int fd, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa));
}

static void begin(struct stage *s)
{
	int pair[2], flags;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s->far = pair[0];
	s->splice = splice_open(pair[1]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->splice);
	s->near = splice_socket(s->splice);
	CU_ASSERT_FATAL(s->near >= 0);
	flags = fcntl(s->near, F_GETFL);
	CU_ASSERT_EQUAL(fcntl(s->near, F_SETFL, flags & ~O_NONBLOCK), 0);
}

static void end(struct stage *s)
{
	splice_close(s->splice);
	close(s->near);
	close(s->far);
}

static void *send_much(void *arg)
{
	const int *fd = arg;
	char *data = malloc(MUCH);
	size_t sent = 0;

	for (size_t i = 0; i < MUCH; i++)
		data[i] = (char)(i * 7 + i / 251);
	while (sent < MUCH) {
		ssize_t n = send(*fd, data + sent, MUCH - sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	shutdown(*fd, SHUT_WR);
	free(data);
	return NULL;
}

/* All of what send_much() sends, and then the end of file. */
static bool much_comes(int fd)
{
	size_t got = 0;
	char data[9000];
	ssize_t n;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		for (ssize_t i = 0; i < n; i++, got++)
			if (data[i] != (char)(got * 7 + got / 251))
				return false;
	return n == 0 && got == MUCH;
}

/* Both directions at once, each ended on its own. */
static void test_much(void)
{
	pthread_t near, far;
	struct stage s;

	begin(&s);
	CU_ASSERT_EQUAL_FATAL(connect_to(s.near, splice_port(s.splice)), 0);
	pthread_create(&near, NULL, send_much, &s.near);
	CU_ASSERT_TRUE(much_comes(s.far));
	pthread_create(&far, NULL, send_much, &s.far);
	CU_ASSERT_TRUE(much_comes(s.near));
	pthread_join(near, NULL);
	pthread_join(far, NULL);
	end(&s);
}

/* Somebody else on this machine is closed out, before ours comes. */
static void test_stranger(void)
{
	int stranger = socket(AF_INET, SOCK_STREAM, 0);
	struct stage s;
	char c;

	begin(&s);
	CU_ASSERT_EQUAL(connect_to(stranger, splice_port(s.splice)), 0);
	CU_ASSERT(recv(stranger, &c, 1, 0) <= 0);
	CU_ASSERT_EQUAL(connect_to(s.near, splice_port(s.splice)), 0);
	CU_ASSERT_EQUAL(send(s.far, "x", 1, 0), 1);
	CU_ASSERT_EQUAL(recv(s.near, &c, 1, 0), 1);
	close(stranger);
	end(&s);
}

/* Nobody has come, or nobody reads: it ends all the same. */
static void test_close(void)
{
	struct stage s;
	char block[65536] = "";

	begin(&s);
	end(&s);
	begin(&s);
	CU_ASSERT_EQUAL(connect_to(s.near, splice_port(s.splice)), 0);
	while (send(s.near, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	end(&s);
}

/* The far end is gone: so is the near one. */
static void test_reset(void)
{
	struct stage s;
	char c;

	begin(&s);
	CU_ASSERT_EQUAL(connect_to(s.near, splice_port(s.splice)), 0);
	shutdown(s.far, SHUT_RDWR);
	CU_ASSERT(recv(s.near, &c, 1, 0) <= 0);
	end(&s);
}

static CU_TestInfo tests[] = {
	{ "much, both ways", test_much },
	{ "a stranger", test_stranger },
	{ "closed at any time", test_close },
	{ "the far end goes", test_reset },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "splice", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
