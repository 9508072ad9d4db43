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

/* Servers that keep less than the RFC says: 20 s of a permission, 30 s of a
 * channel, 120 s of the allocation. Talking, silent for a while, and called. */
static void test_clamped(void)
{
	struct endpoint p = peer_at(1);

	for (int channels = 0; channels < 2; channels++) {
		begin(NULL);
		knobs()->lifetime_s = 120;
		knobs()->channel_s = 30;
		knobs()->permission_s = 20;
		start();
		knobs()->force_error = 486;
		knobs()->force_method = STUN_METHOD_CHANNEL_BIND;
		knobs()->force_count = channels == 0;
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		rig.relayed = 0;
		rig.got = 0;
		for (int ms = 0; ms < 600000; ms += 500) {
			CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
			rig_pass(&rig, 500);
			CU_ASSERT_TRUE(turn_server_from_peer(rig.c, &p, "b", 1,
							     rig.now_ms));
			rig_pump(&rig);
		}
		CU_ASSERT_EQUAL(rig.relayed, 1200);
		CU_ASSERT_EQUAL(rig.got, 1200);
		/* a minute on hold, and the other side speaks first */
		rig_pass(&rig, 59000);
		CU_ASSERT_TRUE(
			turn_server_from_peer(rig.c, &p, "b", 1, rig.now_ms));
		/* minutes on hold, and this side does */
		rig_pass(&rig, 5 * MIN_MS);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		CU_ASSERT(rig.relayed >= 1201);
		CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
		end();
	}
}

/* Even less, for those that say so. */
static void test_told_lifetime(void)
{
	struct endpoint p = peer_at(1);

	begin(NULL);
	knobs()->channel_s = 8;
	knobs()->tell_channel = true;
	start();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pump(&rig);
	for (int s = 0; s < 120; s++) {
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pass(&rig, 1000);
	}
	CU_ASSERT_EQUAL(stats()->lost, 0);
	end();
}

/* What the early renewals cost, for turn_peer.h's comment: bytes of a request
 * with a name as REST has it. */
static void test_renewal_cost(void)
{
	static const char name[] = "1790000000:0123456789";
	const struct turn_opts opts = { .username = name,
					.password = "secret",
					.family = 4 };
	struct endpoint p = peer_at(1);
	struct buf b;

	begin(&opts);
	turn_server_close(rig.c);
	turn_server_free(rig.s);
	rig.s = turn_server_new(name, "secret", "example.org");
	rig.c = turn_server_accept(rig.s);
	start();
	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT_EQUAL_FATAL(turn_wrap(rig.t, &p, NULL, 0, &b, rig.now_ms), 0);
	CU_ASSERT(b.len - 4 <= 136);
	rig_write(&rig, b.data, b.len);
	CU_ASSERT(turn_server_output(rig.c, rig.out, sizeof(rig.out)) <= 80);
	end();
}

/* A server without padding, from the first frame to the last. */
static void test_unpadded(void)
{
	struct endpoint p = peer_at(1);

	begin(NULL);
	knobs()->unpadded = true;
	knobs()->echo = true;
	start();
	for (unsigned int i = 1; i < 500; i++) {
		static const uint8_t data[500] = { 1 };

		CU_ASSERT_EQUAL(rig_send(&rig, &p, data, i), 0);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, data, i), 0);
		rig_pump(&rig);
		CU_ASSERT_EQUAL(rig.got, 2 * i);
		CU_ASSERT_EQUAL(rig.got_len, i);
	}
	end();
}

static CU_TestInfo tests[] = {
	{ "a call of ten hours", test_long_call },
	{ "an idle peer is let go and comes back", test_idle_peer },
	{ "more peers than channels", test_many_peers },
	{ "numbers are held long enough", test_churn },
	{ "the table of peers is bounded", test_table_full },
	{ "servers that keep channels for 30 s", test_clamped },
	{ "servers that say how long", test_told_lifetime },
	{ "what that costs", test_renewal_cost },
	{ "a server that does not pad", test_unpadded },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_calls", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
