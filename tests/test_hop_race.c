/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_hop_race.c - which of several addresses a connection is made to */
#include <config.h>

#include "hop_race.h"

#include "addr.h"
#include "black_hole.h"
#include "cancel.h"
#include "clock.h"
#include "dial_lab.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

#include <netinet/tcp.h>
#include <sys/resource.h>

/* Longer than any test may take. */
#define LONG_MS 30000

static struct endpoint ip(const char *text, uint16_t port)
{
	struct endpoint e;

	CU_ASSERT_TRUE_FATAL(addr_parse_ip(text, &e));
	e.port_be = htons(port);
	return e;
}

/* Accepts; its address. */
static int listen_at(const char *text, struct endpoint *e)
{
	struct sockaddr_storage ss;
	struct endpoint at = ip(text, 0);
	int family = at.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	socklen_t len = endpoint_to_sockaddr(&at, family, &ss);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&ss, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 64), 0);
	getsockname(fd, (struct sockaddr *)&ss, &len);
	CU_ASSERT_TRUE(endpoint_from_sockaddr(e, &ss, len));
	return fd;
}

struct run {
	int fd;
	unsigned int winner;
	uint64_t took_ms;
};

/* And nothing but the winner's descriptor is left. */
static struct run race(const struct endpoint *addrs, unsigned int count,
		       uint64_t timeout_ms, struct cancel *cancel)
{
	uint64_t start = clock_now_ms();
	struct run r = { .winner = 99 };
	int fds = lab_count_fds();
	struct cancel own;

	cancel_init(&own);
	r.fd = hop_race(addrs, count, start + timeout_ms,
			cancel != NULL ? cancel : &own, &r.winner);
	r.took_ms = clock_now_ms() - start;
	CU_ASSERT_EQUAL(lab_count_fds(), fds + (r.fd >= 0));
	cancel_fini(&own);
	return r;
}

static void check_order(const char *in, const char *out)
{
	struct endpoint addrs[16];
	unsigned int n = 0;

	for (; in[n] != '\0'; n++) {
		addrs[n] = ip(in[n] < 'a' ? "192.0.2.0" : "2001:db8::", 0);
		addrs[n].ip[3] = (uint8_t)in[n];
	}
	hop_race_order(addrs, n);
	for (unsigned int i = 0; i < n; i++)
		CU_ASSERT_EQUAL(addrs[i].ip[3], out[i]);
}

/* IPv4 in capitals. */
static void order(void)
{
	check_order("", "");
	check_order("A", "A");
	check_order("abc", "abc");
	check_order("abAB", "aAbB");
	check_order("ABab", "AaBb");
	check_order("abcdABx", "aAbBcdx");
	check_order("aAbB", "aAbB");
	check_order("AbcdBC", "AbBcCd");
}

static void one_address(void)
{
	static const char *const texts[] = { "127.0.0.1", "::1" };

	for (int i = 0; i < 2; i++) {
		struct endpoint e;
		int fd = listen_at(texts[i], &e), one = 0;
		struct run r = race(&e, 1, LONG_MS, NULL);
		socklen_t len = sizeof(one);

		CU_ASSERT_FATAL(r.fd >= 0);
		CU_ASSERT_EQUAL(r.winner, 0);
		CU_ASSERT(fcntl(r.fd, F_GETFL) & O_NONBLOCK);
		CU_ASSERT(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
		getsockopt(r.fd, IPPROTO_TCP, TCP_NODELAY, &one, &len);
		CU_ASSERT_EQUAL(one, 1);
		CU_ASSERT_EQUAL(send(r.fd, "x", 1, MSG_NOSIGNAL), 1);
		close(r.fd);
		close(fd);
	}
}

/* Not its share of the time, nor the kernel's two minutes. */
static void silent_then_good(void)
{
	struct black_hole hole;
	struct endpoint addrs[3];
	struct run r;
	int fd;

	black_hole_open(&hole, ip("::1", 0));
	addrs[0] = hole.at;
	addrs[1] = ip("127.0.0.2", 1); /* refuses */
	fd = listen_at("127.0.0.1", &addrs[2]);
	r = race(addrs, 3, LONG_MS, NULL);
	CU_ASSERT(r.fd >= 0);
	CU_ASSERT_EQUAL(r.winner, 2);
	CU_ASSERT(r.took_ms >= 240 && r.took_ms < 5000);
	close(r.fd);
	close(fd);
	black_hole_close(&hole);
}

/* Nor do they while another address is silent: eight delays would be 2 s. */
static void refusals_cost_nothing(void)
{
	for (int silent = 0; silent < 2; silent++) {
		struct endpoint addrs[9];
		struct black_hole hole;
		struct run r;
		int fd;

		black_hole_open(&hole, ip("127.0.0.1", 0));
		addrs[0] = silent ? hole.at : ip("127.0.0.2", 10);
		for (int i = 1; i < 8; i++)
			addrs[i] = ip("127.0.0.2", (uint16_t)(1 + i));
		fd = listen_at("127.0.0.1", &addrs[8]);
		r = race(addrs, 9, LONG_MS, NULL);
		CU_ASSERT(r.fd >= 0);
		CU_ASSERT_EQUAL(r.winner, 8);
		CU_ASSERT(r.took_ms < 1500);
		close(r.fd);
		close(fd);
		black_hole_close(&hole);
	}
}

static void *wake_later(void *arg)
{
	poll(NULL, 0, 600);
	black_hole_wake(arg);
	return NULL;
}

/* The one that was slow is still in the race when others have begun. */
static void slow_one_wins(void)
{
	struct black_hole slow, never;
	struct endpoint addrs[2];
	pthread_t thread;
	struct run r;

	black_hole_open(&slow, ip("127.0.0.1", 0));
	black_hole_open(&never, ip("127.0.0.1", 0));
	addrs[0] = slow.at;
	addrs[1] = never.at;
	pthread_create(&thread, NULL, wake_later, &slow);
	/* wake_later() closes descriptors of its own meanwhile. */
	r.winner = 99;
	{
		struct cancel own;

		cancel_init(&own);
		r.fd = hop_race(addrs, 2, clock_now_ms() + LONG_MS, &own,
				&r.winner);
		cancel_fini(&own);
	}
	CU_ASSERT(r.fd >= 0);
	CU_ASSERT_EQUAL(r.winner, 0);
	pthread_join(thread, NULL);
	close(r.fd);
	black_hole_close(&slow);
	black_hole_close(&never);
}

static void all_fail(void)
{
	struct black_hole hole;
	struct endpoint addrs[3] = { ip("127.0.0.2", 1), ip("127.0.0.3", 1) };
	struct run r = race(addrs, 2, LONG_MS, NULL);

	CU_ASSERT_EQUAL(r.fd, -ECONNREFUSED);
	black_hole_open(&hole, ip("127.0.0.1", 0));
	addrs[0] = hole.at;
	addrs[1] = hole.at;
	r = race(addrs, 2, 400, NULL);
	CU_ASSERT_EQUAL(r.fd, -ETIMEDOUT);
	CU_ASSERT(r.took_ms >= 400 && r.took_ms < 4000);
	/* What one has said is more than the others' silence. */
	addrs[2] = ip("127.0.0.2", 1);
	r = race(addrs, 3, 700, NULL);
	CU_ASSERT_EQUAL(r.fd, -ECONNREFUSED);
	CU_ASSERT(r.took_ms >= 700);
	/* The time is over before the first one begins. */
	r = race(addrs, 3, 0, NULL);
	CU_ASSERT_EQUAL(r.fd, -ETIMEDOUT);
	black_hole_close(&hole);
}

/* Not even a socket: nothing to wait for. */
static void out_of_descriptors(void)
{
	struct endpoint addrs[2] = { ip("127.0.0.2", 1), ip("127.0.0.3", 1) };
	struct rlimit old, few;
	struct cancel cancel;
	int taken[256], n = 0;
	unsigned int winner;
	int rc;

	cancel_init(&cancel);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &few);
	while (n < 256 && (taken[n] = dup(2)) >= 0)
		n++;
	rc = hop_race(addrs, 2, clock_now_ms() + LONG_MS, &cancel, &winner);
	CU_ASSERT_EQUAL(rc, -EMFILE);
	while (n > 0)
		close(taken[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	cancel_fini(&cancel);
}

static void *cancel_later(void *arg)
{
	poll(NULL, 0, 300);
	cancel_now(arg);
	return NULL;
}

static void cancelled(void)
{
	struct black_hole hole;
	struct endpoint addrs[2];
	struct cancel cancel;
	pthread_t thread;
	struct run r;

	cancel_init(&cancel);
	black_hole_open(&hole, ip("127.0.0.1", 0));
	addrs[0] = hole.at;
	addrs[1] = hole.at;
	pthread_create(&thread, NULL, cancel_later, &cancel);
	r = race(addrs, 2, LONG_MS, &cancel);
	CU_ASSERT_EQUAL(r.fd, -ECANCELED);
	CU_ASSERT(r.took_ms < 5000);
	pthread_join(thread, NULL);
	/* One that came before. */
	r = race(addrs, 2, LONG_MS, &cancel);
	CU_ASSERT_EQUAL(r.fd, -ECANCELED);
	cancel_fini(&cancel);
	black_hole_close(&hole);
}

static CU_TestInfo tests[] = {
	{ "order of families", order },
	{ "one address", one_address },
	{ "silent, then good", silent_then_good },
	{ "refusals cost nothing", refusals_cost_nothing },
	{ "the slow one wins", slow_one_wins },
	{ "all fail", all_fail },
	{ "out of descriptors", out_of_descriptors },
	{ "cancelled", cancelled },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "hop_race", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
