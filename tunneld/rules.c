/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.c - what policy says about a name, and the policy page
 *
 * Turns the user's rules, no_proxy, the hops and the built-in defaults into
 * one ordered list of address rules for apps (first match wins), and into the
 * answer for one name. Name rules never reach the page: an app knows addresses
 * only, so the daemon applies them at look-up and at CONNECT.
 */
#include <config.h>

#include "rules.h"

#include "addr.h"
#include "hostname.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DNS_PORT 53

int rules_add(struct rules *rules, const struct rule *rule)
{
	struct rule *more = reallocarray(rules->rule, rules->count + 1,
					 sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	more[rules->count++] = *rule;
	rules->rule = more;
	return 0;
}

void rules_fini(struct rules *rules)
{
	free(rules->rule);
	rules->rule = NULL;
	rules->count = 0;
}

static bool is_any(const struct rule *r)
{
	return strcmp(r->name, "*") == 0;
}

static bool by_address(const struct rule *r)
{
	return r->name[0] == '\0' || is_any(r);
}

static bool any_port(const struct rule *r)
{
	return r->port_min == 0 && r->port_max == UINT16_MAX;
}

/* What a rule comes to where the hop that it names does not exist: nothing
 * may leave another way than the user said. */
static enum policy_action effective(const struct rules_context *ctx,
				    enum policy_action action)
{
	if ((action == POLICY_PROXY && !ctx->have_proxy) ||
	    (action == POLICY_TUNNEL && !ctx->tunnel_udp))
		return POLICY_BLOCK;
	return action;
}

static enum policy_action default_action(const struct rules_context *ctx,
					 enum policy_protocol protocol)
{
	if (protocol == POLICY_TCP)
		return ctx->have_proxy ? POLICY_PROXY : POLICY_DIRECT;
	if (ctx->tunnel_udp)
		return POLICY_TUNNEL;
	return ctx->refuse_udp ? POLICY_BLOCK : POLICY_DIRECT;
}

/* ---- the page ---- */

static int put(struct page *page, const struct rule *r)
{
	struct page_rule *out = &page->rules[page->rule_count];

	if (page->rule_count >= PAGE_RULES_MAX)
		return -E2BIG;
	page->rule_count++;
	*out = (struct page_rule){
		.action = (uint8_t)r->action,
		.protocol = (uint8_t)r->protocol,
		.family = r->ip.family,
		.prefix_bits = r->prefix_bits,
		.port_min = r->port_min,
		.port_max = r->port_max,
	};
	memcpy(out->ip, r->ip.ip, sizeof(out->ip));
	return 0;
}

static int put_prefix(struct page *page, enum policy_action action,
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

	return put(page, &r);
}

/* Addresses that stand for names: the daemon decides by the name. */
static int put_pool(struct page *page, const struct rules_context *ctx,
		    const struct endpoint *pool, uint8_t bits)
{
	enum policy_action udp = effective(ctx, POLICY_TUNNEL);
	int error;

	if (pool->family == ENDPOINT_NONE)
		return 0;
	error = put_prefix(page, POLICY_PROXY, POLICY_TCP, pool, bits, 0);
	if (error == 0)
		error = put_prefix(page, udp, POLICY_UDP, pool, bits, 0);
	return error;
}

/* Else the tunnel would be carried by the tunnel. */
static int put_hops(struct page *page, const struct rules_context *ctx)
{
	int error = 0;

	for (size_t i = 0; i < ctx->hop_count && error == 0; i++) {
		const struct endpoint *hop = &ctx->hops[i];
		bool udp = i + ctx->udp_hop_count >= ctx->hop_count;

		if (hop->family == ENDPOINT_NONE)
			continue;
		error = put_prefix(page, POLICY_DIRECT,
				   udp ? POLICY_ANY : POLICY_TCP, hop,
				   hop->family == ENDPOINT_IPV4 ? 32 : 128,
				   endpoint_port(hop));
	}
	return error;
}

/* Queries of resolvers inside apps are answered by the daemon, whatever
 * address the name server has, unless a rule names the port. */
static int put_dns(struct page *page, const struct rules_context *ctx)
{
	static const struct endpoint any;
	int error = 0;

	for (size_t i = 0; i < ctx->user->count && error == 0; i++) {
		struct rule r = ctx->user->rule[i];

		if (!by_address(&r) || any_port(&r) ||
		    r.protocol == POLICY_TCP || r.port_min > DNS_PORT ||
		    r.port_max < DNS_PORT)
			continue;
		r.protocol = POLICY_UDP;
		r.port_min = r.port_max = DNS_PORT;
		r.action = effective(ctx, r.action);
		error = put(page, &r);
	}
	if (error == 0 && (ctx->have_proxy || ctx->tunnel_udp))
		error = put_prefix(page, POLICY_TUNNEL, POLICY_UDP, &any, 0,
				   DNS_PORT);
	return error;
}

static int put_direct(struct page *page, const char *prefix)
{
	struct endpoint ip;
	uint8_t bits;

	if (!addr_parse_prefix(prefix, &ip, &bits))
		return -EINVAL;
	return put_prefix(page, POLICY_DIRECT, POLICY_ANY, &ip, bits, 0);
}

static int put_loopback(struct page *page)
{
	int error = put_direct(page, "127.0.0.0/8");

	return error ? error : put_direct(page, "::1/128");
}

/* Addresses of direct names: what is known of the name says more than what is
 * known of the address. */
static int put_learned(struct page *page, const struct rules_context *ctx)
{
	static const enum policy_protocol protocols[] = { POLICY_TCP,
							  POLICY_UDP };
	int error = 0;

	for (size_t i = 0; i < 2 * ctx->learned_count && error == 0; i++) {
		const struct rules_learned *l = &ctx->learned[i / 2];
		enum policy_protocol protocol = protocols[i % 2];

		if (rules_decide_name(ctx, l->name, 0, protocol, false) ==
		    POLICY_DIRECT)
			error = put_prefix(
				page, POLICY_DIRECT, protocol, &l->ip,
				l->ip.family == ENDPOINT_IPV4 ? 32 : 128, 0);
	}
	return error;
}

static int put_user(struct page *page, const struct rules_context *ctx)
{
	bool loopback = false;
	int error = 0;

	for (size_t i = 0; i < ctx->user->count && error == 0; i++) {
		struct rule r = ctx->user->rule[i];

		if (!by_address(&r))
			continue;
		if (is_any(&r) && !loopback) {
			loopback = true;
			error = put_loopback(page);
		}
		r.action = effective(ctx, r.action);
		if (error == 0)
			error = put(page, &r);
	}
	return error;
}

static int put_no_proxy(struct page *page, const struct rules_context *ctx)
{
	const char *const *entry = ctx->no_proxy;
	char words[8];
	struct rule r;
	int error = 0;

	for (; entry != NULL && *entry != NULL && error == 0; entry++)
		if (rules_parse_no_proxy(*entry, &r, words, sizeof(words)) ==
			    0 &&
		    by_address(&r))
			error = put(page, &r);
	return error;
}

/* The machine and its surroundings: never through a proxy or a relay. */
static int put_surroundings(struct page *page)
{
	static const char *const direct[] = {
		"0.0.0.0/32",     /* this host, RFC 1122, 3.2.1.3 */
		"10.0.0.0/8",     /* RFC 1918 */
		"100.64.0.0/10",  /* RFC 6598 */
		"127.0.0.0/8",    /* loopback */
		"169.254.0.0/16", /* link-local, RFC 3927 */
		"172.16.0.0/12",  /* RFC 1918 */
		"192.168.0.0/16", /* RFC 1918 */
		"224.0.0.0/4",    /* multicast */
		"255.255.255.255/32", "::/128", "::1/128",
		"fc00::/7",  /* RFC 4193 */
		"fe80::/10", /* link-local */
		"ff00::/8",  /* multicast */
	};
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(direct) && error == 0; i++)
		error = put_direct(page, direct[i]);
	return error;
}

int rules_compile(const struct rules_context *ctx, struct page *page)
{
	int error;

	page->rule_count = 0;
	memset(page->default_action, POLICY_BLOCK,
	       sizeof(page->default_action));
	page->default_action[POLICY_TCP] = (uint8_t)default_action(ctx,
								   POLICY_TCP);
	page->default_action[POLICY_UDP] = (uint8_t)default_action(ctx,
								   POLICY_UDP);
	if (ctx->tunnel_udp && ctx->udp_direct)
		page->default_action[POLICY_UDP] = POLICY_PREFER_DIRECT;

	error = put_pool(page, ctx, &ctx->pool4, ctx->pool4_bits);
	if (error == 0)
		error = put_pool(page, ctx, &ctx->pool6, ctx->pool6_bits);
	if (error == 0)
		error = put_hops(page, ctx);
	if (error == 0)
		error = put_dns(page, ctx);
	if (error == 0)
		error = put_learned(page, ctx);
	if (error == 0)
		error = put_user(page, ctx);
	if (error == 0)
		error = put_no_proxy(page, ctx);
	if (error == 0)
		error = put_surroundings(page);
	return error;
}

/* ---- names ---- */

struct verdict {
	enum policy_action action;
	bool by_rule; /* of the user, not by default */
};

static bool name_matches(const struct rule *r, const char *name)
{
	if (r->name[0] == '.')
		return hostname_is_below(name, r->name + 1);
	return r->name[0] != '\0' && (is_any(r) || strcmp(name, r->name) == 0);
}

/* Names that only the local network knows: single labels, localhost (RFC 6761,
 * 6.3) and mDNS (RFC 6762, 3). */
static bool is_local(const char *name)
{
	return strchr(name, '.') == NULL ||
	       hostname_is_below(name, "localhost") ||
	       hostname_is_below(name, "local");
}

static bool is_hop(const struct rules_context *ctx, const char *name)
{
	const char *const *hop = ctx->hop_names;

	for (; hop != NULL && *hop != NULL; hop++)
		if (strcasecmp(*hop, name) == 0)
			return true;
	return false;
}

/* At `port`, or for all ports when it is 0. */
static bool in_no_proxy(const struct rules_context *ctx, const char *name,
			uint16_t port)
{
	const char *const *entry = ctx->no_proxy;
	char words[8];
	struct rule r;

	for (; entry != NULL && *entry != NULL; entry++) {
		if (rules_parse_no_proxy(*entry, &r, words, sizeof(words)) < 0)
			continue;
		if (name_matches(&r, name) &&
		    (any_port(&r) ||
		     (port >= r.port_min && port <= r.port_max)))
			return true;
	}
	return false;
}

/* What is asked about a name. */
struct question {
	const char *name;
	uint16_t port;                 /* 0: not known yet */
	enum policy_protocol protocol; /* one of the two */
	bool local; /* of the machine or its network: `*` leaves it out */
};

static bool concerns(const struct rule *r, const struct question *q)
{
	if (!name_matches(r, q->name) || (q->local && is_any(r)))
		return false;
	return r->protocol == POLICY_ANY || r->protocol == q->protocol;
}

static bool covers_port(const struct rule *r, uint16_t port)
{
	return any_port(r) ||
	       (port != 0 && port >= r->port_min && port <= r->port_max);
}

static struct verdict by_default(const struct rules_context *ctx,
				 const struct question *q)
{
	bool direct = q->local ||
		      (q->protocol == POLICY_TCP
			       ? in_no_proxy(ctx, q->name, q->port)
			       : ctx->tunnel_udp && ctx->udp_direct);

	return (struct verdict){
		.action = direct ? POLICY_DIRECT
				 : default_action(ctx, q->protocol),
	};
}

/* A look-up: rules for some ports only are passed by, but remembered. */
static struct verdict mix(const struct question *q, struct verdict rest,
			  const bool at_some_port[POLICY_NUM_ACTIONS])
{
	const bool *some = at_some_port;

	/* It depends on the port, which only the daemon will learn. */
	if (some[POLICY_PROXY] || some[POLICY_TUNNEL] ||
	    (some[POLICY_BLOCK] && rest.action == POLICY_DIRECT) ||
	    (some[POLICY_DIRECT] && rest.action == POLICY_BLOCK))
		return (struct verdict){
			.action = q->protocol == POLICY_TCP ? POLICY_PROXY
							    : POLICY_TUNNEL,
			.by_rule = true,
		};
	return rest;
}

static struct verdict decide(const struct rules_context *ctx,
			     const struct question *q)
{
	bool at_some_port[POLICY_NUM_ACTIONS] = { false };
	struct verdict v = by_default(ctx, q);

	for (size_t i = 0; i < ctx->user->count; i++) {
		const struct rule *r = &ctx->user->rule[i];
		enum policy_action action = effective(ctx, r->action);

		if (!concerns(r, q))
			continue;
		if (covers_port(r, q->port)) {
			v = (struct verdict){ action, true };
			break;
		}
		at_some_port[action] |= q->port == 0;
	}
	return mix(q, v, at_some_port);
}

/* One protocol is direct and the other one is blocked: only when a rule says
 * so must the name be ours, because the page blocks by default on its own. */
static enum policy_action either(struct verdict tcp, struct verdict udp)
{
	if (tcp.action == POLICY_BLOCK)
		return udp.action == POLICY_BLOCK ? POLICY_BLOCK
						  : POLICY_TUNNEL;
	if (udp.action == POLICY_BLOCK && udp.by_rule)
		return POLICY_PROXY;
	return udp.action == POLICY_TUNNEL ? POLICY_TUNNEL : POLICY_DIRECT;
}

bool rules_must_learn(const struct rules_context *ctx, const char *name)
{
	if ((!ctx->have_proxy && !ctx->tunnel_udp) || is_hop(ctx, name))
		return false;
	for (size_t i = 0; i < ctx->user->count; i++) {
		const struct rule *r = &ctx->user->rule[i];

		if (!is_any(r) && name_matches(r, name))
			return r->action == POLICY_DIRECT;
	}
	return in_no_proxy(ctx, name, 0);
}

enum policy_action rules_decide_name(const struct rules_context *ctx,
				     const char *name, uint16_t port,
				     enum policy_protocol protocol,
				     bool in_hosts_file)
{
	struct question q = {
		.name = name,
		.port = port,
		.protocol = protocol,
		.local = in_hosts_file || is_local(name),
	};
	struct verdict tcp, udp;

	if (is_hop(ctx, name))
		return POLICY_DIRECT;
	if (protocol != POLICY_ANY)
		return decide(ctx, &q).action;
	q.protocol = POLICY_TCP;
	tcp = decide(ctx, &q);
	q.protocol = POLICY_UDP;
	udp = decide(ctx, &q);
	/* The machine resolves what no_proxy names: one address a name. */
	if (!udp.by_rule && in_no_proxy(ctx, name, port))
		udp.action = POLICY_DIRECT;
	return tcp.action == POLICY_PROXY ? POLICY_PROXY : either(tcp, udp);
}
