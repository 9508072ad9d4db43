/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_local.c - loopback batches: whole datagrams both ways, segmented or not
 */
#include <config.h>

#include "local.h"

#include "lib/unit.h"
#include "stats.h"

#include <turnout/wire.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET 0x1122334455667788u

struct pair {
	struct local_app to;
	struct worker_stats stats;
	struct local *local;
	int flow, app;
	struct endpoint flow_at, app_at;
};

static void connect_to(int fd, const struct endpoint *e)
{
	int af = e->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(e, af, &sa);

	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sa, len), 0);
}

static void open_pair(struct pair *p, uint8_t family)
{
	memset(p, 0, sizeof(*p));
	p->local = local_new(&p->stats);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->local);
	p->flow = local_socket(family, &p->flow_at);
	p->app = local_socket(family, &p->app_at);
	CU_ASSERT_FATAL(p->flow >= 0 && p->app >= 0);
	p->to = (struct local_app){ .fd = p->flow, .secret = SECRET };
	CU_ASSERT_EQUAL(p->flow_at.family, family);
	CU_ASSERT_NOT_EQUAL(p->flow_at.port_be, 0);
	connect_to(p->flow, &p->app_at);
	connect_to(p->app, &p->flow_at);
}

static void close_pair(struct pair *p)
{
	close(p->flow);
	if (p->app >= 0)
		close(p->app);
	local_free(p->local);
}

static void check_one(struct pair *p, size_t len, uint8_t fill,
		      const struct endpoint *peer)
{
	static uint8_t got[65536];
	struct wire_header h;
	struct endpoint from;
	ssize_t n = recv(p->app, got, sizeof(got), 0);

	CU_ASSERT_EQUAL_FATAL(n, (ssize_t)(sizeof(h) + len));
	memcpy(&h, got, sizeof(h));
	CU_ASSERT_EQUAL(h.secret, SECRET);
	CU_ASSERT(wire_decode(&h, &from));
	CU_ASSERT(endpoint_equal(&from, peer));
	for (size_t i = 0; i < len; i++)
		CU_ASSERT_EQUAL_FATAL(got[sizeof(h) + i], fill);
}

/* Sizes that make runs, breaks, a short last segment, an empty datagram, and
 * more datagrams than one batch holds. */
static void test_send(uint8_t family)
{
	static const size_t sizes[] = { 1200, 1200, 1200, 700, 100, 100,
					0,    1200, 1200, 1,   1,   1 };
	struct endpoint peer = { .family = ENDPOINT_IPV4,
				 .port_be = htons(5000),
				 .ip = { 203, 0, 113, 7 } };
	static uint8_t data[ARRAY_SIZE(sizes)][1200];
	struct pair p;

	open_pair(&p, family);
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			memset(data[i], (int)i + 1, sizes[i]);
			local_stage(p.local, &p.to, &peer, data[i], sizes[i]);
		}
	}
	local_flush(p.local);
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			check_one(&p, sizes[i], (uint8_t)(i + 1), &peer);
	}
	CU_ASSERT_EQUAL(recv(p.app, data[0], 1, 0), -1);
	CU_ASSERT_EQUAL(stats_get(&p.stats.datagrams_to_apps),
			10 * ARRAY_SIZE(sizes));
	CU_ASSERT_EQUAL(stats_get(&p.stats.drop_local), 0);
	close_pair(&p);
}

static void test_send_ipv4(void)
{
	test_send(ENDPOINT_IPV4);
}

static void test_send_ipv6(void)
{
	test_send(ENDPOINT_IPV6);
}

static void test_largest(void)
{
	static uint8_t data[WIRE_PAYLOAD_MAX];
	struct endpoint peer = { .family = ENDPOINT_IPV6, .port_be = 1 };
	struct pair p;

	open_pair(&p, ENDPOINT_IPV4);
	memset(data, 9, sizeof(data));
	local_stage(p.local, &p.to, &peer, data, sizeof(data));
	local_stage(p.local, &p.to, &peer, data, sizeof(data));
	local_flush(p.local);
	check_one(&p, sizeof(data), 9, &peer);
	check_one(&p, sizeof(data), 9, &peer);
	close_pair(&p);
}

static void test_receive(void)
{
	const struct local_datagram *batch;
	static uint8_t big[65507];
	struct pair p;
	int total = 0, n;

	open_pair(&p, ENDPOINT_IPV4);
	CU_ASSERT_EQUAL(local_recv(p.local, p.flow, &batch), 0);
	for (uint8_t i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(send(p.app, &i, 1, 0), 1);
	while ((n = local_recv(p.local, p.flow, &batch)) > 0) {
		for (int i = 0; i < n; i++) {
			CU_ASSERT_EQUAL(batch[i].len, 1);
			CU_ASSERT_EQUAL(batch[i].data[0], total);
			CU_ASSERT(endpoint_equal(&batch[i].from, &p.app_at));
			total++;
		}
	}
	CU_ASSERT_EQUAL(total, 100);
	memset(big, 5, sizeof(big));
	CU_ASSERT_EQUAL(send(p.app, big, sizeof(big), 0), sizeof(big));
	CU_ASSERT_EQUAL(local_recv(p.local, p.flow, &batch), 1);
	CU_ASSERT_EQUAL(batch[0].len, sizeof(big));
	CU_ASSERT_EQUAL(memcmp(batch[0].data, big, sizeof(big)), 0);
	close_pair(&p);
}

static void test_app_is_gone(void)
{
	struct endpoint peer = { .family = ENDPOINT_IPV4 };
	const struct local_datagram *batch;
	struct pair p;

	open_pair(&p, ENDPOINT_IPV4);
	close(p.app);
	p.app = -1;
	for (int i = 0; i < 3; i++)
		local_stage(p.local, &p.to, &peer, (const uint8_t *)"x", 1);
	local_flush(p.local);
	CU_ASSERT_EQUAL(local_recv(p.local, p.flow, &batch), -ECONNREFUSED);
	close_pair(&p);
}

static CU_TestInfo tests[] = {
	{ "datagrams reach the app whole and in order", test_send_ipv4 },
	{ "over IPv6 too", test_send_ipv6 },
	{ "the largest datagram that fits", test_largest },
	{ "batches from the app, nothing cut", test_receive },
	{ "a closed app socket is told", test_app_is_gone },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "local", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
