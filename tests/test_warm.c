/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_warm.c - the pool of allocations that nobody owns yet */
#include <config.h>

#include "warm.h"

#include "leg.h"
#include "lib/leg_lab.h"
#include "stun_msg.h"

/* So that "nothing more happens" means something. */
#define QUIET_MS 1500

struct fixture {
	struct lab lab;
	struct relay_set *set;
	struct warm *warm;
	struct leg *leg; /* what was taken last */
	size_t want;     /* for the conditions below */
};

static struct turn_server_knobs *knobs(struct fixture *f, size_t relay)
{
	return turn_server_knobs(f->lab.relay[relay].server);
}

static unsigned int requests(struct fixture *f, uint16_t method)
{
	return turn_server_stats(f->lab.relay[0].server)->requests[method];
}

static struct relay_set *warm_set(struct fixture *f, uint8_t warm)
{
	struct relay_set *set = lab_set(&f->lab);

	for (size_t i = 0; i < set->count; i++) {
		set->relay[i].warm = warm;
		set->relay[i].no_mobility = true;
	}
	return set;
}

static void open_fixture(struct fixture *f, size_t relays, uint8_t warm)
{
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, relays);
	f->set = warm_set(f, warm);
	f->warm = warm_new(&f->lab.env, f->set);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->warm);
}

static void close_fixture(struct fixture *f)
{
	leg_free(f->leg);
	warm_free(f->warm);
	relay_set_put(f->set);
	lab_close(&f->lab);
}

static void attach(struct fixture *f)
{
	warm_attach(f->warm, clock_now_ms());
}

static size_t allocated(struct fixture *f)
{
	size_t n = 0;

	for (size_t r = 0; r < f->lab.relays; r++) {
		for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
			struct relay_conn *c = &f->lab.relay[r].conn[i];

			n += c->fd >= 0 && turn_server_allocated(c->turn);
		}
	}
	return n;
}

/* As many as wanted, and the pool knows. */
static bool has_them(void *arg)
{
	struct fixture *f = arg;

	return allocated(f) == f->want && f->lab.env.leaving == NULL &&
	       stats_get(&f->lab.stats.allocations) == f->want;
}

static bool wait_for(struct fixture *f, size_t want)
{
	f->want = want;
	return lab_run(&f->lab, has_them, f);
}

static bool has_taken(void *arg)
{
	struct fixture *f = arg;

	f->leg = warm_take(f->warm, ENDPOINT_IPV4, clock_now_ms());
	return f->leg != NULL;
}

static void on_event(void *arg, struct leg *leg, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)now_ms;
}

static void on_ended(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct fixture *f = arg;

	(void)now_ms;
	leg_free(leg);
	f->leg = NULL;
}

static void on_data(void *arg, struct leg *leg, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	(void)arg, (void)leg, (void)peer, (void)data, (void)len, (void)now_ms;
}

static const struct leg_events app_events = { .on_ready = on_event,
					      .on_ended = on_ended,
					      .on_data = on_data,
					      .on_batch = on_event };

/* As an uplink would. */
static void take(struct fixture *f)
{
	CU_ASSERT_FATAL(lab_run(&f->lab, has_taken, f));
	leg_attach(f->leg, &app_events, f, NULL);
}

/* Cold without an app; full with one; given back when it is gone. */
static void test_fill(void)
{
	struct fixture f;

	open_fixture(&f, 1, 3);
	lab_pass(&f.lab, 100);
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 0);
	attach(&f);
	CU_ASSERT(wait_for(&f, 3));
	lab_pass(&f.lab, 100);
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 3);
	/* The last sign of an app was so long ago. */
	warm_attach(f.warm, clock_now_ms() + 100 - WARM_IDLE_MS);
	CU_ASSERT(wait_for(&f, 0));
	CU_ASSERT_EQUAL(requests(&f, STUN_METHOD_REFRESH), 3);
	attach(&f);
	CU_ASSERT(wait_for(&f, 3));
	close_fixture(&f);
}

static void test_none_wanted(void)
{
	struct fixture f;

	open_fixture(&f, 1, 0);
	attach(&f);
	lab_pass(&f.lab, 300);
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 0);
	close_fixture(&f);
}

static void test_take(void)
{
	struct fixture f;

	open_fixture(&f, 1, 1);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 1));
	CU_ASSERT_PTR_NULL(warm_take(f.warm, ENDPOINT_IPV6, clock_now_ms()));
	f.leg = warm_take(f.warm, ENDPOINT_IPV4, clock_now_ms());
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.leg);
	CU_ASSERT_EQUAL(leg_state(f.leg), LEG_STATE_READY);
	CU_ASSERT(leg_is_fresh(f.leg));
	leg_attach(f.leg, &app_events, &f, NULL);
	CU_ASSERT_PTR_NULL(warm_take(f.warm, ENDPOINT_IPV4, clock_now_ms()));
	CU_ASSERT(wait_for(&f, 2)); /* another one took its place */
	CU_ASSERT_EQUAL(leg_state(f.leg), LEG_STATE_READY);
	close_fixture(&f);
}

/* Nobody but the one who sent knows what still comes to that address. */
static void test_give(void)
{
	struct fixture f;
	struct leg *leg;

	open_fixture(&f, 1, 1);
	attach(&f);
	take(&f);
	CU_ASSERT_FATAL(wait_for(&f, 2));
	CU_ASSERT_FALSE(warm_give(f.warm, f.leg, clock_now_ms())); /* full */
	leg = warm_take(f.warm, ENDPOINT_IPV4, clock_now_ms());
	CU_ASSERT_PTR_NOT_NULL_FATAL(leg);
	CU_ASSERT(warm_give(f.warm, leg, clock_now_ms()));
	CU_ASSERT_PTR_EQUAL(warm_take(f.warm, ENDPOINT_IPV4, clock_now_ms()),
			    leg);
	CU_ASSERT_EQUAL(leg_send(leg, &lab_peer, (const uint8_t *)"x", 1,
				 clock_now_ms()),
			0);
	CU_ASSERT_FALSE(warm_give(f.warm, leg, clock_now_ms())); /* used */
	leg_free(leg);
	close_fixture(&f);
}

/* 486: the pool asks no more, and leaves what an app has alone. */
static void test_quota(void)
{
	unsigned int asked;
	struct fixture f;

	open_fixture(&f, 1, 3);
	knobs(&f, 0)->quota = 2;
	attach(&f);
	take(&f);
	CU_ASSERT_FATAL(wait_for(&f, 2));
	lab_pass(&f.lab, 300);
	asked = requests(&f, STUN_METHOD_ALLOCATE);
	lab_pass(&f.lab, 2 * QUIET_MS);
	CU_ASSERT_EQUAL(requests(&f, STUN_METHOD_ALLOCATE), asked);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.leg);
	CU_ASSERT_EQUAL(leg_state(f.leg), LEG_STATE_READY);
	CU_ASSERT_EQUAL(allocated(&f), 2);
	close_fixture(&f);
}

static bool was_accepted(void *arg)
{
	struct fixture *f = arg;

	return f->lab.relay[0].accepted >= f->want;
}

/* A relay that ends what it has just given is not asked all the time. */
static void test_cut(void)
{
	struct fixture f;
	uint64_t begun_ms;
	size_t cuts = 0;

	open_fixture(&f, 1, 1);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 1));
	begun_ms = clock_now_ms();
	while (clock_now_ms() < begun_ms + 3 * QUIET_MS) {
		relay_fixture_cut(&f.lab.relay[0]);
		lab_pass(&f.lab, 20);
		cuts++;
	}
	CU_ASSERT(cuts > 10);
	CU_ASSERT(f.lab.relay[0].accepted >= 3);
	CU_ASSERT(f.lab.relay[0].accepted <= 12);
	CU_ASSERT(wait_for(&f, 1));
	close_fixture(&f);
}

/* A relay with mobility would hold what it gave, and count it: the pool goes
 * on with that, and asks for another only where it is gone. */
static void test_cut_mobile(void)
{
	struct fixture f;
	unsigned int asked;

	open_fixture(&f, 1, 1);
	knobs(&f, 0)->mobility = true;
	f.set->relay[0].no_mobility = false;
	relay_put_mobility(f.set, &f.set->relay[0], RELAY_MOBILITY_YES);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 1));
	asked = requests(&f, STUN_METHOD_ALLOCATE);
	f.want = f.lab.relay[0].accepted + 1;
	relay_fixture_cut(&f.lab.relay[0]);
	CU_ASSERT_FATAL(lab_run(&f.lab, was_accepted, &f));
	CU_ASSERT_FATAL(wait_for(&f, 1));
	CU_ASSERT_EQUAL(requests(&f, STUN_METHOD_ALLOCATE), asked);
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)->moves, 1);
	take(&f);
	CU_ASSERT(leg_is_resumed(f.leg));
	close_fixture(&f);
}

/* Nothing works: later and later. */
static void test_down(void)
{
	struct fixture f;

	open_fixture(&f, 1, 1);
	f.lab.relay[0].refused = true;
	attach(&f);
	lab_pass(&f.lab, 3 * QUIET_MS);
	CU_ASSERT(f.lab.relay[0].accepted >= 2);
	CU_ASSERT(f.lab.relay[0].accepted <= 3);
	f.lab.relay[0].refused = false;
	warm_renew(f.warm, clock_now_ms()); /* another network */
	CU_ASSERT(wait_for(&f, 1));
	close_fixture(&f);
}

static void test_renew(void)
{
	struct fixture f;

	open_fixture(&f, 1, 2);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 2));
	warm_renew(f.warm, clock_now_ms());
	f.want = 4;
	CU_ASSERT(lab_run(&f.lab, was_accepted, &f));
	CU_ASSERT(wait_for(&f, 2));
	CU_ASSERT_EQUAL(requests(&f, STUN_METHOD_REFRESH), 2);
	close_fixture(&f);
}

static void reload(struct fixture *f, struct relay_set *set)
{
	relay_set_inherit(set, f->set, true);
	relay_set_put(f->set);
	f->set = set;
	warm_reload(f->warm, set, clock_now_ms());
}

static void test_reload(void)
{
	struct fixture f;

	open_fixture(&f, 1, 2);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 2));
	reload(&f, warm_set(&f, 1)); /* with other credentials */
	f.want = 3;
	CU_ASSERT(lab_run(&f.lab, was_accepted, &f));
	CU_ASSERT(wait_for(&f, 1));
	CU_ASSERT_EQUAL(requests(&f, STUN_METHOD_REFRESH), 2);
	close_fixture(&f);
}

/* A look-up has found one more relay: the rest is as it was. */
static void test_discovery(void)
{
	struct relay_set *set;
	struct fixture f;

	open_fixture(&f, 2, 2);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 2));
	set = warm_set(&f, 2);
	for (size_t i = 0; i < set->count; i++) {
		creds_put(set->relay[i].creds);
		set->relay[i].creds = creds_get(f.set->relay[i].creds);
	}
	reload(&f, set);
	lab_pass(&f.lab, 300);
	CU_ASSERT(wait_for(&f, 2));
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 2);
	CU_ASSERT_EQUAL(f.lab.relay[1].accepted, 0);
	take(&f);
	CU_ASSERT(wait_for(&f, 3));
	CU_ASSERT(warm_give(f.warm, f.leg, clock_now_ms()) == false);
	close_fixture(&f);
}

static bool is_at_first(void *arg)
{
	struct fixture *f = arg;

	return lab_conns(&f->lab, 0) == 1 && lab_conns(&f->lab, 1) == 0 &&
	       stats_get(&f->lab.stats.allocations) == 1;
}

/* The way that is preferred works again: the pool finds it, full as it is. */
static void test_retest(void)
{
	char key[RELAY_KEY_MAX + 1];
	struct fixture f;

	open_fixture(&f, 2, 1);
	relay_key(&f.set->relay[1], key);
	CU_ASSERT_FATAL(relay_set_put_winner(f.set, key, clock_now_ms()));
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 1));
	CU_ASSERT_EQUAL_FATAL(f.lab.relay[0].accepted, 0);
	/* It is due: `last + RELAY_RETEST_MS` is 0. */
	atomic_store(&f.set->retest_ms, UINT64_C(0) - RELAY_RETEST_MS);
	attach(&f);
	CU_ASSERT(lab_run(&f.lab, is_at_first, &f));
	CU_ASSERT_PTR_EQUAL(relay_set_winner(f.set), &f.set->relay[0]);
	close_fixture(&f);
}

/* Mobility */

static bool is_known(void *arg)
{
	struct fixture *f = arg;

	return relay_mobility(&f->set->relay[0]) != RELAY_MOBILITY_UNKNOWN;
}

static void test_mobility(void)
{
	struct fixture f;

	open_fixture(&f, 1, 1);
	f.set->relay[0].no_mobility = false;
	knobs(&f, 0)->mobility = true;
	attach(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_known, &f));
	CU_ASSERT_EQUAL(relay_mobility(&f.set->relay[0]), RELAY_MOBILITY_YES);
	take(&f);
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)->moves, 1);
	CU_ASSERT(leg_is_mobile(f.leg));
	lab_pass(&f.lab, 300);
	CU_ASSERT_EQUAL(f.lab.relay[0].accepted, 3); /* tested once */
	close_fixture(&f);
}

/* Also where none are kept ready. */
static void test_mobility_cold(void)
{
	struct fixture f;

	open_fixture(&f, 1, 0);
	f.set->relay[0].no_mobility = false;
	attach(&f);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_known, &f));
	CU_ASSERT_EQUAL(relay_mobility(&f.set->relay[0]), RELAY_MOBILITY_NO);
	CU_ASSERT(wait_for(&f, 0));
	close_fixture(&f);
}

/* An app does not wait for a test. */
static void test_mobility_wait(void)
{
	struct fixture f;

	open_fixture(&f, 1, 1);
	f.set->relay[0].no_mobility = false;
	knobs(&f, 0)->mobility = true;
	knobs(&f, 0)->echo = false; /* so that it takes a while */
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 1));
	CU_ASSERT_FALSE(is_known(&f));
	take(&f);
	CU_ASSERT_EQUAL(leg_state(f.leg), LEG_STATE_READY);
	CU_ASSERT_EQUAL(turn_server_stats(f.lab.relay[0].server)->moves, 0);
	CU_ASSERT_FATAL(lab_run(&f.lab, is_known, &f));
	CU_ASSERT_EQUAL(relay_mobility(&f.set->relay[0]), RELAY_MOBILITY_YES);
	CU_ASSERT_PTR_NOT_NULL(f.leg);
	close_fixture(&f);
}

/* At the end nothing is waited for, and no allocation stays. */
static void test_end(void)
{
	size_t before, fds;
	struct fixture f;

	fds = lab_open_fds();
	open_fixture(&f, 1, 2);
	attach(&f);
	CU_ASSERT_FATAL(wait_for(&f, 2));
	before = requests(&f, STUN_METHOD_REFRESH);
	warm_free(f.warm);
	f.warm = NULL;
	leg_env_fini(&f.lab.env); /* the loop has stopped */
	lab_pass(&f.lab, 200);
	CU_ASSERT_EQUAL(requests(&f, STUN_METHOD_REFRESH), before + 2);
	CU_ASSERT_EQUAL(allocated(&f), 0);
	close_fixture(&f);
	CU_ASSERT_EQUAL(lab_open_fds(), fds);
}

static CU_TestInfo tests[] = {
	{ "the pool is full while an app is there", test_fill },
	{ "[relay] warm = 0", test_none_wanted },
	{ "what is taken is ready, and is replaced", test_take },
	{ "only what was never used is taken back", test_give },
	{ "a quota is not used up", test_quota },
	{ "what is cut is replaced, more and more rarely", test_cut },
	{ "what is cut goes on where the relay keeps it", test_cut_mobile },
	{ "what fails is tried later and later", test_down },
	{ "another network", test_renew },
	{ "other settings", test_reload },
	{ "a discovery that changes nothing costs nothing", test_discovery },
	{ "a better way is found", test_retest },
	{ "mobility is tried out, once", test_mobility },
	{ "… even with an empty pool", test_mobility_cold },
	{ "an app does not wait for that", test_mobility_wait },
	{ "the end gives everything back", test_end },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "warm", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
