/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_flow.c - a datagram's whole way inside tunneld: loopback socket, flow,
 * queue, TURN, TCP to a fake relay, and back
 */
#include <config.h>

#include "flow.h"

#include "addr.h"
#include "binding.h"
#include "buf.h"
#include "caller.h"
#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "dns.h"
#include "lib/relay.h"
#include "lib/unit.h"
#include "local.h"
#include "log.h"
#include "loop.h"
#include "names.h"
#include "policy.h"
#include "relay.h"
#include "rules.h"
#include "sockdiag.h"
#include "stats.h"
#include "stun_msg.h"
#include "uplink.h"
#include "warm.h"

#include <turnout/wire.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPS_MAX 100
#define SECRET   42
/* Longer than any of these steps takes on a machine that is busy. */
#define PATIENCE_MS 10000

struct app {
	int fd;
	struct flow *flow;
	struct endpoint port; /* of the flow */
	bool gone;
};

struct fixture {
	struct loop *loop;
	struct relay_fixture relay;
	struct worker_stats stats;
	struct uplink_env uplink_env;
	struct flow_env env;
	struct app app[APPS_MAX];
	size_t apps;
	struct loop_timer poll;
	uint64_t give_up_ms;
	bool (*done)(struct fixture *f);
	bool timed_out;
};

static const struct endpoint peer = { .family = ENDPOINT_IPV4,
				      .port_be = 0x8813, /* 5000 */
				      .ip = { 203, 0, 113, 7 } };

static void on_gone(void *arg, struct flow *flow)
{
	struct fixture *f = arg;

	for (size_t i = 0; i < f->apps; i++) {
		if (f->app[i].flow == flow)
			f->app[i].gone = true;
	}
}

static struct relay_set *make_relays(uint16_t port)
{
	static const struct creds_opts opts = { .kind = CREDS_STATIC,
						.username = "alice",
						.secret = "secret" };
	struct relay_set *set = relay_set_new(1);
	const char *words;

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	snprintf(set->relay[0].name, sizeof(set->relay[0].name), "test");
	snprintf(set->relay[0].host, sizeof(set->relay[0].host), "127.0.0.1");
	set->relay[0].port = port;
	set->relay[0].transport = RELAY_TRANSPORT_TCP;
	set->relay[0].creds = creds_new(&opts, &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set->relay[0].creds);
	return set;
}

/* `line` NULL: no rule. */
static struct policy *make_policy(const struct names_opts *pools,
				  const char *line)
{
	struct rules rules = { 0 };
	struct rule rule;
	char words[300];
	struct rules_context ctx = {
		.user = &rules,
		.tunnel_udp = true,
		.have_proxy = true,
		.pool4 = pools->pool4,
		.pool4_bits = pools->pool4_bits,
	};
	struct policy *policy;

	if (line != NULL) {
		CU_ASSERT_EQUAL_FATAL(
			rules_parse_line(line, &rule, words, sizeof(words)), 0);
		CU_ASSERT_EQUAL_FATAL(rules_add(&rules, &rule), 0);
	}
	policy = policy_new(&ctx, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	rules_fini(&rules);
	return policy;
}

static void open_fixture(struct fixture *f)
{
	struct names_opts pools = { .pool4_bits = 15 };

	log_open(LOG_LEVEL_ERROR, false);
	memset(f, 0, sizeof(*f));
	CU_ASSERT_FATAL(addr_parse_ip("198.18.0.0", &pools.pool4));
	f->loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->loop);
	relay_fixture_open(&f->relay, f->loop, 0);
	f->uplink_env = (struct uplink_env){
		.leg = { .loop = f->loop,
			 .pool = dial_pool_new(16),
			 .stats = &f->stats },
		.relays = make_relays(f->relay.port),
	};
	f->env = (struct flow_env){
		.loop = f->loop,
		.local = local_new(&f->stats),
		.pool = f->uplink_env.leg.pool,
		.names = names_new(&pools),
		.policy = make_policy(&pools, NULL),
		.policy_count = 1,
		.uplink = &f->uplink_env,
		.stats = &f->stats,
		.sockdiag = sockdiag_open(),
		.on_gone = on_gone,
		.arg = f,
	};
}

static void close_fixture(struct fixture *f)
{
	for (size_t i = 0; i < f->apps; i++) {
		flow_free(f->app[i].flow);
		if (f->app[i].fd >= 0)
			close(f->app[i].fd);
	}
	leg_env_fini(&f->uplink_env.leg);
	relay_fixture_close(&f->relay);
	loop_drain(f->loop);
	dial_pool_free(f->env.pool);
	policy_put(f->env.policy);
	names_free(f->env.names);
	relay_set_put(f->uplink_env.relays);
	local_free(f->env.local);
	close(f->env.sockdiag);
	loop_free(f->loop);
}

/* Of the apps that are opened next. */
static const struct policy_client *client;

static struct app *open_app(struct fixture *f)
{
	struct app *a = &f->app[f->apps++];
	struct flow_seed seed = { .secret = SECRET };
	struct endpoint bound;
	socklen_t len = sizeof(seed.cookie);
	int size = 4 << 20;

	a->fd = local_socket(ENDPOINT_IPV4, &bound);
	CU_ASSERT_FATAL(a->fd >= 0);
	setsockopt(a->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	getsockopt(a->fd, SOL_SOCKET, SO_COOKIE, &seed.cookie, &len);
	seed.fd = local_socket(ENDPOINT_IPV4, &seed.bound);
	CU_ASSERT_FATAL(seed.fd >= 0);
	a->port = seed.bound;
	if (client != NULL)
		seed.client = caller_keep(client);
	a->flow = flow_new(&f->env, &seed);
	CU_ASSERT_PTR_NOT_NULL_FATAL(a->flow);
	return a;
}

static void app_send(struct app *a, uint64_t secret, enum wire_type type,
		     const struct endpoint *to, const void *data, size_t len)
{
	uint8_t datagram[2048];
	struct wire_header h;
	struct sockaddr_storage sa;
	socklen_t salen = endpoint_to_sockaddr(&a->port, AF_INET, &sa);

	wire_encode(&h, secret, type, to);
	memcpy(datagram, &h, sizeof(h));
	if (len > 0)
		memcpy(datagram + sizeof(h), data, len);
	CU_ASSERT(sendto(a->fd, datagram, sizeof(h) + len, 0,
			 (struct sockaddr *)&sa, salen) > 0);
}

/* The payload's length, or -1 when nothing is there. */
static ssize_t app_recv(struct app *a, struct endpoint *from, void *data,
			size_t max)
{
	uint8_t datagram[2048];
	struct wire_header h;
	ssize_t n = recv(a->fd, datagram, sizeof(datagram), MSG_DONTWAIT);

	if (n < (ssize_t)sizeof(h))
		return -1;
	memcpy(&h, datagram, sizeof(h));
	CU_ASSERT_EQUAL(h.secret, SECRET);
	CU_ASSERT(wire_decode(&h, from));
	n -= (ssize_t)sizeof(h);
	CU_ASSERT_FATAL((size_t)n <= max);
	memcpy(data, datagram + sizeof(h), (size_t)n);
	return n;
}

static void on_poll(void *arg, uint64_t now_ms)
{
	struct fixture *f = arg;

	f->timed_out = now_ms > f->give_up_ms;
	if (f->timed_out || f->done(f))
		loop_stop(f->loop);
	else
		loop_timer_set(f->loop, &f->poll, now_ms + 1, on_poll, f);
}

/* Run the loop until `done` says so. */
static bool run_until(struct fixture *f, bool (*done)(struct fixture *f))
{
	uint64_t now_ms = clock_now_ms();

	f->done = done;
	f->give_up_ms = now_ms + PATIENCE_MS;
	loop_timer_set(f->loop, &f->poll, now_ms + 1, on_poll, f);
	CU_ASSERT_EQUAL(loop_run(f->loop), 0);
	return !f->timed_out;
}

static bool all_have_mail(struct fixture *f)
{
	char c;

	for (size_t i = 0; i < f->apps; i++) {
		if (recv(f->app[i].fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
			return false;
	}
	return true;
}

static bool is_allocated(struct fixture *f)
{
	return stats_get(&f->stats.allocations) == f->apps;
}

static bool is_cut(struct fixture *f)
{
	return stats_get(&f->stats.allocations) == 0;
}

static bool first_is_gone(struct fixture *f)
{
	return f->app[0].gone;
}

static bool saw_malformed(struct fixture *f)
{
	return stats_get(&f->stats.drop_malformed) > 0;
}

static void test_there_and_back(void)
{
	struct fixture f;
	struct endpoint from;
	char data[64];
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &peer, "hello", 5);
	CU_ASSERT_FATAL(run_until(&f, all_have_mail));
	CU_ASSERT_EQUAL(app_recv(a, &from, data, sizeof(data)), 5);
	CU_ASSERT_EQUAL(memcmp(data, "hello", 5), 0);
	CU_ASSERT(endpoint_equal(&from, &peer));
	CU_ASSERT_EQUAL(turn_server_stats(f.relay.server)->early, 0);
	CU_ASSERT_EQUAL(turn_server_stats(f.relay.server)->bad_requests, 0);
	close_fixture(&f);
}

/* 100 sockets that send at once, each several datagrams: nothing is lost while
 * the allocations are made. */
static void test_hundred_at_once(void)
{
	struct fixture f;
	struct endpoint from;
	char data[64];

	open_fixture(&f);
	for (int i = 0; i < APPS_MAX; i++) {
		struct app *a = open_app(&f);

		for (char k = 0; k < 5; k++)
			app_send(a, SECRET, WIRE_DATA, &peer, &k, 1);
	}
	CU_ASSERT_FATAL(run_until(&f, all_have_mail));
	for (int i = 0; i < APPS_MAX; i++) {
		for (char k = 0; k < 5; k++) {
			CU_ASSERT_EQUAL_FATAL(
				app_recv(&f.app[i], &from, data, sizeof(data)),
				1);
			CU_ASSERT_EQUAL(data[0], k);
		}
	}
	CU_ASSERT_EQUAL(stats_get(&f.stats.drop_queue), 0);
	CU_ASSERT_EQUAL(f.relay.accepted, APPS_MAX);
	close_fixture(&f);
}

static void test_binding(void)
{
	uint8_t request[64], data[256];
	struct stun_build b;
	struct stun_msg m;
	struct endpoint from, mapped, relayed;
	struct buf out;
	struct fixture f;
	struct app *a;
	ssize_t n;

	open_fixture(&f);
	a = open_app(&f);
	buf_init(&out, request, sizeof(request));
	stun_build_begin(&b, &out, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 (const uint8_t *)"abcdefghijkl");
	/* held until the allocation is there, answered at once afterwards */
	for (int i = 0; i < 2; i++) {
		app_send(a, SECRET, WIRE_DATA, &peer, request, out.len);
		CU_ASSERT_FATAL(run_until(&f, all_have_mail));
		n = app_recv(a, &from, data, sizeof(data));
		CU_ASSERT_FATAL(n > 0);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, data, (size_t)n), 0);
		CU_ASSERT(stun_msg_address(&m, STUN_ATTR_XOR_MAPPED_ADDRESS,
					   &mapped));
		for (int c = 0; c < RELAY_CONNS_MAX; c++) {
			if (f.relay.conn[c].fd >= 0)
				relayed = turn_server_relayed(
					f.relay.conn[c].turn);
		}
		CU_ASSERT(endpoint_equal(&mapped, &relayed));
		CU_ASSERT(endpoint_equal(&from, &peer));
	}
	CU_ASSERT_EQUAL(turn_server_stats(f.relay.server)->to_peers, 0);
	CU_ASSERT_EQUAL(stats_get(&f.stats.stun_answered), 2);
	close_fixture(&f);
}

/* "call.lab.test", type A, class IN. */
static const uint8_t dns_request[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00"
				     "\x00\x00\x04"
				     "call\x03lab\x04test\x00\x00\x01\x00\x01";

static void test_dns(void)
{
	struct endpoint from, server = { .family = ENDPOINT_IPV4,
					 .port_be = 0x3500, /* 53 */
					 .ip = { 10, 0, 0, 53 } };
	struct endpoint addr = { .family = ENDPOINT_IPV4 };
	char name[CONTROL_NAME_MAX + 1];
	uint8_t data[512];
	struct fixture f;
	struct app *a;
	ssize_t n;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &server, dns_request,
		 sizeof(dns_request) - 1);
	CU_ASSERT_FATAL(run_until(&f, all_have_mail));
	n = app_recv(a, &from, data, sizeof(data));
	CU_ASSERT_FATAL(n > (ssize_t)sizeof(dns_request));
	CU_ASSERT(endpoint_equal(&from, &server));
	memcpy(addr.ip, data + n - 4, 4); /* the A record stands last */
	CU_ASSERT(names_lookup(f.env.names, &addr, name));
	CU_ASSERT_STRING_EQUAL(name, "call.lab.test");
	CU_ASSERT_EQUAL(f.relay.accepted, 0); /* no allocation for a query */
	close_fixture(&f);
}

static void test_strangers(void)
{
	struct fixture f;
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET + 1, WIRE_DATA, &peer, "x", 1);
	CU_ASSERT(run_until(&f, saw_malformed));
	app_send(a, SECRET + 1, WIRE_CLOSE, &peer, NULL, 0);
	app_send(a, SECRET, WIRE_DATA, &peer, "y", 1);
	CU_ASSERT(run_until(&f, all_have_mail));
	CU_ASSERT_FALSE(a->gone);
	CU_ASSERT_EQUAL(stats_get(&f.stats.drop_malformed), 2);
	CU_ASSERT_EQUAL(turn_server_stats(f.relay.server)->to_peers, 1);
	close_fixture(&f);
}

/* What policy does not send to the tunnel does not leave by it either. */
static void test_policy_holds(void)
{
	struct endpoint lan = { .family = ENDPOINT_IPV4,
				.port_be = 1,
				.ip = { 10, 1, 2, 3 } };
	struct fixture f;
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &lan, "x", 1);
	CU_ASSERT(run_until(&f, saw_malformed));
	CU_ASSERT_EQUAL(f.relay.accepted, 0);
	close_fixture(&f);
}

static void set_rule(struct fixture *f, const char *line)
{
	struct names_opts pools = { .pool4_bits = 15 };

	CU_ASSERT_FATAL(addr_parse_ip("198.18.0.0", &pools.pool4));
	policy_put(f->env.policy);
	f->env.policy = make_policy(&pools, line);
	f->env.policy_count++;
}

static uint64_t dropped_before;

static bool has_dropped(struct fixture *f)
{
	return stats_get(&f->stats.drop_malformed) > dropped_before;
}

/* Is the next datagram of the app to `to` dropped at once? */
static bool is_dropped(struct fixture *f, struct app *a,
		       const struct endpoint *to)
{
	dropped_before = stats_get(&f->stats.drop_malformed);
	app_send(a, SECRET, WIRE_DATA, to, "x", 1);
	return run_until(f, has_dropped);
}

/* Rules by name for some ports, and for some programs: the shim cannot know
 * the one, and need not be asked about the other. */
static void test_policy_of_app(void)
{
	static const struct policy_client app = { 1000, "/opt/app" };
	struct endpoint named;
	struct fixture f;
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	CU_ASSERT_TRUE(
		names_address(f.env.names, "a.test", ENDPOINT_IPV4, &named));
	named.port_be = peer.port_be;
	set_rule(&f, "block udp a.test:5000");
	CU_ASSERT(is_dropped(&f, a, &named));
	set_rule(&f, "block udp 203.0.113.7 program=app");
	app_send(a, SECRET, WIRE_DATA, &peer, "y", 1);
	CU_ASSERT(run_until(&f, all_have_mail));
	set_rule(&f, "block udp 203.0.113.7 program=app user=1000");
	flow_free(a->flow);
	close(a->fd);
	f.apps = 0;
	client = &app;
	a = open_app(&f);
	client = NULL;
	CU_ASSERT(is_dropped(&f, a, &peer));
	close_fixture(&f);
}

static void test_close(void)
{
	struct fixture f;
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &peer, "x", 1);
	CU_ASSERT(run_until(&f, all_have_mail));
	app_send(a, SECRET, WIRE_CLOSE, &peer, NULL, 0);
	close(a->fd);
	a->fd = -1;
	CU_ASSERT(run_until(&f, first_is_gone));
	close_fixture(&f);
}

/* A parent closes its descriptor; the child that it made goes on. */
static void test_close_of_one(void)
{
	struct fixture f;
	struct app *a;
	uint64_t end_ms;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &peer, "x", 1);
	CU_ASSERT(run_until(&f, all_have_mail));
	app_send(a, SECRET, WIRE_CLOSE, &peer, NULL, 0);
	end_ms = clock_now_ms() + 200;
	while (clock_now_ms() < end_ms)
		CU_ASSERT(run_until(&f, all_have_mail));
	CU_ASSERT_FALSE(a->gone);
	close_fixture(&f);
}

static void test_sweep(void)
{
	struct fixture f;
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &peer, "x", 1);
	CU_ASSERT(run_until(&f, all_have_mail));
	flow_sweep(a->flow, clock_now_ms());
	CU_ASSERT_FALSE(a->gone);
	close(a->fd);
	a->fd = -1;
	flow_sweep(a->flow, clock_now_ms());
	CU_ASSERT(a->gone);
	close_fixture(&f);
}

/* A connection that is cut is made again, and the app's socket lives on. */
static void test_cut(void)
{
	struct fixture f;
	struct endpoint from;
	char data[64];
	struct app *a;

	open_fixture(&f);
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &peer, "1", 1);
	CU_ASSERT_FATAL(run_until(&f, all_have_mail));
	CU_ASSERT_EQUAL(app_recv(a, &from, data, sizeof(data)), 1);
	relay_fixture_cut(&f.relay);
	CU_ASSERT_FATAL(run_until(&f, is_cut));
	CU_ASSERT_FATAL(run_until(&f, is_allocated));
	app_send(a, SECRET, WIRE_DATA, &peer, "2", 1);
	CU_ASSERT_FATAL(run_until(&f, all_have_mail));
	CU_ASSERT_EQUAL(app_recv(a, &from, data, sizeof(data)), 1);
	CU_ASSERT_EQUAL(data[0], '2');
	CU_ASSERT_EQUAL(stats_get(&f.stats.uplink_failures), 1);
	close_fixture(&f);
}

/* Warm allocations */

static struct leg *take_warm(void *arg, uint8_t family, uint64_t now_ms)
{
	return warm_take(arg, family, now_ms);
}

static bool has_warm(struct fixture *f)
{
	return stats_get(&f->stats.allocations) == 1;
}

static void stop_loop(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	loop_stop(arg);
}

/* The bytes that have come to the relay, and were not read yet. */
static size_t arrived(struct fixture *f, char *data, size_t max)
{
	ssize_t n;

	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (f->relay.conn[i].fd < 0)
			continue;
		n = recv(f->relay.conn[i].fd, data, max,
			 MSG_PEEK | MSG_DONTWAIT);
		return n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The first datagram of a new socket is with the relay after one turn of the
 * loop, without any answer having been read. */
static void test_warm(void)
{
	struct loop_task stop;
	struct fixture f;
	struct warm *warm;
	struct app *a;
	char data[2048];
	size_t n;

	open_fixture(&f);
	f.uplink_env.relays->relay[0].warm = 1;
	f.uplink_env.relays->relay[0].no_mobility = true;
	warm = warm_new(&f.uplink_env.leg, f.uplink_env.relays);
	f.uplink_env.warm_take = take_warm;
	f.uplink_env.arg = warm;
	warm_attach(warm, clock_now_ms());
	CU_ASSERT_FATAL(run_until(&f, has_warm));
	f.relay.deaf = true; /* what is dialed from now on */
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (f.relay.conn[i].fd >= 0)
			loop_fd_set(f.loop, &f.relay.conn[i].watch, 0);
	}
	a = open_app(&f);
	app_send(a, SECRET, WIRE_DATA, &peer, "first words", 11);
	loop_post(f.loop, &stop, stop_loop, f.loop);
	CU_ASSERT_EQUAL(loop_run(f.loop), 0);
	n = arrived(&f, data, sizeof(data));
	CU_ASSERT_PTR_NOT_NULL(memmem(data, n, "first words", 11));
	relay_fixture_stall(&f.relay, false);
	CU_ASSERT(run_until(&f, all_have_mail));
	warm_free(warm);
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "a datagram goes out and comes back", test_there_and_back },
	{ "a hundred sockets at once lose nothing", test_hundred_at_once },
	{ "a Binding request is answered with the relayed address",
	  test_binding },
	{ "a DNS query is answered without an allocation", test_dns },
	{ "strangers are ignored", test_strangers },
	{ "the rules hold in tunneld too", test_policy_holds },
	{ "rules by name and for the program", test_policy_of_app },
	{ "CLOSE ends a flow", test_close },
	{ "CLOSE by one of two owners does not", test_close_of_one },
	{ "a socket that closed without a word is found", test_sweep },
	{ "a cut connection is made again", test_cut },
	{ "with a warm leg the first datagram leaves at once", test_warm },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "flow", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
