/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_alive.c - the TURN client and a relay that falls silent */
#include <config.h>

#include "../tunneld/stun_msg.h"
#include "../tunneld/turn.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

static void test_keepalive(void)
{
	struct endpoint p = peer_at(1);
	unsigned int pings;

	begin_ready();
	rig_pass(&rig, 200000);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], 10);
	/* traffic one way only does not keep the other way alive; the answers
	 * to the peer's renewal do */
	pings = stats()->requests[STUN_METHOD_CHANNEL_BIND];
	for (int s = 0; s < 200; s++) {
		rig_pass(&rig, 1000);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		CU_ASSERT(rig.now_ms - turn_last_in_ms(rig.t) <= 20000);
	}
	CU_ASSERT(stats()->requests[STUN_METHOD_CHANNEL_BIND] >= pings + 19);
	/* both ways: no pings */
	knobs()->echo = true;
	pings = stats()->requests[STUN_METHOD_BINDING];
	for (int s = 0; s < 200; s++) {
		rig_pass(&rig, 1000);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
	}
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], pings);
	end();
}

static void test_dead_relay(void)
{
	begin_ready();
	knobs()->silent = true;
	rig_pass(&rig, 20000 + 2 * 5000);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], 3);
	rig_pass(&rig, 5000);
	expect_failed(0, "does not answer");
	end();

	/* one answer in between is enough */
	begin_ready();
	for (int i = 0; i < 20; i++) {
		knobs()->drop = 2;
		rig_pass(&rig, 30000);
	}
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();

	begin(NULL);
	knobs()->silent = true;
	start();
	rig_pass(&rig, 39499);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	rig_pass(&rig, 1);
	expect_failed(0, "does not answer");
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 1);
	end();
}

/* A bind without an answer, though the relay lives: asked again. */
static void test_lost_bind(void)
{
	struct endpoint p = peer_at(1);

	begin_ready();
	knobs()->drop = 1;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 0);
	rig_pass(&rig, 40000);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 1);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "b", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 1);
	end();
}

static CU_TestInfo tests[] = {
	{ "pings while the stream is silent", test_keepalive },
	{ "a relay that does not answer", test_dead_relay },
	{ "a bind that is not answered", test_lost_bind },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_alive", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
