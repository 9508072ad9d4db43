/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_cost.c - what a decision costs an app, by the number of rules
 *
 * Makes tables of the policy page, asks preload/policy.c about destinations
 * that it has not been asked about a moment ago, in batches, and looks at every
 * rule of the same table for the same destinations, in turn: the figures of one
 * line come from the same seconds. Prints JSON. Needs no tunneld.
 *
 *   mixed  networks of both families, nested, ports and ranges, both protocols
 *   ports  every rule for any address, at ranges of ports that overlap
 *   who    as mixed, and every other rule for another program
 *   worst  half of the rules match every address and no port, half of them
 * every port and no address: the sets have all words in common and no bit
 *
 * Half of the destinations are in a rule's network, the others anywhere.
 */
#include <config.h>

#include "../../preload/client.h"
#include "../../preload/policy.h"
#include "../../tunneld/page_index.h"

#include <turnout/compiler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DESTINATIONS 16384
#define BATCH        64
#define BATCHES      (DESTINATIONS / BATCH)
#define ROUNDS       5

enum kind {
	KIND_MIXED = 0,
	KIND_PORTS,
	KIND_WHO,
	KIND_WORST,
	KIND_NUM,
};

static const char *const kind_names[] = {
	[KIND_MIXED] = "mixed",
	[KIND_PORTS] = "ports",
	[KIND_WHO] = "who",
	[KIND_WORST] = "worst",
};
_Static_assert(ARRAY_SIZE(kind_names) == KIND_NUM, "names");

static struct page *page;
static struct endpoint dest[DESTINATIONS];
static uint64_t state = 1;

/* What preload/policy.c asks of preload/client.c. */
bool client_active(void)
{
	return true;
}

void client_set_program(const char *path)
{
	(void)path;
}

const struct page *client_page(void)
{
	return page;
}

/* splitmix64: the same numbers at each run. */
static uint32_t draw(uint32_t below)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % below);
}

static void draw_ip(uint8_t family, uint8_t ip[16])
{
	memset(ip, 0, 16);
	for (int i = 0; i < (family == ENDPOINT_IPV4 ? 4 : 16); i++)
		ip[i] = (uint8_t)draw(256);
	/* 2000::/3, and a few networks that nest. */
	if (family == ENDPOINT_IPV6)
		ip[0] = 0x20;
	ip[1] &= 0x0f;
}

static void draw_ports(struct page_rule *r, bool always)
{
	r->port_max = UINT16_MAX;
	if (!always && draw(2) == 0)
		return;
	r->port_min = (uint16_t)(1 + draw(60000));
	r->port_max = (uint16_t)(r->port_min + draw(3) * draw(2000));
}

static void clear_host_bits(struct page_rule *r)
{
	for (unsigned int i = r->prefix_bits; i < 128; i++)
		r->ip[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static void draw_rule(struct page_rule *r, enum kind kind, uint32_t i)
{
	*r = (struct page_rule){ .action = (uint8_t)draw(POLICY_NUM_ACTIONS),
				 .protocol = (uint8_t)draw(3) };
	if (kind == KIND_WORST && i % 2 != 0) {
		r->port_max = UINT16_MAX;
		r->family = ENDPOINT_IPV4;
		r->prefix_bits = 32;
		return;
	}
	if (kind == KIND_WORST)
		return; /* any address, port 0 */
	draw_ports(r, kind == KIND_PORTS);
	r->who = kind == KIND_WHO && i % 2 != 0 ? (uint16_t)(1 + draw(16)) : 0;
	if (kind == KIND_PORTS)
		return;
	r->family = draw(2) != 0 ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
	r->prefix_bits = (uint8_t)(r->family == ENDPOINT_IPV4 ? 12 + draw(21)
							      : 24 + draw(105));
	draw_ip(r->family, r->ip);
	clear_host_bits(r);
}

static int make_table(enum kind kind, uint32_t rules)
{
	struct page_table *t = &page->table[0];

	t->rule_count = rules;
	t->who_count = kind == KIND_WHO ? 16 : 0;
	for (uint32_t i = 0; i < t->who_count; i++) {
		t->who[i] = (struct page_who){ .uid = 0 };
		snprintf(t->who[i].program, sizeof(t->who[i].program),
			 "other-%u-*", i);
	}
	t->default_action[POLICY_TCP] = POLICY_PROXY;
	t->default_action[POLICY_UDP] = POLICY_TUNNEL;
	for (uint32_t i = 0; i < rules; i++)
		draw_rule(&t->rules[i], kind, i);
	/* Another tag, as after a reload. */
	atomic_fetch_add(&page->epoch, 1);
	return page_index_build(t);
}

static void draw_destinations(void)
{
	const struct page_table *t = &page->table[0];

	for (size_t i = 0; i < DESTINATIONS; i++) {
		const struct page_rule *r = &t->rules[draw(t->rule_count)];
		struct endpoint *e = &dest[i];

		e->family = draw(2) != 0 ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
		draw_ip(e->family, e->ip);
		e->port_be = htons((uint16_t)(1 + draw(65535)));
		if (i % 2 == 0 || r->prefix_bits == 0 || r->ip[0] == 0)
			continue;
		e->family = r->family;
		memcpy(e->ip, r->ip, sizeof(e->ip));
		e->ip[r->family == ENDPOINT_IPV4 ? 3 : 15] |= (uint8_t)draw(2);
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct figures {
	double ns[BATCHES * ROUNDS];
	size_t count;
};

/* Used, so that nothing is optimised away. */
static volatile unsigned int sink;

static void time_batch(struct figures *f, size_t batch, bool scan)
{
	const struct policy_client self = { 1, "/usr/bin/app" };
	const struct endpoint *e = &dest[batch * BATCH];
	unsigned int sum = 0;
	uint64_t start = now_ns();

	for (size_t i = 0; i < BATCH; i++) {
		enum policy_protocol protocol = i % 2 ? POLICY_TCP : POLICY_UDP;

		sum += scan ? page_table_scan(&page->table[0], protocol, &e[i],
					      &self)
			    : (unsigned int)policy_decide(protocol, &e[i]);
	}
	f->ns[f->count++] = (double)(now_ns() - start) / BATCH;
	sink += sum;
}

static void print(const char *name, struct figures *f)
{
	qsort(f->ns, f->count, sizeof(f->ns[0]), by_size);
	printf(", \"%s_min\": %.1f, \"%s_median\": %.1f", name, f->ns[0], name,
	       f->ns[f->count / 2]);
}

static int measure(enum kind kind, uint32_t rules, bool last)
{
	static struct figures index, scan;

	index.count = scan.count = 0;
	if (make_table(kind, rules) < 0)
		return -1;
	draw_destinations();
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < BATCHES; i++)
			time_batch(&index, i, false);
		/* Long batches: fewer of them tell as much. */
		for (size_t i = 0; i < BATCHES; i += 8)
			time_batch(&scan, i, true);
	}
	printf(" {\"rules\": %u, \"kind\": \"%s\"", rules, kind_names[kind]);
	print("index", &index);
	print("scan", &scan);
	printf(", \"ratio\": %.2f}%s\n",
	       scan.ns[scan.count / 2] / index.ns[index.count / 2],
	       last ? "" : ",");
	return 0;
}

int main(void)
{
	static const uint32_t sizes[] = { 1, 10, 100, 1000, 2700 };

	page = calloc(1, sizeof(*page));
	if (page == NULL)
		return 1;
	atomic_store(&page->state, PAGE_UP);
	policy_init();
	printf("[\n");
	for (int kind = 0; kind < KIND_NUM; kind++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			if (measure((enum kind)kind, sizes[i],
				    kind == KIND_NUM - 1 &&
					    i == ARRAY_SIZE(sizes) - 1) < 0)
				return 1;
	printf("]\n");
	free(page);
	return 0;
}
