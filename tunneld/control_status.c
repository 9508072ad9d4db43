/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_status.c - what tunneld is doing, as text for people and tests
 *
 * One `key value` a line; keys stay what they are.
 */
#include <config.h>

#include "control_conn.h"
#include "dial.h"
#include "egress.h"
#include "policy.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_health.h"
#include "proxy_pump.h"
#include "relay.h"
#include "stats.h"
#include "tunnel.h"
#include "worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define STATUS_BYTES 32768

struct text {
	char data[STATUS_BYTES];
	size_t len;
};

static void PRINTF_LIKE(2, 3) put_line(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->data + t->len, sizeof(t->data) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(t->data) - t->len)
		t->len += (size_t)n;
}

static void add_stats(struct worker_stats *sum, const struct worker_stats *s)
{
#define STATS_SUM(name, help) stats_add(&sum->name, stats_get(&s->name));
	STATS_WORKER_LIST(STATS_SUM)
#undef STATS_SUM
}

static void put_workers(struct text *t, const struct control *c)
{
	struct worker_stats sum = { 0 };

	add_stats(&sum, &c->stats);
	for (size_t i = 0; i < c->opts.worker_count; i++)
		add_stats(&sum, worker_stats(c->opts.workers[i]));
#define STATS_PUT(name, help) \
	put_line(t, #name " %llu\n", (unsigned long long)stats_get(&sum.name));
	STATS_WORKER_LIST(STATS_PUT)
#undef STATS_PUT
}

static const char *relay_state(const struct relay *r,
			       const struct relay *winner)
{
	if (r == winner)
		return "preferred";
	return relay_has_worked(r) ? "worked" : "untried";
}

/* What scripts know stands first; new words come behind. */
static void put_relay(struct text *t, const struct relay *r,
		      const struct relay *winner)
{
	static const char *const mobility[] = {
		[RELAY_MOBILITY_UNKNOWN] = "unknown",
		[RELAY_MOBILITY_NO] = "no",
		[RELAY_MOBILITY_YES] = "yes",
	};

	put_line(t, "relay %s %s:%u %s %s %s %s mobility %s keepalive %u %s",
		 r->name, r->host, r->port, relay_transport_name(r->transport),
		 r->egress != NULL ? "proxy" : "direct",
		 relay_failing(r) ? "failing" : "ok", relay_state(r, winner),
		 mobility[relay_mobility(r)], relay_keepalive_s(r),
		 relay_learned_keepalive_s(r) ? "learned" : "configured");
	if (relay_rtt_us(r) != 0)
		put_line(t, " rtt_ms %u", (relay_rtt_us(r) + 500) / 1000);
	put_line(t, "\n");
}

static bool is_known_beforehand(const struct egress *egress,
				const struct proxy *p)
{
	struct proxy *const *proxy;
	size_t n = egress_proxies(egress, &proxy);

	for (size_t i = 0; i < n; i++)
		if (proxy[i]->kind == p->kind && proxy[i]->port == p->port &&
		    strcasecmp(proxy[i]->host, p->host) == 0)
			return true;
	return false;
}

/* What a script has named, as far as anybody has turned to it. */
static void put_named_logins(struct text *t, const struct control *c,
			     const struct egress *egress)
{
	const struct tunnel_env *env = dial_tunnel_env(c->opts.pool);
	struct proxy_health_entry known[16];
	size_t n = proxy_health_list(env->health, loop_now_ms(c->opts.loop),
				     known, ARRAY_SIZE(known));

	for (size_t i = 0; i < n; i++) {
		char url[PROXY_TEXT_MAX], words[PROXY_AUTH_WORDS_MAX];
		struct proxy p = { .kind = known[i].kind,
				   .port = known[i].port };

		strcpy(p.host, known[i].host);
		if (is_known_beforehand(egress, &p))
			continue;
		proxy_auth_describe(env->auth, &p, words);
		put_line(t, "proxy_login %s %s\n", proxy_format(&p, url),
			 words);
	}
}

/* Of those that are known beforehand. */
static void put_logins(struct text *t, const struct control *c,
		       const struct egress *egress)
{
	struct proxy_auth *auth = dial_tunnel_env(c->opts.pool)->auth;
	struct proxy *const *proxy;
	size_t n = egress_proxies(egress, &proxy);

	for (size_t i = 0; i < n; i++) {
		char url[PROXY_TEXT_MAX], words[PROXY_AUTH_WORDS_MAX];

		proxy_auth_describe(auth, proxy[i], words);
		put_line(t, "proxy_login %s %s\n", proxy_format(proxy[i], url),
			 words);
	}
}

static void put_hops(struct text *t, const struct control *c)
{
	const struct egress *egress = policy_egress(c->opts.policy);
	const struct relay_set *set = c->opts.relays;

	if (egress != NULL)
		put_line(t, "proxy %s\n", egress_words(egress));
	else
		put_line(t, "proxy none\n");
	if (egress != NULL)
		put_logins(t, c, egress);
	if (egress != NULL)
		put_named_logins(t, c, egress);
	for (size_t i = 0; i < set->count; i++)
		put_relay(t, &set->relay[i], relay_set_winner(set));
}

static void put_pump(struct text *t, const struct control *c)
{
	struct proxy_pump_stats s;

	proxy_pump_stats(dial_tunnel_env(c->opts.pool)->pump, &s);
	put_line(t, "pump_connections %llu\npump_opened %llu\n",
		 (unsigned long long)s.pairs, (unsigned long long)s.opened);
	put_line(t, "pump_broken %llu\npump_bytes %llu\n",
		 (unsigned long long)s.broken, (unsigned long long)s.bytes);
}

void conn_status(struct conn *conn)
{
	const struct control *c = conn->control;
	struct text t = { .len = 0 };

	put_line(&t, "version %s\npid %d\n", PACKAGE_VERSION, (int)getpid());
	put_line(&t, "log %s\n", log_is_in_journal() ? "journal" : "stderr");
	put_hops(&t, c);
	put_line(&t, "connects %llu\nconnects_failed %llu\n",
		 (unsigned long long)c->connects,
		 (unsigned long long)c->connects_failed);
	put_line(&t, "connecting %zu\nlookups %llu\n", c->connecting,
		 (unsigned long long)c->lookups);
	put_pump(&t, c);
	put_workers(&t, c);
	conn_answer(conn, t.data, t.len);
}
