/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_page_index.c - the index says what looking at every rule says
 *
 * Rules and destinations are drawn at random from small sets, so that they
 * meet: the same networks nested, ports that touch, IPv6 networks around the
 * place of IPv4, programs and users.
 */
#include <config.h>

#include "../tunneld/page_index.h"

#include "lib/unit.h"

#include <turnout/page.h>

#include <stdlib.h>
#include <string.h>

static struct page_table *table;
static uint64_t state;

static int set_up(void)
{
	table = calloc(1, sizeof(*table));
	return table == NULL;
}

static int tear_down(void)
{
	free(table);
	return 0;
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
	static const uint8_t often[] = { 0, 1, 10, 127, 128, 254, 255 };
	unsigned int bytes = family == ENDPOINT_IPV4 ? 4 : 16;

	memset(ip, 0, 16);
	for (unsigned int i = 0; i < bytes; i++)
		ip[i] = draw(8) != 0 ? often[draw(ARRAY_SIZE(often))]
				     : (uint8_t)draw(256);
	/* Zeros, and all but the mapped addresses. */
	if (family == ENDPOINT_IPV6 && draw(2) != 0)
		memset(ip, 0, 8 + draw(5));
}

static uint16_t draw_port(void)
{
	static const uint16_t often[] = { 0, 1, 53, 80, 443, 65534, 65535 };

	return draw(4) != 0 ? often[draw(ARRAY_SIZE(often))]
			    : (uint16_t)draw(65536);
}

static void clear_host_bits(uint8_t ip[16], unsigned int bits)
{
	for (unsigned int i = bits; i < 128; i++)
		ip[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static void draw_rule(struct page_rule *r)
{
	static const uint8_t families[] = { 0, ENDPOINT_IPV4, ENDPOINT_IPV6 };
	uint16_t a = draw_port(), b = draw_port();

	*r = (struct page_rule){
		.action = (uint8_t)draw(POLICY_NUM_ACTIONS),
		.protocol = (uint8_t)draw(3),
		.family = families[draw(8) == 0 ? 0 : 1 + draw(2)],
		.port_max = UINT16_MAX,
		.who = (uint16_t)(draw(3) == 0 ? 1 + draw(table->who_count + 1)
					       : 0),
	};
	if (r->who > table->who_count)
		r->who = 0;
	if (draw(2) != 0) {
		r->port_min = a < b ? a : b;
		r->port_max = a < b ? b : a;
	}
	if (r->family == ENDPOINT_NONE)
		return;
	r->prefix_bits = (uint8_t)draw(r->family == ENDPOINT_IPV4 ? 33 : 129);
	draw_ip(r->family, r->ip);
	clear_host_bits(r->ip, r->prefix_bits);
}

/* Half of the destinations lie at the edge of a rule. */
static struct endpoint draw_destination(void)
{
	struct endpoint e = { .port_be = htons(draw_port()) };
	const struct page_rule *r;

	e.family = draw(2) != 0 ? ENDPOINT_IPV4 : ENDPOINT_IPV6;
	draw_ip(e.family, e.ip);
	if (table->rule_count == 0 || table->rule_count > PAGE_RULES_MAX ||
	    draw(2) == 0)
		return e;
	r = &table->rules[draw(table->rule_count)];
	if (r->family == ENDPOINT_NONE)
		return e;
	e.family = r->family;
	memcpy(e.ip, r->ip, sizeof(e.ip));
	if (draw(2) != 0)
		e.ip[r->family == ENDPOINT_IPV4 ? 3 : 15] ^= (uint8_t)draw(2);
	e.port_be = htons((uint16_t)(r->port_max + draw(2)));
	return e;
}

static bool is_mapped(const struct endpoint *e)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return e->family == ENDPOINT_IPV6 &&
	       memcmp(e->ip, prefix, sizeof(prefix)) == 0;
}

static void draw_table(uint32_t rules)
{
	static const char *const programs[] = { "",         "app",    "ap*",
						"/bin/app", "/opt/*", "other" };

	table->who_count = draw(ARRAY_SIZE(programs) + 1);
	for (uint32_t i = 0; i < table->who_count; i++) {
		table->who[i] = (struct page_who){
			.by_user = (uint8_t)draw(2),
			.uid = draw(2),
		};
		strcpy(table->who[i].program, programs[i]);
	}
	for (int i = 0; i < 4; i++)
		table->default_action[i] = (uint8_t)draw(POLICY_NUM_ACTIONS);
	table->rule_count = rules;
	for (uint32_t i = 0; i < rules; i++)
		draw_rule(&table->rules[i]);
	CU_ASSERT_EQUAL_FATAL(page_index_build(table), 0);
	CU_ASSERT(table->addr_steps <= PAGE_STEPS_MAX);
	CU_ASSERT(table->port_steps <= PAGE_STEPS_MAX);
	CU_ASSERT(table->arena_words <= PAGE_ARENA_WORDS - 64);
}

static bool agree(const struct policy_client *client, struct page_mask *mask,
		  uint32_t tag)
{
	struct endpoint e = draw_destination();
	enum policy_protocol protocol = draw(2) ? POLICY_TCP : POLICY_UDP;
	uint8_t right;

	if (is_mapped(&e))
		return true; /* no endpoint is one */
	right = page_table_scan(table, protocol, &e, client);
	return page_table_find(table, protocol, &e, client, NULL, tag) ==
		       right &&
	       page_table_find(table, protocol, &e, client, mask, tag) == right;
}

static void test_random(void)
{
	static const struct policy_client clients[] = { { 0, "/bin/app" },
							{ 1, "/opt/app" },
							{ 1, NULL } };
	static const uint32_t sizes[] = {
		0, 1, 2, 5, 40, 63, 64, 65, 200, 700
	};
	struct page_mask mask[ARRAY_SIZE(clients)] = { 0 };
	size_t wrong = 0;

	state = 1;
	for (uint32_t tag = 1; tag <= 200; tag++) {
		draw_table(sizes[draw(ARRAY_SIZE(sizes))]);
		for (int i = 0; i < 600; i++) {
			size_t who = draw(ARRAY_SIZE(clients));

			wrong += !agree(&clients[who], &mask[who], tag);
		}
		for (int i = 0; i < 50; i++)
			wrong += !agree(NULL, NULL, tag);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* As many rules as there can be, all of them cutting both lines. */
static void test_full(void)
{
	size_t wrong = 0;

	state = 2;
	draw_table(PAGE_RULES_MAX);
	for (int i = 0; i < 3000; i++)
		wrong += !agree(NULL, NULL, 1);
	table->who_count = 0;
	for (uint32_t i = 0; i < PAGE_RULES_MAX; i++)
		table->rules[i] = (struct page_rule){
			.action = (uint8_t)(i % POLICY_NUM_ACTIONS),
			.family = i % 2 ? ENDPOINT_IPV4 : ENDPOINT_IPV6,
			.prefix_bits = 32,
			.ip = { (uint8_t)(i >> 8), (uint8_t)i, 1, 1 },
			.port_min = (uint16_t)(2 * i + 1),
			.port_max = (uint16_t)(40000 + 2 * i),
		};
	CU_ASSERT_EQUAL(page_index_build(table), 0);
	for (int i = 0; i < 3000; i++)
		wrong += !agree(NULL, NULL, 2);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(table->addr_steps <= PAGE_STEPS_MAX);
	CU_ASSERT(table->port_steps <= PAGE_STEPS_MAX);
	CU_ASSERT(table->arena_words <= PAGE_ARENA_WORDS - 64);
}

/* A word of a mask under an old tag counts for nothing. */
static void test_tags(void)
{
	const struct policy_client client = { 0, "/bin/app" };
	const struct endpoint dest = { .family = ENDPOINT_IPV4 };
	struct page_mask mask = { 0 };

	table->rule_count = table->who_count = 1;
	table->rules[0] = (struct page_rule){ .action = POLICY_BLOCK,
					      .port_max = UINT16_MAX,
					      .who = 1 };
	memset(table->default_action, POLICY_PROXY, 4);
	table->who[0] = (struct page_who){ .program = "app" };
	CU_ASSERT_EQUAL(page_index_build(table), 0);
	CU_ASSERT_EQUAL(
		page_table_find(table, POLICY_TCP, &dest, &client, &mask, 1),
		POLICY_BLOCK);
	strcpy(table->who[0].program, "other");
	CU_ASSERT_EQUAL(
		page_table_find(table, POLICY_TCP, &dest, &client, &mask, 1),
		POLICY_BLOCK);
	CU_ASSERT_EQUAL(
		page_table_find(table, POLICY_TCP, &dest, &client, &mask, 2),
		POLICY_PROXY);
}

/* Whatever the file holds: no fault, and an answer. */
static void test_nonsense(void)
{
	const struct policy_client client = { 0, "/bin/app" };
	const size_t words = sizeof(*table) / sizeof(uint32_t);
	struct page_mask mask = { 0 };

	state = 3;
	for (uint32_t round = 1; round <= 24; round++) {
		uint32_t *word = (uint32_t *)(void *)table;
		uint32_t below = round % 3 == 0 ? PAGE_STEPS_MAX : UINT32_MAX;

		for (size_t i = 0; i < words; i++)
			word[i] = draw(below);
		if (round % 2 == 0) {
			table->addr_steps = 1 + draw(PAGE_STEPS_MAX);
			table->port_steps = draw(PAGE_STEPS_MAX + 1);
			table->rule_count = 0;
		}
		for (int i = 0; i < 2000; i++) {
			struct endpoint e = draw_destination();

			page_table_find(table, POLICY_TCP, &e, &client, &mask,
					round);
			CU_ASSERT_FATAL(
				page_table_decide(table, POLICY_UDP, &e, NULL) <
				POLICY_NUM_ACTIONS);
		}
	}
}

static CU_TestInfo tests[] = {
	{ "random rules", test_random },
	{ "as many rules as fit", test_full },
	{ "a table of nonsense", test_nonsense },
	{ "what is known of a client ends with the table", test_tags },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "page_index",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)
