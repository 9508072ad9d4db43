/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_uplink.c - a relayed port that outlives its connections, rule by rule */
#include <config.h>

#include "uplink.h"

#include "buf.h"
#include "leg.h"
#include "lib/leg_lab.h"
#include "stun_msg.h"

#include <errno.h>

struct fixture {
	struct lab lab;
	struct uplink_env env;
	struct uplink *uplink;
	struct leg *warm; /* what warm_take gives */
	unsigned int ready, data, given;
	struct endpoint relayed; /* as told last */
	char last[16];
	unsigned int want; /* for the conditions below */
};

static void on_ready(void *arg, const struct endpoint *relayed, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	f->ready++;
	f->relayed = *relayed;
}

static void on_data(void *arg, const struct endpoint *peer, const uint8_t *data,
		    size_t len, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	CU_ASSERT(endpoint_equal(peer, &lab_peer));
	CU_ASSERT_FATAL(len < sizeof(f->last));
	memcpy(f->last, data, len);
	f->last[len] = '\0';
	f->data++;
}

static void on_batch(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
}

static const struct uplink_events events = { .on_ready = on_ready,
					     .on_data = on_data,
					     .on_batch = on_batch };

static void begin(struct fixture *f)
{
	struct uplink_opts opts = { .family = ENDPOINT_IPV4 };

	f->uplink = uplink_new(&f->env, &opts, &events, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->uplink);
}

static void open_env(struct fixture *f, size_t relays)
{
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, relays);
	f->env.leg = f->lab.env;
	f->env.relays = lab_set(&f->lab);
	f->env.arg = f;
}

static void open_fixture(struct fixture *f, size_t relays)
{
	open_env(f, relays);
	begin(f);
}

static void close_fixture(struct fixture *f)
{
	uplink_free(f->uplink);
	leg_free(f->warm);
	leg_env_fini(&f->env.leg);
	relay_set_put(f->env.relays);
	lab_close(&f->lab);
}

static bool is_ready(void *arg)
{
	struct fixture *f = arg;

	return f->ready >= f->want;
}

static bool wait_ready(struct fixture *f, unsigned int times)
{
	f->want = times;
	return lab_run(&f->lab, is_ready, f);
}

static bool has_data(void *arg)
{
	struct fixture *f = arg;

	return f->data >= f->want;
}

static void say(struct fixture *f, const char *what)
{
	uplink_send(f->uplink, &lab_peer, (const uint8_t *)what, strlen(what),
		    clock_now_ms());
}

/* There and back. */
static bool talk(struct fixture *f, const char *what)
{
	f->want = f->data + 1;
	say(f, what);
	return lab_run(&f->lab, has_data, f) && strcmp(f->last, what) == 0;
}

static uint64_t counter(_Atomic uint64_t *c)
{
	return stats_get(c);
}

static void test_queued_first(void)
{
	struct fixture f;

	open_fixture(&f, 1);
	say(&f, "1");
	say(&f, "2");
	f.want = 2;
	CU_ASSERT(lab_run(&f.lab, has_data, &f));
	CU_ASSERT_STRING_EQUAL(f.last, "2");
	CU_ASSERT_EQUAL(f.ready, 1);
	CU_ASSERT(endpoint_equal(uplink_relayed(f.uplink), &f.relayed));
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)->early, 0);
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)->bad_requests,
			0);
	close_fixture(&f);
}

static void test_killed(void)
{
	struct fixture f;

	open_fixture(&f, 1);
	CU_ASSERT_FATAL(talk(&f, "a"));
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_lost), 1);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.address_changes), 1);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.allocations), 1);
	close_fixture(&f);
}

/* What is sent while there is no leg waits for the next one. */
static void test_killed_unnoticed(void)
{
	struct fixture f;

	open_fixture(&f, 1);
	CU_ASSERT_FATAL(talk(&f, "a"));
	relay_fixture_cut(&f.lab.relay[0]);
	while (uplink_relayed(f.uplink) != NULL)
		lab_pass(&f.lab, 1);
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(counter(&f.lab.stats.drop_queue), 0);
	close_fixture(&f);
}

#define KILLS 25

static void test_killed_often(void)
{
	size_t fds = 0, heap = 0;
	struct fixture f;

	open_fixture(&f, 1);
	CU_ASSERT_FATAL(talk(&f, "a"));
	for (unsigned int i = 0; i < KILLS; i++) {
		if (i == 5) {
			fds = lab_open_fds();
			heap = lab_heap_bytes();
		}
		relay_fixture_cut(&f.lab.relay[0]);
		CU_ASSERT_FATAL(wait_ready(&f, i + 2));
		CU_ASSERT_FATAL(talk(&f, "x"));
		lab_pass(&f.lab, 100);
	}
	CU_ASSERT_EQUAL(lab_open_fds(), fds);
	CU_ASSERT(lab_heap_bytes() < heap + 64 * 1024);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_lost), KILLS);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.allocations), 1);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.uplinks), 1);
	close_fixture(&f);
}

/* The relay stops reading and answering, for good. */
static void test_half_open(void)
{
	struct fixture f;
	uint64_t begun_ms;

	open_fixture(&f, 2);
	CU_ASSERT_FATAL(talk(&f, "a"));
	lab_stall(&f.lab, 0, true);
	begun_ms = clock_now_ms();
	say(&f, "lost");
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	/* a new address is not worth less than this */
	CU_ASSERT(clock_now_ms() >= begun_ms + 3500);
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(counter(&f.lab.stats.stalls), 1);
	CU_ASSERT_PTR_NOT_NULL(lab_allocated(&f.lab, 1));
	close_fixture(&f);
}

/* What comes to the old address is delivered, and counted. */
static void test_old_address(void)
{
	struct relay_conn *old;
	struct fixture f;
	uint8_t frames[256];
	size_t n;

	open_fixture(&f, 2);
	CU_ASSERT_FATAL(talk(&f, "a"));
	old = lab_allocated(&f.lab, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(old);
	lab_stall(&f.lab, 0, true);
	say(&f, "lost");
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	CU_ASSERT_EQUAL(counter(&f.lab.stats.from_old_address), 0);
	CU_ASSERT(turn_server_from_peer(old->turn, &lab_peer, "late", 4,
					clock_now_ms()));
	n = turn_server_output(old->turn, frames, sizeof(frames));
	CU_ASSERT_EQUAL(send(old->fd, frames, n, MSG_NOSIGNAL), (ssize_t)n);
	f.want = f.data + 1;
	CU_ASSERT(lab_run(&f.lab, has_data, &f));
	CU_ASSERT_STRING_EQUAL(f.last, "late");
	CU_ASSERT_EQUAL(counter(&f.lab.stats.from_old_address), 1);
	close_fixture(&f);
}

static bool has_spare(void *arg)
{
	struct fixture *f = arg;

	return counter(&f->lab.stats.allocations) == 2;
}

static bool has_one(void *arg)
{
	struct fixture *f = arg;

	return counter(&f->lab.stats.allocations) == 1 &&
	       f->env.leg.leaving == NULL;
}

/* A stall of some seconds costs no address, and the spare leg is put away. */
static void test_stall_passes(void)
{
	struct fixture f;

	open_fixture(&f, 2);
	CU_ASSERT_FATAL(talk(&f, "a"));
	lab_stall(&f.lab, 0, true);
	f.want = f.data + 1;
	say(&f, "late");
	CU_ASSERT_FATAL(lab_run(&f.lab, has_spare, &f));
	lab_stall(&f.lab, 0, false);
	f.want = 2;
	CU_ASSERT(lab_run(&f.lab, has_data, &f));
	CU_ASSERT_STRING_EQUAL(f.last, "late");
	CU_ASSERT(lab_run(&f.lab, has_one, &f));
	CU_ASSERT_PTR_NOT_NULL(lab_allocated(&f.lab, 0));
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(f.ready, 1);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.address_changes), 0);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.stalls), 1);
	close_fixture(&f);
}

static void test_garbage(void)
{
	/* The second looks like ChannelData, of which most is missing. */
	static const char *const garbage[] = { "\xff\xff\xff\xff\xff",
					       "HTTP/1.1 400 Bad Request\r\n" };
	struct relay_conn *c;
	struct fixture f;

	open_fixture(&f, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(garbage); i++) {
		CU_ASSERT_FATAL(talk(&f, "a"));
		c = lab_allocated(&f.lab, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT(send(c->fd, garbage[i], strlen(garbage[i]),
			       MSG_NOSIGNAL) > 0);
		say(&f, "lost");
		CU_ASSERT_FATAL(wait_ready(&f, i + 2));
		CU_ASSERT(talk(&f, "b"));
	}
	close_fixture(&f);
}

static bool is_ready_after_resets(void *arg)
{
	struct fixture *f = arg;

	/* Each of the first comes this far, and no further. */
	if (f->lab.relay[0].accepted <= 3)
		relay_fixture_cut(&f->lab.relay[0]);
	return f->ready > 0 && f->lab.relay[0].accepted > 3;
}

static void test_reset_in_handshake(void)
{
	struct fixture f;

	open_env(&f, 1);
	begin(&f);
	CU_ASSERT(lab_run(&f.lab, is_ready_after_resets, &f));
	CU_ASSERT(talk(&f, "a"));
	close_fixture(&f);
}

/* All down: attempts get rarer; once a relay is there again, it is found. */
static void test_recovery(void)
{
	struct fixture f;
	uint16_t port;

	open_env(&f, 1);
	port = f.lab.relay[0].port;
	relay_fixture_close(&f.lab.relay[0]);
	begin(&f);
	lab_pass(&f.lab, 1500);
	CU_ASSERT_EQUAL(f.ready, 0);
	CU_ASSERT(counter(&f.lab.stats.uplink_failures) >= 2);
	CU_ASSERT(counter(&f.lab.stats.uplink_failures) <= 6);
	relay_fixture_open(&f.lab.relay[0], f.lab.loop, port);
	CU_ASSERT(talk(&f, "a"));
	close_fixture(&f);
}

static void test_reload(void)
{
	struct fixture f;

	open_env(&f, 1);
	f.env.relays->relay[0].port = lab_closed_port();
	begin(&f);
	lab_pass(&f.lab, 3000); /* far into the back-off */
	relay_set_put(f.env.relays);
	f.env.relays = lab_set(&f.lab);
	uplink_reload(f.uplink, clock_now_ms());
	CU_ASSERT(wait_ready(&f, 1));
	close_fixture(&f);
}

/* A change of the network is no mere stall: less patience. */
static void test_network_changed(void)
{
	struct endpoint here = { .family = ENDPOINT_IPV4,
				 .ip = { 192, 0, 2, 1 } };
	struct fixture f;

	open_fixture(&f, 2);
	CU_ASSERT_FATAL(talk(&f, "a"));
	uplink_network_changed(f.uplink, &here, 1, clock_now_ms());
	lab_pass(&f.lab, 1000);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.stalls), 0); /* it answered */
	lab_stall(&f.lab, 0, true);
	uplink_network_changed(f.uplink, &here, 1, clock_now_ms());
	CU_ASSERT(wait_ready(&f, 2));
	CU_ASSERT_PTR_NOT_NULL(lab_allocated(&f.lab, 1));
	close_fixture(&f);
}

/* In the back-off, too. */
static void test_network_back(void)
{
	struct fixture f;
	uint16_t port;

	open_env(&f, 1);
	port = f.lab.relay[0].port;
	relay_fixture_close(&f.lab.relay[0]);
	begin(&f);
	lab_pass(&f.lab, 1500);
	relay_fixture_open(&f.lab.relay[0], f.lab.loop, port);
	uplink_network_changed(f.uplink, NULL, 0, clock_now_ms());
	CU_ASSERT(wait_ready(&f, 1));
	close_fixture(&f);
}

/* Warm legs */

static void on_warm_ready(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static void on_warm_data(void *arg, struct leg *leg,
			 const struct endpoint *peer, const uint8_t *data,
			 size_t len, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)peer, (void)data, (void)len, (void)now_ms;
}

static const struct leg_events warm_events = { .on_ready = on_warm_ready,
					       .on_ended = on_warm_ready,
					       .on_data = on_warm_data,
					       .on_batch = on_warm_ready };

static struct leg *warm_take(void *arg, uint8_t family, uint64_t now_ms)
{
	struct fixture *f = arg;
	struct leg *leg = f->warm;

	(void)now_ms;
	CU_ASSERT_EQUAL(family, ENDPOINT_IPV4);
	f->warm = NULL;
	return leg;
}

static bool warm_give(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	f->given++;
	leg_free(f->warm);
	f->warm = leg;
	leg_attach(leg, &warm_events, NULL, NULL);
	return true;
}

static bool is_warm(void *arg)
{
	struct fixture *f = arg;

	return leg_state(f->warm) == LEG_STATE_READY;
}

static void make_warm(struct fixture *f, size_t relay)
{
	struct leg_opts opts = { .set = f->env.relays,
				 .relay = &f->env.relays->relay[relay],
				 .family = ENDPOINT_IPV4 };

	f->env.warm_take = warm_take;
	f->env.warm_give = warm_give;
	f->warm = leg_new(&f->env.leg, &opts, &warm_events, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->warm);
	CU_ASSERT_FATAL(lab_run(&f->lab, is_warm, f));
}

/* The first datagram leaves without waiting for anything. */
static void test_warm(void)
{
	struct fixture f;

	open_env(&f, 1);
	make_warm(&f, 0);
	begin(&f);
	CU_ASSERT_PTR_NOT_NULL(uplink_relayed(f.uplink));
	CU_ASSERT(talk(&f, "a"));
	CU_ASSERT_EQUAL(f.ready, 0);
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 1);
	close_fixture(&f);
}

static void test_warm_after_loss(void)
{
	struct fixture f;

	open_env(&f, 2);
	begin(&f);
	CU_ASSERT_FATAL(talk(&f, "a"));
	make_warm(&f, 1);
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT(wait_ready(&f, 2));
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 1);
	close_fixture(&f);
}

/* … and when the warm one is dead, too, it does not take long to see. */
static void test_warm_is_dead(void)
{
	struct fixture f;

	open_env(&f, 3);
	begin(&f);
	CU_ASSERT_FATAL(talk(&f, "a"));
	make_warm(&f, 1);
	lab_stall(&f.lab, 1, true);
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT(wait_ready(&f, 3));
	CU_ASSERT(talk(&f, "b"));
	close_fixture(&f);
}

/* Only what was never used goes back to the warm ones. */
static void test_give_back(void)
{
	struct fixture f;

	open_env(&f, 1);
	f.env.warm_give = warm_give;
	begin(&f);
	CU_ASSERT_FATAL(wait_ready(&f, 1));
	uplink_free(f.uplink);
	CU_ASSERT_EQUAL(f.given, 1);
	f.env.warm_take = warm_take;
	begin(&f);
	CU_ASSERT_FATAL(talk(&f, "a"));
	uplink_free(f.uplink);
	f.uplink = NULL;
	CU_ASSERT_EQUAL(f.given, 1);
	f.want = 0;
	lab_pass(&f.lab, 50);
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)
				->requests[STUN_METHOD_REFRESH],
			1);
	CU_ASSERT_PTR_NULL(lab_allocated(&f.lab, 0));
	close_fixture(&f);
}

/* Mobility (RFC 8016) */

static void open_mobile(struct fixture *f, size_t ways)
{
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, 1);
	while (f->lab.relays < ways)
		lab_add_way(&f->lab);
	turn_server_knobs(f->lab.relay[0].server)->mobility = true;
	f->env.leg = f->lab.env;
	f->env.relays = lab_set(&f->lab);
	f->env.arg = f;
	for (size_t i = 0; i < ways; i++) {
		struct relay *r = &f->env.relays->relay[i];

		snprintf(r->name, sizeof(r->name), "r0");
		relay_put_mobility(f->env.relays, r, RELAY_MOBILITY_YES);
	}
	begin(f);
	CU_ASSERT_FATAL(talk(f, "a"));
}

static const struct turn_server_stats *seen(const struct fixture *f)
{
	return turn_server_stats(f->lab.relay[0].server);
}

/* The relayed address stays, and so do the peers and their channels. */
static void test_mobile(void)
{
	struct endpoint before;
	struct fixture f;

	open_mobile(&f, 1);
	before = f.relayed;
	for (unsigned int i = 0; i < 3; i++) {
		relay_fixture_cut(&f.lab.relay[0]);
		CU_ASSERT_FATAL(wait_ready(&f, i + 2));
		CU_ASSERT(endpoint_equal(&f.relayed, &before));
		CU_ASSERT(talk(&f, "b"));
	}
	CU_ASSERT_EQUAL(seen(&f)->requests[STUN_METHOD_CHANNEL_BIND], 1);
	CU_ASSERT_EQUAL(seen(&f)->moves, 3);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_resumed), 3);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.address_changes), 0);
	close_fixture(&f);
}

/* A relay that has started anew knows no tickets. */
static void test_mobile_refused(void)
{
	struct relay_conn *c;
	struct fixture f;

	open_mobile(&f, 1);
	c = lab_allocated(&f.lab, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	turn_server_lose_allocation(c->turn);
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_resumed), 0);
	close_fixture(&f);
}

/* One that gives tickets and then does not answer to them (coturn 4.6). */
static void test_mobile_mute(void)
{
	struct fixture f;

	open_mobile(&f, 1);
	turn_server_knobs(f.lab.relay[0].server)->mobile_mute = true;
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_resumed), 0);
	close_fixture(&f);
}

/* One way stalls, another leads to the same server: make before break. */
static void test_mobile_stall(void)
{
	struct endpoint before;
	struct fixture f;
	uint64_t begun_ms;

	open_mobile(&f, 2);
	before = f.relayed;
	f.lab.relay[0].deaf = true;
	lab_stall(&f.lab, 0, true);
	begun_ms = clock_now_ms();
	say(&f, "lost");
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	CU_ASSERT(endpoint_equal(&f.relayed, &before));
	CU_ASSERT(talk(&f, "b"));
	/* no need to wait for the old one */
	CU_ASSERT(clock_now_ms() < begun_ms + LAB_PATIENCE_MS / 2);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_resumed), 1);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.legs_lost), 0);
	CU_ASSERT_EQUAL(counter(&f.lab.stats.address_changes), 0);
	lab_stall(&f.lab, 0, false);
	lab_pass(&f.lab, 1500); /* the old one goes, and takes nothing along */
	CU_ASSERT(talk(&f, "c"));
	CU_ASSERT_EQUAL(f.ready, 2);
	close_fixture(&f);
}

/* The next tunneld goes on with the address. */
static void test_export(void)
{
	static uint8_t blob[UPLINK_EXPORT_MAX];
	struct uplink_opts opts = { .family = ENDPOINT_IPV4, .resume = blob };
	struct endpoint before;
	struct fixture f;
	struct buf out;

	open_mobile(&f, 1);
	before = f.relayed;
	buf_init(&out, blob, sizeof(blob));
	CU_ASSERT_EQUAL_FATAL(uplink_export(f.uplink, &out, clock_now_ms()), 0);
	uplink_free(f.uplink);
	opts.resume_len = out.len;
	f.uplink = uplink_new(&f.env, &opts, &events, &f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.uplink);
	CU_ASSERT_FATAL(wait_ready(&f, 2));
	CU_ASSERT(endpoint_equal(&f.relayed, &before));
	CU_ASSERT(talk(&f, "b"));
	CU_ASSERT_EQUAL(seen(&f)->requests[STUN_METHOD_CHANNEL_BIND], 1);
	close_fixture(&f);
}

static void test_export_not(void)
{
	static uint8_t blob[UPLINK_EXPORT_MAX];
	struct uplink_opts opts = { .family = ENDPOINT_IPV4, .resume = blob };
	struct fixture f;
	struct buf out;

	open_fixture(&f, 1);
	CU_ASSERT_FATAL(talk(&f, "a"));
	buf_init(&out, blob, sizeof(blob));
	CU_ASSERT_EQUAL(uplink_export(f.uplink, &out, clock_now_ms()),
			-ENOTSUP);
	uplink_free(f.uplink);
	/* nonsense is as good as nothing */
	opts.resume_len = 100;
	f.uplink = uplink_new(&f.env, &opts, &events, &f);
	CU_ASSERT(talk(&f, "b"));
	close_fixture(&f);
}

static CU_TestInfo tests[] = {
	{ "nothing is sent before the allocation, all after it",
	  test_queued_first },
	{ "a connection that was killed is made again", test_killed },
	{ "nothing is lost meanwhile", test_killed_unnoticed },
	{ "… again and again: descriptors and heap stay flat",
	  test_killed_often },
	{ "a relay that hears and says nothing is left", test_half_open },
	{ "what comes to the old address is delivered", test_old_address },
	{ "a stall that passes costs no address", test_stall_passes },
	{ "garbage ends the connection, not the port", test_garbage },
	{ "resets during the handshake", test_reset_in_handshake },
	{ "all down, and back again", test_recovery },
	{ "a reload ends the back-off", test_reload },
	{ "a change of the network is looked at", test_network_changed },
	{ "a network that is back ends the back-off", test_network_back },
	{ "a warm leg serves in the same turn", test_warm },
	{ "a warm leg takes over", test_warm_after_loss },
	{ "a warm leg that is dead, too, is seen soon", test_warm_is_dead },
	{ "an allocation is given back, or kept warm", test_give_back },
	{ "mobility keeps address, peers and channels", test_mobile },
	{ "a ticket that is refused: a new allocation", test_mobile_refused },
	{ "… that is not answered: the same", test_mobile_mute },
	{ "mobility makes before it breaks", test_mobile_stall },
	{ "the address survives the daemon", test_export },
	{ "… or it does not, and nothing is lost", test_export_not },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "uplink", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
