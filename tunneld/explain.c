/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain.c - what turnout would do with a destination, and why
 *
 * Asks the same modules in the same order as a connect() or a datagram would,
 * without connecting: the rules, the name's address, the egress or the relays.
 * A name that is reached by name is not looked up, so that explaining it tells
 * the network nothing.
 */
#include <config.h>

#include "explain.h"

#include "addr.h"
#include "clock.h"
#include "explain_private.h"
#include "lookup.h"
#include "name_way.h"
#include "names.h"
#include "policy.h"
#include "proxy_auth.h"
#include "proxy_creds.h"
#include "proxy_curl.h"
#include "proxy_health.h"
#include "relay.h"
#include "tunnel.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct work {
	const struct explain_env *env;
	uint64_t deadline_ms;
	struct cancel *cancel;
	struct explained x;
};

static void PRINTF_LIKE(2, 3) answer(struct explained *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->answer, sizeof(x->answer), fmt, ap);
	va_end(ap);
}

/* ---- the name's address ---- */

static void say_synthetic(struct work *w, const char *name)
{
	struct explained *x = &w->x;
	struct endpoint ip;
	char text[ADDR_TEXT_MAX];

	if (w->env->names == NULL)
		snprintf(x->address, sizeof(x->address),
			 "one that stands for the name");
	else if (names_address(w->env->names, name, ENDPOINT_IPV4, &ip) ||
		 names_address(w->env->names, name, ENDPOINT_IPV6, &ip))
		snprintf(x->address, sizeof(x->address),
			 "%s, which stands for the name",
			 addr_format_ip(&ip, text));
	else
		snprintf(x->address, sizeof(x->address),
			 "none: no pool of addresses is configured");
}

static void say_real(struct work *w, const char *name)
{
	struct endpoint addrs[LOOKUP_MAX];
	struct explained *x = &w->x;
	char text[ADDR_TEXT_MAX];
	size_t used = 0;
	int n = lookup_host(name, ENDPOINT_NONE, w->deadline_ms, w->cancel,
			    addrs);

	if (n < 0) {
		snprintf(x->address, sizeof(x->address),
			 "the system's resolver: %s", lookup_words(n));
		return;
	}
	for (int i = 0; i < n && used + sizeof(text) < sizeof(x->address); i++)
		used += (size_t)snprintf(
			x->address + used, sizeof(x->address) - used, "%s%s",
			i > 0 ? ", " : "", addr_format_ip(&addrs[i], text));
}

static void find_address(struct work *w, const char *name)
{
	enum name_way way = name_way(w->env->policy, w->env->names, name,
				     &w->x.query->client);

	if (way == NAME_WAY_INSIDE && !w->env->inside)
		way = NAME_WAY_OURS;
	if (way == NAME_WAY_OURS)
		say_synthetic(w, name);
	else if (way == NAME_WAY_SYSTEM || way == NAME_WAY_INSIDE)
		say_real(w, name);
	else
		snprintf(w->x.address, sizeof(w->x.address),
			 "none: apps are told that there is none");
}

/* ---- TCP ---- */

/* What stays of the schemes that are configured. */
static void say_schemes(char *out, size_t max, const struct proxy *p)
{
	const char *between = "if it asks: ";
	size_t used = 0;

	for (size_t i = 0; i < p->scheme_count; i++) {
		enum proxy_scheme scheme = p->scheme[i];

		/* A ticket is all that works without a password. */
		if (!proxy_curl_has(scheme) ||
		    (p->creds == NULL && scheme != PROXY_SCHEME_NEGOTIATE))
			continue;
		if (scheme == PROXY_SCHEME_BASIC && p->kind == PROXY_HTTP &&
		    !p->basic_over_http)
			continue;
		used += (size_t)snprintf(out + used, max - used, "%s%s",
					 between, proxy_scheme_name(scheme));
		between = ", ";
	}
	if (used == 0)
		snprintf(out, max, "none is possible");
}

/* False: the password is not to be had, or must not be sent. */
static bool has_password(struct work *w, const struct proxy *p, char *out,
			 size_t max)
{
	struct proxy_login_text text;
	struct proxy_login login = { .host = p->host,
				     .port = p->port,
				     .username = text.username,
				     .password = text.password };
	char words[160];
	bool good = false;

	if (p->creds == NULL)
		return true;
	if (proxy_creds_obtain(p->creds, p->host, p->port, w->deadline_ms,
			       w->cancel, &text, words, sizeof(words)) < 0)
		snprintf(out, max, "%s", words);
	else if (proxy_auth_is_refused(w->env->tunnel->auth, &login))
		snprintf(out, max,
			 "the proxy has refused this password; it is not sent "
			 "again until it changes, or until `turnout proxy "
			 "retry`");
	else
		good = true;
	explicit_bzero(&text, sizeof(text));
	return good;
}

static void say_remembered(enum proxy_scheme scheme, const char *realm,
			   char *out, size_t max)
{
	if (scheme == PROXY_SCHEME_NONE)
		snprintf(out, max, "none was needed the last time");
	else
		snprintf(out, max, "%s, which worked the last time%s%s%s",
			 proxy_scheme_name(scheme),
			 realm[0] != '\0' ? " (realm `" : "", realm,
			 realm[0] != '\0' ? "`)" : "");
}

/* What worked last is tried first; else all that is configured. */
static void say_login(struct work *w, const struct proxy *p, char *out,
		      size_t max)
{
	const struct tunnel_env *tunnel = w->env->tunnel;
	char realm[PROXY_REALM_MAX + 1] = "";
	enum proxy_scheme scheme = PROXY_SCHEME_NONE;
	bool known;

	say_schemes(out, max, p);
	if (tunnel == NULL)
		return;
	known = proxy_auth_remembered(tunnel->auth, p, &scheme, realm);
	if (known &&
	    (scheme == PROXY_SCHEME_NONE || scheme == PROXY_SCHEME_NEGOTIATE))
		say_remembered(scheme, realm, out, max);
	else if (has_password(w, p, out, max) && known)
		say_remembered(scheme, realm, out, max);
}

static void add_proxy(struct work *w, const struct proxy *p)
{
	const struct tunnel_env *tunnel = w->env->tunnel;
	struct explained *x = &w->x;
	size_t i = x->proxy_count++;

	if (p == NULL)
		return;
	proxy_format(p, x->proxy[i].name);
	x->proxy[i].rests = tunnel != NULL &&
			    proxy_health_rests(tunnel->health, p,
					       clock_now_ms());
	say_login(w, p, x->proxy[i].login, sizeof(x->proxy[i].login));
}

static void find_proxies(struct work *w)
{
	const struct explain_target *t = &w->x.query->target;
	struct egress *egress = policy_egress(w->env->policy);
	struct egress_way way = { .count = 0 };
	struct explained *x = &w->x;
	char words[160] = "there is no proxy";
	int rc = -1;

	x->asked = egress != NULL ? egress_source(egress) : NULL;
	if (egress != NULL)
		rc = egress_choose(egress, t->host, t->port, w->deadline_ms,
				   w->cancel, &way, words, sizeof(words));
	if (rc == 0 && w->env->tunnel != NULL)
		proxy_health_order(w->env->tunnel->health, way.proxy, way.count,
				   clock_now_ms());
	for (size_t i = 0; rc == 0 && i < way.count; i++)
		add_proxy(w, way.proxy[i]);
	egress_way_fini(&way);
	x->goes = x->proxy_count > 0;
	if (!x->goes)
		answer(x, "there is no way: %s", words);
	else if (x->proxy[0].name[0] == '\0')
		answer(x, "tunneld connects directly");
	else
		answer(x, "it goes through %s%s", x->proxy[0].name,
		       x->proxy_count > 1 ? ", and elsewhere if that cannot be "
					    "reached"
					  : "");
}

/* ---- UDP ---- */

static void add_relay(struct explained *x, const struct relay *r,
		      uint64_t now_ms)
{
	snprintf(x->relay[x->relay_count++], sizeof(x->relay[0]),
		 "%s, %s %s:%u %s%s", r->name,
		 relay_transport_name(r->transport), r->host, r->port,
		 r->egress != NULL ? "through the proxy" : "directly",
		 relay_is_penalised(r, now_ms) ? ", has just failed" : "");
}

static void find_relays(struct work *w)
{
	struct relay *order[EXPLAIN_RELAYS_MAX];
	struct explained *x = &w->x;
	uint64_t now_ms = clock_now_ms();
	size_t n = 0;

	if (x->rule.reason == RULES_REASON_DNS) {
		x->goes = true;
		answer(x, "tunneld answers queries itself");
		return;
	}
	if (w->env->relays != NULL)
		n = relay_order(w->env->relays, now_ms, RELAY_ORDER_REMEMBERED,
				order, EXPLAIN_RELAYS_MAX);
	for (size_t i = 0; i < n; i++)
		add_relay(x, order[i], now_ms);
	x->goes = n > 0;
	if (x->goes)
		answer(x, "it goes to the relay; of these ways the first that "
			  "answers is taken");
	else
		answer(x, "there is no way: no relay is known, or none takes "
			  "our credentials");
}

/* ---- the whole ---- */

static void find_way(struct work *w)
{
	struct explained *x = &w->x;
	bool udp = x->query->target.protocol == POLICY_UDP;

	switch (x->rule.action) {
	case POLICY_DIRECT:
		x->goes = true;
		answer(x, udp ? "the app sends it itself, past turnout"
			      : "the app connects itself, past turnout");
		break;
	case POLICY_PREFER_DIRECT:
		x->goes = true;
		answer(x, "the app sends it itself; a socket that uses the "
			  "relay already goes on so");
		break;
	case POLICY_PROXY:
		find_proxies(w);
		break;
	case POLICY_TUNNEL:
		find_relays(w);
		break;
	default:
		answer(x, udp ? "it is blocked: EPERM"
			      : "it is blocked: ECONNREFUSED");
		break;
	}
}

/* An address may stand for a name, which decides then. */
static bool find_name(const struct work *w, char name[CONTROL_NAME_MAX + 1])
{
	const struct explain_target *t = &w->x.query->target;

	if (t->ip.family == ENDPOINT_NONE) {
		strcpy(name, t->host);
		return true;
	}
	return w->env->names != NULL &&
	       names_lookup(w->env->names, &t->ip, name);
}

static void find_rule(struct work *w)
{
	const struct explain_query *q = w->x.query;
	const struct explain_target *t = &q->target;
	char name[CONTROL_NAME_MAX + 1];

	if (!find_name(w, name)) {
		policy_explain_ip(w->env->policy, t->protocol, &t->ip,
				  &q->client, &w->x.rule);
		return;
	}
	policy_explain_name(w->env->policy, w->env->names, name, t->port,
			    t->protocol, &q->client, &w->x.rule);
	if (t->ip.family == ENDPOINT_NONE) {
		find_address(w, name);
		return;
	}
	strcpy(w->x.name, name);
	snprintf(w->x.address, sizeof(w->x.address),
		 "it stands for the name %s", name);
}

enum explain_verdict explain(const struct explain_query *query,
			     const struct explain_env *env,
			     uint64_t deadline_ms, struct cancel *cancel,
			     FILE *to)
{
	struct work *w = calloc(1, sizeof(*w));
	bool goes;

	if (w == NULL)
		return EXPLAIN_BLOCKED;
	w->env = env;
	w->deadline_ms = deadline_ms;
	w->cancel = cancel;
	w->x.query = query;
	find_rule(w);
	find_way(w);
	explain_print(&w->x, to);
	goes = w->x.goes;
	free(w);
	return goes ? EXPLAIN_GOES : EXPLAIN_BLOCKED;
}
