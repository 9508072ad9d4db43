/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules_explain.c - why policy is what it is, in words
 *
 * Turns what the deciding code notes down into a clause that fits behind
 * "because". Nothing is decided here.
 */
#include <config.h>

#include "addr.h"
#include "hostname.h"
#include "rules_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DNS_PORT 53

static void PRINTF_LIKE(2, 3)
	say(struct rules_answer *out, const char *fmt, ...)
{
	size_t len = strlen(out->words);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->words + len, sizeof(out->words) - len, fmt, ap);
	va_end(ap);
}

static void say_rule(struct rules_answer *out, const struct rule *rule,
		     const struct policy_client *client)
{
	char text[RULES_TEXT_MAX];

	say(out, "of the rule `%s`", rules_format(rule, text));
	if (rule->origin[0] != '\0')
		say(out, " (%s)", rule->origin);
	if (rule->action == POLICY_PROXY && out->action == POLICY_BLOCK)
		say(out, ", and there is no proxy");
	if (rule->action == POLICY_TUNNEL && out->action == POLICY_BLOCK)
		say(out, ", and there is no relay");
	if (rule->who.program[0] != '\0' && client != NULL &&
	    client->program == NULL)
		say(out, ", for it cannot be told which program this is");
}

static void say_default(struct rules_answer *out,
			const struct rules_context *ctx,
			enum policy_protocol protocol)
{
	const char *name = protocol == POLICY_TCP ? "TCP" : "UDP";

	say(out, "no rule is about it, and ");
	if (out->action == POLICY_PROXY)
		say(out, "TCP goes to the proxy by default");
	else if (out->action == POLICY_TUNNEL)
		say(out, "UDP goes to the relay by default");
	else if (out->action == POLICY_BLOCK)
		say(out, "%s has no way: no relay is configured", name);
	else if (protocol == POLICY_UDP && ctx->tunnel_udp && ctx->udp_direct)
		say(out, "UDP works directly in this network");
	else
		say(out, "no %s is configured for %s",
		    protocol == POLICY_TCP ? "proxy" : "relay", name);
}

static void say_local(struct rules_answer *out, const char *name,
		      bool in_hosts_file)
{
	if (in_hosts_file)
		say(out, "the hosts file has `%s`", name);
	else if (hostname_is_below(name, "localhost"))
		say(out, "`%s` is this machine (RFC 6761)", name);
	else if (hostname_is_below(name, "local"))
		say(out, "`%s` is of the local link (RFC 6762)", name);
	else
		say(out,
		    "`%s` is a single label, which only the local network "
		    "knows",
		    name);
}

void rules_explain_name(const struct rules_context *ctx, const char *name,
			uint16_t port, enum policy_protocol protocol,
			bool in_hosts_file, const struct policy_client *client,
			struct rules_answer *out)
{
	struct rules_verdict v = rules_judge_name(ctx, name, port, protocol,
						  in_hosts_file, client);

	*out = (struct rules_answer){ .action = v.action,
				      .reason = v.reason,
				      .rule = v.rule };
	switch (v.reason) {
	case RULES_REASON_RULE:
		say_rule(out, v.rule, client);
		break;
	case RULES_REASON_NO_PROXY:
		say(out, "no_proxy has `%s`", v.entry);
		break;
	case RULES_REASON_PORT:
		say(out, "rules for some of its ports leave it to tunneld");
		break;
	case RULES_REASON_HOP:
		say(out, "it is the proxy or a relay itself");
		break;
	case RULES_REASON_LOCAL_NAME:
		say_local(out, name, in_hosts_file);
		break;
	default:
		say_default(out, ctx, protocol);
		break;
	}
}

static void say_learned(struct rules_answer *out,
			const struct rules_context *ctx,
			const struct rules_learned *learned,
			enum policy_protocol protocol,
			const struct policy_client *client)
{
	struct rules_answer name;

	rules_explain_name(ctx, learned->name, 0, protocol, false, client,
			   &name);
	say(out, "it is an address of `%s`, which is %s because %s",
	    learned->name, rules_action_name(name.action), name.words);
}

static void say_note(struct rules_answer *out, const struct rules_context *ctx,
		     const struct rules_note *note,
		     enum policy_protocol protocol,
		     const struct policy_client *client)
{
	char words[128];

	switch (note->reason) {
	case RULES_REASON_RULE:
		out->rule = &ctx->user->rule[note->index];
		say_rule(out, out->rule, client);
		break;
	case RULES_REASON_NO_PROXY:
		say(out, "no_proxy has `%s`", ctx->no_proxy[note->index]);
		break;
	case RULES_REASON_HOP:
		say(out, "it is the proxy or a relay itself");
		break;
	case RULES_REASON_POOL:
		say(out, "it stands for a name, which decides");
		break;
	case RULES_REASON_DNS:
		say(out, "tunneld itself answers queries to port %d", DNS_PORT);
		break;
	case RULES_REASON_LEARNED:
		say_learned(out, ctx, &ctx->learned[note->index], protocol,
			    client);
		break;
	case RULES_REASON_SURROUNDINGS:
		rules_surrounding_words(note->index, words, sizeof(words));
		say(out, "%s", words);
		break;
	case RULES_REASON_LOOPBACK:
		say(out, "it is this machine itself");
		break;
	default:
		say_default(out, ctx, protocol);
		break;
	}
}

/* Apps leave loopback alone whatever the page says, but for queries. */
static bool is_loopback(const struct endpoint *dest)
{
	static const uint8_t unspecified[16];

	return (addr_is_loopback(dest) ||
		memcmp(dest->ip, unspecified, sizeof(unspecified)) == 0) &&
	       endpoint_port(dest) != DNS_PORT;
}

/* Its number, or how many there are. */
static uint32_t find_rule(const struct page_table *t,
			  enum policy_protocol protocol,
			  const struct endpoint *dest,
			  const struct policy_client *client)
{
	uint32_t i = 0;

	while (i < t->rule_count &&
	       (!page_rule_matches(&t->rules[i], protocol, dest) ||
		!page_rule_concerns(t, &t->rules[i], client)))
		i++;
	return i;
}

void rules_explain_ip(const struct rules_context *ctx,
		      const struct page_table *table,
		      const struct rules_note *notes,
		      enum policy_protocol protocol,
		      const struct endpoint *dest,
		      const struct policy_client *client,
		      struct rules_answer *out)
{
	uint32_t rule = find_rule(table, protocol, dest, client);
	struct rules_note note = { .reason = RULES_REASON_DEFAULT };
	uint8_t action = table->default_action[protocol];

	if (rule < table->rule_count) {
		action = table->rules[rule].action;
		note = notes[rule];
	}
	if (is_loopback(dest)) {
		action = POLICY_DIRECT;
		note.reason = RULES_REASON_LOOPBACK;
	}
	*out = (struct rules_answer){ .action = (enum policy_action)action,
				      .reason = note.reason };
	say_note(out, ctx, &note, protocol, client);
}
