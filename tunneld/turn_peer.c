/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_peer.c - the peers of one allocation
 *
 * Turns endpoints into channel numbers and back, and the time into requests
 * that are due (RFC 8656, 9, 10 and 12).
 *
 * Theory of operation: a peer is added with its first datagram. Its request
 * is `due` until written, pending until answered, then `granted`. While it is
 * active, sweep() asks again every few seconds, and every four minutes until
 * it counts as idle; then it is forgotten once its number may go to someone
 * else. As a number is held longer than any
 * channel lives, a peer that comes back finds its own number again, which is
 * the only one the relay would accept.
 */
#include <config.h>

#include "turn_peer.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#define BUCKETS_MIN  8
#define CHANNELS_MIN 8
#define CHANNELS_ALL ((size_t)(TURN_CHANNEL_MAX - TURN_CHANNEL_MIN + 1))

int turn_peers_init(struct turn_peers *ps)
{
	*ps = (struct turn_peers){ .next_ms = CLOCK_NEVER,
				   .renew_ms = TURN_PEER_RENEW_MS,
				   .limit_ms = TURN_PEER_RENEW_MS };
	/* Peers' addresses come from strangers: they must not be able to
	 * choose ones that share a bucket. */
	if (RAND_bytes((unsigned char *)&ps->seed, sizeof(ps->seed)) != 1)
		return -EIO;
	return 0;
}

void turn_peers_fini(struct turn_peers *ps)
{
	struct turn_peer *p, *next;

	for (size_t i = 0; i < ps->buckets; i++) {
		for (p = ps->bucket[i]; p != NULL; p = next) {
			next = p->next;
			free(p);
		}
	}
	free(ps->bucket);
	free(ps->channel);
	*ps = (struct turn_peers){ .next_ms = CLOCK_NEVER };
}

static size_t hash(const struct turn_peers *ps, const struct endpoint *e)
{
	const uint64_t m = 0x9e3779b97f4a7c15u;
	uint64_t a, b, h;
	uint32_t c;

	_Static_assert(sizeof(*e) == sizeof(a) + sizeof(b) + sizeof(c), "20");
	memcpy(&a, e, sizeof(a));
	memcpy(&b, (const uint8_t *)e + 8, sizeof(b));
	memcpy(&c, (const uint8_t *)e + 16, sizeof(c));
	h = (a ^ ps->seed) * m;
	h = (h ^ h >> 32 ^ b) * m;
	h = (h ^ h >> 32 ^ c) * m;
	return (size_t)(h ^ h >> 32);
}

struct turn_peer *turn_peers_find(const struct turn_peers *ps,
				  const struct endpoint *addr)
{
	struct turn_peer *p;

	if (ps->buckets == 0)
		return NULL;
	p = ps->bucket[hash(ps, addr) & (ps->buckets - 1)];
	while (p != NULL && !endpoint_equal(&p->addr, addr))
		p = p->next;
	return p;
}

struct turn_peer *turn_peers_by_channel(const struct turn_peers *ps,
					uint16_t channel)
{
	size_t i = (size_t)channel - TURN_CHANNEL_MIN;

	return channel >= TURN_CHANNEL_MIN && i < ps->channels ? ps->channel[i]
							       : NULL;
}

struct turn_peer *turn_peers_by_id(const struct turn_peers *ps,
				   const uint8_t id[STUN_ID_LEN])
{
	struct turn_peer *p = ps->pending;

	while (p != NULL && memcmp(p->txn.id, id, STUN_ID_LEN) != 0)
		p = p->pend_next;
	return p;
}

/* Without memory the chains get longer, no more. Only the first table is
 * needed. */
static int grow_buckets(struct turn_peers *ps)
{
	size_t n = ps->buckets > 0 ? ps->buckets * 2 : BUCKETS_MIN;
	struct turn_peer **bucket, *p, *next;
	size_t old = ps->buckets;

	if (ps->count < old)
		return 0;
	bucket = calloc(n, sizeof(struct turn_peer *));
	if (bucket == NULL)
		return old > 0 ? 0 : -ENOMEM;
	ps->buckets = n;
	for (size_t i = 0; i < old; i++) {
		for (p = ps->bucket[i]; p != NULL; p = next) {
			size_t at = hash(ps, &p->addr) & (n - 1);

			next = p->next;
			p->next = bucket[at];
			bucket[at] = p;
		}
	}
	free(ps->bucket);
	ps->bucket = bucket;
	return 0;
}

static int grow_channels(struct turn_peers *ps)
{
	size_t n = ps->channels > 0 ? ps->channels * 2 : CHANNELS_MIN;
	struct turn_peer **channel;

	channel = realloc(ps->channel, n * sizeof(struct turn_peer *));
	if (channel == NULL)
		return -ENOMEM;
	for (size_t i = ps->channels; i < n; i++)
		channel[i] = NULL;
	ps->channel = channel;
	ps->channels = n;
	return 0;
}

/* A number from an earlier connection may be far off. */
static int reach_channel(struct turn_peers *ps, size_t i)
{
	int err = 0;

	while (i >= ps->channels && err == 0)
		err = grow_channels(ps);
	return err;
}

static uint16_t give_channel(struct turn_peers *ps, struct turn_peer *p,
			     size_t i)
{
	ps->channel[i] = p;
	ps->channels_used++;
	return (uint16_t)(TURN_CHANNEL_MIN + i);
}

/* A free number, each used as late again as can be; 0: none. */
static uint16_t take_channel(struct turn_peers *ps, struct turn_peer *p)
{
	size_t i;

	if (ps->channels_used == CHANNELS_ALL)
		return 0;
	for (;; ps->channel_cursor = i + 1) {
		i = ps->channel_cursor % CHANNELS_ALL;
		if (reach_channel(ps, i) < 0)
			return 0;
		if (ps->channel[i] == NULL)
			break;
	}
	ps->channel_cursor = i + 1;
	return give_channel(ps, p, i);
}

/* This one, 0 when it is not free. */
static uint16_t keep_channel(struct turn_peers *ps, struct turn_peer *p,
			     uint16_t channel)
{
	size_t i = (size_t)channel - TURN_CHANNEL_MIN;

	if (channel < TURN_CHANNEL_MIN || channel > TURN_CHANNEL_MAX)
		return 0;
	if (reach_channel(ps, i) < 0 || ps->channel[i] != NULL)
		return 0;
	/* New peers get numbers that no peer of before has had. */
	if (ps->channel_cursor <= i)
		ps->channel_cursor = i + 1;
	return give_channel(ps, p, i);
}

static struct turn_peer *add(struct turn_peers *ps, const struct endpoint *addr)
{
	struct turn_peer *p, **bucket;

	if (ps->count >= TURN_PEERS_MAX || grow_buckets(ps) < 0)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->addr = *addr;
	bucket = &ps->bucket[hash(ps, addr) & (ps->buckets - 1)];
	p->next = *bucket;
	*bucket = p;
	ps->count++;
	return p;
}

static struct turn_peer *numbered(struct turn_peer *p, uint16_t channel)
{
	p->channel = channel;
	p->mode = channel != 0 ? TURN_PEER_CHANNEL : TURN_PEER_PERMISSION;
	return p;
}

struct turn_peer *turn_peers_add(struct turn_peers *ps,
				 const struct endpoint *addr, uint64_t now_ms)
{
	struct turn_peer *p = add(ps, addr);

	if (p == NULL)
		return NULL;
	p->used_ms = now_ms;
	return numbered(p, take_channel(ps, p));
}

struct turn_peer *turn_peers_restore(struct turn_peers *ps,
				     const struct endpoint *addr,
				     uint16_t channel)
{
	struct turn_peer *p = add(ps, addr);

	return p != NULL ? numbered(p, keep_channel(ps, p, channel)) : NULL;
}

void turn_peers_limit(struct turn_peers *ps, uint32_t lifetime_s)
{
	uint64_t half_ms = lifetime_s >= 2 ? lifetime_s * 500ull : 1000;

	if (half_ms >= ps->limit_ms)
		return;
	ps->limit_ms = half_ms;
	ps->renew_ms = half_ms;
}

void turn_peers_each(const struct turn_peers *ps,
		     void (*fn)(void *arg, struct turn_peer *p), void *arg)
{
	for (size_t i = 0; i < ps->buckets; i++) {
		for (struct turn_peer *p = ps->bucket[i]; p != NULL;
		     p = p->next)
			fn(arg, p);
	}
}

static void unlink_pending(struct turn_peer *p)
{
	if (p->pend_prev == NULL)
		return;
	*p->pend_prev = p->pend_next;
	if (p->pend_next != NULL)
		p->pend_next->pend_prev = p->pend_prev;
	p->pend_next = NULL;
	p->pend_prev = NULL;
}

static void link_pending(struct turn_peers *ps, struct turn_peer *p)
{
	if (p->pend_prev != NULL)
		return;
	p->pend_next = ps->pending;
	p->pend_prev = &ps->pending;
	if (ps->pending != NULL)
		ps->pending->pend_prev = &p->pend_next;
	ps->pending = p;
}

bool turn_peer_needs_ask(const struct turn_peers *ps, struct turn_peer *p,
			 uint64_t now_ms)
{
	if (p->mode == TURN_PEER_REFUSED) {
		if (now_ms < p->refused_until_ms)
			return false;
		p->mode = p->channel != 0 ? TURN_PEER_CHANNEL
					  : TURN_PEER_PERMISSION;
	}
	if (p->txn.active || now_ms < p->again_ms)
		return false;
	return !p->granted || now_ms >= p->granted_ms + ps->renew_ms;
}

static bool is_active(const struct turn_peer *p, uint64_t now_ms)
{
	return p->mode != TURN_PEER_REFUSED && p->granted &&
	       now_ms < p->used_ms + TURN_PEER_ACTIVE_MS;
}

/* When to ask the relay again, unasked; CLOCK_NEVER: not at all. */
static uint64_t ask_at_ms(const struct turn_peers *ps,
			  const struct turn_peer *p, uint64_t now_ms)
{
	uint64_t idle_ms = p->used_ms + TURN_PEER_IDLE_MS, at_ms;

	if (p->mode == TURN_PEER_REFUSED || now_ms >= idle_ms)
		return CLOCK_NEVER;
	if (p->again_ms != 0)
		at_ms = p->again_ms;
	else if (p->granted)
		at_ms = p->granted_ms + (is_active(p, now_ms)
						 ? ps->renew_ms
						 : TURN_PEER_REFRESH_MS);
	else
		return CLOCK_NEVER;
	return at_ms < idle_ms ? at_ms : CLOCK_NEVER;
}

static uint64_t forget_at_ms(const struct turn_peer *p)
{
	uint64_t idle_ms = p->used_ms + TURN_PEER_IDLE_MS;
	uint64_t held_ms = p->asked_ms + TURN_PEER_HOLD_MS;

	return idle_ms > held_ms ? idle_ms : held_ms;
}

/* When sweep() has something to do about this peer. */
static uint64_t peer_next_ms(const struct turn_peers *ps,
			     const struct turn_peer *p, uint64_t now_ms)
{
	uint64_t ask_ms;

	if (p->txn.active)
		return stun_txn_next_ms(&p->txn);
	ask_ms = ask_at_ms(ps, p, now_ms);
	return ask_ms != CLOCK_NEVER ? ask_ms : forget_at_ms(p);
}

static void schedule(struct turn_peers *ps, const struct turn_peer *p,
		     uint64_t now_ms)
{
	uint64_t next_ms = peer_next_ms(ps, p, now_ms);

	if (next_ms < ps->next_ms)
		ps->next_ms = next_ms;
}

int turn_peer_ask(struct turn_peers *ps, struct turn_peer *p, uint64_t now_ms)
{
	uint16_t method = p->mode == TURN_PEER_CHANNEL
				  ? STUN_METHOD_CHANNEL_BIND
				  : STUN_METHOD_CREATE_PERMISSION;
	int r = stun_txn_begin(&p->txn, method, now_ms);

	if (r < 0) {
		unlink_pending(p);
		return r;
	}
	if (ps->datagram)
		stun_txn_repeat(&p->txn, ps->rto_ms, now_ms);
	p->asked_ms = now_ms;
	p->again_ms = 0;
	p->due = true;
	link_pending(ps, p);
	schedule(ps, p, now_ms);
	return 0;
}

void turn_peer_settle(struct turn_peers *ps, struct turn_peer *p, bool granted,
		      uint64_t now_ms)
{
	stun_txn_end(&p->txn);
	unlink_pending(p);
	p->due = false;
	p->granted = granted;
	if (granted)
		p->again = 0;
	/* Counted from the request: the relay's clock started later. */
	p->granted_ms = p->asked_ms;
	schedule(ps, p, now_ms);
}

void turn_peer_postpone(struct turn_peers *ps, struct turn_peer *p,
			uint64_t wait_ms, uint64_t now_ms)
{
	stun_txn_end(&p->txn);
	unlink_pending(p);
	p->due = false;
	p->again++;
	p->again_ms = now_ms + wait_ms;
	schedule(ps, p, now_ms);
}

void turn_peer_refuse(struct turn_peers *ps, struct turn_peer *p,
		      uint64_t now_ms)
{
	p->again = 0;
	p->again_ms = 0;
	p->mode = TURN_PEER_REFUSED;
	p->refused_until_ms = now_ms + TURN_PEER_REFUSED_MS;
	turn_peer_settle(ps, p, false, now_ms);
}

void turn_peer_used(struct turn_peers *ps, struct turn_peer *p, uint64_t now_ms)
{
	/* Back after a long silence: its renewal may be overdue. */
	bool awakes = now_ms >= p->used_ms + TURN_PEER_ACTIVE_MS;

	p->used_ms = now_ms;
	if (awakes)
		schedule(ps, p, now_ms);
}

static void forget(struct turn_peers *ps, struct turn_peer **at)
{
	struct turn_peer *p = *at;

	unlink_pending(p);
	if (p->channel != 0) {
		ps->channel[p->channel - TURN_CHANNEL_MIN] = NULL;
		ps->channels_used--;
	}
	*at = p->next;
	ps->count--;
	free(p);
}

/* False when the peer has been forgotten. */
static bool sweep_one(struct turn_peers *ps, struct turn_peer **at,
		      uint64_t now_ms)
{
	struct turn_peer *p = *at;

	if (p->txn.active)
		return true;
	if (now_ms >= forget_at_ms(p)) {
		forget(ps, at);
		return false;
	}
	/* Without randomness now, the next datagram asks. */
	if (now_ms >= ask_at_ms(ps, p, now_ms) &&
	    turn_peer_ask(ps, p, now_ms) < 0)
		p->granted = false;
	return true;
}

void turn_peers_sweep(struct turn_peers *ps, uint64_t now_ms)
{
	uint64_t renew_ms = 0;

	if (now_ms < ps->next_ms)
		return;
	ps->next_ms = CLOCK_NEVER;
	for (size_t i = 0; i < ps->buckets; i++) {
		struct turn_peer **at = &ps->bucket[i];

		while (*at != NULL) {
			if (!sweep_one(ps, at, now_ms))
				continue;
			schedule(ps, *at, now_ms);
			if (is_active(*at, now_ms))
				renew_ms += TURN_PEER_RENEW_EACH_MS;
			at = &(*at)->next;
		}
	}
	if (renew_ms > TURN_PEER_REFRESH_MS)
		renew_ms = TURN_PEER_REFRESH_MS;
	ps->renew_ms = renew_ms > ps->limit_ms ? renew_ms : ps->limit_ms;
}
