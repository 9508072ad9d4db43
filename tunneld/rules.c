/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.c - what policy says about a name
 *
 * Turns the user's rules, no_proxy, the hops and the built-in defaults into
 * the answer for one name, with what it rests on. Name rules never reach the
 * page: an app knows addresses only, so the daemon applies them at look-up and
 * at CONNECT.
 */
#include <config.h>

#include "rules.h"

#include "hostname.h"
#include "rules_private.h"

#include <turnout/glob.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

enum policy_action rules_effective(const struct rules_context *ctx,
				   enum policy_action action)
{
	if ((action == POLICY_PROXY && !ctx->have_proxy) ||
	    (action == POLICY_TUNNEL && !ctx->tunnel_udp))
		return POLICY_BLOCK;
	return action;
}

enum policy_action rules_default(const struct rules_context *ctx,
				 enum policy_protocol protocol)
{
	if (protocol == POLICY_TCP)
		return ctx->have_proxy ? POLICY_PROXY : POLICY_DIRECT;
	if (ctx->tunnel_udp)
		return POLICY_TUNNEL;
	return ctx->refuse_udp ? POLICY_BLOCK : POLICY_DIRECT;
}

bool rules_name_matches(const struct rule *r, const char *name)
{
	if (r->name[0] == '.')
		return hostname_is_below(name, r->name + 1);
	if (strcmp(r->name, RULES_LOCAL) == 0)
		return strchr(name, '.') == NULL;
	return r->name[0] != '\0' && glob_matches(r->name, name);
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

/* Covers `port`, or every port when it is 0: not known yet. */
static bool covers_port(const struct rule *r, uint16_t port)
{
	return rules_any_port(r) ||
	       (port != 0 && port >= r->port_min && port <= r->port_max);
}

/* The entry that names it, or NULL. */
static const char *in_no_proxy(const struct rules_context *ctx,
			       const char *name, uint16_t port)
{
	const char *const *entry = ctx->no_proxy;
	char words[8];
	struct rule r;

	for (; entry != NULL && *entry != NULL; entry++) {
		if (rules_parse_no_proxy(*entry, &r, words, sizeof(words)) ==
			    0 &&
		    rules_name_matches(&r, name) && covers_port(&r, port))
			return *entry;
	}
	return NULL;
}

/* What is asked about a name. */
struct question {
	const char *name;
	uint16_t port;                 /* 0: not known yet */
	enum policy_protocol protocol; /* one of the two */
	bool local; /* of the machine or its network: `*` leaves it out */
	const struct policy_client *client;
};

/* `action`: what the rule comes to. */
static bool concerns(const struct rule *r, const struct question *q,
		     enum policy_action action)
{
	if (!rules_name_matches(r, q->name) || (q->local && rules_is_any(r)))
		return false;
	if (r->protocol != POLICY_ANY && r->protocol != q->protocol)
		return false;
	return rules_is_for(r, q->client, action);
}

static struct rules_verdict by_default(const struct rules_context *ctx,
				       const struct question *q)
{
	struct rules_verdict v = { .action = POLICY_DIRECT };

	if (q->local) {
		v.reason = RULES_REASON_LOCAL_NAME;
		return v;
	}
	if (q->protocol == POLICY_TCP)
		v.entry = in_no_proxy(ctx, q->name, q->port);
	if (v.entry != NULL)
		v.reason = RULES_REASON_NO_PROXY;
	else if (q->protocol == POLICY_TCP || !ctx->tunnel_udp ||
		 !ctx->udp_direct)
		v.action = rules_default(ctx, q->protocol);
	return v;
}

/* A look-up: rules for some ports only are passed by, but remembered. */
static struct rules_verdict mix(const struct question *q,
				struct rules_verdict rest,
				const bool at_some_port[POLICY_NUM_ACTIONS])
{
	const bool *some = at_some_port;

	/* It depends on the port, which only the daemon will learn. */
	if (some[POLICY_PROXY] || some[POLICY_TUNNEL] ||
	    (some[POLICY_BLOCK] && rest.action == POLICY_DIRECT) ||
	    (some[POLICY_DIRECT] && rest.action == POLICY_BLOCK))
		return (struct rules_verdict){
			.action = q->protocol == POLICY_TCP ? POLICY_PROXY
							    : POLICY_TUNNEL,
			.reason = RULES_REASON_PORT,
		};
	return rest;
}

static struct rules_verdict decide(const struct rules_context *ctx,
				   const struct question *q)
{
	bool at_some_port[POLICY_NUM_ACTIONS] = { false };
	struct rules_verdict v = by_default(ctx, q);

	for (size_t i = 0; i < ctx->user->count; i++) {
		const struct rule *r = &ctx->user->rule[i];
		enum policy_action action = rules_effective(ctx, r->action);

		if (!concerns(r, q, action))
			continue;
		if (covers_port(r, q->port)) {
			v = (struct rules_verdict){
				.action = action,
				.reason = RULES_REASON_RULE,
				.rule = r,
			};
			break;
		}
		at_some_port[action] |= q->port == 0;
	}
	return mix(q, v, at_some_port);
}

static bool is_by_rule(const struct rules_verdict *v)
{
	return v->reason == RULES_REASON_RULE || v->reason == RULES_REASON_PORT;
}

/* One protocol is direct and the other one is blocked: only when a rule says
 * so must the name be ours, because the page blocks by default on its own. */
static enum policy_action either(const struct rules_verdict *tcp,
				 const struct rules_verdict *udp)
{
	if (tcp->action == POLICY_BLOCK)
		return udp->action == POLICY_BLOCK ? POLICY_BLOCK
						   : POLICY_TUNNEL;
	if (udp->action == POLICY_BLOCK && is_by_rule(udp))
		return POLICY_PROXY;
	return udp->action == POLICY_TUNNEL ? POLICY_TUNNEL : POLICY_DIRECT;
}

bool rules_mention(const struct rules_context *ctx, const char *name)
{
	for (size_t i = 0; i < ctx->user->count; i++) {
		const struct rule *r = &ctx->user->rule[i];

		if (!rules_is_any(r) && rules_name_matches(r, name))
			return true;
	}
	return false;
}

bool rules_must_learn(const struct rules_context *ctx, const char *name)
{
	if ((!ctx->have_proxy && !ctx->tunnel_udp) || is_hop(ctx, name))
		return false;
	for (size_t i = 0; i < ctx->user->count; i++) {
		const struct rule *r = &ctx->user->rule[i];

		if (rules_is_any(r) || !rules_name_matches(r, name))
			continue;
		/* One for somebody says nothing of the others. */
		if (r->action == POLICY_DIRECT || page_who_is_any(&r->who))
			return r->action == POLICY_DIRECT;
	}
	return in_no_proxy(ctx, name, 0) != NULL;
}

struct rules_verdict rules_judge_name(const struct rules_context *ctx,
				      const char *name, uint16_t port,
				      enum policy_protocol protocol,
				      bool in_hosts_file,
				      const struct policy_client *client)
{
	const struct question q = {
		.name = name,
		.port = port,
		.protocol = protocol,
		.local = in_hosts_file || is_local(name),
		.client = client,
	};

	if (is_hop(ctx, name))
		return (struct rules_verdict){ .action = POLICY_DIRECT,
					       .reason = RULES_REASON_HOP };
	return decide(ctx, &q);
}

enum policy_action rules_decide_name(const struct rules_context *ctx,
				     const char *name, uint16_t port,
				     enum policy_protocol protocol,
				     bool in_hosts_file,
				     const struct policy_client *client)
{
	struct rules_verdict tcp, udp;

	if (protocol != POLICY_ANY)
		return rules_judge_name(ctx, name, port, protocol,
					in_hosts_file, client)
			.action;
	tcp = rules_judge_name(ctx, name, port, POLICY_TCP, in_hosts_file,
			       client);
	udp = rules_judge_name(ctx, name, port, POLICY_UDP, in_hosts_file,
			       client);
	/* The machine resolves what no_proxy names: one address a name. */
	if (!is_by_rule(&udp) && in_no_proxy(ctx, name, port) != NULL)
		udp.action = POLICY_DIRECT;
	return tcp.action == POLICY_PROXY ? POLICY_PROXY : either(&tcp, &udp);
}
