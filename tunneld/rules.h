/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - `rule = ACTION [tcp|udp] NAME-OR-CIDR[:PORT[-PORT]]`: parsed,
 * matched by name, and compiled into policy page rules; pure
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/page.h>

struct rule {
	enum policy_action action;
	enum policy_protocol protocol;
	char name[CONTROL_NAME_MAX + 1]; /* empty: by address. ".x": suffix
					  * and x itself; "*": any */
	struct endpoint ip;
	uint8_t prefix_bits;
	uint16_t port_min, port_max; /* 0-65535: any */
};

struct rules {
	struct rule *rule;
	size_t count;
};

/* 0, or -EINVAL with words that say what is wrong and what would be right. */
int rules_parse_line(const char *text, struct rule *rule, char *words,
		     size_t words_max) MUST_CHECK;
int rules_add(struct rules *rules, const struct rule *rule) MUST_CHECK;
void rules_fini(struct rules *rules);

/* What the daemon knows beside the user's rules. */
struct rules_context {
	const struct rules *user;
	const char *const
		*no_proxy; /* HOST, .SUFFIX, *.SUFFIX, CIDR, HOST:PORT,
			    * *, <local>; NULL-terminated; may be
			    * NULL */
	bool have_proxy;   /* false: TCP is direct by default */
	bool tunnel_udp; /* [media] mode and a relay: UDP goes to the tunnel */
	bool refuse_udp; /* mode = always and no relay: UDP is blocked */
	struct endpoint pool4, pool6; /* synthetic pools: always ours */
	uint8_t pool4_bits, pool6_bits;
	/* the proxy's and the relays' addresses, port included: direct */
	const struct endpoint *hops;
	size_t hop_count;
	const char *const *hop_names; /* NULL-terminated; direct by name */
};

/* Fill `page` but for magic, seq, state and epoch. -E2BIG: too many rules. */
int rules_compile(const struct rules_context *ctx,
		  struct page *page) MUST_CHECK;

/* How a name is reached. `port` 0: not known yet (a look-up): the first rule
 * that could match any port and says something else than direct makes the
 * name ours. `in_hosts_file` names, single labels, localhost and .local are
 * direct unless a rule names them. */
enum policy_action rules_decide_name(const struct rules_context *ctx,
				     const char *name, uint16_t port,
				     enum policy_protocol protocol,
				     bool in_hosts_file);

#endif
