/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status_json.c - parts of the document turnout-status/1
 *
 * Times are milliseconds of this machine's steady clock ago, so that the
 * reader needs no clock. A loss is a number of datagrams, and stands beside how
 * many there would have been: the quotient is the reader's.
 */
#include <config.h>

#include "status_json.h"

#include "addr.h"
#include "apps.h"
#include "flow_facts.h"
#include "flow_table.h"
#include "json_clean.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_health.h"
#include "queue.h"
#include "relay.h"
#include "stats.h"

#include <stdio.h>
#include <time.h>

static const char *const class_names[] = {
	[QUEUE_CLASS_CONTROL] = "control",
	[QUEUE_CLASS_AUDIO] = "audio",
	[QUEUE_CLASS_VIDEO] = "video",
};
_Static_assert(ARRAY_SIZE(class_names) == QUEUE_NUM_CLASSES, "one each");

static const char *const drop_names[] = {
	[QUEUE_DROP_DEADLINE] = "late",
	[QUEUE_DROP_FULL] = "full",
	[QUEUE_DROP_TOO_LONG] = "too_long",
};
_Static_assert(ARRAY_SIZE(drop_names) == QUEUE_NUM_DROPS, "one each");

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *ms_of_us(uint32_t us)
{
	return us != 0 ? json_real((us + 50) / 100 / 10.0) : json_null();
}

/* How long ago; null: never. */
static json_t *ago(uint64_t then_ms, uint64_t now_ms)
{
	return then_ms != 0 ? count(now_ms - then_ms) : json_null();
}

json_t *status_json_utc(int64_t s)
{
	time_t when = (time_t)s;
	char text[32];
	struct tm tm;

	if (s == 0 || gmtime_r(&when, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

json_t *status_json_endpoint(const struct endpoint *e)
{
	char text[ADDR_TEXT_MAX];

	if (e->family == ENDPOINT_NONE)
		return json_null();
	return json_string(addr_format(e, text));
}

json_t *status_json_app(const struct app *app, uint64_t now_ms)
{
	return json_pack(
		"{s:i, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "pid",
		(int)app->pid, "program",
		json_clean(app->program[0] != '\0' ? app->program : NULL),
		"uid", (json_int_t)app->uid, "since_ms",
		ago(app->since_ms, now_ms), "asked_ms",
		ago(app->seen_ms, now_ms), "connects", count(app->connects),
		"connects_failed", count(app->connects_failed), "lookups",
		count(app->lookups), "sockets", count(app->sockets));
}

/* Flows */

static json_t *drops_of(const struct queue_counters *c)
{
	json_t *drops = json_object();

	for (int i = 0; i < QUEUE_NUM_CLASSES; i++) {
		json_t *class = json_object();

		for (int why = 0; why < QUEUE_NUM_DROPS; why++)
			json_object_set_new(class, drop_names[why],
					    count(c->dropped[i][why]));
		json_object_set_new(drops, class_names[i], class);
	}
	return drops;
}

static uint64_t dropped(const struct uplink_facts *u)
{
	uint64_t n = u->refused;

	for (int i = 0; i < QUEUE_NUM_CLASSES; i++)
		for (int why = 0; why < QUEUE_NUM_DROPS; why++)
			n += u->queue.dropped[i][why];
	return n;
}

static json_t *path_of(const struct uplink_facts *u)
{
	if (u->relay[0] == '\0')
		return json_null();
	return json_pack("{s:o, s:o, s:i, s:s, s:s, s:b, s:o}", "relay",
			 json_clean(u->relay), "host", json_clean(u->host),
			 "port", (int)u->port, "transport",
			 relay_transport_name(u->transport), "way",
			 u->proxied ? "proxy" : "direct", "mobile", u->mobile,
			 "rtt_ms", ms_of_us(u->rtt_us));
}

static json_t *uplink_of(const struct uplink_facts *u)
{
	static const char *const states[] = {
		[UPLINK_STATE_CONNECTING] = "connecting",
		[UPLINK_STATE_READY] = "ready",
		[UPLINK_STATE_SILENT] = "silent",
		[UPLINK_STATE_STALLED] = "stalled",
		[UPLINK_STATE_LOST] = "lost",
	};
	_Static_assert(ARRAY_SIZE(states) == UPLINK_NUM_STATES, "one each");
	json_t *queue = json_pack(
		"{s:o, s:I, s:I, s:o}", "waited", count(u->delay.waited),
		"p50_ms", (json_int_t)u->delay.p50_ms, "max_ms",
		(json_int_t)u->delay.max_ms, "drops", drops_of(&u->queue));

	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, "
			 "s:o}",
			 "family", (int)u->family, "state", states[u->state],
			 "since_ms", count(u->since_ms), "relayed",
			 status_json_endpoint(&u->relayed), "path", path_of(u),
			 "peers", count(u->peers), "refused", count(u->refused),
			 "losses", (json_int_t)u->losses, "resumptions",
			 (json_int_t)u->resumptions, "address_changes",
			 (json_int_t)u->changes, "queue", queue);
}

/* Up, what we have dropped ourselves is what is known: behind the relay only
 * receivers know, and their reports are encrypted. Down, gaps in the sequence
 * numbers of RTP tell what was lost before it came, and the kernel what the
 * app has lost since. */
static json_t *up_of(const struct flow_facts *f)
{
	uint64_t lost = f->unresolved + f->malformed;

	for (size_t i = 0; i < f->uplink_count; i++)
		lost += dropped(&f->uplink[i]);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "datagrams",
			 count(f->up.datagrams), "bytes", count(f->up.bytes),
			 "last_ms", ago(f->last_up_ms, f->now_ms), "dropped",
			 count(lost), "malformed", count(f->malformed),
			 "unresolved", count(f->unresolved));
}

static json_t *down_of(const struct flow_facts *f)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:{s:i, s:o, s:o}}", "datagrams",
			 count(f->down.datagrams), "bytes",
			 count(f->down.bytes), "last_ms",
			 ago(f->last_down_ms, f->now_ms), "dropped",
			 count(f->untaken + f->overflows), "rtp", "streams",
			 (int)f->loss.streams, "expected",
			 count(f->loss.expected), "lost", count(f->loss.lost));
}

json_t *status_json_flow(const struct flow_facts *f,
			 const struct flow_record *record)
{
	json_t *uplinks = json_array();
	const char *program = record != NULL ? record->program : NULL;
	pid_t pid = record != NULL ? record->pid : 0;

	for (size_t i = 0; i < f->uplink_count; i++)
		json_array_append_new(uplinks, uplink_of(&f->uplink[i]));
	return json_pack("{s:o, s:I, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "pid",
			 pid != 0 ? json_integer(pid) : json_null(), "uid",
			 (json_int_t)f->uid, "program", json_clean(program),
			 "app", status_json_endpoint(&f->app), "age_ms",
			 count(f->age_ms), "talks",
			 record != NULL && record->talks, "up", up_of(f),
			 "down", down_of(f), "uplinks", uplinks);
}

/* Hops */

json_t *status_json_relay(const struct relay *r, const struct relay *preferred)
{
	static const char *const mobility[] = {
		[RELAY_MOBILITY_UNKNOWN] = "unknown",
		[RELAY_MOBILITY_NO] = "no",
		[RELAY_MOBILITY_YES] = "yes",
	};

	return json_pack(
		"{s:o, s:o, s:i, s:s, s:s, s:b, s:b, s:b, s:o, s:i, s:b, s:s}",
		"name", json_clean(r->name), "host", json_clean(r->host),
		"port", (int)r->port, "transport",
		relay_transport_name(r->transport), "way",
		r->egress != NULL ? "proxy" : "direct", "preferred",
		r == preferred, "worked", relay_has_worked(r), "failing",
		relay_failing(r) != 0, "rtt_ms", ms_of_us(relay_rtt_us(r)),
		"keepalive_s", (int)relay_keepalive_s(r), "keepalive_learned",
		relay_learned_keepalive_s(r) != 0, "mobility",
		mobility[relay_mobility(r)]);
}

json_t *status_json_proxy(const char *url, bool configured,
			  const struct proxy_health_entry *health,
			  const struct proxy_auth_facts *login, uint64_t now_ms)
{
	uint64_t answered_ms = health != NULL ? health->answered_ms : 0;

	return json_pack(
		"{s:o, s:b, s:b, s:o, s:{s:s, s:o, s:o, s:o}}", "url",
		json_clean(url), "configured", configured, "rests",
		health != NULL && health->rests, "answered_ms",
		ago(answered_ms, now_ms), "login", "state", login->login,
		"scheme",
		login->known ? json_string(proxy_scheme_name(login->scheme))
			     : json_null(),
		"realm",
		json_clean(login->realm[0] != '\0' ? login->realm : NULL),
		"refused_at", status_json_utc(login->refused_s));
}

json_t *status_json_counters(const struct worker_stats *s)
{
	json_t *counters = json_object();

#define PUT_COUNTER(name, help) \
	json_object_set_new(counters, #name, count(stats_get(&s->name)));
	STATS_WORKER_LIST(PUT_COUNTER)
#undef PUT_COUNTER
	return counters;
}
