/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_codes.c - the TURN client and what a relay refuses */
#include <config.h>

#include "../tunneld/stun_msg.h"
#include "../tunneld/turn.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

/* The first answer is the challenge, the second this code. */
static void fail_allocate(unsigned int code, bool signed_answer,
			  const char *words)
{
	begin(NULL);
	turn_start(rig.t, rig.now_ms);
	(void)rig_step(&rig);
	knobs()->force_error = code;
	knobs()->force_count = 1;
	knobs()->force_signed = signed_answer;
	knobs()->reason = "Because";
	knobs()->reason_len = 7;
	rig_pump(&rig);
	expect_failed(code, words);
	expect_failed(code, "Because");
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 2);
	end();
}

static void test_allocate_errors(void)
{
	static const struct {
		unsigned int code;
		const char *words;
	} rows[] = {
		{ 400, "malformed" }, { 401, "username or password" },
		{ 403, "forbids" },   { 405, "mobility" },
		{ 420, "attribute" }, { 437, "older allocation" },
		{ 440, "family" },    { 441, "credentials" },
		{ 442, "UDP" },       { 486, "quota" },
		{ 508, "port" },      { 699, "refuses" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fail_allocate(rows[i].code, false, rows[i].words);
		fail_allocate(rows[i].code, true, rows[i].words);
	}
}

static void test_wrong_password(void)
{
	const struct turn_opts opts = { .username = "alice",
					.password = "wrong",
					.family = 4 };

	begin(&opts);
	start();
	expect_failed(401, "username or password");
	/* a refused password is not sent twice */
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 2);
	end();
}

static void test_alternate(void)
{
	const struct endpoint other = { .family = ENDPOINT_IPV4,
					.port_be = htons(443),
					.ip = { 203, 0, 113, 9 } };

	begin(NULL);
	CU_ASSERT_PTR_NULL(turn_alternate(rig.t));
	knobs()->force_error = 300;
	knobs()->force_count = 1;
	knobs()->alternate = other;
	start();
	expect_failed(300, "another server");
	CU_ASSERT_PTR_NOT_NULL_FATAL(turn_alternate(rig.t));
	CU_ASSERT_TRUE(endpoint_equal(turn_alternate(rig.t), &other));
	end();

	/* once we have authenticated, a redirection must be signed */
	begin(NULL);
	turn_start(rig.t, rig.now_ms);
	(void)rig_step(&rig);
	knobs()->force_error = 300;
	knobs()->force_count = 1;
	rig_pump(&rig);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	CU_ASSERT_PTR_NULL(turn_alternate(rig.t));
	end();
}

static void test_stale_nonces(void)
{
	struct endpoint p = peer_at(1);

	/* ten in a row are taken, eleven are not */
	for (unsigned int n = 10; n <= 11; n++) {
		begin(NULL);
		turn_start(rig.t, rig.now_ms);
		(void)rig_step(&rig);
		knobs()->force_error = 438;
		knobs()->force_count = n;
		rig_pump(&rig);
		if (n == 11)
			expect_failed(438, "stale");
		CU_ASSERT_EQUAL(rig.ready, n == 10);
		end();
	}

	/* a nonce that gets old during the call */
	begin_ready();
	knobs()->nonce_ms = 3000;
	rig_pass(&rig, 10000);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "lost", 4), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 2);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "seen", 4), 0);
	CU_ASSERT_EQUAL(rig.relayed, 1);
	rig_pass(&rig, 60 * MIN_MS);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

static void test_refused_peer(void)
{
	struct endpoint p = peer_at(1), good = peer_at(2);

	begin_ready();
	knobs()->refuse = p;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.refused, 1);
	CU_ASSERT_EQUAL(rig.refused_code, 403);
	CU_ASSERT_TRUE(endpoint_equal(&rig.refused_peer, &p));
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), -EACCES);
	CU_ASSERT_EQUAL(rig_send(&rig, &good, "a", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 1);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);

	/* remembered for a minute, asked again after */
	rig_pass(&rig, MIN_MS - 1);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), -EACCES);
	knobs()->refuse.family = 0;
	rig_pass(&rig, 1);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 2);
	end();
}

/* 443 (RFC 8656, 9.2) is foreseen; told by a relay it is about the peer. */
static void test_other_family(void)
{
	struct endpoint p = { .family = ENDPOINT_IPV6, .port_be = 1 };
	struct endpoint v4 = peer_at(1);

	begin_ready();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), -EACCES);
	knobs()->force_error = 443;
	knobs()->force_count = 1;
	CU_ASSERT_EQUAL(rig_send(&rig, &v4, "a", 1), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.refused_code, 443);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

static void test_bad_allocations(void)
{
	begin(NULL);
	knobs()->wrong_family = true;
	start();
	expect_failed(440, "family");
	end();
	begin(NULL);
	knobs()->no_relayed_address = true;
	start();
	expect_failed(0, "no relayed address");
	end();
	begin(NULL);
	knobs()->unknown_attribute = true;
	start();
	expect_failed(0, "0x7fff");
	end();
}

/* 400 on ChannelBind: the allocation lives, so try a permission; or it does
 * not, and Refresh tells. */
static void test_bind_refused(void)
{
	static const unsigned int codes[] = { 400, 486, 508 };
	struct endpoint p = peer_at(1), other = peer_at(2);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		begin_ready();
		knobs()->echo = true;
		knobs()->force_error = codes[i];
		knobs()->force_method = STUN_METHOD_CHANNEL_BIND;
		knobs()->force_count = 1;
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
		CU_ASSERT_EQUAL(rig.refused, 0);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "b", 1), 0);
		rig_pump(&rig);
		CU_ASSERT_EQUAL(rig.relayed_data[0], 'b');
		CU_ASSERT_EQUAL(rig.got, 1);
		CU_ASSERT_TRUE(endpoint_equal(&rig.got_peer, &p));
		CU_ASSERT_EQUAL(stats()->send_indications, 1);
		/* the permission is kept, too */
		for (int s = 0; s < 3600; s += 10) {
			rig_pass(&rig, 10000);
			CU_ASSERT_EQUAL(rig_send(&rig, &p, "c", 1), 0);
		}
		CU_ASSERT_EQUAL(stats()->lost, 1);
		end();
	}

	begin_ready();
	turn_server_lose_allocation(rig.c);
	CU_ASSERT_EQUAL(rig_send(&rig, &other, "a", 1), 0);
	rig_pump(&rig);
	expect_failed(437, "lost the allocation");
	end();
}

static void test_permission_refused(void)
{
	struct endpoint p = peer_at(1);

	begin_ready();
	knobs()->force_error = 400;
	knobs()->force_method = STUN_METHOD_CHANNEL_BIND;
	knobs()->force_count = 1;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	CU_ASSERT_TRUE(rig_step(&rig));
	knobs()->force_method = STUN_METHOD_CREATE_PERMISSION;
	knobs()->force_count = 1;
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.refused_code, 400);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), -EACCES);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

/* What a request about a peer tells about the allocation. */
static void test_bind_fatal(void)
{
	static const unsigned int codes[] = { 401, 437, 441 };
	struct endpoint p = peer_at(1);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		begin_ready();
		knobs()->force_error = codes[i];
		knobs()->force_count = 1;
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
		expect_failed(codes[i], "the relay");
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), -ENOTCONN);
		end();
	}
}

static void test_refresh_errors(void)
{
	begin_ready();
	turn_server_lose_allocation(rig.c);
	rig_pass(&rig, 300000);
	expect_failed(437, "lost the allocation");
	end();

	/* an error that passes is tried again while the allocation lives */
	begin_ready();
	knobs()->force_error = 500;
	knobs()->force_method = STUN_METHOD_REFRESH;
	knobs()->force_count = 3;
	rig_pass(&rig, 330000);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 4);
	end();

	begin_ready();
	knobs()->force_error = 500;
	knobs()->force_method = STUN_METHOD_REFRESH;
	knobs()->force_count = 10000;
	rig_pass(&rig, 600000);
	expect_failed(500, "internal");
	CU_ASSERT(stats()->requests[STUN_METHOD_REFRESH] < 70);
	end();
}

static void test_integrity(void)
{
	begin(NULL);
	knobs()->break_integrity = true;
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	rig_pass(&rig, 39500);
	expect_failed(0, "integrity");
	end();

	begin(NULL);
	knobs()->no_integrity = true;
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_ALLOCATING);
	end();

	/* an error with a wrong seal says nothing */
	begin_ready();
	knobs()->break_integrity = true;
	knobs()->force_error = 437;
	knobs()->force_signed = true;
	knobs()->force_method = STUN_METHOD_REFRESH;
	knobs()->force_count = 1;
	rig_pass(&rig, 300000);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 1);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

static void test_reason_cleaned(void)
{
	const char *words;

	begin(NULL);
	knobs()->force_error = 486;
	knobs()->force_count = 1;
	knobs()->reason = "Quota\n\x1b[0m\0\0\0";
	knobs()->reason_len = 13;
	start();
	CU_ASSERT_EQUAL(turn_error(rig.t, &words), 486);
	CU_ASSERT_PTR_NOT_NULL(strstr(words, "(486 Quota??[0m)"));
	CU_ASSERT_EQUAL(turn_error(rig.t, NULL), 486);
	end();
}

static CU_TestInfo tests[] = {
	{ "each error of Allocate in words", test_allocate_errors },
	{ "a wrong password is sent once", test_wrong_password },
	{ "300 tells where to", test_alternate },
	{ "438 at any time", test_stale_nonces },
	{ "a refused peer is refused alone", test_refused_peer },
	{ "a peer of the other family", test_other_family },
	{ "allocations that are none", test_bad_allocations },
	{ "without a channel, a permission", test_bind_refused },
	{ "without a permission, a refusal", test_permission_refused },
	{ "a bind that tells of a dead allocation", test_bind_fatal },
	{ "errors of Refresh", test_refresh_errors },
	{ "answers with a wrong seal are ignored", test_integrity },
	{ "reasons are cleaned for the log", test_reason_cleaned },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_codes", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
