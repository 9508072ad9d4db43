/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * page_index.c - the index of a table of the policy page
 *
 * Turns rules into the two lines of <turnout/page.h>: a sweep along each
 * switches rules on where they begin and off behind their end, and writes down
 * the set of those that are on wherever it has changed. Most sets are met again
 * and again (behind a network comes what was before it), so each stands in the
 * arena once.
 */
#include <config.h>

#include "page_index.h"

#include <turnout/page.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than there can be sets, and a power of two. */
#define SEEN_SLOTS 32768u
_Static_assert(SEEN_SLOTS > 2 * 2 * PAGE_STEPS_MAX, "half of it is empty");

/* The v4-mapped addresses, where the line has IPv4. */
static const struct page_addr mapped_first = { 0, UINT64_C(0xffff00000000) };
static const struct page_addr mapped_last = { 0, UINT64_C(0xffffffffffff) };

/* Here a rule begins, or is over. */
struct turn {
	struct page_addr at;
	uint32_t rule;
};

struct sweep {
	struct page_table *table;
	struct turn *turns; /* two intervals a rule at most */
	size_t turn_count;
	uint64_t on[PAGE_WORDS];
	uint32_t *seen; /* sets by hash: place in the arena + 1, or 0 */
};

/* Write step number `i` of a line. */
typedef void(step_fn)(struct page_table *t, uint32_t i,
		      const struct page_addr *at, uint32_t set);

static int compare(const struct page_addr *a, const struct page_addr *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low < b->low ? -1 : a->low > b->low;
}

static int by_place(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return compare(&x->at, &y->at);
}

static void add_turn(struct sweep *s, struct page_addr at, uint32_t rule)
{
	s->turns[s->turn_count++] = (struct turn){ at, rule };
}

static void add_interval(struct sweep *s, struct page_addr first,
			 struct page_addr last, uint32_t rule)
{
	add_turn(s, first, rule);
	if (++last.low == 0 && ++last.high == 0)
		return; /* it has no end */
	add_turn(s, last, rule);
}

/* Ones for the last `bits` of 128. */
static struct page_addr low_bits(unsigned int bits)
{
	struct page_addr a = { 0, 0 };

	if (bits >= 64)
		a.low = UINT64_MAX;
	else
		a.low = (UINT64_C(1) << bits) - 1;
	if (bits >= 128)
		a.high = UINT64_MAX;
	else if (bits > 64)
		a.high = (UINT64_C(1) << (bits - 64)) - 1;
	return a;
}

static void add_prefix(struct sweep *s, const struct page_rule *r,
		       uint32_t rule)
{
	unsigned int whole = r->family == ENDPOINT_IPV4 ? 32 : 128;
	unsigned int bits = r->prefix_bits < whole ? r->prefix_bits : whole;
	struct page_addr rest = low_bits(whole - bits), first, last;
	struct endpoint e = { .family = r->family };

	memcpy(e.ip, r->ip, sizeof(e.ip));
	first = page_addr_of(&e);
	first.high &= ~rest.high;
	first.low &= ~rest.low;
	last = (struct page_addr){ first.high | rest.high,
				   first.low | rest.low };
	if (r->family == ENDPOINT_IPV4 || compare(&last, &mapped_first) < 0 ||
	    compare(&first, &mapped_last) > 0) {
		add_interval(s, first, last, rule);
		return;
	}
	/* An IPv6 network around IPv4 has none of it; within, there is none. */
	if (compare(&first, &mapped_first) < 0)
		add_interval(s, first,
			     (struct page_addr){ 0, mapped_first.low - 1 },
			     rule);
	if (compare(&last, &mapped_last) > 0)
		add_interval(s, (struct page_addr){ 0, mapped_last.low + 1 },
			     last, rule);
}

static void add_addresses(struct sweep *s)
{
	const struct page_table *t = s->table;

	for (uint32_t i = 0; i < t->rule_count; i++) {
		if (t->rules[i].family == ENDPOINT_NONE)
			add_interval(s, (struct page_addr){ 0, 0 },
				     low_bits(128), i);
		else
			add_prefix(s, &t->rules[i], i);
	}
}

static void add_ports(struct sweep *s)
{
	const struct page_table *t = s->table;

	for (uint32_t i = 0; i < t->rule_count; i++) {
		uint16_t first = t->rules[i].port_min;
		uint16_t last = t->rules[i].port_max;

		add_turn(s, (struct page_addr){ 0, first }, i);
		if (last != UINT16_MAX)
			add_turn(s, (struct page_addr){ 0, last + 1u }, i);
	}
}

static uint64_t hash(const uint64_t *set, size_t words)
{
	uint64_t h = words;

	for (size_t i = 0; i < words; i++) {
		h = (h ^ set[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h;
}

/* Where in the arena the set of the rules that are on stands. */
static uint32_t intern(struct sweep *s)
{
	struct page_table *t = s->table;
	uint64_t set[1 + PAGE_WORDS] = { 0 };
	size_t words = 1;
	uint32_t slot;

	for (uint32_t i = 0; i < PAGE_WORDS; i++) {
		if (s->on[i] == 0)
			continue;
		set[0] |= UINT64_C(1) << i;
		set[words++] = s->on[i];
	}
	slot = (uint32_t)hash(set, words) % SEEN_SLOTS;
	for (; s->seen[slot] != 0; slot = (slot + 1) % SEEN_SLOTS) {
		/* The first word tells how many follow. */
		const uint64_t *other = &t->arena[s->seen[slot] - 1];

		if (other[0] == set[0] &&
		    memcmp(other, set, words * sizeof(set[0])) == 0)
			return s->seen[slot] - 1;
	}
	memcpy(&t->arena[t->arena_words], set, words * sizeof(set[0]));
	s->seen[slot] = t->arena_words + 1;
	t->arena_words += (uint32_t)words;
	return s->seen[slot] - 1;
}

/* Along one line; how many steps it has. */
static uint32_t run(struct sweep *s, step_fn *step)
{
	struct page_addr at = { 0, 0 };
	uint32_t steps = 0, set, last = UINT32_MAX;
	size_t i = 0;

	qsort(s->turns, s->turn_count, sizeof(s->turns[0]), by_place);
	memset(s->on, 0, sizeof(s->on));
	for (;;) {
		for (; i < s->turn_count && compare(&s->turns[i].at, &at) == 0;
		     i++)
			s->on[s->turns[i].rule / 64] ^= UINT64_C(1)
							<< s->turns[i].rule %
								   64;
		set = intern(s);
		if (set != last)
			step(s->table, steps++, &at, set);
		last = set;
		if (i == s->turn_count)
			return steps;
		at = s->turns[i].at;
	}
}

static void put_addr(struct page_table *t, uint32_t i,
		     const struct page_addr *at, uint32_t set)
{
	t->addr[i] = *at;
	t->addr_set[i] = set;
}

static void put_port(struct page_table *t, uint32_t i,
		     const struct page_addr *at, uint32_t set)
{
	t->port[i] = (uint16_t)at->low;
	t->port_set[i] = set;
}

static void put_protocols(struct page_table *t)
{
	memset(t->protocol, 0, sizeof(t->protocol));
	for (uint32_t i = 0; i < t->rule_count; i++) {
		uint64_t bit = UINT64_C(1) << i % 64;

		if (t->rules[i].protocol != POLICY_UDP)
			t->protocol[0][i / 64] |= bit;
		if (t->rules[i].protocol != POLICY_TCP)
			t->protocol[1][i / 64] |= bit;
	}
}

int page_index_build(struct page_table *t)
{
	struct sweep s = {
		.table = t,
		.turns = calloc(4 * (size_t)t->rule_count + 1,
				sizeof(*s.turns)),
		.seen = calloc(SEEN_SLOTS, sizeof(*s.seen)),
	};
	int error = -ENOMEM;

	t->arena_words = t->addr_steps = t->port_steps = 0;
	if (s.turns != NULL && s.seen != NULL) {
		put_protocols(t);
		add_addresses(&s);
		t->addr_steps = run(&s, put_addr);
		s.turn_count = 0;
		add_ports(&s);
		t->port_steps = run(&s, put_port);
		error = 0;
	}
	free(s.turns);
	free(s.seen);
	return error;
}
