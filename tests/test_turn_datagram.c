/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_datagram.c - the TURN client over UDP and DTLS, where requests and
 * answers get lost, late and double (RFC 8489, 6.2.1) */
#include <config.h>

#include "../tunneld/stun_msg.h"
#include "../tunneld/turn.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

static const struct turn_opts datagrams = { .username = "alice",
					    .password = "secret",
					    .family = 4,
					    .datagram = true,
					    .mobility = true };

static void test_call(void)
{
	struct endpoint p = peer_at(1);

	begin(&datagrams);
	knobs()->echo = true;
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "hello", 5), 0);
	CU_ASSERT_EQUAL(rig.relayed_len, 5);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 1);
	CU_ASSERT_EQUAL(rig.got_len, 5);
	/* answered at once: nothing was sent twice */
	rig_pass(&rig, 10000);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 3);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 2);
	end();
}

/* The first answer comes after so many requests. */
static void test_again(void)
{
	begin(&datagrams);
	knobs()->drop = 4;
	turn_start(rig.t, rig.now_ms);
	rig_pump(&rig);
	rig_pass(&rig, 7499); /* 0, 500, 1500, 3500, 7500 ms */
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 4);
	rig_pass(&rig, 1);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();

	/* never: seven times, and a path is to blame */
	begin(&datagrams);
	knobs()->silent = true;
	start();
	rig_pass(&rig, 39500);
	expect_failed(0, "does not answer");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_PATH);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 7);
	end();
}

/* Every third datagram to the relay is lost, every second one doubled. */
static void test_bad_path(void)
{
	struct endpoint p = peer_at(1);

	begin(&datagrams);
	rig.lose = 3;
	rig.twice = 2;
	knobs()->mobility = true;
	knobs()->nonce_ms = 5000;
	start();
	rig_pass(&rig, 10000);
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	for (int s = 0; s < 3600; s++) {
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		rig_pass(&rig, 1000);
	}
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig.ready, 1);
	CU_ASSERT(stats()->to_peers > 3000);
	CU_ASSERT(stats()->lost < 10);
	end();
}

/* An answer that was lost is given again to the same request. */
static void test_lost_answer(void)
{
	uint8_t lost[2000];
	struct buf b;

	begin(&datagrams);
	knobs()->mobility = true;
	turn_start(rig.t, rig.now_ms);
	(void)rig_step(&rig);
	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT(turn_output(rig.t, &b) > 0);
	rig_write(&rig, b.data, b.len);
	CU_ASSERT(turn_server_output(rig.c, lost, sizeof(lost)) > 0);
	CU_ASSERT_TRUE(turn_server_allocated(rig.c));
	rig_pass(&rig, 1000);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig.ready, 1);
	end();
}

/* Frames of one buffer, each with its padding. */
static void test_next_frame(void)
{
	static const uint8_t frames[] = "\x40\0\0\1a\0\0\0"
					"\0\1\0\4\x21\x12\xa4\x42"
					"idididididid\0\0\0\0"
					"\x40\0\0\0";

	CU_ASSERT_EQUAL(turn_next_frame(frames, 36), 8);
	CU_ASSERT_EQUAL(turn_next_frame(frames + 8, 28), 24);
	CU_ASSERT_EQUAL(turn_next_frame(frames + 32, 4), 4);
	CU_ASSERT_EQUAL(turn_next_frame(frames + 36, 0), 0);
	CU_ASSERT_EQUAL(turn_next_frame(frames, 7), 0);
	CU_ASSERT_EQUAL(turn_next_frame(frames, 3), 0);
}

/* What fits into a datagram of IPv4, and not one byte more. */
static void test_longest(void)
{
	static uint8_t data[65508];
	struct endpoint p = peer_at(1);

	begin(&datagrams);
	start();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, data, 65500), 0);
	CU_ASSERT_EQUAL(rig.relayed_len, 65500);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, data, 65501), -EMSGSIZE);
	end();
}

/* A relay that was restarted answers pings as before. */
static void test_restarted(void)
{
	struct endpoint p = peer_at(1);

	begin(&datagrams);
	start();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pump(&rig);
	turn_ping(rig.t, rig.now_ms);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 1);
	/* … which is asked now and then only */
	for (int i = 0; i < 50; i++) {
		rig_pass(&rig, 100);
		turn_ping(rig.t, rig.now_ms);
		rig_pump(&rig);
	}
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], 51);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 2);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	turn_server_lose_allocation(rig.c);
	rig_pass(&rig, 5000);
	turn_ping(rig.t, rig.now_ms);
	rig_pump(&rig);
	expect_failed(437, "lost the allocation");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_ALLOCATION);
	end();
}

/* Giving back is repeated until it is answered, but not for ever. */
static void test_release(void)
{
	begin(&datagrams);
	start();
	turn_release(rig.t, rig.now_ms);
	knobs()->drop = 2;
	rig_pump(&rig);
	CU_ASSERT_TRUE(turn_server_allocated(rig.c));
	rig_pass(&rig, 4000);
	CU_ASSERT_FALSE(turn_server_allocated(rig.c));
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
	end();

	begin(&datagrams);
	start();
	turn_release(rig.t, rig.now_ms);
	knobs()->silent = true;
	rig_pump(&rig);
	rig_pass(&rig, 5000);
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
	CU_ASSERT_EQUAL(rig.failed, 0);
	end();
}

static CU_TestInfo tests[] = {
	{ "a call", test_call },
	{ "requests are sent again", test_again },
	{ "loss and doubles all the time", test_bad_path },
	{ "an answer that is lost", test_lost_answer },
	{ "one frame a datagram", test_next_frame },
	{ "the longest datagram", test_longest },
	{ "a relay that was restarted", test_restarted },
	{ "release", test_release },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_datagram", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
