/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name_way.c - who answers when an app looks a name up
 *
 * Turns policy, [names] mode and the names that have a meaning of their own
 * (RFC 6761) into one verdict, the same for getaddrinfo() and for resolvers
 * inside apps.
 */
#include <config.h>

#include "name_way.h"

#include "hostname.h"
#include "policy.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* These have no address anywhere, so a synthetic one would be a lie that apps
 * act upon. */
static bool is_nobody(const char *name)
{
	static const char *const domains[] = {
		"invalid", /* RFC 6761, 6.4 */
		"onion",   /* RFC 7686, 2: for Tor, never for a resolver */
		/* Firefox asks: with it there, it would go around us. */
		"use-application-dns.net",
	};

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		if (hostname_is_below(name, domains[i]))
			return true;
	return false;
}

enum name_way name_way(const struct policy *policy, struct names *names,
		       const char *name, const struct policy_client *client)
{
	switch (policy_decide_name(policy, names, name, 0, POLICY_ANY,
				   client)) {
	case POLICY_DIRECT:
		return NAME_WAY_SYSTEM;
	case POLICY_BLOCK:
		return NAME_WAY_NONE;
	default:
		break;
	}
	/* No encrypted resolver is named to apps (RFC 9462, 6.4): names would
	 * be asked past us. All else below arpa is about addresses and networks
	 * (ipv4only.arpa, RFC 8880), where only the network knows. */
	if (hostname_is_below(name, "resolver.arpa"))
		return NAME_WAY_EMPTY;
	if (hostname_is_below(name, "arpa"))
		return NAME_WAY_SYSTEM;
	if (is_nobody(name))
		return NAME_WAY_NONE;
	/* What a rule says of a name can only be kept by name. */
	if (policy_mentions(policy, name))
		return NAME_WAY_OURS;
	switch (policy_lookup(policy)) {
	case RULES_LOOKUP_SYSTEM:
		return NAME_WAY_SYSTEM;
	case RULES_LOOKUP_AUTO:
		return NAME_WAY_INSIDE;
	default:
		return NAME_WAY_OURS;
	}
}
