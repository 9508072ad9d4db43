/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy.c - a snapshot of the rules: for names as rules, for addresses as the
 * page that apps read */
#include <config.h>

#include "policy.h"

#include "addr.h"
#include "egress.h"
#include "names.h"
#include "rules.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct policy {
	struct policy_resolver resolver;
	_Atomic uint32_t refs;
	struct rules rules;
	char **no_proxy;
	char **hop_names;
	struct endpoint *hops;
	struct rules_learned *learned;
	struct rules_context ctx; /* points to the copies above */
	struct page_table *table;
	struct rules_note *notes; /* of its rules */
	struct egress *egress;
};

static void free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static char **copy_list(const char *const *list)
{
	size_t n = 0;
	char **copy;

	while (list != NULL && list[n] != NULL)
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy != NULL && i < n; i++) {
		copy[i] = strdup(list[i]);
		if (copy[i] == NULL) {
			free_list(copy);
			return NULL;
		}
	}
	return copy;
}

static int copy_context(struct policy *p, const struct rules_context *ctx)
{
	p->ctx = *ctx;
	for (size_t i = 0; i < ctx->user->count; i++) {
		if (rules_add(&p->rules, &ctx->user->rule[i]) < 0)
			return -ENOMEM;
	}
	p->no_proxy = copy_list(ctx->no_proxy);
	p->hop_names = copy_list(ctx->hop_names);
	p->hops = calloc(ctx->hop_count + 1, sizeof(*p->hops));
	p->learned = calloc(ctx->learned_count + 1, sizeof(*p->learned));
	if (p->no_proxy == NULL || p->hop_names == NULL || p->hops == NULL ||
	    p->learned == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ctx->hop_count; i++)
		p->hops[i] = ctx->hops[i];
	for (size_t i = 0; i < ctx->learned_count; i++)
		p->learned[i] = ctx->learned[i];
	p->ctx.user = &p->rules;
	p->ctx.no_proxy = (const char *const *)p->no_proxy;
	p->ctx.hop_names = (const char *const *)p->hop_names;
	p->ctx.hops = p->hops;
	p->ctx.learned = p->learned;
	return 0;
}

struct policy *policy_new(const struct rules_context *ctx,
			  struct egress *egress)
{
	struct policy *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (p == NULL)
		return NULL;
	atomic_store(&p->refs, 1);
	p->table = calloc(1, sizeof(*p->table));
	p->notes = calloc(PAGE_RULES_MAX, sizeof(*p->notes));
	if (p->table != NULL && p->notes != NULL)
		err = copy_context(p, ctx);
	if (err == 0)
		err = rules_compile(&p->ctx, p->table, p->notes);
	if (err < 0) {
		policy_put(p);
		errno = -err;
		return NULL;
	}
	p->egress = egress != NULL ? egress_get(egress) : NULL;
	return p;
}

struct policy *policy_get(struct policy *p)
{
	atomic_fetch_add(&p->refs, 1);
	return p;
}

void policy_put(struct policy *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	rules_fini(&p->rules);
	free_list(p->no_proxy);
	free_list(p->hop_names);
	free(p->hops);
	free(p->learned);
	free(p->table);
	free(p->notes);
	egress_put(p->egress);
	free(p);
}

static bool in_hosts_file(struct names *names, const char *name)
{
	return names != NULL && names_in_hosts_file(names, name);
}

enum policy_action policy_decide_ip(const struct policy *p,
				    enum policy_protocol protocol,
				    const struct endpoint *dest,
				    const struct policy_client *client)
{
	return page_table_decide(p->table, protocol, dest, client);
}

enum policy_action policy_decide_name(const struct policy *p,
				      struct names *names, const char *name,
				      uint16_t port,
				      enum policy_protocol protocol,
				      const struct policy_client *client)
{
	return rules_decide_name(&p->ctx, name, port, protocol,
				 in_hosts_file(names, name), client);
}

void policy_explain_ip(const struct policy *p, enum policy_protocol protocol,
		       const struct endpoint *dest,
		       const struct policy_client *client,
		       struct rules_answer *out)
{
	rules_explain_ip(&p->ctx, p->table, p->notes, protocol, dest, client,
			 out);
}

void policy_explain_name(const struct policy *p, struct names *names,
			 const char *name, uint16_t port,
			 enum policy_protocol protocol,
			 const struct policy_client *client,
			 struct rules_answer *out)
{
	rules_explain_name(&p->ctx, name, port, protocol,
			   in_hosts_file(names, name), client, out);
}

bool policy_must_learn(const struct policy *p, const char *name)
{
	return rules_must_learn(&p->ctx, name);
}

bool policy_mentions(const struct policy *p, const char *name)
{
	return rules_mention(&p->ctx, name);
}

enum rules_lookup policy_lookup(const struct policy *p)
{
	return p->ctx.lookup;
}

const struct page_table *policy_compiled(const struct policy *p)
{
	return p->table;
}

struct egress *policy_egress(const struct policy *p)
{
	return p->egress;
}

void policy_set_resolver(struct policy *p, const struct policy_resolver *r)
{
	p->resolver = *r;
}

const struct policy_resolver *policy_resolver(const struct policy *p)
{
	return &p->resolver;
}

struct egress *policy_egress_to_url(const struct policy *p, struct names *names,
				    const char *url)
{
	const char *host = strstr(url, "//");
	char authority[CONTROL_NAME_MAX + 8], name[CONTROL_NAME_MAX + 1];
	uint16_t port = strncasecmp(url, "https:", 6) == 0 ? 443 : 80;
	struct endpoint ip;
	enum policy_action action;

	host = host != NULL ? host + 2 : url;
	snprintf(authority, sizeof(authority), "%.*s",
		 (int)strcspn(host, "/?#"), host);
	if (!addr_split_host_port(authority, name, sizeof(name), &port))
		return p->egress;
	if (addr_parse_ip(name, &ip)) {
		ip.port_be = htons(port);
		action = policy_decide_ip(p, POLICY_TCP, &ip, NULL);
	} else {
		action = policy_decide_name(p, names, name, port, POLICY_TCP,
					    NULL);
	}
	return action == POLICY_DIRECT ? NULL : p->egress;
}
