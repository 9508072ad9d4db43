/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status_view.c - the state of tunneld on one screen
 *
 * A line is made in memory, cut to the terminal's width and then printed, so
 * that nothing wraps. Who calls "lost" what stands in status_json.c.
 */
#include <config.h>

#include "status_view.h"

#include "status_doc.h"
#include "status_words.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct page {
	const struct view *v;
	size_t rows; /* printed */
};

static PRINTF_LIKE(2, 0) void put_line(const struct view *v, const char *fmt,
				       va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	words_put(v->to, text, v->columns);
	fputc('\n', v->to);
}

void view_line(const struct view *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(v, fmt, ap);
	va_end(ap);
}

static PRINTF_LIKE(2, 3) void line(struct page *p, const char *fmt, ...)
{
	va_list ap;

	if (p->v->rows != 0 && p->rows++ >= p->v->rows)
		return;
	va_start(ap, fmt);
	put_line(p->v, fmt, ap);
	va_end(ap);
}

/* Of tunneld as a whole */

static void put_daemon(struct page *p, const json_t *doc)
{
	const char *kind = doc_text(doc, "daemon.kind", "user");
	char up[WORDS_TIME_MAX], files[512] = "";
	const json_t *file;
	size_t i, len = 0;

	words_time(up, (uint64_t)doc_int(doc, "daemon.uptime_ms"));
	line(p, "tunneld %s, pid %lld, %s, %s, for %s",
	     doc_text(doc, "daemon.version", "?"),
	     (long long)doc_int(doc, "daemon.pid"),
	     strcmp(kind, "system") == 0    ? "serves everybody"
	     : strcmp(kind, "private") == 0 ? "serves one command"
					    : "serves its user",
	     doc_true(doc, "daemon.ready") ? "ready" : "starting", up);
	json_array_foreach(doc_at(doc, "daemon.config"), i,
			   file) if (len < sizeof(files))
		len += (size_t)snprintf(files + len, sizeof(files) - len,
					"%s%s", i > 0 ? ", " : "",
					json_string_value(file));
	line(p, "config   %s%s", len > 0 ? files : "no file",
	     doc_true(doc, "daemon.reload.ok")
		     ? ""
		     : "; the last reload FAILED, see its log");
}

static void put_proxy(struct page *p, const json_t *proxy)
{
	const char *state = doc_text(proxy, "login.state", "unused");
	const char *scheme = doc_text(proxy, "login.scheme", NULL);

	line(p, "proxy    %s %s%s%s%s%s", doc_text(proxy, "url", "?"),
	     doc_true(proxy, "rests")            ? "could not be reached"
	     : doc_is_null(proxy, "answered_ms") ? "not asked yet"
						 : "answers",
	     strcmp(state, "unused") != 0 ? ", login " : "",
	     strcmp(state, "unused") != 0 ? state : "",
	     scheme != NULL ? ", by " : "", scheme != NULL ? scheme : "");
}

static void put_proxies(struct page *p, const json_t *doc)
{
	const char *source = doc_text(doc, "network.proxy_source", NULL);
	const json_t *proxy;
	size_t i;

	if (source != NULL)
		line(p, "proxy    as %s says", source);
	else if (doc_is_null(doc, "network.proxy"))
		line(p, "proxy    none");
	json_array_foreach(doc_at(doc, "proxies"), i, proxy)
		put_proxy(p, proxy);
}

static void put_relay(struct page *p, const json_t *relay)
{
	char rtt[WORDS_MS_MAX];

	words_ms(rtt, doc_at(relay, "rtt_ms"));
	line(p,
	     "relay    %s:%lld %s%s %s%s, round trip %s ms, keep-alive %lld "
	     "s%s",
	     doc_text(relay, "host", "?"), (long long)doc_int(relay, "port"),
	     doc_text(relay, "transport", "?"),
	     strcmp(doc_text(relay, "way", ""), "proxy") == 0 ? " by proxy"
							      : "",
	     doc_true(relay, "failing")     ? "FAILS"
	     : doc_true(relay, "preferred") ? "in use"
	     : doc_true(relay, "worked")    ? "works"
					    : "not tried",
	     strcmp(doc_text(relay, "mobility", ""), "yes") == 0
		     ? ", can be moved"
		     : "",
	     rtt, (long long)doc_int(relay, "keepalive_s"),
	     doc_true(relay, "keepalive_learned") ? " (learned)" : "");
}

static void put_relays(struct page *p, const json_t *doc)
{
	const json_t *relay;
	size_t i;

	if (json_array_size(doc_at(doc, "relays")) == 0)
		line(p, "relay    none");
	json_array_foreach(doc_at(doc, "relays"), i, relay) put_relay(p, relay);
	line(p, "media    %s; UDP without the relay: %s",
	     strcmp(doc_text(doc, "network.media", ""), "direct") == 0
		     ? "directly, where it works"
		     : "by the relay",
	     doc_text(doc, "network.direct_udp", "unknown"));
}

static void put_tcp(struct page *p, const json_t *doc)
{
	char why[256] = "";
	const json_t *n;
	const char *reason;
	size_t len = 0;

	json_object_foreach(doc_at(doc, "tcp.failed_by"), reason,
			    n) if (len < sizeof(why))
		len += (size_t)snprintf(why + len, sizeof(why) - len,
					"%s%s %lld", len > 0 ? ", " : " (",
					reason,
					(long long)json_integer_value(n));
	line(p,
	     "connects %lld opened, %lld failed%s%s, %lld under way; "
	     "%lld names",
	     (long long)doc_int(doc, "tcp.opened"),
	     (long long)doc_int(doc, "tcp.failed"), why, len > 0 ? ")" : "",
	     (long long)doc_int(doc, "tcp.connecting"),
	     (long long)(doc_int(doc, "names.ipv4.used") +
			 doc_int(doc, "names.ipv6.used")));
}

/* Apps and flows */

static void put_apps(struct page *p, const json_t *doc)
{
	const json_t *app;
	char since[WORDS_TIME_MAX];
	size_t i;

	line(p, "%s", "");
	line(p, "%7s %-28s %6s %8s %8s %8s %8s", "PID", "PROGRAM", "SINCE",
	     "CONNECTS", "FAILED", "LOOKUPS", "SOCKETS");
	json_array_foreach(doc_at(doc, "apps"), i, app)
	{
		words_time(since, (uint64_t)doc_int(app, "since_ms"));
		line(p, "%7lld %-28.28s %6s %8lld %8lld %8lld %8lld",
		     (long long)doc_int(app, "pid"),
		     words_program(doc_text(app, "program", NULL)), since,
		     (long long)doc_int(app, "connects"),
		     (long long)doc_int(app, "connects_failed"),
		     (long long)doc_int(app, "lookups"),
		     (long long)doc_int(app, "sockets"));
	}
	if (i == 0)
		line(p, "        none");
}

static bool same_flow(const json_t *a, const json_t *b)
{
	return doc_int(a, "pid") == doc_int(b, "pid") &&
	       !doc_is_null(a, "app") &&
	       strcmp(doc_text(a, "app", ""), doc_text(b, "app", "")) == 0 &&
	       doc_int(a, "age_ms") >= doc_int(b, "age_ms");
}

static const json_t *find_before(const struct view *v, const json_t *flow)
{
	const json_t *other;
	size_t i;

	json_array_foreach(doc_at(v->before, "flows"), i,
			   other) if (same_flow(flow, other)) return other;
	return NULL;
}

static void put_flow(struct page *p, const json_t *flow)
{
	const json_t *before = find_before(p->v, flow);
	const json_t *uplink = json_array_get(doc_at(flow, "uplinks"), 0);
	int64_t ms = doc_int(flow, "age_ms") - doc_int(before, "age_ms");
	char rtt[WORDS_MS_MAX], up[WORDS_BYTES_MAX], down[WORDS_BYTES_MAX];
	char lost_up[WORDS_LOSS_MAX], lost_down[WORDS_LOSS_MAX], path[32];

	words_ms(rtt, doc_at(uplink, "path.rtt_ms"));
	words_traffic(up, flow, before, "up.bytes", p->v->before ? ms : 0);
	words_traffic(down, flow, before, "down.bytes", p->v->before ? ms : 0);
	words_loss_up(lost_up, flow, before);
	words_loss_down(lost_down, flow, before);
	snprintf(path, sizeof(path), "%s/%s %s",
		 doc_text(uplink, "path.transport", "-"),
		 strcmp(doc_text(uplink, "path.way", ""), "proxy") == 0
			 ? "proxy"
			 : "direct",
		 doc_text(uplink, "path.relay", ""));
	line(p, "%7lld %-11.11s %-7.7s %-15.15s %5s %6s %6s %4s %4s %3lld/%lld",
	     (long long)doc_int(flow, "pid"),
	     words_program(doc_text(flow, "program", NULL)),
	     doc_text(uplink, "state", "idle"),
	     doc_is_null(uplink, "path") ? "-" : path, rtt, up, down, lost_up,
	     lost_down, (long long)doc_int(uplink, "queue.p50_ms"),
	     (long long)doc_int(uplink, "queue.max_ms"));
}

static void put_flows(struct page *p, const json_t *doc)
{
	const json_t *flow;
	size_t i;

	line(p, "%s", "");
	line(p, "%7s %-11s %-7s %-15s %5s %6s %6s %4s %4s %s", "PID", "FLOW OF",
	     "STATE", "PATH", "RTT", p->v->before ? "UP b/s" : "UP",
	     p->v->before ? "DN b/s" : "DOWN", "L.UP", "L.DN", "QUEUE");
	json_array_foreach(doc_at(doc, "flows"), i, flow) put_flow(p, flow);
	if (i == 0)
		line(p, "        none: no app has a UDP socket here");
	if (doc_int(doc, "flows_left_out") > 0)
		line(p, "        and %lld more",
		     (long long)doc_int(doc, "flows_left_out"));
	if (!doc_true(doc, "complete"))
		line(p, "        a worker was too busy to tell of its flows");
}

void view_status(const struct view *v, const json_t *doc)
{
	struct page p = { .v = v };

	put_daemon(&p, doc);
	put_proxies(&p, doc);
	put_relays(&p, doc);
	put_tcp(&p, doc);
	put_flows(&p, doc);
	put_apps(&p, doc);
}
