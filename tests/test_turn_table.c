/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_table.c - every response code to every kind of request */
#include <config.h>

#include "../tunneld/stun_msg.h"
#include "../tunneld/turn.h"
#include "../tunneld/turn_words.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

enum kind {
	KIND_ALLOCATE = 0,
	KIND_REFRESH,
	KIND_BIND,
	KIND_PERMIT,
	NUM_KINDS,
};

static const uint16_t method[NUM_KINDS] = {
	[KIND_ALLOCATE] = STUN_METHOD_ALLOCATE,
	[KIND_REFRESH] = STUN_METHOD_REFRESH,
	[KIND_BIND] = STUN_METHOD_CHANNEL_BIND,
	[KIND_PERMIT] = STUN_METHOD_CREATE_PERMISSION,
};

/* What comes of it:
 *	F	the machine fails for good
 *	A	it asks again, and gets it
 *	P	a permission instead of a channel
 *	R	this peer is refused, and no other */
static const struct row {
	unsigned int code;
	char outcome[NUM_KINDS + 1];
	enum turn_blame blame; /* of F */
} rows[] = {
	{ 300, "FARR", TURN_BLAME_REDIRECT },
	{ 400, "FAPR", TURN_BLAME_SERVER },
	{ 401, "FFFF", TURN_BLAME_LOGIN },
	{ 403, "FARR", TURN_BLAME_SERVER },
	{ 405, "FARR", TURN_BLAME_SERVER },
	{ 420, "FARR", TURN_BLAME_SERVER },
	{ 437, "FFFF", TURN_BLAME_ALLOCATION },
	{ 438, "AAAA", TURN_BLAME_SERVER },
	{ 440, "FARR", TURN_BLAME_SERVER },
	{ 441, "FFFF", TURN_BLAME_LOGIN },
	{ 442, "FARR", TURN_BLAME_SERVER },
	{ 443, "FARR", TURN_BLAME_SERVER },
	{ 486, "FAPR", TURN_BLAME_SERVER },
	{ 500, "AAAA", TURN_BLAME_SERVER },
	{ 508, "FAPR", TURN_BLAME_SERVER },
};

static void force(unsigned int code, uint16_t which)
{
	knobs()->force_error = code;
	knobs()->force_count = 1;
	knobs()->force_method = which;
	knobs()->force_signed = code != 401 && code != 438;
}

/* Up to the answer with the code; the test's peer is peer_at(1). */
static void provoke(enum kind kind, unsigned int code)
{
	struct endpoint p = peer_at(1);

	begin(NULL);
	turn_start(rig.t, rig.now_ms);
	(void)rig_step(&rig); /* the challenge */
	if (kind == KIND_ALLOCATE) {
		force(code, method[kind]);
		rig_pump(&rig);
		return;
	}
	rig_pump(&rig);
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	if (kind == KIND_REFRESH) {
		force(code, method[kind]);
		rig_pass(&rig, 300000);
		return;
	}
	/* without a channel, a permission is asked for */
	force(kind == KIND_PERMIT ? 486 : code, STUN_METHOD_CHANNEL_BIND);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	(void)rig_step(&rig);
	if (kind == KIND_PERMIT)
		force(code, method[kind]);
	rig_pump(&rig);
}

static void expect_alive(enum kind kind, char outcome)
{
	struct endpoint p = peer_at(1), other = peer_at(2);
	unsigned int indications;

	rig_pass(&rig, 6000);
	CU_ASSERT_EQUAL(knobs()->force_count, 0);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig.refused, outcome == 'R');
	indications = stats()->send_indications;
	rig.relayed = 0;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "b", 1),
			outcome == 'R' ? -EACCES : 0);
	CU_ASSERT_EQUAL(rig.relayed, outcome != 'R');
	if (outcome == 'P' || (kind == KIND_PERMIT && outcome == 'A'))
		CU_ASSERT_EQUAL(stats()->send_indications, indications + 1);
	CU_ASSERT_EQUAL(rig_send(&rig, &other, "c", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 1 + (outcome != 'R'));
}

static void test_table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int kind = 0; kind < NUM_KINDS; kind++) {
			char outcome = rows[i].outcome[kind];

			provoke((enum kind)kind, rows[i].code);
			if (outcome == 'F') {
				expect_failed(rows[i].code, "");
				CU_ASSERT_EQUAL(turn_blame(rig.t),
						rows[i].blame);
			} else {
				expect_alive((enum kind)kind, outcome);
			}
			end();
		}
	}
}

/* No code without words, and none that says something else than the blame. */
static void test_words(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CU_ASSERT_STRING_NOT_EQUAL(turn_words(rows[i].code, false),
					   turn_words(699, false));
		if (strchr(rows[i].outcome, 'F') != NULL)
			CU_ASSERT_EQUAL(turn_words_blame(rows[i].code),
					rows[i].blame);
	}
	CU_ASSERT_EQUAL(turn_words_blame(699), TURN_BLAME_SERVER);
}

/* 500 is asked again a limited number of times, later each time. */
static void test_500(void)
{
	begin(NULL);
	knobs()->force_error = 500;
	knobs()->force_count = 1000;
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	rig_pass(&rig, 3499);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	rig_pass(&rig, 1);
	expect_failed(500, "internal");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_SERVER);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 4);
	end();

	/* of a peer: then a permission, then it is refused */
	begin_ready();
	knobs()->force_error = 500;
	knobs()->force_count = 1000;
	knobs()->force_signed = true;
	CU_ASSERT_EQUAL(
		rig_send(&rig, &(struct endpoint){ .family = 4 }, "a", 1), 0);
	rig_pump(&rig);
	rig_pass(&rig, 10000);
	CU_ASSERT_EQUAL(rig.refused_code, 500);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 4);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CREATE_PERMISSION], 1);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

/* Where 400 is the word for 437: of requests about peers, and of Refresh. */
static void test_400_for_437(void)
{
	struct endpoint p = peer_at(1);

	for (int everywhere = 0; everywhere < 2; everywhere++) {
		begin_ready();
		knobs()->refresh_400 = everywhere;
		turn_server_lose_allocation(rig.c);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		expect_failed(437, "lost the allocation");
		CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_ALLOCATION);
		end();
	}
	/* on Refresh alone it may have been an accident, once */
	begin_ready();
	knobs()->refresh_400 = true;
	turn_server_lose_allocation(rig.c);
	rig_pass(&rig, 304999);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	rig_pass(&rig, 1);
	expect_failed(437, "lost the allocation");
	end();
}

/* Before any 401, with the name that the certificate has. */
static void test_redirect(void)
{
	const struct endpoint other = { .family = ENDPOINT_IPV4,
					.port_be = htons(443),
					.ip = { 203, 0, 113, 9 } };

	begin(NULL);
	knobs()->redirect = true;
	knobs()->alternate = other;
	start();
	expect_failed(300, "another server");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_REDIRECT);
	CU_ASSERT_TRUE(endpoint_equal(turn_alternate(rig.t), &other));
	CU_ASSERT_PTR_NULL(turn_alternate_domain(rig.t));
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 1);
	end();

	begin(NULL);
	knobs()->redirect = true;
	knobs()->alternate = other;
	knobs()->alternate_domain = "other.example.org";
	start();
	CU_ASSERT_STRING_EQUAL(turn_alternate_domain(rig.t),
			       "other.example.org");
	end();

	/* no name at all */
	begin(NULL);
	knobs()->redirect = true;
	knobs()->alternate_domain = "evil\nname";
	start();
	CU_ASSERT_PTR_NULL(turn_alternate_domain(rig.t));
	end();
}

/* 438 to every third request, all through a call. */
static void test_stale_every(void)
{
	struct endpoint p = peer_at(1);

	begin(NULL);
	knobs()->stale_every = 3;
	knobs()->echo = true;
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	for (int s = 0; s < 1200; s += 4) {
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		rig_pass(&rig, 4000);
	}
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT(stats()->lost <= 1);
	end();
}

static void test_quota(void)
{
	begin(NULL);
	knobs()->quota = 1;
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	turn_free(rig.t);
	{
		static const struct turn_opts alice = { .username = "alice",
							.password = "secret" };
		static const struct turn_events events = {
			.on_state = rig_on_state
		};
		struct turn_server_conn *first = rig.c;

		rig.t = turn_new(&alice, &events, &rig);
		rig.c = turn_server_accept(rig.s);
		start();
		expect_failed(486, "quota");
		turn_server_close(first);
	}
	end();
}

/* RFC 8489's credentials, all through. */
static void test_sha256(void)
{
	struct endpoint p = peer_at(1);

	for (int userhash = 0; userhash < 2; userhash++) {
		begin(NULL);
		knobs()->sha256 = true;
		knobs()->userhash = userhash;
		knobs()->echo = true;
		start();
		CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pass(&rig, 310000);
		CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
		CU_ASSERT_EQUAL(rig.got, 1);
		CU_ASSERT(stats()->sealed_sha256 > 3);
		CU_ASSERT_EQUAL(stats()->userhashes > 3, userhash);
		CU_ASSERT_EQUAL(stats()->errors, 1);
		end();
	}
}

static CU_TestInfo tests[] = {
	{ "each code to each request", test_table },
	{ "each code in words", test_words },
	{ "500 is asked again, not for ever", test_500 },
	{ "400 for 437", test_400_for_437 },
	{ "300 before any 401", test_redirect },
	{ "438 to every third request", test_stale_every },
	{ "486 when the quota is used up", test_quota },
	{ "SHA-256 and USERHASH", test_sha256 },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_table", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
