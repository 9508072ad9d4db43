/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_calls.c - long calls and many peers */
#include <config.h>

#include "../tunneld/stun_msg.h"
#include "../tunneld/turn.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

/* A call of ten hours, half of it with data one way only. */
static void test_long_call(void)
{
	struct endpoint out = peer_at(1), in = peer_at(2);

	begin_ready();
	CU_ASSERT_EQUAL(rig_send(&rig, &out, "a", 1), 0);
	CU_ASSERT_EQUAL(rig_send(&rig, &in, "b", 1), 0);
	rig_pump(&rig);
	for (unsigned int s = 0; s < 36000; s += 5) {
		rig_pass(&rig, 5000);
		CU_ASSERT_EQUAL(rig_send(&rig, &out, "a", 1), 0);
		CU_ASSERT_TRUE(
			turn_server_from_peer(rig.c, &in, "c", 1, rig.now_ms));
		rig_pump(&rig);
	}
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig.relayed, 7202);
	CU_ASSERT_EQUAL(rig.got, 7200);
	CU_ASSERT_EQUAL(stats()->lost, 0);
	CU_ASSERT_EQUAL(stats()->errors, 1); /* the first 401 */
	/* every ten seconds each, no more */
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND],
			2 * (1 + 36000 / 10));
	end();
}

static void test_idle_peer(void)
{
	struct endpoint p = peer_at(1);
	unsigned int binds;

	begin_ready();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pump(&rig);
	rig_pass(&rig, 12 * MIN_MS);
	binds = stats()->requests[STUN_METHOD_CHANNEL_BIND];
	/* for a minute every ten seconds, then every four minutes */
	CU_ASSERT_EQUAL(binds, 6 + 2);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "b", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 2);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], binds + 1);
	/* forgotten altogether, and back again */
	rig_pass(&rig, 120 * MIN_MS);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "c", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 3);
	end();
}

/* More peers than channels: the others get permissions. */
static void test_many_peers(void)
{
	struct endpoint p;

	begin_ready();
	for (unsigned int i = 0; i < 4200; i++) {
		p = peer_at(i);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
	}
	CU_ASSERT_EQUAL(rig.relayed, 4200);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 4096);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CREATE_PERMISSION], 104);
	CU_ASSERT_EQUAL(stats()->send_indications, 104);
	CU_ASSERT_EQUAL(stats()->errors, 1);
	CU_ASSERT_TRUE(turn_server_from_peer(rig.c, &p, "data", 4, rig.now_ms));
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 1);
	CU_ASSERT_TRUE(endpoint_equal(&rig.got_peer, &p));
	CU_ASSERT_EQUAL(rig.got_len, 4);

	/* the channels have expired, but five minutes more have not passed */
	rig_pass(&rig, 20 * MIN_MS);
	p = peer_at(5000);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	CU_ASSERT_EQUAL(stats()->send_indications, 105);

	/* long after, the numbers are free again */
	rig_pass(&rig, 10 * MIN_MS);
	for (unsigned int i = 10000; i < 10100; i++) {
		p = peer_at(i);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
	}
	CU_ASSERT_EQUAL(rig.relayed, 4301);
	CU_ASSERT_EQUAL(stats()->send_indications, 105);
	end();
}

/* New peers for hours: no number comes back before its hold has ended. */
static void test_churn(void)
{
	begin_ready();
	for (unsigned int i = 0; i < 6000; i++) {
		struct endpoint p = peer_at(i);

		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		rig_pass(&rig, 500);
	}
	CU_ASSERT_EQUAL(rig.relayed, 6000);
	CU_ASSERT_EQUAL(stats()->errors, 1);
	end();
}

static void test_table_full(void)
{
	unsigned int i;

	begin_ready();
	for (i = 0; i < 8192; i++) {
		struct endpoint p = peer_at(i);

		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	}
	CU_ASSERT_EQUAL(
		rig_send(&rig, &(struct endpoint){ .family = 4 }, "a", 1),
		-ENOMEM);
	end();
}

static CU_TestInfo tests[] = {
	{ "a call of ten hours", test_long_call },
	{ "an idle peer is let go and comes back", test_idle_peer },
	{ "more peers than channels", test_many_peers },
	{ "numbers are held long enough", test_churn },
	{ "the table of peers is bounded", test_table_full },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_calls", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
