/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.c - configuration into proxy, relays and policy
 *
 * With snapshot_egress.c, beside main.c the only file that reads `struct conf`:
 * every other module gets values of its own.
 */
#include <config.h>

#include "snapshot.h"

#include "addr.h"
#include "conf.h"
#include "creds.h"
#include "egress.h"
#include "names.h"
#include "plan.h"
#include "policy.h"
#include "proxy.h"
#include "relay.h"
#include "rules.h"
#include "snapshot_private.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Policy */

static void fill_context(const struct snapshot *s, const struct conf *conf,
			 struct rules_context *ctx)
{
	bool tunnel = conf->media != CONF_MEDIA_NEVER;

	*ctx = (struct rules_context){
		.user = &conf->rules,
		.no_proxy = (const char *const *)conf->proxy.no_proxy,
		.have_proxy = s->egress != NULL,
		.tunnel_udp = tunnel && conf->relay_count > 0,
		.refuse_udp = conf->media == CONF_MEDIA_ALWAYS &&
			      conf->relay_count == 0,
		.lookup = conf->lookup,
		.pool4 = conf->pool4,
		.pool6 = conf->pool6,
		.pool4_bits = conf->pool4_bits,
		.pool6_bits = conf->pool6_bits,
	};
}

/* Hops that are given as addresses need no look-up. */
static size_t literal_hops(const struct snapshot *s, struct endpoint *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->hop_count; i++) {
		if (!addr_parse_ip(s->hop[i].host, &out[n]))
			continue;
		out[n++].port_be = htons(s->hop[i].port);
	}
	return n;
}

static void set_resolver(struct policy *policy, const struct conf *conf)
{
	static const enum policy_resolver_kind kinds[] = {
		[CONF_RESOLVER_AUTO] = POLICY_RESOLVER_AUTO,
		[CONF_RESOLVER_SYSTEM] = POLICY_RESOLVER_SYSTEM,
		[CONF_RESOLVER_HTTPS] = POLICY_RESOLVER_HTTPS,
		[CONF_RESOLVER_RELAY] = POLICY_RESOLVER_RELAY,
	};
	struct policy_resolver r = { .kind = kinds[conf->resolver],
				     .relay_dns = conf->relay_dns };

	snprintf(r.doh_uri, sizeof(r.doh_uri), "%s", conf->doh_uri);
	policy_set_resolver(policy, &r);
}

static int check_resolver(const struct conf *conf, char *words)
{
	const char *lost = NULL;

	if (conf->resolver == CONF_RESOLVER_HTTPS && conf->doh_uri[0] == '\0')
		lost = "https, but doh_uri is not set";
	if (conf->resolver == CONF_RESOLVER_RELAY &&
	    conf->relay_dns.family == ENDPOINT_NONE)
		lost = "relay, but relay_dns is not set";
	if (lost == NULL)
		return 0;
	snprintf(words, SNAPSHOT_WORDS_MAX, "[names] resolver = %s", lost);
	return -EINVAL;
}

struct policy *snapshot_policy(const struct snapshot *s,
			       const struct conf *conf,
			       const struct snapshot_found *found)
{
	struct rules_context ctx;
	struct policy *policy = NULL;
	struct endpoint *hops = calloc(s->hop_count + found->hop_count + 1,
				       sizeof(*hops));
	const char **hop_names = calloc(s->hop_count + 1, sizeof(*hop_names));

	if (hops != NULL && hop_names != NULL) {
		fill_context(s, conf, &ctx);
		ctx.hop_count = literal_hops(s, hops);
		for (size_t i = 0; i < found->hop_count; i++)
			hops[ctx.hop_count++] = found->hops[i];
		ctx.udp_hop_count = ctx.hop_count;
		for (size_t i = 0; i < s->hop_count; i++)
			hop_names[i] = s->hop[i].host;
		ctx.hops = hops;
		ctx.hop_names = hop_names;
		ctx.learned = found->learned;
		ctx.learned_count = found->learned_count;
		ctx.udp_direct = found->udp_direct;
		policy = policy_new(&ctx, s->egress);
	}
	if (policy != NULL)
		set_resolver(policy, conf);
	free(hop_names);
	free(hops);
	return policy;
}

/* Relays */

/* How a web service of credentials is reached: as any other destination. */
static struct egress *egress_to(const struct plan *plan, const char *url)
{
	static const struct plan_relay any = { .path = PLAN_PATH_AUTO };
	char authority[CONF_TEXT_MAX], host[CONTROL_NAME_MAX + 1];
	uint16_t port = strncasecmp(url, "https:", 6) == 0 ? 443 : 80;

	url = strstr(url, "//") + 2;
	snprintf(authority, sizeof(authority), "%.*s", (int)strcspn(url, "/?#"),
		 url);
	if (!addr_split_host_port(authority, host, sizeof(host), &port))
		return plan->egress;
	return plan_ways(plan, &any, host, port, RELAY_TRANSPORT_TCP) &
			       PLAN_WAY_PROXY
		       ? plan->egress
		       : NULL;
}

static enum creds_kind creds_kind_of(const struct conf_relay *r)
{
	if (r->credentials_uri[0] != '\0')
		return CREDS_URI;
	if (r->credential_command[0] != '\0')
		return CREDS_COMMAND;
	return r->secret_file[0] != '\0' ? CREDS_REST : CREDS_STATIC;
}

static int read_secrets(const struct conf_relay *r, enum creds_kind kind,
			char secret[CREDS_PASSWORD_MAX + 1],
			char headers[CONF_HEADERS_MAX])
{
	const char *file = kind == CREDS_REST ? r->secret_file
					      : r->password_file;
	int err = 0;

	secret[0] = headers[0] = '\0';
	if (file[0] != '\0')
		err = conf_read_secret(file, secret, CREDS_PASSWORD_MAX + 1);
	if (err == 0 && r->credentials_headers_file[0] != '\0')
		err = conf_read_secret_text(r->credentials_headers_file,
					    headers, CONF_HEADERS_MAX);
	return err;
}

static int make_creds(const struct plan *plan, struct plan_relay *relay,
		      const struct conf_relay *r, const char **words)
{
	char secret[CREDS_PASSWORD_MAX + 1], headers[CONF_HEADERS_MAX];
	struct creds_opts opts = {
		.kind = creds_kind_of(r),
		.name = r->name,
		.ca_file = r->ca_file[0] != '\0' ? r->ca_file : NULL,
		.username = r->username,
		.secret = secret,
		.uri = r->credentials_uri,
		.headers = headers,
		.body = r->credentials_body,
		.command = r->credential_command,
	};
	int err = read_secrets(r, opts.kind, secret, headers);

	if (err < 0) {
		*words = strerror(-err);
	} else {
		if (opts.kind == CREDS_URI)
			opts.egress = egress_to(plan, opts.uri);
		relay->creds = creds_new(&opts, words);
		err = relay->creds == NULL ? -EINVAL : 0;
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(headers, sizeof(headers));
	return err;
}

/* Is there a way at all, as far as can be told now? */
static bool has_way(const struct plan *plan, const struct plan_relay *relay)
{
	struct locate_target t[LOCATE_MAX];
	size_t n = 0;

	if (relay->uri.host[0] == '\0')
		return true;
	n = locate_plain(&relay->uri, t);
	for (size_t i = 0; i < n; i++)
		if (plan_ways(plan, relay, t[i].host, t[i].port,
			      t[i].transport) != 0)
			return true;
	return false;
}

static int make_relay(const struct plan *plan, struct plan_relay *relay,
		      const struct conf_relay *r, const char **words)
{
	static const enum plan_path paths[] = {
		[CONF_PATH_AUTO] = PLAN_PATH_AUTO,
		[CONF_PATH_DIRECT] = PLAN_PATH_DIRECT,
		[CONF_PATH_PROXY] = PLAN_PATH_PROXY,
	};

	snprintf(relay->name, sizeof(relay->name), "%s", r->name);
	relay->uri = r->uri;
	relay->path = paths[r->path];
	relay->no_redirect = !r->redirect;
	relay->no_mobility = !r->mobility;
	relay->warm = r->warm;
	relay->keepalive_s = r->keepalive_s;
	if (r->path == CONF_PATH_PROXY && plan->egress == NULL) {
		*words = "path = proxy, but no proxy is configured; set "
			 "[proxy] url";
		return -EINVAL;
	}
	if (!has_way(plan, relay)) {
		*words = "the proxy carries no UDP: write ?transport=tcp, or "
			 "path = direct";
		return -EINVAL;
	}
	if (r->uri.tls || r->uri.host[0] == '\0') {
		relay->tls = tls_ctx_new(r->ca_file[0] ? r->ca_file : NULL,
					 words);
		if (relay->tls == NULL)
			return -EINVAL;
	}
	return make_creds(plan, relay, r, words);
}

static int make_relays(struct snapshot *s, const struct conf *conf, char *out)
{
	struct rules_context ctx;
	struct plan *plan = plan_new(conf->relay_count);
	int err = 0;

	if (plan == NULL)
		return -ENOMEM;
	s->plan = plan;
	fill_context(s, conf, &ctx);
	plan->egress = s->egress != NULL ? egress_get(s->egress) : NULL;
	plan->past_proxy = conf->media != CONF_MEDIA_ALWAYS;
	plan->policy = policy_new(&ctx, NULL);
	if (plan->policy == NULL)
		err = -errno;
	for (size_t i = 0; err == 0 && i < conf->relay_count; i++) {
		const struct conf_relay *r = &conf->relay[i];
		const char *words = "out of memory";

		err = make_relay(plan, &plan->relay[i], r, &words);
		if (err < 0)
			snprintf(out, SNAPSHOT_WORDS_MAX,
				 "%.200s: [relay %s]: %.200s", r->origin,
				 r->name, words);
	}
	if (err < 0)
		return err;
	s->relays = plan_relays(plan, NULL);
	return s->relays == NULL ? -ENOMEM : 0;
}

/* The whole */

static void add_hop(struct snapshot *s, const char *host, uint16_t port)
{
	struct hops_host *hop = &s->hop[s->hop_count];

	for (size_t i = 0; i < s->hop_count; i++)
		if (s->hop[i].port == port && strcmp(s->hop[i].host, host) == 0)
			return;
	snprintf(hop->host, sizeof(hop->host), "%s", host);
	hop->port = port;
	s->hop_count++;
}

/* A host that the proxy leads to is a destination like any other: apps take
 * the proxy, and to ask for its name would only tell the network. */
static bool is_hop(const struct relay_set *set, const struct relay *relay)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->relay[i].egress != NULL &&
		    strcmp(set->relay[i].host, relay->host) == 0)
			return false;
	return true;
}

static int list_hops(struct snapshot *s)
{
	struct proxy *const *proxy = NULL;
	size_t proxies = s->egress ? egress_proxies(s->egress, &proxy) : 0;

	free(s->hop);
	s->hop_count = 0;
	s->hop = calloc(proxies + s->plan->count + s->relays->count,
			sizeof(*s->hop));
	if (s->hop == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < proxies; i++)
		add_hop(s, proxy[i]->host, proxy[i]->port);
	for (size_t i = 0; i < s->relays->count; i++)
		if (is_hop(s->relays, &s->relays->relay[i]))
			add_hop(s, s->relays->relay[i].host,
				s->relays->relay[i].port);
	for (size_t i = 0; i < s->plan->count; i++) {
		const struct plan_relay *r = &s->plan->relay[i];

		if (r->uri.host[0] != '\0' &&
		    plan_ways(s->plan, r, r->uri.host, r->uri.port,
			      RELAY_TRANSPORT_TCP) == PLAN_WAY_DIRECT)
			add_hop(s, r->uri.host, r->uri.port);
	}
	return 0;
}

int snapshot_set_relays(struct snapshot *s, struct relay_set *set)
{
	relay_set_put(s->relays);
	s->relays = set;
	return list_hops(s);
}

void snapshot_inherit(struct snapshot *s, const struct snapshot *old)
{
	for (size_t i = 0; i < s->plan->count; i++)
		for (size_t j = 0; j < old->plan->count; j++)
			if (strcmp(s->plan->relay[i].name,
				   old->plan->relay[j].name) == 0)
				creds_inherit(s->plan->relay[i].creds,
					      old->plan->relay[j].creds);
	relay_set_inherit(s->relays, old->relays, false);
}

int snapshot_init(struct snapshot *s, const struct conf *conf,
		  char words[SNAPSHOT_WORDS_MAX])
{
	static const struct snapshot_found nothing;
	int err;

	*s = (struct snapshot){ 0 };
	snprintf(words, SNAPSHOT_WORDS_MAX, "out of memory");
	err = check_resolver(conf, words);
	if (err == 0)
		err = snapshot_make_egress(s, conf, words);
	if (err == 0)
		err = make_relays(s, conf, words);
	if (err == 0)
		err = list_hops(s);
	if (err == 0) {
		s->policy = snapshot_policy(s, conf, &nothing);
		err = s->policy == NULL ? -errno : 0;
		if (err == -E2BIG)
			snprintf(words, SNAPSHOT_WORDS_MAX,
				 "[rules]: too many; at most %u fit",
				 (unsigned int)PAGE_RULES_MAX);
	}
	if (err < 0)
		snapshot_fini(s);
	return err;
}

void snapshot_fini(struct snapshot *s)
{
	policy_put(s->policy);
	relay_set_put(s->relays);
	plan_put(s->plan);
	egress_put(s->egress);
	free(s->hop);
	*s = (struct snapshot){ 0 };
}
