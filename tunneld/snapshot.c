/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.c - configuration into proxy, relays and policy
 *
 * Beside main.c the only file that reads `struct conf`: every other module
 * gets values of its own.
 */
#include <config.h>

#include "snapshot.h"

#include "addr.h"
#include "conf.h"
#include "creds.h"
#include "dial.h"
#include "names.h"
#include "policy.h"
#include "relay.h"
#include "rules.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_proxy(struct snapshot *s, const struct conf *conf, char *words)
{
	struct dial_proxy *p;
	int err = 0;

	if (!conf->proxy.configured)
		return 0;
	s->proxy = p = dial_proxy_new();
	if (p == NULL)
		return -ENOMEM;
	snprintf(p->host, sizeof(p->host), "%s", conf->proxy.host);
	p->port = conf->proxy.port;
	snprintf(p->username, sizeof(p->username), "%s", conf->proxy.username);
	snprintf(p->password, sizeof(p->password), "%s", conf->proxy.password);
	if (conf->proxy.password_file[0] != '\0')
		err = conf_read_secret(conf->proxy.password_file, p->password,
				       sizeof(p->password));
	if (err < 0)
		snprintf(words, SNAPSHOT_WORDS_MAX,
			 "[proxy] password_file %.300s: %s",
			 conf->proxy.password_file, strerror(-err));
	return err;
}

/* Policy */

static void fill_context(const struct snapshot *s, const struct conf *conf,
			 struct rules_context *ctx)
{
	bool tunnel = conf->media != CONF_MEDIA_NEVER;

	*ctx = (struct rules_context){
		.user = &conf->rules,
		.no_proxy = (const char *const *)conf->proxy.no_proxy,
		.have_proxy = s->proxy != NULL,
		.tunnel_udp = tunnel && conf->relay_count > 0,
		.refuse_udp = conf->media == CONF_MEDIA_ALWAYS &&
			      conf->relay_count == 0,
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
		policy = policy_new(&ctx, s->proxy);
	}
	free(hop_names);
	free(hops);
	return policy;
}

/* Relays */

/* Is the relay reached through the proxy? As any other TCP destination is,
 * unless its own `path` says so. */
static int choose_path(const struct snapshot *s, const struct conf *conf,
		       const struct conf_relay *r, const struct policy *bare,
		       bool *through_proxy)
{
	struct rules_context ctx;
	struct endpoint ip;

	*through_proxy = r->path == CONF_PATH_PROXY;
	if (r->path == CONF_PATH_PROXY && s->proxy == NULL)
		return -EINVAL;
	if (r->path != CONF_PATH_AUTO || s->proxy == NULL)
		return 0;
	fill_context(s, conf, &ctx);
	if (addr_parse_ip(r->uri.host, &ip)) {
		ip.port_be = htons(r->uri.port);
		*through_proxy = policy_decide_ip(bare, POLICY_TCP, &ip) ==
				 POLICY_PROXY;
	} else {
		*through_proxy = rules_decide_name(&ctx, r->uri.host,
						   r->uri.port, POLICY_TCP,
						   false) == POLICY_PROXY;
	}
	return 0;
}

static int make_creds(struct relay *relay, const struct conf_relay *r,
		      const char **words)
{
	bool rest = r->secret_file[0] != '\0';
	const char *file = rest ? r->secret_file : r->password_file;
	struct creds_opts opts = { .kind = rest ? CREDS_REST : CREDS_STATIC,
				   .username = r->username };
	char secret[256];
	int err = 0;

	secret[0] = '\0';
	if (file[0] != '\0')
		err = conf_read_secret(file, secret, sizeof(secret));
	if (err < 0) {
		*words = strerror(-err);
		return err;
	}
	opts.secret = secret;
	relay->creds = creds_new(&opts, words);
	explicit_bzero(secret, sizeof(secret));
	return relay->creds == NULL ? -EINVAL : 0;
}

static int make_relay(struct snapshot *s, const struct conf *conf,
		      const struct conf_relay *r, const struct policy *bare,
		      struct relay *relay, const char **words)
{
	bool through_proxy;
	int err;

	snprintf(relay->name, sizeof(relay->name), "%s", r->name);
	snprintf(relay->host, sizeof(relay->host), "%s", r->uri.host);
	relay->port = r->uri.port;
	relay->transport = r->uri.tls ? RELAY_TRANSPORT_TLS
				      : RELAY_TRANSPORT_TCP;
	if (r->uri.tls) {
		relay->tls = tls_ctx_new(r->ca_file[0] ? r->ca_file : NULL,
					 words);
		if (relay->tls == NULL)
			return -EINVAL;
	}
	err = make_creds(relay, r, words);
	if (err < 0)
		return err;
	err = choose_path(s, conf, r, bare, &through_proxy);
	if (err < 0) {
		*words = "path = proxy, but no proxy is configured; set "
			 "[proxy] url";
		return err;
	}
	relay->proxy = through_proxy ? dial_proxy_get(s->proxy) : NULL;
	return 0;
}

static int make_relays(struct snapshot *s, const struct conf *conf, char *out)
{
	struct rules_context ctx;
	struct policy *bare;
	int err = 0;

	fill_context(s, conf, &ctx);
	bare = policy_new(&ctx, NULL);
	s->relays = relay_set_new(conf->relay_count);
	if (bare == NULL || s->relays == NULL)
		err = -errno;
	for (size_t i = 0; err == 0 && i < conf->relay_count; i++) {
		const struct conf_relay *r = &conf->relay[i];
		const char *words = "out of memory";

		err = make_relay(s, conf, r, bare, &s->relays->relay[i],
				 &words);
		if (err < 0)
			snprintf(out, SNAPSHOT_WORDS_MAX,
				 "%.200s: [relay %s]: %.200s", r->origin,
				 r->name, words);
	}
	policy_put(bare);
	return err;
}

/* The whole */

static int list_hops(struct snapshot *s, const struct conf *conf)
{
	s->hop = calloc(conf->relay_count + 1, sizeof(*s->hop));
	if (s->hop == NULL)
		return -ENOMEM;
	if (s->proxy != NULL) {
		struct hops_host *hop = &s->hop[s->hop_count++];

		snprintf(hop->host, sizeof(hop->host), "%s", s->proxy->host);
		hop->port = s->proxy->port;
	}
	for (size_t i = 0; i < s->relays->count; i++) {
		const struct relay *relay = &s->relays->relay[i];
		struct hops_host *hop;

		/* Reached through the proxy, a relay is a destination like any
		 * other: its name may mean nothing here, and asking for it
		 * would only tell the network. */
		if (relay->proxy != NULL)
			continue;
		hop = &s->hop[s->hop_count++];
		snprintf(hop->host, sizeof(hop->host), "%s", relay->host);
		hop->port = relay->port;
	}
	return 0;
}

int snapshot_init(struct snapshot *s, const struct conf *conf,
		  char words[SNAPSHOT_WORDS_MAX])
{
	static const struct snapshot_found nothing;
	int err;

	*s = (struct snapshot){ 0 };
	snprintf(words, SNAPSHOT_WORDS_MAX, "out of memory");
	err = make_proxy(s, conf, words);
	if (err == 0)
		err = make_relays(s, conf, words);
	if (err == 0)
		err = list_hops(s, conf);
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
	dial_proxy_put(s->proxy);
	free(s->hop);
	*s = (struct snapshot){ 0 };
}
