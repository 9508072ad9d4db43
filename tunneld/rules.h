/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules.h - `rule = ACTION [tcp|udp] NAME-OR-CIDR[:PORT[-PORT]] [program=NAME]
 * [user=NAME]`: parsed, matched by name, compiled into policy page rules, and
 * explained; pure, but that the parser asks the system for the user's number
 *
 * rules_parse.c reads text and rules_format.c writes it, rules.c decides about
 * names, rules_page.c compiles, rules_explain.c says why.
 */
#ifndef RULES_H
#define RULES_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/page.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_ORIGIN_MAX 256
#define RULES_USER_MAX   127
#define RULES_TEXT_MAX   768 /* a rule as text */
#define RULES_WORDS_MAX  1024

#define RULES_LOCAL   "<local>"
#define RULES_NOTHING "<-loopback>"

struct rule {
	enum policy_action action;
	enum policy_protocol protocol;
	/* empty: by address. ".x": suffix and x itself. "*": any name and any
	 * address but those of the machine itself: loopback, localhost and
	 * what the hosts file holds. With `*` or `?` in it: a glob (glob.h).
	 * Normalised (hostname.h). Of no_proxy also RULES_LOCAL, any single
	 * label, and RULES_NOTHING. */
	char name[CONTROL_NAME_MAX + 1];
	struct endpoint ip;
	uint8_t prefix_bits;
	uint16_t port_min, port_max;   /* 0-65535: any */
	struct page_who who;           /* page_who_is_any(): everybody */
	char user[RULES_USER_MAX + 1]; /* as written; empty: any */
	/* For people: "file:line", "--set rules.rule"; empty: not known. The
	 * parser leaves it empty. */
	char origin[RULES_ORIGIN_MAX];
};

struct rules {
	struct rule *rule;
	size_t count;
};

/* 0, or -EINVAL with words that say what is wrong and what would be right. */
int rules_parse_line(const char *text, struct rule *rule, char *words,
		     size_t words_max) MUST_CHECK;
/* What stands between entries of no_proxy. */
#define RULES_NO_PROXY_BETWEEN ", ;\t"
/* One entry, as the direct rule that it means: whatever libcurl, wget, Go, Java
 * and Chromium take; see rules_no_proxy.c. Same results as
 * rules_parse_line(). */
int rules_parse_no_proxy(const char *text, struct rule *rule, char *words,
			 size_t words_max) MUST_CHECK;
/* As rules_parse_line() reads it; "direct" for POLICY_PREFER_DIRECT. */
const char *rules_action_name(enum policy_action action);
/* As rules_parse_line() would read it again. Returns `text`. */
const char *rules_format(const struct rule *rule, char text[RULES_TEXT_MAX]);
int rules_add(struct rules *rules, const struct rule *rule) MUST_CHECK;
void rules_fini(struct rules *rules);

/* An address that a direct name has been found to have; port 0. */
struct rules_learned {
	char name[CONTROL_NAME_MAX + 1];
	struct endpoint ip;
};

/* [names] mode: who says what a name's addresses are. */
enum rules_lookup {
	RULES_LOOKUP_SYNTHETIC = 0, /* we do, but for direct names */
	RULES_LOOKUP_AUTO,   /* the system does for names of the inside */
	RULES_LOOKUP_SYSTEM, /* the system, but for names in rules */
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
	enum rules_lookup lookup;
	/* what their names are, these addresses are too */
	const struct rules_learned *learned;
	size_t learned_count;
};

/* Why it is so. */
enum rules_reason {
	RULES_REASON_DEFAULT = 0,  /* nothing says anything about it */
	RULES_REASON_RULE,         /* the user's */
	RULES_REASON_NO_PROXY,     /* an entry of it */
	RULES_REASON_PORT,         /* it depends on the port */
	RULES_REASON_HOP,          /* the proxy's or a relay's own address */
	RULES_REASON_POOL,         /* an address that stands for a name */
	RULES_REASON_DNS,          /* port 53: tunneld answers */
	RULES_REASON_LEARNED,      /* an address of a direct name */
	RULES_REASON_LOCAL_NAME,   /* of the machine or its network */
	RULES_REASON_SURROUNDINGS, /* an address of these */
	RULES_REASON_LOOPBACK,     /* the machine itself */
	RULES_NUM_REASONS,
};

/* Where a rule of a table comes from; the index is private to rules*.c. */
struct rules_note {
	enum rules_reason reason;
	uint32_t index;
};

/* Fill `table`, index included, and PAGE_RULES_MAX `notes` for
 * rules_explain_ip() (NULL: nobody will ask). 0, -ENOMEM, or -E2BIG: too many
 * rules. */
int rules_compile(const struct rules_context *ctx, struct page_table *table,
		  struct rules_note *notes) MUST_CHECK;

/* Is the name direct because a rule or no_proxy names it, and would its
 * addresses be something else without it? Then they have to be learned. */
bool rules_must_learn(const struct rules_context *ctx, const char *name);

/* Does one of the user's rules speak of this name, and not of all? */
bool rules_mention(const struct rules_context *ctx, const char *name);

/* How a (normalised) name is reached by `client` (NULL: nobody in particular,
 * whom rules for programs and users do not concern). hop_names are direct; then
 * the first of the user's rules that matches; no_proxy is direct for TCP;
 * single labels, localhost, .local and `in_hosts_file` names are direct unless
 * a rule names them (`*` does not); then the defaults.
 *
 * `port` 0: not known yet (a look-up): anything but direct at any port makes
 * the name ours, and it is BLOCK only if every port is. POLICY_ANY: ours when
 * one protocol would be, PROXY if TCP is. */
enum policy_action rules_decide_name(const struct rules_context *ctx,
				     const char *name, uint16_t port,
				     enum policy_protocol protocol,
				     bool in_hosts_file,
				     const struct policy_client *client);

struct rules_answer {
	enum policy_action action;
	enum rules_reason reason;
	const struct rule *rule; /* of `ctx`; NULL: no rule decided */
	/* Fits behind "because": "`block .test` (/etc/x.conf:3)". */
	char words[RULES_WORDS_MAX];
};

/* What rules_decide_name() says of one protocol, and why. */
void rules_explain_name(const struct rules_context *ctx, const char *name,
			uint16_t port, enum policy_protocol protocol,
			bool in_hosts_file, const struct policy_client *client,
			struct rules_answer *out);
/* What an app decides about an address by a table that was compiled from `ctx`
 * with `notes`, and why. */
void rules_explain_ip(const struct rules_context *ctx,
		      const struct page_table *table,
		      const struct rules_note *notes,
		      enum policy_protocol protocol,
		      const struct endpoint *dest,
		      const struct policy_client *client,
		      struct rules_answer *out);

#endif
