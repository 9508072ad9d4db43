/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_leg.c - one connection and its allocation, over streams and datagrams */
#include <config.h>

#include "leg.h"

#include "buf.h"
#include "egress.h"
#include "fake/http_proxy.h"
#include "fake/socks_server.h"
#include "fake/tls_server.h"
#include "leg_place.h"
#include "leg_ticket.h"
#include "lib/leg_lab.h"
#include "proxy.h"
#include "proxy_zoo.h"
#include "queue.h"
#include "stun_msg.h"
#include "tls.h"

#include <errno.h>
#include <stdlib.h>

#include <arpa/inet.h>

#define LONG_BYTES 60000

struct fixture {
	struct lab lab;
	struct relay_set *set;
	struct queue *queue;
	struct leg *leg;
	unsigned int ready, ended, silent, data;
	size_t bytes; /* of the last datagram */
	unsigned int want;
};

static void on_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	CU_ASSERT_PTR_EQUAL(leg, f->leg);
	f->ready++;
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)leg, (void)now_ms;
	f->ended++;
}

static void on_silent(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)leg, (void)now_ms;
	f->silent++;
}

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)leg, (void)data, (void)now_ms;
	CU_ASSERT(endpoint_equal(peer, &lab_peer));
	f->data++;
	f->bytes = len;
}

static void on_batch(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static const struct leg_events events = {
	.on_ready = on_ready,
	.on_ended = on_ended,
	.on_silent = on_silent,
	.on_data = on_data,
	.on_batch = on_batch,
};

static void open_fixture(struct fixture *f, enum relay_transport transport)
{
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, 1);
	f->set = lab_set(&f->lab);
	f->set->relay[0].transport = transport;
	if (transport == RELAY_TRANSPORT_UDP)
		f->set->relay[0].port = f->lab.relay[0].udp_port;
	f->queue = queue_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->queue);
}

static void begin(struct fixture *f)
{
	struct leg_opts opts = { .set = f->set,
				 .relay = &f->set->relay[0],
				 .family = ENDPOINT_IPV4 };

	f->leg = leg_new(&f->lab.env, &opts, &events, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->leg);
	leg_attach(f->leg, &events, f, f->queue);
}

static void close_fixture(struct fixture *f)
{
	leg_free(f->leg);
	queue_free(f->queue);
	relay_set_put(f->set);
	lab_close(&f->lab);
}

static bool is_ready(void *arg)
{
	return ((struct fixture *)arg)->ready > 0;
}

static bool is_ended(void *arg)
{
	return ((struct fixture *)arg)->ended > 0;
}

static bool is_silent(void *arg)
{
	return ((struct fixture *)arg)->silent > 0;
}

static bool has_data(void *arg)
{
	struct fixture *f = arg;

	return f->data >= f->want;
}

static bool has_left(void *arg)
{
	return ((struct fixture *)arg)->lab.env.leaving == NULL;
}

static bool echo(struct fixture *f, const void *data, size_t len,
		 unsigned int count)
{
	f->want = f->data + count;
	for (unsigned int i = 0; i < count; i++) {
		if (leg_send(f->leg, &lab_peer, data, len, clock_now_ms()) == 0)
			continue;
		CU_ASSERT_EQUAL(queue_push(f->queue, &lab_peer, data, len,
					   clock_now_ms()),
				0);
		leg_kick(f->leg);
	}
	return lab_run(&f->lab, has_data, f) && f->bytes == len;
}

/* A leg's whole life; closes the fixture. */
static void live(struct fixture *f)
{
	const struct turn_server_stats *seen;
	uint8_t *big = calloc(1, LONG_BYTES);

	seen = turn_server_stats(f->lab.relay[0].server);
	begin(f);
	CU_ASSERT_EQUAL(leg_send(f->leg, &lab_peer, big, 1, clock_now_ms()),
			-EAGAIN);
	CU_ASSERT_FATAL(lab_run(&f->lab, is_ready, f));
	CU_ASSERT(leg_is_fresh(f->leg));
	CU_ASSERT(echo(f, big, 1, 1));
	CU_ASSERT(echo(f, big, 0, 1));
	CU_ASSERT(echo(f, big, 1201, 50));
	CU_ASSERT(echo(f, big, LONG_BYTES, 1));
	CU_ASSERT(echo(f, big, 33, 1));
	CU_ASSERT_FALSE(leg_is_fresh(f->leg));
	CU_ASSERT_EQUAL(seen->early, 0);
	CU_ASSERT_EQUAL(seen->bad_requests, 0);
	CU_ASSERT_EQUAL(seen->lost, 0);
	CU_ASSERT_EQUAL(seen->requests[STUN_METHOD_CHANNEL_BIND], 1);
	leg_release(f->leg);
	f->leg = NULL;
	CU_ASSERT(lab_run(&f->lab, has_left, f));
	CU_ASSERT(seen->requests[STUN_METHOD_REFRESH] >= 1);
	CU_ASSERT_PTR_NULL(lab_allocated(&f->lab, 0));
	CU_ASSERT_EQUAL(stats_get(&f->lab.stats.allocations), 0);
	CU_ASSERT_EQUAL(stats_get(&f->lab.stats.uplinks), 0);
	close_fixture(f);
	free(big);
}

static void check_transport(enum relay_transport transport)
{
	struct fixture f;

	open_fixture(&f, transport);
	live(&f);
}

static void test_tcp(void)
{
	check_transport(RELAY_TRANSPORT_TCP);
}

static void test_udp(void)
{
	check_transport(RELAY_TRANSPORT_UDP);
}

static struct egress *egress_of(enum proxy_kind kind, uint16_t port,
				const char *ca_file)
{
	struct proxy *p = proxy_new();
	struct egress_opts opts = { .proxy = &p, .count = 1 };
	struct egress *e;
	const char *words;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p->kind = kind;
	p->port = port;
	strcpy(p->host, "127.0.0.1");
	if (ca_file != NULL)
		p->tls = tls_ctx_new(ca_file, &words);
	e = egress_new(&opts);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	proxy_put(p);
	return e;
}

static void test_https_proxy(void)
{
	struct tls_server_opts front = { .way = TLS_SERVER_FORWARD,
					 .ip = "127.0.0.1" };
	struct http_proxy *proxy;
	struct tls_server *tls;
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	proxy = http_proxy_new(&(struct http_proxy_opts){
		.forward_port = f.lab.relay[0].port });
	front.forward_port = http_proxy_port(proxy);
	tls = tls_server_new(&front);
	f.set->relay[0].egress = egress_of(PROXY_HTTPS, tls_server_port(tls),
					   tls_server_ca_file(tls));
	live(&f);
	tls_server_free(tls);
	http_proxy_free(proxy);
}

static void test_socks_proxy(void)
{
	struct socks_server *proxy;
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	proxy = socks_server_new(&(struct socks_server_opts){
		.forward_port = f.lab.relay[0].port });
	f.set->relay[0].egress = egress_of(PROXY_SOCKS5,
					   socks_server_port(proxy), NULL);
	live(&f);
	socks_server_free(proxy);
}

/* "HTTP" might be the head of ChannelData: it is not waited for. */
static void test_http_answer(void)
{
	struct tls_server *s = tls_server_new(
		&(struct tls_server_opts){ .way = TLS_SERVER_PLAINTEXT });
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	f.set->relay[0].port = tls_server_port(s);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ended, &f));
	CU_ASSERT_EQUAL(leg_end(f.leg)->cause, LEG_CAUSE_GARBAGE);
	close_fixture(&f);
	tls_server_free(s);
}

/* A port where no datagrams are taken: the kernel says so. */
static void test_udp_refused(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_UDP);
	f.set->relay[0].port = lab_closed_port();
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ended, &f));
	CU_ASSERT_EQUAL(leg_state(f.leg), LEG_STATE_ENDED);
	CU_ASSERT_FALSE(leg_end(f.leg)->was_ready);
	CU_ASSERT(relay_is_penalised(&f.set->relay[0], clock_now_ms()));
	close_fixture(&f);
}

/* Over UDP a relay that has allocated does not see a client go: the answer is
 * waited for, and given back. */
static void test_udp_leaves(void)
{
	struct relay_fixture *r;
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_UDP);
	r = &f.lab.relay[0];
	turn_server_knobs(r->server)->stall = true;
	begin(&f);
	while (r->udp_clients == 0)
		lab_pass(&f.lab, 1);
	leg_release(f.leg);
	f.leg = NULL;
	CU_ASSERT_PTR_NOT_NULL(f.lab.env.leaving);
	relay_fixture_stall(r, false);
	CU_ASSERT(lab_run(&f.lab, has_left, &f));
	CU_ASSERT_EQUAL(f.ready, 0);
	CU_ASSERT_EQUAL(stats_get(&f.lab.stats.allocations), 0);
	close_fixture(&f);
}

static void test_wrong_password(void)
{
	struct creds_opts opts = { .kind = CREDS_STATIC,
				   .username = "alice",
				   .secret = "wrong" };
	struct fixture f;
	const char *words;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	creds_put(f.set->relay[0].creds);
	f.set->relay[0].creds = creds_new(&opts, &words);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ended, &f));
	CU_ASSERT_EQUAL(leg_end(f.leg)->blame, TURN_BLAME_LOGIN);
	CU_ASSERT_FALSE(leg_end(f.leg)->new_creds);
	close_fixture(&f);
}

static void test_silence(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	lab_pass(&f.lab, 1500);
	CU_ASSERT_EQUAL(f.silent, 0); /* nobody has said anything */
	CU_ASSERT(echo(&f, "x", 1, 1));
	lab_stall(&f.lab, 0, true);
	CU_ASSERT_EQUAL(leg_send(f.leg, &lab_peer, (const uint8_t *)"y", 1,
				 clock_now_ms()),
			0);
	CU_ASSERT(lab_run(&f.lab, is_silent, &f));
	CU_ASSERT(leg_silent_since_ms(f.leg) != 0);
	f.want = f.data + 1;
	lab_stall(&f.lab, 0, false);
	CU_ASSERT(lab_run(&f.lab, has_data, &f));
	CU_ASSERT_EQUAL(leg_silent_since_ms(f.leg), 0);
	CU_ASSERT_EQUAL(f.silent, 1);
	close_fixture(&f);
}

/* Cut after seconds of silence: from now on there is less of it. */
static void test_keepalive(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	CU_ASSERT(echo(&f, "x", 1, 1));
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT(lab_run(&f.lab, is_ended, &f));
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(&f.set->relay[0]), 0);
	leg_free(f.leg);
	f.ready = f.ended = 0;
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	lab_pass(&f.lab, 3200);
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT(lab_run(&f.lab, is_ended, &f));
	CU_ASSERT(leg_end(f.leg)->idle_ms >= 3000);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(&f.set->relay[0]), 2);
	close_fixture(&f);
}

/* All that a proxy says of its patience is the end of a tunnel. */
static void test_idle_cutter(void)
{
	struct proxy *p = proxy_new();
	struct egress_opts opts = { .proxy = &p, .count = 1 };
	struct proxy_zoo *zoo;
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	zoo = proxy_zoo_new("idle cutter", f.lab.relay[0].port);
	strcpy(p->host, "127.0.0.1");
	p->port = proxy_zoo_port(zoo);
	f.set->relay[0].egress = egress_new(&opts);
	proxy_put(p);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	CU_ASSERT(lab_run(&f.lab, is_ended, &f));
	CU_ASSERT(leg_end(f.leg)->idle_ms >= 3000);
	CU_ASSERT_EQUAL(relay_learned_keepalive_s(&f.set->relay[0]), 2);
	leg_free(f.leg);
	f.ready = f.ended = 0;
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	lab_pass(&f.lab, 4500);
	CU_ASSERT_EQUAL(f.ended, 0);
	close_fixture(&f);
	proxy_zoo_free(zoo);
}

/* What another leg has learned is for this one, too, from its next use on. */
static void test_keepalive_of_others(void)
{
	struct fixture f;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	relay_put_keepalive(&f.set->relay[0], 2);
	leg_attach(f.leg, &events, &f, NULL);
	lab_pass(&f.lab, 3000);
	CU_ASSERT(turn_server_stats(f.lab.relay[0].server)
			  ->requests[STUN_METHOD_BINDING] > 0);
	close_fixture(&f);
}

static bool is_half_way(void *arg)
{
	struct fixture *f = arg;

	return leg_state(f->leg) == LEG_STATE_ALLOCATING;
}

/* Freed in every state. */
static void test_free(void)
{
	static bool (*const states[])(void *arg) = { NULL, is_half_way,
						     is_ready };
	size_t fds;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct fixture f;

		open_fixture(&f, RELAY_TRANSPORT_TCP);
		turn_server_knobs(f.lab.relay[0].server)->stall = states[i] ==
								  is_half_way;
		fds = lab_open_fds();
		begin(&f);
		if (states[i] != NULL)
			CU_ASSERT(lab_run(&f.lab, states[i], &f));
		leg_free(f.leg);
		f.leg = NULL;
		lab_pass(&f.lab, 50);
		CU_ASSERT_EQUAL(lab_open_fds(), fds);
		CU_ASSERT_EQUAL(f.ended, 0);
		close_fixture(&f);
	}
}

/* Places */

static struct endpoint at(const char *ip, uint16_t port)
{
	struct endpoint e = { .port_be = htons(port) };

	e.family = strchr(ip, ':') != NULL ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
	CU_ASSERT_EQUAL(
		inet_pton(e.family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET, ip,
			  e.ip),
		1);
	return e;
}

static void test_places(void)
{
	static const struct {
		const char *peer, *to;
		uint16_t port;
		const char *domain;
		bool follow;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.2", 3478, NULL, true },
		{ "192.0.2.1", "192.0.2.2", 3478, "relay.example", true },
		{ "192.0.2.1", "192.0.2.1", 3479, NULL, true },
		{ "192.0.2.1", "10.0.0.1", 3478, NULL, true },
		{ "127.0.0.1", "127.0.0.1", 3479, NULL, true },
		{ "2001:db8::1", "2001:db8::2", 3478, NULL, true },
		{ NULL, "192.0.2.2", 3478, NULL, true },
		{ "192.0.2.1", "192.0.2.1", 3478, NULL, false },
		{ "192.0.2.1", "192.0.2.2", 0, NULL, false },
		{ "192.0.2.1", "127.0.0.1", 3478, NULL, false },
		{ NULL, "127.0.0.1", 3478, NULL, false },
		{ "192.0.2.1", "0.0.0.0", 3478, NULL, false },
		{ "192.0.2.1", "224.0.0.1", 3478, NULL, false },
		{ "192.0.2.1", "255.255.255.255", 3478, NULL, false },
		{ "192.0.2.1", "169.254.1.1", 3478, NULL, false },
		{ "192.0.2.1", "2001:db8::2", 3478, NULL, false },
		{ "2001:db8::1", "::1", 3478, NULL, false },
		{ "2001:db8::1", "::", 3478, NULL, false },
		{ "2001:db8::1", "fe80::1", 3478, NULL, false },
		{ "2001:db8::1", "ff02::1", 3478, NULL, false },
		{ "192.0.2.1", "192.0.2.2", 3478, "not a name", false },
	};
	struct relay relay = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct endpoint peer = { 0 }, to = at(rows[i].to, rows[i].port);
		struct leg_place next;
		const char *why;

		if (rows[i].peer != NULL)
			peer = at(rows[i].peer, 3478);
		why = leg_place_follow(&relay, NULL, &peer, &to, rows[i].domain,
				       &next);
		CU_ASSERT_EQUAL(why == NULL, rows[i].follow);
		if (why == NULL)
			CU_ASSERT(endpoint_equal(&next.address, &to));
	}
}

static void test_hops(void)
{
	struct leg_place place = { 0 };
	struct endpoint peer = at("192.0.2.1", 3478), to;
	struct relay relay = { 0 };

	for (uint16_t i = 0; i < LEG_HOPS_MAX; i++) {
		struct leg_place from = place;

		to = at("192.0.2.9", 4000 + i);
		CU_ASSERT_PTR_NULL(leg_place_follow(&relay, &from, &peer, &to,
						    NULL, &place));
		peer = to;
	}
	to = at("192.0.2.9", 5000);
	CU_ASSERT_PTR_NOT_NULL(
		leg_place_follow(&relay, &place, &peer, &to, NULL, &place));
	/* back to the first one */
	place.hops = 1;
	to = at("192.0.2.1", 3478);
	CU_ASSERT_PTR_NOT_NULL(
		leg_place_follow(&relay, &place, &peer, &to, NULL, &place));
}

/* Tickets */

static void test_ticket(void)
{
	static uint8_t blob[LEG_TICKET_MAX];
	struct leg_opts opts = { .family = ENDPOINT_IPV4, .mobility = true };
	struct leg_ticket *t, *back;
	struct fixture f;
	struct buf out;

	open_fixture(&f, RELAY_TRANSPORT_TCP);
	turn_server_knobs(f.lab.relay[0].server)->mobility = true;
	opts.set = f.set;
	opts.relay = &f.set->relay[0];
	f.leg = leg_new(&f.lab.env, &opts, &events, &f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_ready, &f));
	CU_ASSERT(leg_is_mobile(f.leg));
	t = leg_ticket_new(f.leg, clock_now_ms());
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	buf_init(&out, blob, sizeof(blob));
	CU_ASSERT_EQUAL(leg_ticket_encode(t, &out), 0);
	back = leg_ticket_decode(blob, out.len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	CU_ASSERT_EQUAL(back->len, t->len);
	CU_ASSERT_EQUAL(memcmp(back->blob, t->blob, t->len), 0);
	CU_ASSERT_STRING_EQUAL(back->name, "r0");
	leg_ticket_free(back);
	for (size_t len = 0; len < out.len; len++)
		CU_ASSERT_PTR_NULL(leg_ticket_decode(blob, len));
	blob[0]++;
	CU_ASSERT_PTR_NULL(leg_ticket_decode(blob, out.len));
	buf_init(&out, blob, 40);
	CU_ASSERT_EQUAL(leg_ticket_encode(t, &out), -ENOBUFS);
	CU_ASSERT_EQUAL(out.len, 0);
	leg_ticket_free(t);
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "over TCP, from one byte to a long one, and back", test_tcp },
	{ "over UDP, too", test_udp },
	{ "through an https:// proxy", test_https_proxy },
	{ "through a socks5:// proxy", test_socks_proxy },
	{ "HTTP instead of TURN", test_http_answer },
	{ "a UDP port where nobody is", test_udp_refused },
	{ "what UDP allocates late is given back", test_udp_leaves },
	{ "a wrong password", test_wrong_password },
	{ "silence is told, once", test_silence },
	{ "an idle cut teaches a shorter keep-alive", test_keepalive },
	{ "a proxy that cuts idle tunnels", test_idle_cutter },
	{ "others teach it, too", test_keepalive_of_others },
	{ "freed in every state", test_free },
	{ "where a redirect may lead", test_places },
	{ "how far", test_hops },
	{ "a ticket as bytes", test_ticket },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "leg", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
