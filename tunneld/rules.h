/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - `rule = ACTION [tcp|udp] NAME-OR-CIDR[:PORT[-PORT]]`: parsed,
 * matched by name, and compiled into policy page rules; pure
 *
 * rules_parse.c reads text, rules.c decides and compiles.
 */
#ifndef RULES_H
#define RULES_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/page.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule {
	enum policy_action action;
	enum policy_protocol protocol;
	/* empty: by address. ".x": suffix and x itself. "*": any name and any
	 * address but those of the machine itself: loopback, localhost and
	 * what the hosts file holds. Normalised (hostname.h). */
	char name[CONTROL_NAME_MAX + 1];
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
/* One entry of no_proxy, as the direct rule that it means: HOST and .SUFFIX and
 * *.SUFFIX (each with all below it, as libcurl does), IP, CIDR, 10.*, *, each
 * with :PORT, and <local>. Same results as rules_parse_line(). */
int rules_parse_no_proxy(const char *text, struct rule *rule, char *words,
			 size_t words_max) MUST_CHECK;
int rules_add(struct rules *rules, const struct rule *rule) MUST_CHECK;
void rules_fini(struct rules *rules);

/* An address that a direct name has been found to have; port 0. */
struct rules_learned {
	char name[CONTROL_NAME_MAX + 1];
	struct endpoint ip;
};

/* What the daemon knows beside the user's rules. */
struct rules_context {
	const struct rules *user;
	/* As rules_parse_no_proxy() reads it (what it cannot read is skipped);
	 * NULL-terminated; may be NULL. */
	const char *const *no_proxy;
	bool have_proxy; /* false: TCP is direct by default */
	/* [media] mode and a relay: UDP goes to the tunnel. Without it tunnel
	 * rules block, as proxy rules do without have_proxy. */
	bool tunnel_udp;
	/* Direct UDP has been proven to work in this network: the default is
	 * POLICY_PREFER_DIRECT then. Needs tunnel_udp. */
	bool udp_direct;
	bool refuse_udp; /* mode = always and no relay: UDP is blocked */
	struct endpoint pool4, pool6; /* synthetic pools: always ours */
	uint8_t pool4_bits, pool6_bits;
	/* the proxy's and the relays' addresses, port included: TCP is direct,
	 * and UDP too for the last udp_hop_count of them (relays) */
	const struct endpoint *hops;
	size_t hop_count, udp_hop_count;
	const char *const *hop_names; /* NULL-terminated; direct by name */
	/* what their names are, these addresses are too */
	const struct rules_learned *learned;
	size_t learned_count;
};

/* Fill `page` but for magic, seq, state and epoch. -E2BIG: too many rules. */
int rules_compile(const struct rules_context *ctx,
		  struct page *page) MUST_CHECK;

/* Is the name direct because a rule or no_proxy names it, and would its
 * addresses be something else without it? Then they have to be learned. */
bool rules_must_learn(const struct rules_context *ctx, const char *name);

/* How a (normalised) name is reached. hop_names are direct; then the first of
 * the user's rules that matches; no_proxy is direct for TCP; single labels,
 * localhost, .local and `in_hosts_file` names are direct unless a rule names
 * them (`*` does not); then the defaults.
 *
 * `port` 0: not known yet (a look-up): anything but direct at any port makes
 * the name ours, and it is BLOCK only if every port is. POLICY_ANY: ours when
 * one protocol would be, PROXY if TCP is. */
enum policy_action rules_decide_name(const struct rules_context *ctx,
				     const char *name, uint16_t port,
				     enum policy_protocol protocol,
				     bool in_hosts_file);

#endif
