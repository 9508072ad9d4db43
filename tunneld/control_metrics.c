/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_metrics.c - what tunneld counts, as metrics
 *
 * Names by Prometheus' conventions: base units, and the unit at the end. Labels
 * have few values, all of them known beforehand or written by whoever
 * configures: no host, no user, no address. A relay that DNS has at several
 * places is one here, with its best way of each kind.
 */
#include <config.h>

#include "control_conn.h"
#include "dial.h"
#include "egress.h"
#include "metrics.h"
#include "policy.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_health.h"
#include "proxy_pump.h"
#include "queue.h"
#include "relay.h"
#include "stats.h"
#include "tunnel.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One label and its value, as an argument. */
#define LABEL(key, text)                            \
	(&(const struct metrics_label[]){           \
		{ .name = (key), .value = (text) }, \
		{ 0 },                              \
	}[0])

/* Sums over the threads */

static void add_histogram(struct stats_histogram *sum,
			  const struct stats_histogram *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->bucket); i++)
		stats_add(&sum->bucket[i], stats_get(&h->bucket[i]));
	stats_add(&sum->sum_us, stats_get(&h->sum_us));
}

static void add_stats(struct worker_stats *sum, const struct worker_stats *s)
{
#define STATS_SUM(name, help) stats_add(&sum->name, stats_get(&s->name));
	STATS_WORKER_LIST(STATS_SUM)
#undef STATS_SUM
	for (int c = 0; c < STATS_CLASSES; c++) {
		add_histogram(&sum->queue_delay[c], &s->queue_delay[c]);
		for (int why = 0; why < STATS_DROPS; why++)
			stats_add(&sum->queue_drops[c][why],
				  stats_get(&s->queue_drops[c][why]));
	}
	add_histogram(&sum->round_trip, &s->round_trip);
}

/* What the workers count */

static void put_plain(struct metrics *m, const struct worker_stats *s)
{
	const struct {
		const char *name;
		enum metrics_type type;
		const char *words;
		uint64_t value;
	} rows[] = {
#define ROW(name, type, words, field) \
	{ "turnout_" name, METRICS_##type, words, stats_get(&s->field) }
		ROW("flows", GAUGE, "UDP sockets of apps that are served now",
		    flows),
		ROW("relay_connections", GAUGE,
		    "connections to relays, being made or up", uplinks),
		ROW("relay_allocations", GAUGE, "relayed addresses held now",
		    allocations),
		ROW("relay_failures_total", COUNTER,
		    "connections to relays that failed or ended",
		    uplink_failures),
		ROW("calls_interrupted_total", COUNTER,
		    "connections to relays that carried a call when they ended",
		    legs_lost),
		ROW("calls_resumed_total", COUNTER,
		    "calls that went on with their relayed address",
		    legs_resumed),
		ROW("calls_moved_total", COUNTER,
		    "calls that went on with another relayed address",
		    address_changes),
		ROW("relay_stalls_total", COUNTER,
		    "times that a relay was silent for seconds", stalls),
		ROW("relay_redirects_total", COUNTER,
		    "times that a relay has sent us to another one", redirects),
		ROW("relay_late_datagrams_total", COUNTER,
		    "datagrams that peers sent to an address of before",
		    from_old_address),
#undef ROW
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		metrics_family(m, rows[i].name, rows[i].type, rows[i].words);
		metrics_count(m, NULL, rows[i].value);
	}
}

static void put_datagrams(struct metrics *m, const struct worker_stats *s)
{
	metrics_family(m, "turnout_datagrams_total", METRICS_COUNTER,
		       "datagrams that apps have sent and got, and those of "
		       "them that went to relays and came from there");
	metrics_count(m, LABEL("direction", "from_apps"),
		      stats_get(&s->datagrams_from_apps));
	metrics_count(m, LABEL("direction", "to_apps"),
		      stats_get(&s->datagrams_to_apps));
	metrics_count(m, LABEL("direction", "to_relay"),
		      stats_get(&s->datagrams_to_relay));
	metrics_count(m, LABEL("direction", "from_relay"),
		      stats_get(&s->datagrams_from_relay));
	metrics_family(m, "turnout_relay_bytes_total", METRICS_COUNTER,
		       "bytes of TURN on connections to relays");
	metrics_count(m, LABEL("direction", "to_relay"),
		      stats_get(&s->bytes_to_relay));
	metrics_count(m, LABEL("direction", "from_relay"),
		      stats_get(&s->bytes_from_relay));
	metrics_family(m, "turnout_answers_total", METRICS_COUNTER,
		       "requests of apps that tunneld has answered itself, and "
		       "DNS queries that it has passed on");
	metrics_count(m, LABEL("kind", "stun"), stats_get(&s->stun_answered));
	metrics_count(m, LABEL("kind", "dns"), stats_get(&s->dns_answered));
	metrics_count(m, LABEL("kind", "dns_forwarded"),
		      stats_get(&s->dns_forwarded));
}

static const char *const class_names[] = {
	[QUEUE_CLASS_CONTROL] = "control",
	[QUEUE_CLASS_AUDIO] = "audio",
	[QUEUE_CLASS_VIDEO] = "video",
};
_Static_assert(ARRAY_SIZE(class_names) == STATS_CLASSES, "a name each");

static const char *const drop_names[] = {
	[QUEUE_DROP_DEADLINE] = "late",
	[QUEUE_DROP_FULL] = "full",
	[QUEUE_DROP_TOO_LONG] = "too_long",
};
_Static_assert(ARRAY_SIZE(drop_names) == STATS_DROPS, "a name each");

static void put_drops(struct metrics *m, const struct worker_stats *s)
{
	metrics_family(m, "turnout_dropped_datagrams_total", METRICS_COUNTER,
		       "datagrams that reached nobody, but for those of the "
		       "queue");
	metrics_count(m, LABEL("reason", "unresolved"),
		      stats_get(&s->drop_unresolved));
	metrics_count(m, LABEL("reason", "refused"),
		      stats_get(&s->drop_refused));
	metrics_count(m, LABEL("reason", "malformed"),
		      stats_get(&s->drop_malformed));
	metrics_count(m, LABEL("reason", "app_too_slow"),
		      stats_get(&s->drop_local));
	metrics_family(m, "turnout_queue_dropped_datagrams_total",
		       METRICS_COUNTER,
		       "datagrams that waited for a relay and were dropped");
	for (int c = 0; c < STATS_CLASSES; c++) {
		for (int why = 0; why < STATS_DROPS; why++) {
			const struct metrics_label labels[] = {
				{ "class", class_names[c] },
				{ "reason", drop_names[why] },
				{ 0 },
			};

			metrics_count(m, labels,
				      stats_get(&s->queue_drops[c][why]));
		}
	}
}

static void put_times(struct metrics *m, const struct worker_stats *s)
{
	metrics_family(m, "turnout_queue_delay_seconds", METRICS_HISTOGRAM,
		       "how long datagrams waited, of those that had to");
	for (int c = 0; c < STATS_CLASSES; c++)
		metrics_histogram(m, LABEL("class", class_names[c]),
				  &s->queue_delay[c]);
	metrics_family(m, "turnout_relay_round_trip_seconds", METRICS_HISTOGRAM,
		       "how long relays took to answer requests");
	metrics_histogram(m, NULL, &s->round_trip);
}

static void put_workers(struct metrics *m, const struct control *c)
{
	struct worker_stats sum = { 0 };

	add_stats(&sum, &c->stats);
	for (size_t i = 0; i < c->opts.worker_count; i++)
		add_stats(&sum, worker_stats(c->opts.workers[i]));
	put_plain(m, &sum);
	put_datagrams(m, &sum);
	put_drops(m, &sum);
	put_times(m, &sum);
}

/* Relays */

enum way_value {
	WAY_UP = 0,
	WAY_PREFERRED,
	WAY_ROUND_TRIP,
	WAY_CERT_END,
	WAY_NUM_VALUES,
};

static const struct {
	const char *name, *words;
} way_families[] = {
	[WAY_UP] = { "turnout_relay_up",
		     "1: the last attempt to use this way to the relay worked; "
		     "0: it failed; absent: not tried" },
	[WAY_PREFERRED] = { "turnout_relay_preferred",
			    "1: this is the way that is taken first" },
	[WAY_ROUND_TRIP] = { "turnout_relay_last_round_trip_seconds",
			     "to the relay and back, smoothed" },
	[WAY_CERT_END] = { "turnout_relay_certificate_expiry_timestamp_seconds",
			   "when the certificate ends that the relay has "
			   "shown" },
};
_Static_assert(ARRAY_SIZE(way_families) == WAY_NUM_VALUES, "a row each");

static bool same_way(const struct relay *a, const struct relay *b)
{
	return strcmp(a->name, b->name) == 0 && a->transport == b->transport &&
	       (a->egress != NULL) == (b->egress != NULL);
}

/* False: there is nothing to tell. */
static bool way_value(const struct relay_set *set, const struct relay *r,
		      enum way_value which, uint64_t *value)
{
	switch (which) {
	case WAY_UP:
		*value = relay_failing(r) == 0;
		return relay_failing(r) != 0 || relay_has_worked(r);
	case WAY_PREFERRED:
		*value = relay_set_winner(set) == r;
		return true;
	case WAY_ROUND_TRIP:
		*value = relay_rtt_us(r);
		return *value != 0;
	default:
		*value = (uint64_t)relay_cert_end_s(r);
		return relay_cert_end_s(r) > 0;
	}
}

/* Of several places: is one up or preferred; what is nearest, what ends first.
 */
static bool best_value(const struct relay_set *set, size_t first,
		       enum way_value which, uint64_t *best)
{
	bool most = which == WAY_UP || which == WAY_PREFERRED, any = false;
	uint64_t value;

	for (size_t i = first; i < set->count; i++) {
		if (!same_way(&set->relay[i], &set->relay[first]) ||
		    !way_value(set, &set->relay[i], which, &value))
			continue;
		if (!any || (most ? value > *best : value < *best))
			*best = value;
		any = true;
	}
	return any;
}

static bool is_first(const struct relay_set *set, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (same_way(&set->relay[i], &set->relay[at]))
			return false;
	return true;
}

static void put_way(struct metrics *m, const struct relay_set *set, size_t at,
		    enum way_value which)
{
	const struct relay *r = &set->relay[at];
	const struct metrics_label labels[] = {
		{ "relay", r->name },
		{ "transport", relay_transport_name(r->transport) },
		{ "path", r->egress != NULL ? "proxy" : "direct" },
		{ 0 },
	};
	uint64_t value = 0;

	if (!is_first(set, at) || !best_value(set, at, which, &value))
		return;
	if (which == WAY_ROUND_TRIP)
		metrics_time_us(m, labels, value);
	else
		metrics_count(m, labels, value);
}

static void put_relays(struct metrics *m, const struct relay_set *set)
{
	for (int which = 0; which < WAY_NUM_VALUES; which++) {
		metrics_family(m, way_families[which].name, METRICS_GAUGE,
			       way_families[which].words);
		for (size_t i = 0; i < set->count; i++)
			put_way(m, set, i, (enum way_value)which);
	}
}

/* Proxies */

static void put_proxies(struct metrics *m, const struct control *c)
{
	const struct egress *egress = policy_egress(c->opts.policy);
	const struct tunnel_env *env = dial_tunnel_env(c->opts.pool);
	uint64_t now_ms = loop_now_ms(c->opts.loop), resting = 0, refused = 0;
	struct proxy *const *proxy;
	size_t n = egress != NULL ? egress_proxies(egress, &proxy) : 0;

	for (size_t i = 0; i < n; i++) {
		resting += proxy_health_rests(env->health, proxy[i], now_ms);
		refused += proxy_auth_is_locked_out(env->auth, proxy[i]);
	}
	metrics_family(m, "turnout_proxies", METRICS_GAUGE,
		       "proxies that are known beforehand");
	metrics_count(m, NULL, n);
	metrics_family(m, "turnout_proxies_unreachable", METRICS_GAUGE,
		       "of these: could not be reached lately, tried last");
	metrics_count(m, NULL, resting);
	metrics_family(m, "turnout_proxy_logins_refused", METRICS_GAUGE,
		       "of these: have refused the login that is configured");
	metrics_count(m, NULL, refused);
}

static void put_pump(struct metrics *m, const struct control *c)
{
	struct proxy_pump_stats s;

	proxy_pump_stats(dial_tunnel_env(c->opts.pool)->pump, &s);
	metrics_family(m, "turnout_pump_connections", METRICS_GAUGE,
		       "connections through proxies that speak TLS, open now");
	metrics_count(m, NULL, s.pairs);
	metrics_family(m, "turnout_pump_connections_opened_total",
		       METRICS_COUNTER,
		       "connections through proxies that speak TLS");
	metrics_count(m, NULL, s.opened);
	metrics_family(m, "turnout_pump_connections_broken_total",
		       METRICS_COUNTER, "of these: ended by a failure");
	metrics_count(m, NULL, s.broken);
	metrics_family(m, "turnout_pump_bytes_total", METRICS_COUNTER,
		       "bytes carried on these, both ways");
	metrics_count(m, NULL, s.bytes);
}

/* Connections of apps */

static void put_connects(struct metrics *m, const struct control *c)
{
	metrics_family(m, "turnout_connects_total", METRICS_COUNTER,
		       "TCP connections that apps have asked for");
	metrics_count(m, NULL, c->connects);
	metrics_family(m, "turnout_connects_in_progress", METRICS_GAUGE,
		       "of these: being made now");
	metrics_count(m, NULL, c->connecting);
	metrics_family(m, "turnout_connect_failures_total", METRICS_COUNTER,
		       "of these: came to nothing, by what is to blame");
	metrics_count(m, LABEL("reason", "policy"), c->refused);
	for (int i = DIAL_OK + 1; i < DIAL_NUM_REASONS; i++)
		metrics_count(
			m,
			LABEL("reason", dial_reason_name((enum dial_reason)i)),
			c->failed[i]);
	metrics_family(m, "turnout_connect_duration_seconds", METRICS_HISTOGRAM,
		       "how long it took to make those that came to be");
	metrics_histogram(m, NULL, &c->connect_time);
	metrics_family(m, "turnout_lookups_total", METRICS_COUNTER,
		       "names that apps have asked for");
	metrics_count(m, NULL, c->lookups);
}

static void put_daemon(struct metrics *m, const struct control *c)
{
	metrics_family(m, "turnout_build_info", METRICS_GAUGE,
		       "which tunneld this is; the value is always 1");
	metrics_count(m, LABEL("version", PACKAGE_VERSION), 1);
	metrics_family(m, "turnout_start_time_seconds", METRICS_GAUGE,
		       "when it was started, since 1970");
	metrics_count(m, NULL, (uint64_t)c->started_s);
	metrics_family(m, "turnout_config_last_reload_successful",
		       METRICS_GAUGE,
		       "0: what the configuration says now is not in force, "
		       "because it is wrong");
	metrics_count(m, NULL, !c->reload_failed);
	metrics_family(m,
		       "turnout_config_last_reload_success_timestamp_seconds",
		       METRICS_GAUGE, "when it was read last, since 1970");
	metrics_count(m, NULL, (uint64_t)c->reloaded_s);
}

char *control_metrics(const struct control *c, bool openmetrics, size_t *bytes)
{
	char *text = NULL;
	struct metrics m = { .openmetrics = openmetrics };

	m.to = open_memstream(&text, bytes);
	if (m.to == NULL)
		return NULL;
	put_daemon(&m, c);
	put_connects(&m, c);
	put_workers(&m, c);
	put_relays(&m, c->opts.relays);
	put_proxies(&m, c);
	put_pump(&m, c);
	metrics_end(&m);
	if (fclose(m.to) == 0)
		return text;
	free(text);
	return NULL;
}

void control_note_reload(struct control *c, bool ok)
{
	c->reload_failed = !ok;
	if (ok)
		c->reloaded_s = (int64_t)time(NULL);
}
