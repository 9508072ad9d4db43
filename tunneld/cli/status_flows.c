/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_flows.c - all that is known of each flow, some lines each */
#include <config.h>

#include "status_doc.h"
#include "status_view.h"
#include "status_words.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

static void put_title(const struct view *v, const json_t *flow)
{
	const struct passwd *user = getpwuid((uid_t)doc_int(flow, "uid"));
	char age[WORDS_TIME_MAX], number[24];

	words_time(age, (uint64_t)doc_int(flow, "age_ms"));
	snprintf(number, sizeof(number), "%lld",
		 (long long)doc_int(flow, "uid"));
	view_line(v, "pid %lld, %s, user %s, for %s",
		  (long long)doc_int(flow, "pid"),
		  doc_text(flow, "program",
			   "a program that the kernel does not tell"),
		  user != NULL ? user->pw_name : number, age);
	view_line(v, "  app          %s",
		  doc_text(flow, "app", "has not sent yet"));
}

static void last(char out[48], const json_t *flow, const char *member,
		 const char *whom)
{
	char time[WORDS_TIME_MAX];

	if (doc_is_null(flow, member)) {
		snprintf(out, 48, "nothing %s yet", whom);
		return;
	}
	words_time(time, (uint64_t)doc_int(flow, member));
	snprintf(out, 48, "last %s %s ago", whom, time);
}

static void put_traffic(const struct view *v, const json_t *flow)
{
	char bytes[WORDS_BYTES_MAX], when[48];

	words_bytes(bytes, (uint64_t)doc_int(flow, "up.bytes"));
	last(when, flow, "up.last_ms", "to a peer");
	view_line(v, "  up           %lld datagrams, %sB; %s; dropped %lld",
		  (long long)doc_int(flow, "up.datagrams"), bytes, when,
		  (long long)doc_int(flow, "up.dropped"));
	words_bytes(bytes, (uint64_t)doc_int(flow, "down.bytes"));
	last(when, flow, "down.last_ms", "from a peer");
	view_line(v,
		  "  down         %lld datagrams, %sB; %s; dropped by the app "
		  "%lld",
		  (long long)doc_int(flow, "down.datagrams"), bytes, when,
		  (long long)doc_int(flow, "down.dropped"));
	if (doc_int(flow, "down.rtp.expected") > 0)
		view_line(v,
			  "  lost         %lld of %lld RTP packets before they "
			  "came here; %lld streams now",
			  (long long)doc_int(flow, "down.rtp.lost"),
			  (long long)doc_int(flow, "down.rtp.expected"),
			  (long long)doc_int(flow, "down.rtp.streams"));
}

static void put_drops(const struct view *v, const json_t *uplink)
{
	const char *class, *reason;
	json_t *reasons, *n;
	char text[256] = "";
	size_t len = 0;

	json_object_foreach(doc_at(uplink, "queue.drops"), class, reasons)
	{
		json_object_foreach(reasons, reason, n)
		{
			if (json_integer_value(n) == 0 || len >= sizeof(text))
				continue;
			len += (size_t)snprintf(
				text + len, sizeof(text) - len,
				", %s too %s %lld", class,
				strcmp(reason, "full") == 0   ? "many"
				: strcmp(reason, "late") == 0 ? "late"
							      : "long",
				(long long)json_integer_value(n));
		}
	}
	if (doc_int(uplink, "refused") > 0 && len < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					", refused by the relay %lld",
					(long long)doc_int(uplink, "refused"));
	view_line(v, "    drops      %s", len > 0 ? text + 2 : "none");
}

static void put_uplink(const struct view *v, const json_t *uplink)
{
	char rtt[WORDS_MS_MAX], since[WORDS_TIME_MAX];

	words_time(since, (uint64_t)doc_int(uplink, "since_ms"));
	view_line(v, "  relayed      %s, %s for %s",
		  doc_text(uplink, "relayed", "no address yet"),
		  doc_text(uplink, "state", "?"), since);
	words_ms(rtt, doc_at(uplink, "path.rtt_ms"));
	if (!doc_is_null(uplink, "path"))
		view_line(
			v,
			"    path       %s, %s:%lld, %s%s, round trip %s ms%s",
			doc_text(uplink, "path.relay", "?"),
			doc_text(uplink, "path.host", "?"),
			(long long)doc_int(uplink, "path.port"),
			doc_text(uplink, "path.transport", "?"),
			strcmp(doc_text(uplink, "path.way", ""), "proxy") == 0
				? " by the proxy"
				: "",
			rtt,
			doc_true(uplink, "path.mobile") ? ", can be moved"
							: "");
	view_line(v,
		  "    peers      %lld; connection lost %lld times, resumed "
		  "%lld, "
		  "another address %lld",
		  (long long)doc_int(uplink, "peers"),
		  (long long)doc_int(uplink, "losses"),
		  (long long)doc_int(uplink, "resumptions"),
		  (long long)doc_int(uplink, "address_changes"));
	view_line(
		v,
		"    queue      %lld waited of late: half of them %lld ms, at "
		"most %lld ms",
		(long long)doc_int(uplink, "queue.waited"),
		(long long)doc_int(uplink, "queue.p50_ms"),
		(long long)doc_int(uplink, "queue.max_ms"));
	put_drops(v, uplink);
}

void view_flows(const struct view *v, const json_t *doc)
{
	const json_t *flow, *uplink;
	size_t i, k;

	json_array_foreach(doc_at(doc, "flows"), i, flow)
	{
		if (i > 0)
			view_line(v, "%s", "");
		put_title(v, flow);
		put_traffic(v, flow);
		json_array_foreach(doc_at(flow, "uplinks"), k, uplink)
			put_uplink(v, uplink);
	}
	if (i == 0)
		view_line(v, "no app has a UDP socket here");
	if (doc_int(doc, "flows_left_out") > 0)
		view_line(v, "and %lld more",
			  (long long)doc_int(doc, "flows_left_out"));
	if (!doc_true(doc, "complete"))
		view_line(v, "a worker was too busy to tell of its flows");
}
