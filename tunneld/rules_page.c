/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules_page.c - rules and what the daemon knows, as the policy page
 *
 * Turns the user's rules, no_proxy, the hops and the built-in defaults into
 * one ordered list of address rules for apps: first match wins.
 */
#include <config.h>

#include "addr.h"
#include "page_index.h"
#include "rules_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DNS_PORT 53

/* The machine and its surroundings: never through a proxy or a relay. */
static const struct surrounding {
	const char *prefix;
	const char *is;
} surroundings[] = {
	{ "0.0.0.0/32", "this host (RFC 1122)" },
	{ "10.0.0.0/8", "private (RFC 1918)" },
	{ "100.64.0.0/10", "shared by a provider's customers (RFC 6598)" },
	{ "127.0.0.0/8", "loopback" },
	{ "169.254.0.0/16", "link-local (RFC 3927)" },
	{ "172.16.0.0/12", "private (RFC 1918)" },
	{ "192.168.0.0/16", "private (RFC 1918)" },
	{ "224.0.0.0/4", "multicast (RFC 5771)" },
	{ "255.255.255.255/32", "the local broadcast (RFC 919)" },
	{ "::/128", "this host (RFC 4291)" },
	{ "::1/128", "loopback" },
	{ "fc00::/7", "private (RFC 4193)" },
	{ "fe80::/10", "link-local (RFC 4291)" },
	{ "ff00::/8", "multicast (RFC 4291)" },
};

void rules_surrounding_words(size_t index, char *words, size_t words_max)
{
	snprintf(words, words_max, "%s is %s", surroundings[index].prefix,
		 surroundings[index].is);
}

/* A page in the making. */
struct making {
	struct page_table *table;
	struct rules_note *notes; /* NULL: nobody will ask why */
	struct rules_note note;   /* of the rules that follow */
};

/* Which of the table's this is, from 1 on; 0: everybody. */
static uint16_t who_of(struct page_table *t, const struct page_who *who)
{
	uint32_t i = 0;

	if (page_who_is_any(who))
		return 0;
	while (i < t->who_count && memcmp(&t->who[i], who, sizeof(*who)) != 0)
		i++;
	if (i == t->who_count)
		t->who[t->who_count++] = *who;
	return (uint16_t)(i + 1);
}

static int put(struct making *m, const struct rule *r)
{
	uint32_t n = m->table->rule_count;
	struct page_rule *out = &m->table->rules[n];

	if (n >= PAGE_RULES_MAX)
		return -E2BIG;
	m->table->rule_count++;
	*out = (struct page_rule){
		.action = (uint8_t)r->action,
		.protocol = (uint8_t)r->protocol,
		.family = r->ip.family,
		.prefix_bits = r->prefix_bits,
		.port_min = r->port_min,
		.port_max = r->port_max,
		.who = who_of(m->table, &r->who),
	};
	memcpy(out->ip, r->ip.ip, sizeof(out->ip));
	if (m->notes != NULL)
		m->notes[n] = m->note;
	return 0;
}

static int put_prefix(struct making *m, enum policy_action action,
		      enum policy_protocol protocol, const struct endpoint *ip,
		      uint8_t bits, uint16_t port)
{
	const struct rule r = {
		.action = action,
		.protocol = protocol,
		.ip = *ip,
		.prefix_bits = bits,
		.port_min = port,
		.port_max = port ? port : UINT16_MAX,
	};

	return put(m, &r);
}

static int put_host(struct making *m, enum policy_protocol protocol,
		    const struct endpoint *ip)
{
	return put_prefix(m, POLICY_DIRECT, protocol, ip,
			  ip->family == ENDPOINT_IPV4 ? 32 : 128,
			  endpoint_port(ip));
}

/* Addresses that stand for names: the daemon decides by the name. */
static int put_pool(struct making *m, const struct rules_context *ctx,
		    const struct endpoint *pool, uint8_t bits)
{
	enum policy_action udp = rules_effective(ctx, POLICY_TUNNEL);
	int error;

	if (pool->family == ENDPOINT_NONE)
		return 0;
	m->note = (struct rules_note){ .reason = RULES_REASON_POOL };
	error = put_prefix(m, POLICY_PROXY, POLICY_TCP, pool, bits, 0);
	if (error == 0)
		error = put_prefix(m, udp, POLICY_UDP, pool, bits, 0);
	return error;
}

/* Else the tunnel would be carried by the tunnel. */
static int put_hops(struct making *m, const struct rules_context *ctx)
{
	int error = 0;

	m->note = (struct rules_note){ .reason = RULES_REASON_HOP };
	for (size_t i = 0; i < ctx->hop_count && error == 0; i++) {
		bool udp = i + ctx->udp_hop_count >= ctx->hop_count;

		if (ctx->hops[i].family != ENDPOINT_NONE)
			error = put_host(m, udp ? POLICY_ANY : POLICY_TCP,
					 &ctx->hops[i]);
	}
	return error;
}

static int put_rule(struct making *m, const struct rules_context *ctx,
		    size_t index, struct rule r)
{
	m->note = (struct rules_note){ RULES_REASON_RULE, (uint32_t)index };
	r.action = rules_effective(ctx, r.action);
	return put(m, &r);
}

/* Queries of resolvers inside apps are answered by the daemon, whatever
 * address the name server has, unless a rule names the port (a rule for UDP
 * names it for UDP). */
static int put_dns(struct making *m, const struct rules_context *ctx)
{
	static const struct endpoint any;
	int error = 0;

	for (size_t i = 0; i < ctx->user->count && error == 0; i++) {
		struct rule r = ctx->user->rule[i];

		if (!rules_by_address(&r) || rules_any_port(&r) ||
		    r.port_min > DNS_PORT || r.port_max < DNS_PORT)
			continue;
		r.port_min = r.port_max = DNS_PORT;
		error = put_rule(m, ctx, i, r);
	}
	m->note = (struct rules_note){ .reason = RULES_REASON_DNS };
	if (error != 0 || (!ctx->have_proxy && !ctx->tunnel_udp))
		return error;
	error = put_prefix(m, POLICY_TUNNEL, POLICY_UDP, &any, 0, DNS_PORT);
	return error != 0 ? error
			  : put_prefix(m, POLICY_PROXY, POLICY_TCP, &any, 0,
				       DNS_PORT);
}

/* A rule for somebody about the name is one about its address. What depends on
 * the port is not direct, whoever asks: tunneld decides by name. */
static int put_learned_for(struct making *m, const struct rules_context *ctx,
			   const struct rules_learned *l,
			   enum policy_protocol protocol)
{
	int error = 0;

	for (size_t i = 0; i < ctx->user->count && error == 0; i++) {
		struct rule r = ctx->user->rule[i];

		if (rules_is_any(&r) || !rules_name_matches(&r, l->name) ||
		    (r.protocol != POLICY_ANY && r.protocol != protocol))
			continue;
		r.action = rules_effective(ctx, r.action);
		if (!rules_any_port(&r) && r.action == POLICY_DIRECT)
			continue;
		if (!rules_any_port(&r) || page_who_is_any(&r.who))
			break;
		r.protocol = protocol;
		r.ip = l->ip;
		r.prefix_bits = l->ip.family == ENDPOINT_IPV4 ? 32 : 128;
		error = put(m, &r);
	}
	return error;
}

/* Addresses of direct names: what is known of the name says more than what is
 * known of the address. */
static int put_learned(struct making *m, const struct rules_context *ctx)
{
	static const enum policy_protocol protocols[] = { POLICY_TCP,
							  POLICY_UDP };
	int error = 0;

	for (size_t i = 0; i < 2 * ctx->learned_count && error == 0; i++) {
		const struct rules_learned *l = &ctx->learned[i / 2];
		enum policy_protocol protocol = protocols[i % 2];

		m->note = (struct rules_note){ RULES_REASON_LEARNED, i / 2 };
		error = put_learned_for(m, ctx, l, protocol);
		if (error == 0 &&
		    rules_decide_name(ctx, l->name, 0, protocol, false, NULL) ==
			    POLICY_DIRECT)
			error = put_host(m, protocol, &l->ip);
	}
	return error;
}

static int put_direct(struct making *m, const char *prefix)
{
	struct endpoint ip;
	uint8_t bits;

	if (!addr_parse_prefix(prefix, &ip, &bits))
		return -EINVAL;
	return put_prefix(m, POLICY_DIRECT, POLICY_ANY, &ip, bits, 0);
}

static int put_loopback(struct making *m)
{
	int error;

	m->note = (struct rules_note){ .reason = RULES_REASON_LOOPBACK };
	error = put_direct(m, "127.0.0.0/8");
	return error ? error : put_direct(m, "::1/128");
}

static int put_user(struct making *m, const struct rules_context *ctx)
{
	bool loopback = false;
	int error = 0;

	for (size_t i = 0; i < ctx->user->count && error == 0; i++) {
		const struct rule *r = &ctx->user->rule[i];

		if (!rules_by_address(r))
			continue;
		if (rules_is_any(r) && !loopback) {
			loopback = true;
			error = put_loopback(m);
		}
		if (error == 0)
			error = put_rule(m, ctx, i, *r);
	}
	return error;
}

static int put_no_proxy(struct making *m, const struct rules_context *ctx)
{
	const char *const *entries = ctx->no_proxy;
	char words[8];
	struct rule r;
	int error = 0;

	for (size_t i = 0; entries != NULL && entries[i] != NULL && error == 0;
	     i++) {
		m->note = (struct rules_note){ RULES_REASON_NO_PROXY, i };
		if (rules_parse_no_proxy(entries[i], &r, words,
					 sizeof(words)) == 0 &&
		    rules_by_address(&r))
			error = put(m, &r);
	}
	return error;
}

static int put_surroundings(struct making *m)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(surroundings) && error == 0; i++) {
		m->note = (struct rules_note){ RULES_REASON_SURROUNDINGS, i };
		error = put_direct(m, surroundings[i].prefix);
	}
	return error;
}

static void put_defaults(struct page_table *t, const struct rules_context *ctx)
{
	memset(t->default_action, POLICY_BLOCK, sizeof(t->default_action));
	t->default_action[POLICY_TCP] = (uint8_t)rules_default(ctx, POLICY_TCP);
	t->default_action[POLICY_UDP] = (uint8_t)rules_default(ctx, POLICY_UDP);
	if (ctx->tunnel_udp && ctx->udp_direct)
		t->default_action[POLICY_UDP] = POLICY_PREFER_DIRECT;
}

int rules_compile(const struct rules_context *ctx, struct page_table *table,
		  struct rules_note *notes)
{
	struct making m = { .table = table, .notes = notes };
	int error;

	table->rule_count = table->who_count = 0;
	put_defaults(table, ctx);
	error = put_pool(&m, ctx, &ctx->pool4, ctx->pool4_bits);
	if (error == 0)
		error = put_pool(&m, ctx, &ctx->pool6, ctx->pool6_bits);
	if (error == 0)
		error = put_hops(&m, ctx);
	if (error == 0)
		error = put_dns(&m, ctx);
	if (error == 0)
		error = put_learned(&m, ctx);
	if (error == 0)
		error = put_user(&m, ctx);
	if (error == 0)
		error = put_no_proxy(&m, ctx);
	if (error == 0)
		error = put_surroundings(&m);
	return error == 0 ? page_index_build(table) : error;
}
