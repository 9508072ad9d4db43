/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rules_private.h - what the parts of rules.c share */
#ifndef RULES_PRIVATE_H
#define RULES_PRIVATE_H

#include "rules.h"
#include "words.h"

#include <turnout/compiler.h>
#include <turnout/page.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- one rule ---- */

static inline bool rules_is_any(const struct rule *r)
{
	return strcmp(r->name, "*") == 0;
}

static inline bool rules_by_address(const struct rule *r)
{
	return r->name[0] == '\0' || rules_is_any(r);
}

static inline bool rules_any_port(const struct rule *r)
{
	return r->port_min == 0 && r->port_max == UINT16_MAX;
}

/* NAME, ADDRESS, NETWORK or `*`, with :PORT[-PORT] or without, which `text` is
 * cut up for. `any_bits`: those behind a network's prefix do not matter. */
int rules_parse_target(char *text, bool any_bits, struct rule *rule,
		       const struct words *w) MUST_CHECK;

/* Whatever the destination, `action` being what the rule comes to. */
static inline bool rules_is_for(const struct rule *r,
				const struct policy_client *client,
				enum policy_action action)
{
	return page_who_is_any(&r->who) ||
	       page_who_matches(&r->who, client, (uint8_t)action);
}

bool rules_name_matches(const struct rule *r, const char *name);

/* ---- in a context ---- */

/* What a rule comes to where the hop that it names does not exist: nothing
 * may leave another way than the user said. */
enum policy_action rules_effective(const struct rules_context *ctx,
				   enum policy_action action);
enum policy_action rules_default(const struct rules_context *ctx,
				 enum policy_protocol protocol);

/* What was decided about a name, and by what. */
struct rules_verdict {
	enum policy_action action;
	enum rules_reason reason;
	const struct rule *rule; /* RULES_REASON_RULE */
	const char *entry;       /* RULES_REASON_NO_PROXY */
};

struct rules_verdict rules_judge_name(const struct rules_context *ctx,
				      const char *name, uint16_t port,
				      enum policy_protocol protocol,
				      bool in_hosts_file,
				      const struct policy_client *client);

/* "10.0.0.0/8 is private (RFC 1918)" */
void rules_surrounding_words(size_t index, char *words, size_t words_max);

#endif
