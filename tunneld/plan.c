/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.c - relays as configured and as found, into candidates
 */
#include <config.h>

#include "plan.h"

#include "addr.h"
#include "creds.h"
#include "dial.h"
#include "egress.h"
#include "policy.h"
#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan *plan_new(size_t count)
{
	struct plan *plan = calloc(1, sizeof(*plan) +
					      count * sizeof(plan->relay[0]));

	if (plan == NULL)
		return NULL;
	atomic_store(&plan->refs, 1);
	plan->count = count;
	return plan;
}

struct plan *plan_get(struct plan *plan)
{
	if (plan != NULL)
		atomic_fetch_add(&plan->refs, 1);
	return plan;
}

void plan_put(struct plan *plan)
{
	if (plan == NULL || atomic_fetch_sub(&plan->refs, 1) != 1)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		tls_ctx_put(plan->relay[i].tls);
		creds_put(plan->relay[i].creds);
	}
	egress_put(plan->egress);
	policy_put(plan->policy);
	free(plan);
}

/* Ways */

static bool is_datagram(enum relay_transport t)
{
	return t == RELAY_TRANSPORT_UDP || t == RELAY_TRANSPORT_DTLS;
}

/* Does policy send a TCP connection there through the proxy? */
static bool is_proxied(const struct plan *plan, const char *host, uint16_t port)
{
	struct endpoint ip;

	if (addr_parse_ip(host, &ip)) {
		ip.port_be = htons(port);
		return policy_decide_ip(plan->policy, POLICY_TCP, &ip, NULL) ==
		       POLICY_PROXY;
	}
	return policy_decide_name(plan->policy, NULL, host, port, POLICY_TCP,
				  NULL) == POLICY_PROXY;
}

unsigned int plan_ways(const struct plan *plan, const struct plan_relay *relay,
		       const char *host, uint16_t port,
		       enum relay_transport transport)
{
	unsigned int ways = PLAN_WAY_DIRECT;

	if (relay->path == PLAN_PATH_PROXY)
		ways = PLAN_WAY_PROXY;
	else if (relay->path == PLAN_PATH_AUTO && plan->egress != NULL &&
		 is_proxied(plan, host, port))
		ways = PLAN_WAY_PROXY |
		       (plan->past_proxy ? PLAN_WAY_DIRECT : 0U);
	/* CONNECT is TCP */
	if (is_datagram(transport) || plan->egress == NULL)
		ways &= ~(unsigned int)PLAN_WAY_PROXY;
	return ways;
}

bool plan_needs_dns(const struct plan *plan, const struct plan_relay *relay,
		    const struct conf_uri *uri)
{
	struct locate_target t[LOCATE_MAX];
	size_t n;

	if (!locate_needs_dns(uri))
		return false;
	n = locate_plain(uri, t);
	for (size_t i = 0; i < n; i++)
		if (plan_ways(plan, relay, t[i].host, t[i].port,
			      t[i].transport) &
		    PLAN_WAY_DIRECT)
			return true;
	return false;
}

bool plan_waits(const struct plan *plan, const struct plan_relay *relay)
{
	return relay->uri.host[0] == '\0' ||
	       plan_needs_dns(plan, relay, &relay->uri);
}

/* Targets */

static bool has_target(const struct plan_targets *to, const char *name,
		       const struct locate_target *t)
{
	for (size_t i = 0; i < to->count; i++)
		if (to->target[i].at.port == t->port &&
		    to->target[i].at.transport == t->transport &&
		    strcmp(to->target[i].at.host, t->host) == 0 &&
		    strcmp(to->target[i].name, name) == 0)
			return true;
	return false;
}

void plan_add_targets(struct plan_targets *to, const struct conf_uri *uri,
		      const struct locate_target *target, size_t count)
{
	for (size_t i = 0; i < count && to->count < PLAN_TARGETS_MAX; i++) {
		if (has_target(to, uri->host, &target[i]))
			continue;
		to->target[to->count].at = target[i];
		strcpy(to->target[to->count++].name, uri->host);
	}
}

void plan_sort_targets(struct plan_targets *targets)
{
	struct plan_targets *old = malloc(sizeof(*old));
	size_t n = 0;

	if (old == NULL)
		return; /* a worse order is no harm */
	*old = *targets;
	for (int t = 0; t < RELAY_NUM_TRANSPORTS; t++)
		for (size_t i = 0; i < old->count; i++)
			if (old->target[i].at.transport ==
			    (enum relay_transport)t)
				targets->target[n++] = old->target[i];
	free(old);
}

/* Candidates */

static bool has_stream(const struct plan *plan, const struct plan_relay *r,
		       const struct plan_targets *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (!is_datagram(t->target[i].at.transport) &&
		    plan_ways(plan, r, t->target[i].at.host,
			      t->target[i].at.port,
			      t->target[i].at.transport) != 0)
			return true;
	return false;
}

static void fill(struct relay *out, const struct plan *plan,
		 const struct plan_relay *r, const struct plan_targets *t,
		 size_t i, bool proxied)
{
	const struct locate_target *at = &t->target[i].at;

	strcpy(out->name, r->name);
	strcpy(out->host, at->host);
	out->port = at->port;
	out->transport = at->transport;
	if (strcmp(t->target[i].name, at->host) != 0)
		strcpy(out->tls_name, t->target[i].name);
	if (relay_is_secure(out))
		out->tls = tls_ctx_get(r->tls);
	out->creds = creds_get(r->creds);
	if (proxied)
		out->egress = egress_get(plan->egress);
	out->no_redirect = r->no_redirect;
	out->no_mobility = r->no_mobility;
	out->warm = r->warm;
	out->keepalive_s = r->keepalive_s;
}

/* The candidates of one relay, counted when `out` is NULL. */
static size_t expand(const struct plan *plan, const struct plan_relay *r,
		     const struct plan_targets *t, struct relay *out)
{
	bool stream = has_stream(plan, r, t);
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct locate_target *at = &t->target[i].at;
		unsigned int ways = plan_ways(plan, r, at->host, at->port,
					      at->transport);

		/* direct first */
		for (unsigned int way = PLAN_WAY_DIRECT; way <= PLAN_WAY_PROXY;
		     way <<= 1) {
			if ((ways & way) == 0)
				continue;
			if (out != NULL) {
				fill(&out[n], plan, r, t, i,
				     way == PLAN_WAY_PROXY);
				out[n].optional = ways == (PLAN_WAY_DIRECT |
							   PLAN_WAY_PROXY) &&
						  way == PLAN_WAY_DIRECT;
				out[n].optional |= is_datagram(at->transport) &&
						   stream;
			}
			n++;
		}
	}
	return n;
}

static void add_plain(const struct plan *plan, const struct plan_relay *r,
		      struct plan_targets *out)
{
	struct locate_target plain[LOCATE_MAX];

	out->count = 0;
	if (!plan_waits(plan, r))
		plan_add_targets(out, &r->uri, plain,
				 locate_plain(&r->uri, plain));
}

struct relay_set *plan_relays(const struct plan *plan,
			      struct plan_targets *const *found)
{
	struct plan_targets *own = malloc(sizeof(*own));
	struct relay_set *set = NULL;
	size_t total = 0;

	/* First how many, then what. */
	for (int pass = 0; own != NULL && pass < 2; pass++) {
		size_t n = 0;

		if (pass == 1)
			set = relay_set_new(total);
		if (pass == 1 && set == NULL)
			break;
		for (size_t i = 0; i < plan->count; i++) {
			const struct plan_relay *r = &plan->relay[i];
			const struct plan_targets *t = found != NULL ? found[i]
								     : NULL;

			if (t == NULL)
				add_plain(plan, r, own);
			n += expand(plan, r, t != NULL ? t : own,
				    set != NULL ? &set->relay[n] : NULL);
		}
		total = n;
	}
	free(own);
	return set;
}
