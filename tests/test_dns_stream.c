/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_dns_stream.c - DNS over TCP: many queries on a connection, the real
 * server behind it, and apps that do not behave */
#include <config.h>

#include "dns_stream.h"

#include "addr.h"
#include "buf.h"
#include "dns.h"
#include "fake/dns_server.h"
#include "lib/unit.h"
#include "loop.h"
#include "names.h"
#include "policy.h"
#include "rules.h"
#include "stats.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

static const struct policy_client any_app = { .program = "" };

#define FRAME_MAX 1024

static struct loop *loop;
static struct names *names;
static struct policy *policy;
static struct worker_stats stats;
static struct dns_streams *streams;
static struct dns_server server;
static pthread_t thread;

static int setup(void)
{
	static struct rules rules;
	struct names_opts opts = { .pool4_bits = 15 };
	struct rules_context ctx = { .user = &rules, .have_proxy = true };
	struct dns_streams_opts all = { .stats = &stats };
	char words[128];
	struct rule rule;

	if (!addr_parse_ip("198.18.0.0", &opts.pool4) ||
	    rules_parse_line("direct .intern.test", &rule, words,
			     sizeof(words)) < 0 ||
	    rules_add(&rules, &rule) < 0)
		return 1;
	all.loop = loop = loop_new();
	all.names = names = names_new(&opts);
	all.policy = policy = policy_new(&ctx, NULL);
	streams = dns_streams_new(&all);
	rules_fini(&rules);
	return loop == NULL || names == NULL || policy == NULL ||
	       streams == NULL;
}

static int teardown(void)
{
	dns_streams_free(streams);
	policy_put(policy);
	names_free(names);
	loop_free(loop);
	return 0;
}

static void *run(void *arg)
{
	(void)arg;
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	return NULL;
}

/* The loop stands still while streams are opened. */
static int open_stream(int af, const struct endpoint *at)
{
	struct timeval patience = { .tv_sec = 10 };
	int fd = dns_streams_open(streams, af, at, &any_app);

	CU_ASSERT_FATAL(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void start(void)
{
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
}

static void stop(void)
{
	loop_stop(loop);
	pthread_join(thread, NULL);
}

static size_t make_query(uint8_t *out, uint16_t id, const char *name,
			 uint16_t type)
{
	struct buf b;

	buf_init(&b, out, FRAME_MAX);
	buf_put_u16(&b, 0);
	buf_put_u16(&b, id);
	buf_put_u16(&b, 0x0100);
	buf_put_u16(&b, 1);
	buf_put_zero(&b, 6);
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		buf_put_u8(&b, (uint8_t)n);
		buf_put(&b, name, n);
		name += n + (name[n] == '.');
	}
	buf_put_u8(&b, 0);
	buf_put_u16(&b, type);
	buf_put_u16(&b, DNS_CLASS_IN);
	CU_ASSERT_FALSE(b.failed);
	buf_set_u16(&b, 0, (uint16_t)(b.len - 2));
	return b.len;
}

static void ask(int fd, uint16_t id, const char *name, uint16_t type)
{
	uint8_t query[FRAME_MAX];
	size_t len = make_query(query, id, name, type);

	CU_ASSERT_EQUAL(send(fd, query, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* The next answer: its id, or -1 at the end; the first byte of the address that
 * stands last in `*first`. */
static int take(int fd, uint8_t *first)
{
	uint8_t data[FRAME_MAX];
	size_t len;

	if (recv(fd, data, 2, MSG_WAITALL) != 2)
		return -1;
	len = be16_get(data);
	CU_ASSERT_FATAL(len <= sizeof(data));
	CU_ASSERT_EQUAL_FATAL(recv(fd, data, len, MSG_WAITALL), (ssize_t)len);
	*first = data[7] > 0 ? data[len - 4] : 0;
	return be16_get(data);
}

static const struct endpoint far = { .family = ENDPOINT_IPV4,
				     .port_be = 0x3500,
				     .ip = { 203, 0, 113, 53 } };

static void test_answers(void)
{
	int fd = open_stream(AF_INET, &far), fd6 = open_stream(AF_INET6, &far);
	uint8_t first;

	start();
	ask(fd, 1, "a.example", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd, &first), 1);
	CU_ASSERT_EQUAL(first, 198);
	ask(fd, 2, "a.example", DNS_TYPE_HTTPS);
	CU_ASSERT_EQUAL(take(fd, &first), 2);
	CU_ASSERT_EQUAL(first, 0);
	ask(fd6, 3, "a.example", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd6, &first), 3);
	CU_ASSERT_EQUAL(first, 198);
	/* The app is through with it. */
	shutdown(fd, SHUT_WR);
	CU_ASSERT_EQUAL(take(fd, &first), -1);
	close(fd);
	close(fd6);
	stop();
}

/* As fast as can be, and in pieces. */
static void test_pipelined(void)
{
	int fd = open_stream(AF_INET, &far);
	uint8_t queries[200 * 64], first;
	size_t len = 0;

	for (uint16_t i = 0; i < 200; i++)
		len += make_query(queries + len, i, "b.example", DNS_TYPE_A);
	start();
	for (size_t at = 0; at < len; at += 97)
		CU_ASSERT(send(fd, queries + at, len - at < 97 ? len - at : 97,
			       0) > 0);
	for (int i = 0; i < 200; i++) {
		CU_ASSERT_EQUAL(take(fd, &first), i);
		CU_ASSERT_EQUAL(first, 198);
	}
	close(fd);
	stop();
}

/* Direct names go to the real server, by one connection; ours do not wait for
 * its answers. */
static void test_real_server(void)
{
	uint8_t first;
	int fd;

	dns_server_open(&server);
	dns_server_add(&server, "www.intern.test", DNS_TYPE_A, 60,
		       "\x0a\x01\x02\x03", 4);
	fd = open_stream(AF_INET, &server.at);
	start();
	ask(fd, 1, "www.intern.test", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd, &first), 1);
	CU_ASSERT_EQUAL(first, 10);
	ask(fd, 2, "a.example", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd, &first), 2);
	CU_ASSERT_EQUAL(first, 198);
	ask(fd, 3, "www.intern.test", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd, &first), 3);
	CU_ASSERT_EQUAL(first, 10);
	CU_ASSERT_EQUAL(atomic_load(&server.tcp_queries), 2);
	close(fd);
	stop();
	dns_server_close(&server);
}

/* Nobody listens there: the app hears it at once. */
static void test_real_server_gone(void)
{
	struct endpoint nobody = { .family = ENDPOINT_IPV4,
				   .ip = { 127, 0, 0, 1 } };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&nobody, AF_INET, &sa);
	int held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	uint8_t first;

	/* A port that is bound and does not listen. */
	CU_ASSERT_EQUAL(bind(held, (struct sockaddr *)&sa, len), 0);
	CU_ASSERT_EQUAL(getsockname(held, (struct sockaddr *)&sa, &len), 0);
	CU_ASSERT_TRUE(
		endpoint_from_sockaddr(&nobody, (struct sockaddr *)&sa, len));
	fd = open_stream(AF_INET, &nobody);
	start();
	ask(fd, 1, "www.intern.test", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd, &first), -1);
	close(fd);
	close(held);
	stop();
}

/* An app that asks and never reads is bounded, and so are apps. */
static void test_limits(void)
{
	int fd = open_stream(AF_INET, &far), many[80], opened = 0, size = 4096;
	uint8_t query[FRAME_MAX];
	size_t len = make_query(query, 1, "c.example", DNS_TYPE_A), sent = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	while (opened < 80) {
		many[opened] = dns_streams_open(streams, AF_INET, &far,
						&any_app);
		if (many[opened] < 0)
			break;
		opened++;
	}
	CU_ASSERT_EQUAL(opened, 63);
	CU_ASSERT_EQUAL(many[opened], -ECONNREFUSED);
	start();
	/* Until it is not taken any more for a while. */
	while (sent < (64u << 20) && poll(&p, 1, 300) > 0) {
		ssize_t n = send(fd, query, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	CU_ASSERT(sent < (32u << 20));
	close(fd);
	while (opened > 0)
		close(many[--opened]);
	stop();
}

/* What is no DNS gets no answer, and does no harm. */
static void test_nonsense(void)
{
	int fd = open_stream(AF_INET, &far), cut = open_stream(AF_INET, &far);
	uint8_t first, junk[2000];

	start();
	memset(junk, 0, sizeof(junk));
	CU_ASSERT_EQUAL(send(fd, junk, sizeof(junk), 0), sizeof(junk));
	ask(fd, 7, "a.example", DNS_TYPE_A);
	CU_ASSERT_EQUAL(take(fd, &first), 7);
	CU_ASSERT_EQUAL(send(cut, "\xff\xffgarbage", 9, 0), 9);
	shutdown(cut, SHUT_WR);
	CU_ASSERT_EQUAL(take(cut, &first), -1);
	close(fd);
	close(cut);
	stop();
}

static CU_TestInfo tests[] = {
	{ "queries and answers", test_answers },
	{ "many at once, in pieces", test_pipelined },
	{ "the real server", test_real_server },
	{ "no real server", test_real_server_gone },
	{ "limits", test_limits },
	{ "nonsense", test_nonsense },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "dns_stream",
	  .pInitFunc = setup,
	  .pCleanupFunc = teardown,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
