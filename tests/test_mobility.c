/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_mobility.c - relays that keep an allocation, that do not, and that only
 * say so
 */
#include <config.h>

#include "mobility.h"

#include "leg.h"
#include "lib/leg_lab.h"

struct fixture {
	struct lab lab;
	struct relay_set *set;
	struct mobility *test;
	struct leg *leg; /* the first, then the one that has moved */
	bool over;
	enum relay_mobility verdict;
	struct endpoint relayed;
	unsigned int data;
};

static struct turn_server_knobs *knobs(struct fixture *f)
{
	return turn_server_knobs(f->lab.relay[0].server);
}

static const struct turn_server_stats *seen(struct fixture *f)
{
	return turn_server_stats(f->lab.relay[0].server);
}

static void on_event(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)leg, (void)data, (void)len, (void)now_ms;
	f->data += endpoint_equal(peer, &lab_peer);
}

static const struct leg_events events = { .on_ready = on_event,
					  .on_ended = on_event,
					  .on_data = on_data,
					  .on_batch = on_event };

static bool is_ready(void *arg)
{
	struct fixture *f = arg;

	return leg_state(f->leg) == LEG_STATE_READY;
}

static void on_tested(void *arg, enum relay_mobility verdict, struct leg *leg,
		      uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	f->over = true;
	f->verdict = verdict;
	f->leg = leg;
	mobility_free(f->test);
	f->test = NULL;
}

static bool is_over(void *arg)
{
	struct fixture *f = arg;

	return f->over;
}

static void open_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, 1);
	f->set = lab_set(&f->lab);
	knobs(f)->mobility = true;
}

/* An allocation with a ticket, and the test has it. */
static void begin(struct fixture *f)
{
	struct leg_opts opts = { .set = f->set,
				 .relay = &f->set->relay[0],
				 .family = ENDPOINT_IPV4,
				 .mobility = true };

	f->leg = leg_new(&f->lab.env, &opts, &events, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->leg);
	CU_ASSERT_FATAL(lab_run(&f->lab, is_ready, f));
	f->relayed = *leg_relayed(f->leg);
	CU_ASSERT_FATAL(leg_is_mobile(f->leg));
	f->test = mobility_new(&f->lab.env, f->leg, on_tested, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->test);
	CU_ASSERT_FALSE(f->over);
	f->leg = NULL;
}

static void close_fixture(struct fixture *f)
{
	mobility_free(f->test);
	leg_free(f->leg);
	relay_set_put(f->set);
	lab_close(&f->lab);
}

static bool is_empty(void *arg)
{
	struct fixture *f = arg;

	return lab_conns(&f->lab, 0) == 0 && f->lab.env.leaving == NULL;
}

static bool is_settled(void *arg)
{
	struct fixture *f = arg;

	return f->over || leg_state(f->leg) == LEG_STATE_READY;
}

static void on_refused(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)leg, (void)now_ms;
	f->over = true;
}

/* The relay has room for one allocation, and gives it. */
static void expect_room(struct fixture *f)
{
	static const struct leg_events own = { .on_ready = on_event,
					       .on_ended = on_refused,
					       .on_data = on_data,
					       .on_batch = on_event };
	struct leg_opts opts = { .set = f->set,
				 .relay = &f->set->relay[0],
				 .family = ENDPOINT_IPV4 };

	CU_ASSERT(lab_run(&f->lab, is_empty, f));
	knobs(f)->quota = 1;
	f->over = false;
	f->leg = leg_new(&f->lab.env, &opts, &own, f);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->leg);
	CU_ASSERT(lab_run(&f->lab, is_settled, f));
	CU_ASSERT_EQUAL(leg_state(f->leg), LEG_STATE_READY);
}

static bool has_data(void *arg)
{
	struct fixture *f = arg;

	return f->data > 0;
}

/* It is as good as any other. */
static void expect_moved(struct fixture *f)
{
	CU_ASSERT_EQUAL(f->verdict, RELAY_MOBILITY_YES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->leg);
	CU_ASSERT_EQUAL(leg_state(f->leg), LEG_STATE_READY);
	CU_ASSERT(endpoint_equal(leg_relayed(f->leg), &f->relayed));
	CU_ASSERT(leg_is_mobile(f->leg));
	CU_ASSERT_EQUAL(seen(f)->moves, 1);
	leg_attach(f->leg, &events, f, NULL);
	CU_ASSERT_EQUAL(leg_send(f->leg, &lab_peer, (const uint8_t *)"x", 1,
				 clock_now_ms()),
			0);
	CU_ASSERT(lab_run(&f->lab, has_data, f));
	CU_ASSERT_EQUAL(lab_conns(&f->lab, 0), 1);
	CU_ASSERT_EQUAL(seen(f)->bad_requests, 0);
}

static void test_proven(void)
{
	struct fixture f;

	open_fixture(&f);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	expect_moved(&f);
	leg_release(f.leg);
	f.leg = NULL;
	CU_ASSERT(lab_run(&f.lab, is_empty, &f));
	CU_ASSERT_EQUAL(stats_get(&f.lab.stats.allocations), 0);
	close_fixture(&f);
}

/* A relay that forbids its own addresses as peers has to be believed. */
static void test_no_echo(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->echo = false;
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	knobs(&f)->echo = true;
	expect_moved(&f);
	close_fixture(&f);
}

/* Before each echo. */
static void on_relay(void *arg, struct turn_server_conn *conn,
		     const struct endpoint *to, const uint8_t *data, size_t len)
{
	struct fixture *f = arg;

	(void)conn, (void)to, (void)data, (void)len;
	knobs(f)->echo = seen(f)->moves == 0;
}

/* Echoes before, none after: what it relays is lost. */
static void test_half_dead(void)
{
	struct fixture f;

	open_fixture(&f);
	turn_server_on_relay(f.lab.relay[0].server, on_relay, &f);
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	CU_ASSERT_EQUAL(seen(&f)->moves, 1);
	CU_ASSERT_EQUAL(f.verdict, RELAY_MOBILITY_NO);
	CU_ASSERT_PTR_NULL(f.leg);
	expect_room(&f);
	close_fixture(&f);
}

/* coturn 4.6 over streams: no answer to a ticket, ever. */
static void test_mute(void)
{
	struct fixture f;

	open_fixture(&f);
	knobs(&f)->mobile_mute = true;
	begin(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	CU_ASSERT_EQUAL(f.verdict, RELAY_MOBILITY_NO);
	CU_ASSERT_PTR_NULL(f.leg);
	expect_room(&f);
	CU_ASSERT_FALSE(relay_is_penalised(&f.set->relay[0], clock_now_ms()));
	close_fixture(&f);
}

static void test_refused(void)
{
	struct fixture f;

	open_fixture(&f);
	begin(&f);
	knobs(&f)->mobility = false; /* 405 from now on */
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	CU_ASSERT_EQUAL(f.verdict, RELAY_MOBILITY_NO);
	CU_ASSERT_PTR_NULL(f.leg);
	expect_room(&f);
	CU_ASSERT_FALSE(relay_is_penalised(&f.set->relay[0], clock_now_ms()));
	close_fixture(&f);
}

/* Nobody was there to be asked: that says nothing. */
static void test_no_way(void)
{
	struct fixture f;

	open_fixture(&f);
	begin(&f);
	f.lab.relay[0].refused = true;
	f.set->relay[0].port = lab_closed_port();
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	CU_ASSERT_EQUAL(f.verdict, RELAY_MOBILITY_UNKNOWN);
	CU_ASSERT_PTR_NULL(f.leg);
	CU_ASSERT(lab_run(&f.lab, is_empty, &f));
	close_fixture(&f);
}

static void test_cut(void)
{
	struct fixture f;

	open_fixture(&f);
	begin(&f);
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_over, &f));
	CU_ASSERT_EQUAL(f.verdict, RELAY_MOBILITY_UNKNOWN);
	CU_ASSERT_PTR_NULL(f.leg);
	close_fixture(&f);
}

/* Its owner needs it, or ends, in any step: nothing stays at the relay. */
static void test_taken_back(void)
{
	struct fixture f;

	open_fixture(&f);
	begin(&f);
	f.leg = mobility_take_back(f.test);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.leg);
	CU_ASSERT_EQUAL(leg_state(f.leg), LEG_STATE_READY);
	mobility_free(f.test);
	f.test = NULL;
	leg_attach(f.leg, &events, &f, NULL);
	lab_pass(&f.lab, 50);
	CU_ASSERT_FALSE(f.over);
	leg_release(f.leg);
	f.leg = NULL;
	CU_ASSERT(lab_run(&f.lab, is_empty, &f));
	close_fixture(&f);
}

static void test_freed(void)
{
	struct fixture f;

	for (unsigned int ms = 0; ms < 12; ms++) {
		open_fixture(&f);
		begin(&f);
		lab_pass(&f.lab, ms);
		mobility_free(f.test);
		f.test = NULL;
		if (f.over)
			leg_release(f.leg);
		f.leg = NULL;
		expect_room(&f);
		close_fixture(&f);
	}
}

static CU_TestInfo tests[] = {
	{ "an allocation moves, and is good afterwards", test_proven },
	{ "… also where it may not send to itself", test_no_echo },
	{ "a relay that moves it and loses the data", test_half_dead },
	{ "a relay that does not answer tickets", test_mute },
	{ "a relay that refuses tickets", test_refused },
	{ "a relay that is not reached says nothing", test_no_way },
	{ "nor does a connection that is cut", test_cut },
	{ "who needs the allocation gets it", test_taken_back },
	{ "the end, in any step", test_freed },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "mobility", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
