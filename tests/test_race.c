/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_race.c - which of several ways to the relays wins, and what of the rest
 */
#include <config.h>

#include "race.h"

#include "leg.h"
#include "lib/leg_lab.h"

struct outcome {
	struct race *race;
	struct leg *leg;
	bool lost, refused;
	uint64_t begun_ms, ended_ms;
};

static void on_won(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct outcome *o = arg;

	o->leg = leg;
	o->ended_ms = now_ms;
	race_free(o->race);
	o->race = NULL;
}

static void on_lost(void *arg, bool refused, uint64_t now_ms)
{
	struct outcome *o = arg;

	o->lost = true;
	o->refused = refused;
	o->ended_ms = now_ms;
	race_free(o->race);
	o->race = NULL;
}

static const struct race_events events = { .on_won = on_won,
					   .on_lost = on_lost };

static bool is_over(void *arg)
{
	const struct outcome *o = arg;

	return o->race == NULL;
}

/* Run a race over `set`, which is given up. */
static struct outcome run(struct lab *lab, struct relay_set *set)
{
	struct race_opts opts = { .set = set, .family = ENDPOINT_IPV4 };
	/* The loop has not looked at the clock since its last turn. */
	struct outcome o = { .begun_ms = loop_now_ms(lab->loop) };

	o.race = race_new(&lab->env, &opts, &events, &o);
	relay_set_put(set);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o.race);
	CU_ASSERT(lab_run(lab, is_over, &o));
	return o;
}

static uint16_t winner_port(const struct outcome *o)
{
	return o->leg != NULL ? leg_relay(o->leg)->port : 0;
}

static bool is_quiet(void *arg)
{
	struct lab *lab = arg;

	for (size_t i = 0; i < lab->relays; i++) {
		if (lab_conns(lab, i) > 0)
			return false;
	}
	return lab->env.leaving == NULL;
}

static void test_first(void)
{
	struct lab lab;
	struct outcome o;

	lab_open(&lab, 2);
	o = run(&lab, lab_set(&lab));
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[0].port);
	CU_ASSERT_EQUAL(leg_state(o.leg), LEG_STATE_READY);
	CU_ASSERT_EQUAL(stats_get(&lab.stats.allocations), 1);
	leg_free(o.leg);
	CU_ASSERT_EQUAL(stats_get(&lab.stats.allocations), 0);
	CU_ASSERT_EQUAL(stats_get(&lab.stats.uplinks), 0);
	lab_close(&lab);
}

/* A relay that does not answer connections costs the stagger, and no more. */
static void test_slow_first(void)
{
	struct lab lab;
	struct outcome o;
	struct relay_set *set;

	lab_open(&lab, 2);
	set = lab_set(&lab);
	set->relay[0].port = lab_black_hole(&lab);
	o = run(&lab, set);
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[1].port);
	CU_ASSERT(o.ended_ms >= o.begun_ms + RACE_STAGGER_MS);
	leg_free(o.leg);
	CU_ASSERT_EQUAL(lab.relay[0].accepted, 0);
	lab_close(&lab);
}

/* A firewall that drops all but the last way: each is a mere chance, none
 * costs more than its short stagger or waits for a place. */
static void test_chances(void)
{
	struct relay_set *set = relay_set_new(7);
	struct lab lab;
	struct outcome o;
	uint16_t hole;

	lab_open(&lab, 1);
	hole = lab_black_hole(&lab);
	for (size_t i = 0; i < 7; i++) {
		lab_fill(&set->relay[i], "r0",
			 i < 6 ? hole : lab.relay[0].port);
		set->relay[i].optional = i < 6;
	}
	o = run(&lab, set);
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[0].port);
	CU_ASSERT(o.ended_ms >= o.begun_ms + 6 * RACE_CHANCE_STAGGER_MS);
	CU_ASSERT(o.ended_ms < o.begun_ms + 5 * RACE_STAGGER_MS);
	leg_free(o.leg);
	lab_close(&lab);
}

/* Connected, and then nothing: the next one too. */
static void test_silent_first(void)
{
	struct lab lab;
	struct outcome o;

	lab_open(&lab, 2);
	turn_server_knobs(lab.relay[0].server)->silent = true;
	o = run(&lab, lab_set(&lab));
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[1].port);
	leg_free(o.leg);
	CU_ASSERT(lab_run(&lab, is_quiet, &lab));
	lab_close(&lab);
}

/* A failure is not waited out: the next way begins at once. */
static void test_refused_first(void)
{
	struct lab lab;
	struct outcome o;
	struct relay_set *set;

	lab_open(&lab, 4);
	set = lab_set(&lab);
	for (int i = 0; i < 3; i++)
		set->relay[i].port = lab_closed_port();
	o = run(&lab, set);
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[3].port);
	CU_ASSERT_EQUAL(stats_get(&lab.stats.uplink_failures), 3);
	leg_free(o.leg);
	lab_close(&lab);
}

/* 486 says something about the server: another one is asked at once. */
static void test_quota(void)
{
	struct turn_server_knobs *knobs;
	struct lab lab;
	struct outcome o;
	struct relay_set *set;

	lab_open(&lab, 2);
	knobs = turn_server_knobs(lab.relay[0].server);
	knobs->force_error = 486;
	knobs->force_count = 100;
	knobs->force_signed = true;
	set = relay_set_get(lab_set(&lab));
	o = run(&lab, set);
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[1].port);
	CU_ASSERT(relay_is_penalised(&set->relay[0], clock_now_ms()));
	CU_ASSERT_FALSE(relay_is_penalised(&set->relay[1], clock_now_ms()));
	leg_free(o.leg);
	relay_set_put(set);
	lab_close(&lab);
}

/* … before the same server is asked in other ways. */
static void test_quota_other_ways(void)
{
	struct turn_server_knobs *knobs;
	struct lab lab;
	struct outcome o;
	struct relay_set *set;

	lab_open(&lab, 3);
	for (size_t i = 0; i < 2; i++) {
		knobs = turn_server_knobs(lab.relay[i].server);
		knobs->force_error = 486;
		knobs->force_count = 100;
		knobs->force_signed = true;
	}
	set = lab_set(&lab);
	memcpy(set->relay[1].name, set->relay[0].name,
	       sizeof(set->relay[0].name));
	o = run(&lab, set);
	CU_ASSERT_EQUAL(winner_port(&o), lab.relay[2].port);
	CU_ASSERT_EQUAL(lab.relay[1].accepted, 0);
	leg_free(o.leg);
	lab_close(&lab);
}

static void test_all_down(void)
{
	struct lab lab;
	struct outcome o;
	struct relay_set *set;

	lab_open(&lab, 3);
	set = lab_set(&lab);
	for (int i = 0; i < 3; i++)
		set->relay[i].port = lab_closed_port();
	o = run(&lab, set);
	CU_ASSERT(o.lost);
	CU_ASSERT_FALSE(o.refused);
	lab_close(&lab);
}

static void test_nobody(void)
{
	struct lab lab;
	struct outcome o;

	lab_open(&lab, 0);
	o = run(&lab, lab_set(&lab));
	CU_ASSERT(o.lost);
	lab_close(&lab);
}

/* All at once under a stall: one wins, the rest gives its allocation back. */
static void test_losers(void)
{
	struct lab lab;
	struct outcome o;

	lab_open(&lab, 3);
	for (size_t i = 0; i < 2; i++)
		turn_server_knobs(lab.relay[i].server)->drop = 1;
	o = run(&lab, lab_set(&lab));
	CU_ASSERT_PTR_NOT_NULL_FATAL(o.leg);
	leg_release(o.leg);
	CU_ASSERT(lab_run(&lab, is_quiet, &lab));
	CU_ASSERT_EQUAL(stats_get(&lab.stats.allocations), 0);
	lab_close(&lab);
}

/* Where the relay says; the place is another fixture's. */
static void send_on(struct lab *lab, size_t from, size_t to)
{
	struct turn_server_knobs *k = turn_server_knobs(
		lab->relay[from].server);

	k->force_error = 300;
	k->force_count = 100;
	k->alternate = (struct endpoint){ .family = ENDPOINT_IPV4,
					  .port_be = htons(lab->relay[to].port),
					  .ip = { 127, 0, 0, 1 } };
}

/* Only the first is in the set. */
static struct relay_set *first_only(struct lab *lab)
{
	struct relay_set *set = relay_set_new(1);

	lab_fill(&set->relay[0], "r0", lab->relay[0].port);
	return set;
}

static void test_redirect(void)
{
	struct lab lab;
	struct outcome o;

	lab_open(&lab, 2);
	send_on(&lab, 0, 1);
	o = run(&lab, first_only(&lab));
	CU_ASSERT_PTR_NOT_NULL_FATAL(o.leg);
	CU_ASSERT_PTR_NOT_NULL(lab_allocated(&lab, 1));
	CU_ASSERT_EQUAL(stats_get(&lab.stats.redirects), 1);
	CU_ASSERT_EQUAL(stats_get(&lab.stats.uplink_failures), 0);
	leg_free(o.leg);
	lab_close(&lab);
}

static void test_redirect_loop(void)
{
	struct lab lab;
	struct outcome o;

	lab_open(&lab, 2);
	send_on(&lab, 0, 1);
	send_on(&lab, 1, 0);
	o = run(&lab, first_only(&lab));
	CU_ASSERT(o.lost);
	CU_ASSERT_EQUAL(lab.relay[0].accepted, 1);
	CU_ASSERT_EQUAL(lab.relay[1].accepted, 1);
	lab_close(&lab);
}

static void test_redirect_forbidden(void)
{
	struct lab lab;
	struct outcome o;
	struct relay_set *set;

	lab_open(&lab, 2);
	send_on(&lab, 0, 1);
	set = first_only(&lab);
	set->relay[0].no_redirect = true;
	o = run(&lab, set);
	CU_ASSERT(o.lost);
	CU_ASSERT_EQUAL(lab.relay[1].accepted, 0);
	lab_close(&lab);
}

static void test_free_in_flight(void)
{
	struct race_opts opts = { .family = ENDPOINT_IPV4 };
	struct outcome o = { 0 };
	struct lab lab;

	lab_open(&lab, 2);
	turn_server_knobs(lab.relay[0].server)->silent = true;
	turn_server_knobs(lab.relay[1].server)->silent = true;
	opts.set = lab_set(&lab);
	o.race = race_new(&lab.env, &opts, &events, &o);
	relay_set_put(opts.set);
	lab_pass(&lab, 2 * RACE_STAGGER_MS);
	race_free(o.race);
	CU_ASSERT(lab_run(&lab, is_quiet, &lab));
	CU_ASSERT_FALSE(o.lost);
	CU_ASSERT_PTR_NULL(o.leg);
	lab_close(&lab);
}

static CU_TestInfo tests[] = {
	{ "the preferred way wins", test_first },
	{ "a way that does not answer costs the stagger", test_slow_first },
	{ "mere chances cost less", test_chances },
	{ "so does a relay that says nothing", test_silent_first },
	{ "a way that fails costs nothing", test_refused_first },
	{ "486 sends us to the next server at once", test_quota },
	{ "… before the same server is asked in other ways",
	  test_quota_other_ways },
	{ "all down: lost", test_all_down },
	{ "no relays: lost", test_nobody },
	{ "the losers leave nothing behind", test_losers },
	{ "a redirect is followed", test_redirect },
	{ "a loop of redirects ends", test_redirect_loop },
	{ "redirect = no", test_redirect_forbidden },
	{ "a race can be called off", test_free_in_flight },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "race", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
