/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn.c - the TURN client against a relay that keeps the rules */
#include <config.h>

#include "../tunneld/turn.h"

#include "../tunneld/stun_auth.h"
#include "../tunneld/stun_msg.h"
#include "lib/turn_call.h"
#include "lib/unit.h"

#include <errno.h>
#include <string.h>

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

static void test_lifetimes(void)
{
	static const struct {
		uint32_t granted;
		uint64_t refresh_ms;
	} rows[] = { { 0, 300000 },           { 2, 1000 },
		     { 60, 30000 },           { 120, 60000 },
		     { 600, 300000 },         { 1200, 600000 },
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
	{ "an IPv6 allocation", test_ipv6 },
	{ "refresh at half of the granted lifetime", test_lifetimes },
	{ "all or nothing when room is short", test_small_output },
	{ "the overhead that is promised", test_overhead },
	{ "release", test_release },
	{ "strange frames", test_strange_frames },
	{ "a wrong fingerprint", test_fingerprint },
	{ "Data indications", test_data_indication },
	{ "options that cannot be", test_bad_options },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
