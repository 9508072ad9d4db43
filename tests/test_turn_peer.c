/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_turn_peer.c - the table of peers, their numbers and their times */
#include <config.h>

#include "../tunneld/turn_peer.h"

#include "../tunneld/clock.h"
#include "lib/unit.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

static struct turn_peers ps;

static struct endpoint peer_at(unsigned int i)
{
	struct endpoint e = { .family = ENDPOINT_IPV4,
			      .port_be = htons((uint16_t)(1 + i % 50000)) };

	e.ip[2] = (uint8_t)(i >> 8);
	e.ip[3] = (uint8_t)i;
	return e;
}

static struct turn_peer *add(unsigned int i, uint64_t now_ms)
{
	struct endpoint e = peer_at(i);
	struct turn_peer *p = turn_peers_add(&ps, &e, now_ms);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

/* Asked and granted at once. */
static struct turn_peer *add_granted(unsigned int i, uint64_t now_ms)
{
	struct turn_peer *p = add(i, now_ms);

	CU_ASSERT_TRUE(turn_peer_needs_ask(&ps, p, now_ms));
	CU_ASSERT_EQUAL(turn_peer_ask(&ps, p, now_ms), 0);
	CU_ASSERT_FALSE(turn_peer_needs_ask(&ps, p, now_ms));
	CU_ASSERT_TRUE(p->due);
	turn_peer_settle(&ps, p, true, now_ms);
	return p;
}

static bool exists(unsigned int i)
{
	struct endpoint e = peer_at(i);

	return turn_peers_find(&ps, &e) != NULL;
}

static void begin(void)
{
	CU_ASSERT_EQUAL_FATAL(turn_peers_init(&ps), 0);
	CU_ASSERT_EQUAL(ps.next_ms, CLOCK_NEVER);
	CU_ASSERT_FALSE(exists(0));
	CU_ASSERT_PTR_NULL(turn_peers_by_channel(&ps, TURN_CHANNEL_MIN));
}

static void test_find(void)
{
	begin();
	for (unsigned int i = 0; i < 5000; i++)
		add(i, 0);
	for (unsigned int i = 0; i < 5000; i++) {
		struct endpoint e = peer_at(i);
		struct turn_peer *p = turn_peers_find(&ps, &e);

		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		CU_ASSERT_TRUE(endpoint_equal(&p->addr, &e));
	}
	CU_ASSERT_FALSE(exists(5000));
	/* chains stay short */
	CU_ASSERT(ps.buckets >= 4096);
	turn_peers_fini(&ps);
	CU_ASSERT_FALSE(exists(0));
}

static void test_channels(void)
{
	static bool seen[0x10000];

	begin();
	for (unsigned int i = 0; i < 4096; i++) {
		struct turn_peer *p = add(i, 0);

		CU_ASSERT_EQUAL(p->mode, TURN_PEER_CHANNEL);
		CU_ASSERT(p->channel >= 0x4000 && p->channel <= 0x4fff);
		CU_ASSERT_FALSE(seen[p->channel]);
		seen[p->channel] = true;
		CU_ASSERT_PTR_EQUAL(turn_peers_by_channel(&ps, p->channel), p);
	}
	CU_ASSERT_EQUAL(add(4096, 0)->mode, TURN_PEER_PERMISSION);
	CU_ASSERT_PTR_NULL(turn_peers_by_channel(&ps, 0));
	CU_ASSERT_PTR_NULL(turn_peers_by_channel(&ps, 0x3fff));
	CU_ASSERT_PTR_NULL(turn_peers_by_channel(&ps, 0x5000));
	CU_ASSERT_PTR_NULL(turn_peers_by_channel(&ps, 0xffff));
	turn_peers_fini(&ps);
}

static void test_pending(void)
{
	struct turn_peer *a, *b, *c;
	uint8_t id[STUN_ID_LEN] = { 0 };

	begin();
	a = add(1, 0);
	b = add(2, 0);
	c = add(3, 0);
	CU_ASSERT_EQUAL(turn_peer_ask(&ps, a, 0), 0);
	CU_ASSERT_EQUAL(turn_peer_ask(&ps, b, 0), 0);
	CU_ASSERT_EQUAL(turn_peer_ask(&ps, c, 0), 0);
	CU_ASSERT_PTR_EQUAL(turn_peers_by_id(&ps, a->txn.id), a);
	CU_ASSERT_PTR_EQUAL(turn_peers_by_id(&ps, c->txn.id), c);
	CU_ASSERT_PTR_NULL(turn_peers_by_id(&ps, id));
	CU_ASSERT_EQUAL(ps.next_ms, STUN_TXN_TIMEOUT_MS);
	turn_peer_settle(&ps, b, true, 0);
	CU_ASSERT_PTR_NULL(turn_peers_by_id(&ps, b->txn.id));
	turn_peer_settle(&ps, c, true, 0);
	turn_peer_settle(&ps, a, true, 0);
	CU_ASSERT_PTR_NULL(ps.pending);
	turn_peers_fini(&ps);
}

/* Every few seconds while somebody speaks, for servers that keep channels for
 * less than the RFC's time; then as the RFC has it. */
static void test_renewal(void)
{
	struct turn_peer *p;
	uint64_t at_ms = 1000;

	begin();
	p = add_granted(1, at_ms);
	for (int i = 0; i < 7; i++) {
		turn_peer_used(&ps, p, at_ms);
		turn_peers_sweep(&ps, at_ms + TURN_PEER_RENEW_MS - 1);
		CU_ASSERT_FALSE(p->due);
		at_ms += TURN_PEER_RENEW_MS;
		CU_ASSERT_TRUE(turn_peer_needs_ask(&ps, p, at_ms));
		turn_peers_sweep(&ps, at_ms);
		CU_ASSERT_TRUE(p->due);
		CU_ASSERT_EQUAL(p->txn.method, STUN_METHOD_CHANNEL_BIND);
		turn_peer_settle(&ps, p, true, at_ms);
	}
	/* silent for a minute */
	at_ms = p->used_ms + TURN_PEER_ACTIVE_MS;
	turn_peers_sweep(&ps, at_ms);
	CU_ASSERT_FALSE(p->due);
	CU_ASSERT_EQUAL(ps.next_ms, p->granted_ms + TURN_PEER_REFRESH_MS);
	at_ms = ps.next_ms;
	turn_peers_sweep(&ps, at_ms - 1);
	CU_ASSERT_FALSE(p->due);
	turn_peers_sweep(&ps, at_ms);
	CU_ASSERT_TRUE(p->due);
	/* not answered: asked by the next datagram only */
	turn_peer_settle(&ps, p, false, at_ms + 300000);
	CU_ASSERT_TRUE(turn_peer_needs_ask(&ps, p, at_ms + 300000));
	turn_peers_fini(&ps);
}

/* A crowd is not renewed more than twice a second in all. */
static void test_renewal_of_many(void)
{
	unsigned int asked = 0;

	begin();
	for (unsigned int i = 0; i < 200; i++)
		add_granted(i, 0);
	for (uint64_t at_ms = 0; at_ms < 600000; at_ms += 100) {
		for (unsigned int i = 0; i < 200; i++) {
			struct endpoint e = peer_at(i);

			turn_peer_used(&ps, turn_peers_find(&ps, &e), at_ms);
		}
		turn_peers_sweep(&ps, at_ms);
		while (ps.pending != NULL) {
			turn_peer_settle(&ps, ps.pending, true, at_ms);
			asked += at_ms >= 200000;
		}
	}
	CU_ASSERT(asked >= 200 && asked <= 400 * 2 + 200);
	turn_peers_fini(&ps);
}

/* An answer that has a lifetime is believed, when it is shorter. */
static void test_limit(void)
{
	struct turn_peer *p;

	begin();
	turn_peers_limit(&ps, 600);
	CU_ASSERT_EQUAL(ps.renew_ms, TURN_PEER_RENEW_MS);
	turn_peers_limit(&ps, 6);
	p = add_granted(1, 0);
	turn_peers_sweep(&ps, STUN_TXN_TIMEOUT_MS);
	CU_ASSERT_TRUE(p->due);
	turn_peer_settle(&ps, p, true, STUN_TXN_TIMEOUT_MS);
	CU_ASSERT_FALSE(turn_peer_needs_ask(&ps, p, p->granted_ms + 2999));
	CU_ASSERT_TRUE(turn_peer_needs_ask(&ps, p, p->granted_ms + 3000));
	turn_peers_limit(&ps, 0);
	CU_ASSERT_EQUAL(ps.renew_ms, 1000);
	turn_peers_fini(&ps);
}

/* Asked again after a while, no sooner; data alone does not ask. */
static void test_postponed(void)
{
	struct turn_peer *p;

	begin();
	p = add(1, 0);
	CU_ASSERT_EQUAL(turn_peer_ask(&ps, p, 0), 0);
	turn_peer_postpone(&ps, p, 500, 100);
	CU_ASSERT_EQUAL(ps.next_ms, 600);
	CU_ASSERT_FALSE(turn_peer_needs_ask(&ps, p, 599));
	turn_peers_sweep(&ps, 599);
	CU_ASSERT_FALSE(p->txn.active);
	turn_peers_sweep(&ps, 600);
	CU_ASSERT_TRUE(p->txn.active);
	CU_ASSERT_EQUAL(p->again, 1);
	turn_peer_settle(&ps, p, true, 700);
	CU_ASSERT_EQUAL(p->again, 0);
	turn_peers_fini(&ps);
}

/* Numbers from an earlier connection: kept, and not given to others. */
static void test_restore(void)
{
	struct endpoint a = peer_at(1), b = peer_at(2), c = peer_at(3);
	struct turn_peer *p;

	begin();
	p = turn_peers_restore(&ps, &a, 0x4abc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(p->channel, 0x4abc);
	CU_ASSERT_EQUAL(p->mode, TURN_PEER_CHANNEL);
	CU_ASSERT_PTR_EQUAL(turn_peers_by_channel(&ps, 0x4abc), p);
	p = turn_peers_restore(&ps, &b, 0x4abc); /* taken */
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(p->mode, TURN_PEER_PERMISSION);
	p = turn_peers_restore(&ps, &c, 0x5000); /* none */
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(p->channel, 0);
	CU_ASSERT_EQUAL(add(4, 0)->channel, 0x4abd);
	turn_peers_fini(&ps);
	/* the first number of all may be a late one, too */
	begin();
	ps.channel_cursor = 0xfff;
	CU_ASSERT_EQUAL(add(1, 0)->channel, 0x4fff);
	CU_ASSERT_EQUAL(add(2, 0)->channel, 0x4000);
	turn_peers_fini(&ps);
}

static void test_forgetting(void)
{
	struct turn_peer *p;
	uint16_t channel;

	begin();
	p = add_granted(1, 0);
	channel = p->channel;
	turn_peers_sweep(&ps, TURN_PEER_HOLD_MS - 1);
	CU_ASSERT_TRUE(exists(1));
	CU_ASSERT_FALSE(p->due); /* too long unused to be renewed */
	CU_ASSERT_EQUAL(ps.next_ms, TURN_PEER_HOLD_MS);
	turn_peers_sweep(&ps, TURN_PEER_HOLD_MS);
	CU_ASSERT_FALSE(exists(1));
	CU_ASSERT_PTR_NULL(turn_peers_by_channel(&ps, channel));
	CU_ASSERT_EQUAL(ps.count, 0);
	CU_ASSERT_EQUAL(ps.next_ms, CLOCK_NEVER);
	/* and the number just given back is the last to be used again */
	CU_ASSERT_NOT_EQUAL(add(2, TURN_PEER_HOLD_MS)->channel, channel);
	turn_peers_fini(&ps);
}

/* Used late: the number is kept, and the relay is asked at once. */
static void test_awakening(void)
{
	uint64_t late_ms = TURN_PEER_IDLE_MS + 1000;
	struct turn_peer *p;
	uint16_t channel;

	begin();
	p = add_granted(1, 0);
	channel = p->channel;
	turn_peers_sweep(&ps, late_ms);
	CU_ASSERT_FALSE(p->due);
	turn_peer_used(&ps, p, late_ms);
	CU_ASSERT(ps.next_ms <= late_ms);
	turn_peers_sweep(&ps, late_ms);
	CU_ASSERT_TRUE(p->due);
	CU_ASSERT_EQUAL(p->channel, channel);
	turn_peers_fini(&ps);
}

static void test_refusal(void)
{
	struct turn_peer *p;

	begin();
	p = add(1, 0);
	CU_ASSERT_EQUAL(turn_peer_ask(&ps, p, 0), 0);
	turn_peer_refuse(&ps, p, 500);
	CU_ASSERT_FALSE(turn_peer_needs_ask(&ps, p, 500));
	CU_ASSERT_FALSE(
		turn_peer_needs_ask(&ps, p, 500 + TURN_PEER_REFUSED_MS - 1));
	CU_ASSERT_EQUAL(p->mode, TURN_PEER_REFUSED);
	CU_ASSERT_TRUE(turn_peer_needs_ask(&ps, p, 500 + TURN_PEER_REFUSED_MS));
	CU_ASSERT_EQUAL(p->mode, TURN_PEER_CHANNEL);
	turn_peers_fini(&ps);
}

/* Random life: after each sweep the next one lies ahead, or there would be a
 * loop that never sleeps; and no peer is kept for ever. */
static void test_random_life(void)
{
	uint64_t now_ms = 0;

	begin();
	srand(8656);
	for (int i = 0; i < 20000; i++) {
		struct endpoint e = peer_at((unsigned int)rand() % 200);
		struct turn_peer *p = turn_peers_find(&ps, &e);

		if (p == NULL)
			p = turn_peers_add(&ps, &e, now_ms);
		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		if (turn_peer_needs_ask(&ps, p, now_ms))
			CU_ASSERT_EQUAL(turn_peer_ask(&ps, p, now_ms), 0);
		if (p->txn.active && rand() % 8 == 0)
			turn_peer_refuse(&ps, p, now_ms);
		else if (p->txn.active && rand() % 4 != 0)
			turn_peer_settle(&ps, p, rand() % 4 != 0, now_ms);
		turn_peer_used(&ps, p, now_ms);
		now_ms += (uint64_t)rand() % 20000;
		while (ps.pending != NULL &&
		       ps.pending->txn.deadline_ms <= now_ms)
			turn_peer_settle(&ps, ps.pending, false, now_ms);
		turn_peers_sweep(&ps, now_ms);
		p = ps.pending;
		while (p != NULL && p->txn.deadline_ms > now_ms)
			p = p->pend_next;
		if (p == NULL)
			CU_ASSERT(ps.next_ms > now_ms);
	}
	while (ps.pending != NULL)
		turn_peer_settle(&ps, ps.pending, false, now_ms);
	turn_peers_sweep(&ps, now_ms + TURN_PEER_HOLD_MS);
	CU_ASSERT_EQUAL(ps.count, 0);
	CU_ASSERT_EQUAL(ps.channels_used, 0);
	turn_peers_fini(&ps);
}

static CU_TestInfo tests[] = {
	{ "many peers are found", test_find },
	{ "channel numbers", test_channels },
	{ "requests that wait for answers", test_pending },
	{ "renewal, often while used, seldom after", test_renewal },
	{ "renewal of a crowd", test_renewal_of_many },
	{ "a lifetime that is said", test_limit },
	{ "put off for a while", test_postponed },
	{ "numbers of an earlier connection", test_restore },
	{ "forgetting", test_forgetting },
	{ "a peer that comes back late", test_awakening },
	{ "a refusal is remembered for a while", test_refusal },
	{ "random life", test_random_life },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "turn_peer", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
