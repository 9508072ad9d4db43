/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.h - what the configuration allows, as one immutable snapshot that is
 * shared by reference count and replaced whole on a reload
 */
#ifndef POLICY_H
#define POLICY_H

#include "rules.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>
#include <turnout/page.h>

#include <stdbool.h>
#include <stdint.h>

struct egress;
struct names;
struct rules_answer;

struct policy;

/* [names] resolver: how the real addresses of UDP peers are found. */
enum policy_resolver_kind {
	POLICY_RESOLVER_AUTO = 0, /* in all ways that there are */
	POLICY_RESOLVER_SYSTEM,
	POLICY_RESOLVER_HTTPS, /* needs doh_uri */
	POLICY_RESOLVER_RELAY, /* needs relay_dns */
};

struct policy_resolver {
	enum policy_resolver_kind kind;
	char doh_uri[1024];        /* or empty */
	struct endpoint relay_dns; /* or of family 0 */
};

/* Copies what `ctx` points to. Takes a reference of `egress` (NULL: none).
 * NULL with errno (E2BIG: more rules than the page holds). */
struct policy *policy_new(const struct rules_context *ctx,
			  struct egress *egress) MUST_CHECK;
struct policy *policy_get(struct policy *p);
void policy_put(struct policy *p);

/* By address, exactly as apps decide it from the page. `client` NULL: nobody
 * in particular. */
enum policy_action policy_decide_ip(const struct policy *p,
				    enum policy_protocol protocol,
				    const struct endpoint *dest,
				    const struct policy_client *client);
/* By name; `port` 0 and POLICY_ANY for a look-up. `names` NULL: the hosts file
 * does not count. */
enum policy_action policy_decide_name(const struct policy *p,
				      struct names *names, const char *name,
				      uint16_t port,
				      enum policy_protocol protocol,
				      const struct policy_client *client);
/* The same, each with why: see rules.h. */
void policy_explain_ip(const struct policy *p, enum policy_protocol protocol,
		       const struct endpoint *dest,
		       const struct policy_client *client,
		       struct rules_answer *out);
void policy_explain_name(const struct policy *p, struct names *names,
			 const char *name, uint16_t port,
			 enum policy_protocol protocol,
			 const struct policy_client *client,
			 struct rules_answer *out);
/* See rules_must_learn(), rules_mention(). */
bool policy_must_learn(const struct policy *p, const char *name);
bool policy_mentions(const struct policy *p, const char *name);
/* [names] mode. */
enum rules_lookup policy_lookup(const struct policy *p);
/* Borrowed: to publish, and to dial by. */
const struct page_table *policy_compiled(const struct policy *p);
struct egress *policy_egress(const struct policy *p);

/* Of one that nobody else has yet. */
void policy_set_resolver(struct policy *p, const struct policy_resolver *r);
const struct policy_resolver *policy_resolver(const struct policy *p);
/* The way to a web service as to any other destination; borrowed, NULL:
 * directly. */
struct egress *policy_egress_to_url(const struct policy *p, struct names *names,
				    const char *url);

#endif
