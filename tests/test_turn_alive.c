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

/* The owner is in doubt: it sees silence long before the machine gives up. */
static void test_ping(void)
{
	begin_ready();
	rig_pass(&rig, 10000);
	turn_ping(rig.t, rig.now_ms);
	turn_ping(rig.t, rig.now_ms); /* one is enough */
	rig_pump(&rig);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], 1);
	CU_ASSERT_EQUAL(turn_last_in_ms(rig.t), rig.now_ms);
	CU_ASSERT_EQUAL(turn_last_out_ms(rig.t), rig.now_ms);

	/* three within the first three seconds, and patience after that */
	knobs()->silent = true;
	turn_ping(rig.t, rig.now_ms);
	rig_pump(&rig);
	rig_pass(&rig, 2000);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], 4);
	CU_ASSERT_EQUAL(rig.now_ms - turn_last_in_ms(rig.t), 2000);
	rig_pass(&rig, 12999);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	rig_pass(&rig, 1);
	expect_failed(0, "does not answer");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_PATH);
	turn_ping(rig.t, rig.now_ms);
	end();
}

/* A stall of three, of ten seconds, and all that was held comes. */
static void test_stall(void)
{
	struct endpoint p = peer_at(1);

	for (unsigned int ms = 3000; ms <= 10000; ms += 7000) {
		begin_ready();
		knobs()->echo = true;
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		knobs()->stall = true;
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "b", 1), 0);
		rig_pass(&rig, 1000);
		turn_ping(rig.t, rig.now_ms);
		rig_pass(&rig, ms - 1000);
		CU_ASSERT_EQUAL(rig.got, 1);
		knobs()->stall = false;
		rig_pump(&rig);
		CU_ASSERT_EQUAL(rig.got, 2);
		CU_ASSERT_EQUAL(turn_last_in_ms(rig.t), rig.now_ms);
		rig_pass(&rig, MIN_MS);
		CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
		end();
	}
}

/* A request and its answer so far apart. */
static void ping_takes(uint64_t ms)
{
	struct buf b;

	turn_ping(rig.t, rig.now_ms);
	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT(turn_output(rig.t, &b) > 0);
	rig.now_ms += ms;
	rig_write(&rig, b.data, b.len);
	rig_pump(&rig);
}

static void test_rtt(void)
{
	begin(NULL);
	CU_ASSERT_EQUAL(turn_rtt_us(rig.t), 0);
	start();
	CU_ASSERT(turn_rtt_us(rig.t) > 0 && turn_rtt_us(rig.t) <= 1000);
	for (int i = 0; i < 100; i++)
		ping_takes(80);
	CU_ASSERT(turn_rtt_us(rig.t) > 79000 && turn_rtt_us(rig.t) < 81000);
	end();
}

/* coturn ends the connection with the allocation: nobody is surprised. */
static void test_reset_on_release(void)
{
	begin_ready();
	knobs()->reset_on_release = true;
	turn_release(rig.t, rig.now_ms);
	(void)rig_step(&rig);
	CU_ASSERT_TRUE(rig.broken);
	CU_ASSERT_FALSE(turn_server_allocated(rig.c));
	CU_ASSERT_EQUAL(rig.failed, 0);
	rig.broken = false;
	rig_pump(&rig);
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
	end();
}

static CU_TestInfo tests[] = {
	{ "pings while the stream is silent", test_keepalive },
	{ "a relay that does not answer", test_dead_relay },
	{ "a bind that is not answered", test_lost_bind },
	{ "a ping when the owner is in doubt", test_ping },
	{ "a stall", test_stall },
	{ "the round trip", test_rtt },
	{ "a reset after the release", test_reset_on_release },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_alive", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
