/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn.c - the TURN client against a relay that is strict, and one that
 * misbehaves */
#include <config.h>

#include "../tunneld/turn.h"

#include "../tunneld/clock.h"
#include "../tunneld/stun_auth.h"
#include "../tunneld/stun_msg.h"
#include "lib/turn_rig.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#define MIN_MS 60000u

static struct rig rig;

static struct endpoint peer_at(unsigned int i)
{
	struct endpoint e = { .family = ENDPOINT_IPV4,
			      .port_be = htons(9000),
			      .ip = { 192, 0, 2 } };

	e.ip[2] = (uint8_t)(i >> 8);
	e.ip[3] = (uint8_t)i;
	return e;
}

static const struct turn_server_stats *stats(void)
{
	return turn_server_stats(rig.s);
}

static struct turn_server_knobs *knobs(void)
{
	return turn_server_knobs(rig.s);
}

static void begin(const struct turn_opts *opts)
{
	CU_ASSERT_TRUE_FATAL(rig_init(&rig, opts));
}

static void start(void)
{
	turn_start(rig.t, rig.now_ms);
	rig_pump(&rig);
}

static void begin_ready(void)
{
	begin(NULL);
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
}

/* Whatever a test has done: no request that no client may send. */
static void end(void)
{
	CU_ASSERT_EQUAL(stats()->bad_requests, 0);
	CU_ASSERT_EQUAL(stats()->early, 0);
	CU_ASSERT_EQUAL(stats()->reused_early, 0);
	CU_ASSERT_FALSE(rig.broken);
	rig_fini(&rig);
}

static void expect_failed(unsigned int code, const char *words)
{
	const char *got;

	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_FAILED);
	CU_ASSERT_EQUAL(rig.failed, 1);
	CU_ASSERT_EQUAL(turn_error(rig.t, &got), code);
	CU_ASSERT_PTR_NOT_NULL(strstr(got, words));
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
}

static void test_allocate(void)
{
	struct endpoint relayed;

	begin(NULL);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_IDLE);
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(rig.ready, 1);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 2);
	relayed = turn_server_relayed(rig.c);
	CU_ASSERT_TRUE(endpoint_equal(turn_relayed(rig.t), &relayed));
	/* starting again does nothing */
	start();
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 2);
	end();
}

static void test_nothing_before_allocation(void)
{
	struct endpoint p = peer_at(1);
	struct buf b;

	begin(NULL);
	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT_EQUAL(turn_wrap(rig.t, &p, (uint8_t *)"x", 1, &b, 0),
			-ENOTCONN);
	turn_start(rig.t, rig.now_ms);
	CU_ASSERT_EQUAL(turn_wrap(rig.t, &p, (uint8_t *)"x", 1, &b, 0),
			-ENOTCONN);
	CU_ASSERT_EQUAL(b.len, 0);
	end();
}

/* [ChannelBind][ChannelData] at once, then four bytes a datagram. */
static void test_first_packet(void)
{
	struct endpoint p = peer_at(1);
	struct buf b;

	begin_ready();
	knobs()->echo = true;
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "hello", 5), 0);
	CU_ASSERT_EQUAL(rig.relayed, 1);
	CU_ASSERT_TRUE(endpoint_equal(&rig.relayed_to, &p));
	CU_ASSERT_EQUAL(rig.relayed_len, 5);
	CU_ASSERT_EQUAL(memcmp(rig.relayed_data, "hello", 5), 0);

	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT_EQUAL(
		turn_wrap(rig.t, &p, (uint8_t *)"again", 5, &b, rig.now_ms), 0);
	CU_ASSERT_EQUAL(b.len, 12);
	CU_ASSERT_EQUAL(memcmp(b.data, "\x40\0\0\5again\0\0\0", 12), 0);
	rig_write(&rig, b.data, b.len);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 2);
	CU_ASSERT_TRUE(endpoint_equal(&rig.got_peer, &p));
	CU_ASSERT_EQUAL(memcmp(rig.got_data, "again", 5), 0);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 1);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CREATE_PERMISSION], 0);
	CU_ASSERT_EQUAL(stats()->lost, 0);
	end();
}

static void test_lengths(void)
{
	static const size_t len[] = { 0, 1, 2, 3, 4, 5, 1200, 65507, 65535 };
	static uint8_t data[65536];
	struct endpoint p = peer_at(1);

	begin_ready();
	knobs()->echo = true;
	memset(data, 0x5a, sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		CU_ASSERT_EQUAL(rig_send(&rig, &p, data, len[i]), 0);
		CU_ASSERT_EQUAL(rig.relayed_len, len[i]);
		rig_pump(&rig);
		CU_ASSERT_EQUAL(rig.got, i + 1);
		CU_ASSERT_EQUAL(rig.got_len, len[i]);
		CU_ASSERT_EQUAL(memcmp(rig.got_data, data, len[i]), 0);
	}
	CU_ASSERT_EQUAL(rig_send(&rig, &p, data, 65536), -EMSGSIZE);
	end();
}

static void test_byte_by_byte(void)
{
	struct endpoint p = peer_at(7);

	begin(NULL);
	knobs()->split = 1;
	knobs()->echo = true;
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "abcdefg", 7 - i), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 5);
	CU_ASSERT_EQUAL(rig.got_len, 3);
	end();
}

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
		{ 403, "forbids" },   { 405, "refuses" },
		{ 420, "attribute" }, { 437, "older allocation" },
		{ 440, "family" },    { 441, "credentials" },
		{ 442, "UDP" },       { 486, "quota" },
		{ 500, "internal" },  { 508, "port" },
		{ 699, "refuses" },
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

static void test_lifetimes(void)
{
	static const struct {
		uint32_t granted;
		uint64_t refresh_ms;
	} rows[] = { { 0, 300000 },           { 2, 1000 },
		     { 120, 60000 },          { 600, 300000 },
		     { 3600, 1800000 },       { 86400, 43200000 },
		     { UINT32_MAX, 43200000 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(NULL);
		knobs()->lifetime_s = rows[i].granted;
		start();
		rig_pass(&rig, rows[i].refresh_ms - 1);
		CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 0);
		rig_pass(&rig, 1);
		CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 1);
		rig_pass(&rig, rows[i].refresh_ms);
		CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 2);
		end();
	}
}

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
	/* every four minutes each, no more */
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND],
			2 * (1 + 36000 / 240));
	end();
}

static void test_idle_peer(void)
{
	struct endpoint p = peer_at(1);
	unsigned int binds;

	begin_ready();
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	rig_pass(&rig, 12 * MIN_MS);
	binds = stats()->requests[STUN_METHOD_CHANNEL_BIND];
	CU_ASSERT_EQUAL(binds, 3); /* at 0, 4 and 8 minutes */
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "b", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 2);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], binds + 1);
	/* forgotten altogether, and back again */
	rig_pass(&rig, 120 * MIN_MS);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "c", 1), 0);
	CU_ASSERT_EQUAL(rig.relayed, 3);
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
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_CHANNEL_BIND], 2);
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

static void test_ipv6(void)
{
	const struct turn_opts opts = { .username = "alice",
					.password = "secret",
					.family = 6,
					.lifetime_s = 1200 };
	struct endpoint p = { .family = ENDPOINT_IPV6,
			      .port_be = htons(5),
			      .ip = { 0x20, 1, 0xd, 0xb8, [15] = 7 } };

	begin(&opts);
	knobs()->echo = true;
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	CU_ASSERT_EQUAL(turn_relayed(rig.t)->family, ENDPOINT_IPV6);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "six", 3), 0);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 1);
	CU_ASSERT_TRUE(endpoint_equal(&rig.got_peer, &p));
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

static void test_keepalive(void)
{
	struct endpoint p = peer_at(1);
	unsigned int pings;

	begin_ready();
	rig_pass(&rig, 200000);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_BINDING], 10);
	/* traffic one way only does not keep the other way alive */
	pings = stats()->requests[STUN_METHOD_BINDING];
	for (int s = 0; s < 200; s++) {
		rig_pass(&rig, 1000);
		CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
		rig_pump(&rig);
	}
	CU_ASSERT(stats()->requests[STUN_METHOD_BINDING] >= pings + 9);
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

/* Whatever room there is: all of it or nothing, and nothing is lost. */
static void test_small_output(void)
{
	static const uint8_t data[100] = { 1 };
	struct endpoint p = peer_at(1);
	struct buf b;
	size_t max;
	int r;

	begin_ready();
	for (max = 0; max < 1000; max++) {
		buf_init(&b, rig.out, max);
		r = turn_wrap(rig.t, &p, data, sizeof(data), &b, rig.now_ms);
		if (r == 0)
			break;
		CU_ASSERT_EQUAL(r, -ENOBUFS);
		CU_ASSERT_EQUAL(b.len, 0);
		CU_ASSERT_FALSE(b.failed);
	}
	CU_ASSERT_EQUAL(r, 0);
	CU_ASSERT(max > 104 + 100);
	rig_write(&rig, b.data, b.len);
	CU_ASSERT_EQUAL(rig.relayed, 1);

	/* control messages wait for room, too */
	rig_fini(&rig);
	begin(NULL);
	turn_start(rig.t, rig.now_ms);
	for (max = 0; max < 28; max++) {
		buf_init(&b, rig.out, max);
		CU_ASSERT_EQUAL(turn_output(rig.t, &b), 0);
		CU_ASSERT_FALSE(b.failed);
	}
	buf_init(&b, rig.out, max);
	CU_ASSERT_EQUAL(turn_output(rig.t, &b), 28);
	rig_write(&rig, b.data, b.len);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

static void test_overhead(void)
{
	struct endpoint p = { .family = ENDPOINT_IPV6, .port_be = 1 };
	char name[509], realm[764];
	struct turn_opts opts = { .username = name,
				  .password = "secret",
				  .family = 6 };
	struct buf b;

	memset(name, 'n', sizeof(name) - 1);
	name[508] = '\0';
	memset(realm, 'r', sizeof(realm) - 1);
	realm[763] = '\0';
	begin(&opts);
	turn_server_close(rig.c);
	turn_server_free(rig.s);
	rig.s = turn_server_new(name, "secret", realm);
	rig.c = turn_server_accept(rig.s);
	start();
	CU_ASSERT_EQUAL_FATAL(turn_state(rig.t), TURN_STATE_READY);
	buf_init(&b, rig.out, sizeof(rig.out));
	CU_ASSERT_EQUAL(turn_wrap(rig.t, &p, (uint8_t *)"x", 1, &b, 0), 0);
	/* a nonce could be 747 bytes longer, a Send indication 44 */
	CU_ASSERT(b.len - 1 + 747 + 44 <= TURN_WRAP_OVERHEAD_MAX);
	end();
}

static void test_release(void)
{
	begin_ready();
	turn_release(rig.t, rig.now_ms);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_IDLE);
	rig_pump(&rig);
	CU_ASSERT_FALSE(turn_server_allocated(rig.c));
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_REFRESH], 1);
	CU_ASSERT_EQUAL(turn_deadline_ms(rig.t), CLOCK_NEVER);
	start();
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_IDLE);
	CU_ASSERT_EQUAL(rig.failed, 0);
	end();

	/* with a nonce that has become stale */
	begin_ready();
	knobs()->nonce_ms = 1;
	rig.now_ms += 10;
	turn_release(rig.t, rig.now_ms);
	rig_pump(&rig);
	CU_ASSERT_FALSE(turn_server_allocated(rig.c));
	end();

	/* before there is anything to give back */
	begin(NULL);
	turn_start(rig.t, rig.now_ms);
	turn_release(rig.t, rig.now_ms);
	rig_pump(&rig);
	CU_ASSERT_EQUAL(stats()->requests[STUN_METHOD_ALLOCATE], 0);
	end();
}

static void test_strange_frames(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		int result;
	} rows[] = {
		{ "\x40\0", 2, -EBADMSG },
		{ "\x40\0\0\5abcd", 8, -EBADMSG },
		{ "\x80\0\0\0", 4, -EBADMSG },
		{ "\xff\xff\xff\xff", 4, -EBADMSG },
		{ "\x4a\xbc\0\4abcd", 8, 0 }, /* never bound */
		{ "\x4f\xff\0\0", 4, 0 },
		{ "\0\1\0\0", 4, 0 }, /* cut short */
		{ "\0\1\0\0\x21\x12\xa4\x42idididididid", 20, 0 },
		{ "\1\1\0\0\x21\x12\xa4\x42idididididid", 20, 0 },
		{ "\1\3\0\0\x21\x12\xa4\x42idididididid", 20, 0 },
		{ "\0\x17\0\0\x21\x12\xa4\x42idididididid", 20, 0 },
	};

	begin_ready();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CU_ASSERT_EQUAL(turn_input(rig.t,
					   (const uint8_t *)rows[i].bytes,
					   rows[i].len, rig.now_ms),
				rows[i].result);
	CU_ASSERT_EQUAL(rig.got, 0);
	CU_ASSERT_EQUAL(turn_state(rig.t), TURN_STATE_READY);
	end();
}

/* The same Data indication with a right FINGERPRINT and a wrong one. */
static void test_fingerprint(void)
{
	static const uint8_t id[STUN_ID_LEN] = { 9 };
	struct endpoint p = peer_at(1);
	struct stun_build b;
	uint8_t out[128];
	struct buf buf;

	begin_ready();
	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_INDICATION, STUN_METHOD_DATA, id);
	stun_build_address(&b, STUN_ATTR_XOR_PEER_ADDRESS, &p);
	stun_build_bytes(&b, STUN_ATTR_DATA, "abcd", 4);
	stun_auth_fingerprint(&b);
	CU_ASSERT_EQUAL(turn_input(rig.t, out, buf.len, rig.now_ms), 0);
	CU_ASSERT_EQUAL(rig.got, 1);
	out[buf.len - 1] ^= 1;
	CU_ASSERT_EQUAL(turn_input(rig.t, out, buf.len, rig.now_ms), 0);
	CU_ASSERT_EQUAL(rig.got, 1);
	end();
}

/* A stranger's datagram by Data indication: delivered, and nothing kept. */
static void test_data_indication(void)
{
	struct endpoint p = peer_at(1), other_port = peer_at(1);

	begin_ready();
	other_port.port_be = htons(777);
	CU_ASSERT_EQUAL(rig_send(&rig, &p, "a", 1), 0);
	CU_ASSERT_TRUE(turn_server_from_peer(rig.c, &other_port, "abc", 3,
					     rig.now_ms));
	rig_pump(&rig);
	CU_ASSERT_EQUAL(rig.got, 1);
	CU_ASSERT_TRUE(endpoint_equal(&rig.got_peer, &other_port));
	CU_ASSERT_EQUAL(memcmp(rig.got_data, "abc", 3), 0);
	end();
}

static void test_bad_options(void)
{
	const struct turn_opts opts = { .username = "", .password = "" };
	const struct turn_events none = { 0 };

	errno = 0;
	CU_ASSERT_PTR_NULL(turn_new(&opts, &none, NULL));
	CU_ASSERT_EQUAL(errno, EINVAL);
	turn_free(NULL);
}

static CU_TestInfo tests[] = {
	{ "401, then an allocation", test_allocate },
	{ "nothing is sent before it", test_nothing_before_allocation },
	{ "the first packet rides behind its bind", test_first_packet },
	{ "lengths, with padding", test_lengths },
	{ "answers byte by byte", test_byte_by_byte },
	{ "each error of Allocate in words", test_allocate_errors },
	{ "a wrong password is sent once", test_wrong_password },
	{ "300 tells where to", test_alternate },
	{ "438 at any time", test_stale_nonces },
	{ "refresh at half of the granted lifetime", test_lifetimes },
	{ "a call of ten hours", test_long_call },
	{ "an idle peer is let go and comes back", test_idle_peer },
	{ "a refused peer is refused alone", test_refused_peer },
	{ "a peer of the other family", test_other_family },
	{ "an IPv6 allocation", test_ipv6 },
	{ "allocations that are none", test_bad_allocations },
	{ "without a channel, a permission", test_bind_refused },
	{ "without a permission, a refusal", test_permission_refused },
	{ "a bind that tells of a dead allocation", test_bind_fatal },
	{ "errors of Refresh", test_refresh_errors },
	{ "pings while the stream is silent", test_keepalive },
	{ "a relay that does not answer", test_dead_relay },
	{ "a bind that is not answered", test_lost_bind },
	{ "answers with a wrong seal are ignored", test_integrity },
	{ "reasons are cleaned for the log", test_reason_cleaned },
	{ "more peers than channels", test_many_peers },
	{ "numbers are held long enough", test_churn },
	{ "the table of peers is bounded", test_table_full },
	{ "all or nothing when room is short", test_small_output },
	{ "the overhead that is promised", test_overhead },
	{ "release", test_release },
	{ "strange frames", test_strange_frames },
	{ "Data indications", test_data_indication },
	{ "a wrong fingerprint", test_fingerprint },
	{ "options that cannot be", test_bad_options },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
