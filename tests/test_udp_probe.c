/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_udp_probe.c - what a relay shows of a network. Its relayed address is a
 * socket on loopback here.
 */
#include <config.h>

#include "udp_probe.h"

#include "lib/leg_lab.h"

#include <turnout/endpoint.h>

struct fixture {
	struct lab lab;
	struct relay_set *set;
	struct udp_probe *probe;
	bool over;
	enum udp_verdict verdict;
	uint64_t begun_ms, ended_ms;
	int fd; /* the relayed address */
	struct loop_fd watch;
	bool one_way; /* nothing comes in at the relayed address */
	bool other;   /* … or it comes from another port of the client */
	unsigned int tampered;
};

static void on_verdict(void *arg, enum udp_verdict verdict, uint64_t now_ms)
{
	struct fixture *f = arg;

	f->over = true;
	f->verdict = verdict;
	f->ended_ms = now_ms;
	udp_probe_free(f->probe);
	f->probe = NULL;
}

static bool is_over(void *arg)
{
	struct fixture *f = arg;

	return f->over;
}

static struct relay_conn *client(struct fixture *f)
{
	struct relay_fixture *r = &f->lab.relay[0];

	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (r->udp[i].turn != NULL &&
		    turn_server_allocated(r->udp[i].turn))
			return &r->udp[i];
	}
	return NULL;
}

/* Outside → relayed address → client */
static void on_relayed(void *arg, uint32_t events, uint64_t now_ms)
{
	struct fixture *f = arg;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct relay_conn *c = client(f);
	struct endpoint from;
	uint8_t data[1500];
	ssize_t n = recvfrom(f->fd, data, sizeof(data), MSG_DONTWAIT,
			     (struct sockaddr *)&sa, &len);

	(void)events;
	if (n < 0 || f->one_way || c == NULL ||
	    !endpoint_from_sockaddr(&from, &sa, len))
		return;
	if (f->other) {
		from.port_be = (uint16_t)(from.port_be ^ 1);
		f->tampered++;
	}
	(void)turn_server_from_peer(c->turn, &from, data, (size_t)n, now_ms);
	relay_fixture_stall(&f->lab.relay[0], false); /* say it */
}

/* Client → relayed address → outside */
static void on_relay(void *arg, struct turn_server_conn *conn,
		     const struct endpoint *to, const uint8_t *data, size_t len)
{
	struct fixture *f = arg;
	struct sockaddr_storage sa;
	socklen_t sa_len = endpoint_to_sockaddr(to, AF_INET, &sa);

	(void)conn;
	(void)!sendto(f->fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&sa,
		      sa_len);
}

static void open_fixture(struct fixture *f, enum relay_transport transport)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct turn_server_knobs *knobs;
	socklen_t len = sizeof(in);

	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, 1);
	f->set = lab_set(&f->lab);
	f->set->relay[0].transport = transport;
	f->set->relay[0].port = f->lab.relay[0].udp_port;
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(f->fd, (struct sockaddr *)&in, len), 0);
	getsockname(f->fd, (struct sockaddr *)&in, &len);
	knobs = turn_server_knobs(f->lab.relay[0].server);
	knobs->echo = false;
	knobs->relayed = (struct endpoint){ .family = ENDPOINT_IPV4,
					    .port_be = in.sin_port,
					    .ip = { 127, 0, 0, 1 } };
	turn_server_on_relay(f->lab.relay[0].server, on_relay, f);
	CU_ASSERT_EQUAL(loop_fd_add(f->lab.loop, &f->watch, f->fd, EPOLLIN,
				    on_relayed, f),
			0);
}

static void begin(struct fixture *f)
{
	f->begun_ms = clock_now_ms();
	f->probe = udp_probe_new(&f->lab.env, f->set, on_verdict, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->probe);
	CU_ASSERT_FALSE(f->over);
}

static enum udp_verdict verdict(struct fixture *f)
{
	begin(f);
	CU_ASSERT(lab_run(&f->lab, is_over, f));
	return f->verdict;
}

static void close_fixture(struct fixture *f)
{
	udp_probe_free(f->probe);
	loop_fd_del(f->lab.loop, &f->watch);
	close(f->fd);
	relay_set_put(f->set);
	lab_close(&f->lab);
}

/* … and its allocation is given back. */
static bool is_empty(void *arg)
{
	struct fixture *f = arg;

	return client(f) == NULL && f->lab.env.leaving == NULL;
}

static void test_open(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_UDP);
	CU_ASSERT_EQUAL(verdict(&f), UDP_VERDICT_OPEN);
	CU_ASSERT(lab_run(&f.lab, is_empty, &f));
	CU_ASSERT_EQUAL(stats_get(&f.lab.stats.allocations), 0);
	close_fixture(&f);
}

static void test_relay_only(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_UDP);
	f.one_way = true;
	CU_ASSERT_EQUAL(verdict(&f), UDP_VERDICT_RELAY);
	CU_ASSERT(f.ended_ms >= f.begun_ms + UDP_PROBE_MS / 2);
	CU_ASSERT(f.ended_ms < f.begun_ms + 10 * UDP_PROBE_MS);
	CU_ASSERT(lab_run(&f.lab, is_empty, &f));
	close_fixture(&f);
}

/* Each peer sees another port: known before the time is over. */
static void test_symmetric(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_UDP);
	f.other = true;
	CU_ASSERT_EQUAL(verdict(&f), UDP_VERDICT_RELAY);
	CU_ASSERT(f.tampered > 0);
	CU_ASSERT(f.tampered <= 3); /* no need to see it over and over */
	close_fixture(&f);
}

static void test_blocked(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_UDP);
	f.lab.relay[0].deaf = true;
	CU_ASSERT_EQUAL(verdict(&f), UDP_VERDICT_BLOCKED);
	CU_ASSERT(f.ended_ms < f.begun_ms + 10 * UDP_PROBE_MS);
	CU_ASSERT_FALSE(relay_is_penalised(&f.set->relay[0], f.ended_ms));
	close_fixture(&f);
}

static void test_no_udp(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	CU_ASSERT_EQUAL(verdict(&f), UDP_VERDICT_UNKNOWN);
	CU_ASSERT_EQUAL(f.lab.relay[0].udp_clients, 0);
	close_fixture(&f);
}

/* The network changes meanwhile. */
static void test_freed(void)
{
	struct fixture f;

	for (unsigned int ms = 0; ms < 6; ms++) {
		open_fixture(&f, RELAY_TRANSPORT_UDP);
		f.one_way = true;
		begin(&f);
		lab_pass(&f.lab, ms);
		udp_probe_free(f.probe);
		f.probe = NULL;
		CU_ASSERT(lab_run(&f.lab, is_empty, &f));
		CU_ASSERT_FALSE(f.over);
		close_fixture(&f);
	}
}

static CU_TestInfo tests[] = {
	{ "what crosses both ways makes a network open", test_open },
	{ "the relay is reached, and nothing else", test_relay_only },
	{ "another port for each peer", test_symmetric },
	{ "the relay is not reached", test_blocked },
	{ "there is nobody to ask", test_no_udp },
	{ "the end, in any step", test_freed },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "udp_probe", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
