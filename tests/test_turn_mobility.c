/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_mobility.c - an allocation that outlives its connection
 * (RFC 8016) */
#include <config.h>

#include "../tunneld/stun_msg.h"
#include "../tunneld/turn.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct turn_opts mobile = {
	.username = "alice", .password = "secret", .family = 4, .mobility = true
};
static const struct turn_events events = { .on_state = rig_on_state,
					   .on_data = rig_on_data,
					   .on_peer_refused = rig_on_refused };

static uint8_t blob[TURN_EXPORT_MAX];
static size_t blob_len;

static void begin_mobile(void)
{
	begin(&mobile);
	knobs()->mobility = true;
	knobs()->echo = true;
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_TRUE(turn_is_mobile(rig.t));
}

static void export(void)
{
	struct buf b;

	buf_init(&b, blob, sizeof(blob));
	CU_ASSERT_EQUAL_FATAL(turn_export(rig.t, &b, rig.now_ms), 0);
	blob_len = b.len;
}

/* A new machine on a new connection; the old ones are given back. */
static struct turn *resumed(const struct turn_opts *with,
			    struct turn_server_conn **old_conn)
{
	struct turn_opts opts = *with;
	struct turn *old = rig.t;

	opts.resume = blob;
	opts.resume_len = blob_len;
	rig.t = turn_new(&opts, &events, &rig);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig.t);
	*old_conn = rig.c;
	rig.c = turn_server_accept(rig.s);
	framer_fini(&rig.framer);
	CU_ASSERT_EQUAL_FATAL(framer_init(&rig.framer), 0);
	rig.ready = 0;
	rig.failed = 0;
	return old;
}

/* The relayed address stays, and data flows both ways with the first byte. */
static void test_resume(void)
{
	struct endpoint p = peer_at(1), relayed;
	struct turn_server_conn *old_conn;
	unsigned int binds;
	struct turn *old;

	begin_mobile();
	relayed = *turn_relayed(rig.t);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pump(&rig);
	binds = stats()->requests[STUN_METHOD_CHANNEL_BIND];
	export();
	old = resumed(&mobile, &old_conn);
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig.ready, 1);
	turn_adopt_peers(rig.t, old, rig.now_ms);
	turn_free(old);
	turn_server_close(old_conn);
	CU_ASSERT_TRUE(endpoint_equal(turn_relayed(rig.t), &relayed));
	CU_ASSERT_EQUAL(stats()->moves, 1);
	CU_ASSERT_EQUAL(stats()->errors, 1); /* the very first 401 */
	CU_ASSERT_TRUE(turn_server_from_peer(rig.c, &p, "in", 2, rig.now_ms));
	rig.got = 0;
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 1);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "out", 3), 0);
	CU_ASSERT_EQUAL(rig.relayed, 2);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], binds);
	/* and it stays, with a ticket of its own */
	rig_pass(&rig, 60 * MIN_MS);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_TRUE(turn_is_mobile(rig.t));
	end();
}

/* Again and again, each time with the newest ticket; the old connection has
 * gone before, and the relay wants nonces of its own. */
static void test_resume_often(void)
{
	struct endpoint p = peer_at(1);
	struct turn_server_conn *old_conn;

	begin_mobile();
	knobs()->mobile_nonce_fresh = true;
	for (unsigned int i = 1; i <= 20; i++) {
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		rig_pass(&rig, 5000);
		export();
		turn_free(resumed(&mobile, &old_conn));
		turn_server_close(old_conn);
		start();
		CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
		CU_ASSERT_EQUAL(stats()->moves, i);
	}
	CU_ASSERT_EQUAL(rig.relayed, 20);
	end();
}

/* A peer that was new after the export. */
static void test_adopt(void)
{
	struct endpoint p = peer_at(1), late = peer_at(2), later = peer_at(3);
	struct turn_server_conn *old_conn;
	struct turn *old;
	struct buf b;

	begin_mobile();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pump(&rig);
	export();
	CU_ASSERT_EQUAL(rig_send(&rig, &late, "b", 1), 0);
	rig_pump(&rig);
	/* asked for, and never heard of again */
	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT_EQUAL(turn_wrap(rig.t, &later, (const uint8_t *)"c", 1, &b,
				  rig.now_ms),
			0);
	old = resumed(&mobile, &old_conn);
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	turn_adopt_peers(rig.t, old, rig.now_ms);
	turn_free(old);
	turn_server_close(old_conn);
	rig.relayed = 0;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "x", 1), 0);
	CU_ASSERT_EQUAL(rig_send(&rig, &late, "y", 1), 0);
	CU_ASSERT_EQUAL(rig_send(&rig, &later, "z", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 3);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 3);
	end();
}

/* A relay that forbids mobility gives an allocation without it, on the same
 * connection. */
static void test_forbidden(void)
{
	struct buf b;

	begin(&mobile);
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_FALSE(turn_is_mobile(rig.t));
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 3);
	buf_init(&b, blob, sizeof(blob));
	CU_ASSERT_EQUAL(turn_export(rig.t, &b, rig.now_ms), -ENOTSUP);
	CU_ASSERT_EQUAL(b.len, 0);
	end();
}

/* What the answers to a ticket say. */
static void test_resume_refused(void)
{
	static const struct {
		unsigned int code;
		enum turn_blame blame;
	} codes[] = {
		{ 300, TURN_BLAME_ALLOCATION }, { 400, TURN_BLAME_ALLOCATION },
		{ 403, TURN_BLAME_ALLOCATION }, { 405, TURN_BLAME_MOBILITY },
		{ 420, TURN_BLAME_ALLOCATION }, { 437, TURN_BLAME_ALLOCATION },
		{ 441, TURN_BLAME_ALLOCATION }, { 486, TURN_BLAME_ALLOCATION },
		{ 500, TURN_BLAME_ALLOCATION }, { 508, TURN_BLAME_ALLOCATION },
	};
	struct turn_server_conn *old_conn;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		begin_mobile();
		export();
		turn_free(resumed(&mobile, &old_conn));
		knobs()->force_error = codes[i].code;
		knobs()->force_method = STUN_METHOD_REFRESH;
		knobs()->force_count = 1;
		knobs()->force_signed = true;
		start();
		expect_failed(codes[i].code, "");
		CU_ASSERT_EQUAL(turn_blame(rig.t), codes[i].blame);
		turn_server_close(old_conn);
		end();
	}
	/* the relay has been restarted: it knows neither nonce nor ticket */
	begin_mobile();
	export();
	turn_free(resumed(&mobile, &old_conn));
	turn_server_lose_allocation(old_conn);
	start();
	expect_failed(437, "lost the allocation");
	turn_server_close(old_conn);
	end();
}

/* coturn 4.6 over TCP: takes the ticket and never says so. */
static void test_resume_mute(void)
{
	struct turn_server_conn *old_conn;

	begin_mobile();
	export();
	turn_free(resumed(&mobile, &old_conn));
	knobs()->mobile_mute = true;
	start();
	rig_pass(&rig, 1999);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	rig_pass(&rig, 1);
	expect_failed(0, "mobile client");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_ALLOCATION);
	turn_server_close(old_conn);
	end();

	/* says nothing at all */
	begin_mobile();
	export();
	turn_free(resumed(&mobile, &old_conn));
	knobs()->silent = true;
	start();
	rig_pass(&rig, 5000);
	expect_failed(0, "mobile client");
	CU_ASSERT_EQUAL(turn_blame(rig.t), TURN_BLAME_ALLOCATION);
	turn_server_close(old_conn);
	end();
}

/* Another user's allocation is not asked for; without a name it is the
 * exported one's. */
static void test_whose(void)
{
	struct turn_opts opts = mobile;
	struct turn_server_conn *old_conn;

	begin_mobile();
	export();
	opts.resume = blob;
	opts.resume_len = blob_len;
	opts.username = "bob";
	errno = 0;
	CU_ASSERT_PTR_NULL(turn_new(&opts, &events, &rig));
	CU_ASSERT_EQUAL(errno, EACCES);
	opts.username = "alice";
	opts.family = 6;
	CU_ASSERT_PTR_NULL(turn_new(&opts, &events, &rig));
	CU_ASSERT_EQUAL(errno, EINVAL);
	opts.family = 4;
	opts.username = NULL;
	opts.password = NULL;
	turn_free(resumed(&opts, &old_conn));
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	turn_server_close(old_conn);
	end();
}

/* Not one byte may be missing or too many, and none may crash. */
static void test_hostile(void)
{
	static uint8_t copy[TURN_EXPORT_MAX + 1];
	struct turn_opts opts = { .family = 4, .resume = copy };
	struct endpoint p = peer_at(1), q = peer_at(2);

	begin_mobile();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	CU_ASSERT_EQUAL(rig_send(&rig, &q, "b", 1), 0);
	rig_pump(&rig);
	export();
	for (size_t len = 0; len <= blob_len + 1; len++) {
		memcpy(copy, blob, blob_len);
		copy[blob_len] = 0;
		opts.resume_len = len;
		if (len == blob_len)
			continue;
		errno = 0;
		CU_ASSERT_PTR_NULL(turn_new(&opts, &events, &rig));
		CU_ASSERT_EQUAL(errno, EBADMSG);
	}
	opts.resume_len = blob_len;
	for (size_t at = 0; at < blob_len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, blob, blob_len);
			copy[at] ^= (uint8_t)(1 << bit);
			turn_free(turn_new(&opts, &events, &rig));
		}
	}
	end();
}

/* More peers than fit: those that were used last. */
static void test_bounded(void)
{
	struct turn_server_conn *old_conn;
	struct endpoint p;
	struct buf b;
	size_t max;

	begin_mobile();
	for (unsigned int i = 0; i < 3000; i++) {
		p = peer_at(i);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		rig_pass(&rig, 1);
	}
	export();
	CU_ASSERT(blob_len <= sizeof(blob) && blob_len > sizeof(blob) - 40);
	for (max = 0; max < blob_len; max++) {
		buf_init(&b, blob, max);
		if (turn_export(rig.t, &b, rig.now_ms) == 0)
			break;
		CU_ASSERT_EQUAL(b.len, 0);
		CU_ASSERT_FALSE(b.failed);
	}
	CU_ASSERT(max > 50 && max < 200);
	export();
	turn_free(resumed(&mobile, &old_conn));
	turn_server_close(old_conn);
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	rig.relayed = 0;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "z", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 1);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 3000);
	/* a new peer gets a number that nobody has had */
	p = peer_at(5000);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "n", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 2);
	end();
}

static CU_TestInfo tests[] = {
	{ "to another connection, at once", test_resume },
	{ "twenty times, 438 each time", test_resume_often },
	{ "peers that came after the export", test_adopt },
	{ "405 on Allocate: without, then", test_forbidden },
	{ "codes that refuse a ticket", test_resume_refused },
	{ "a relay that is mute about it", test_resume_mute },
	{ "one user's ticket is not another's", test_whose },
	{ "bytes that nobody exported", test_hostile },
	{ "more peers than there is room for", test_bounded },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_mobility", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
