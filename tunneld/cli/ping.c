/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ping.c - `turnout ping`: how datagrams fare that come back through a relay */
#include <config.h>

#include "daemon.h"
#include "reach.h"
#include "say.h"
#include "status_doc.h"
#include "status_words.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX      1000000
#define INTERVAL_MIN_S 0.05
#define INTERVAL_MAX_S 3600.0
#define SILENT_MS      20000 /* tunneld gives up a little earlier */
#define COLUMNS_MAX    500

enum {
	OPTION_JSON = VERB_LONG,
	OPTION_RELAY,
};

struct ping {
	struct control_ping body;
	bool json;
	bool over; /* the last line has come */
	char relay[64];
	char cause[64];
	int64_t sent, received;
	double min_ms, max_ms, sum_ms, last_ms, changes_ms;
};

static PRINTF_LIKE(1, 2) void line(const char *fmt, ...)
{
	char text[COLUMNS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	words_put(stdout, text, COLUMNS_MAX);
	putchar('\n');
}

/* What comes */

static void note_reply(struct ping *p, double ms)
{
	if (p->received == 0 || ms < p->min_ms)
		p->min_ms = ms;
	if (ms > p->max_ms)
		p->max_ms = ms;
	if (p->received++ > 0)
		p->changes_ms += fabs(ms - p->last_ms);
	p->last_ms = ms;
	p->sum_ms += ms;
}

static void take_start(struct ping *p, const json_t *doc)
{
	snprintf(p->relay, sizeof(p->relay), "%s",
		 doc_text(doc, "relay", "relay"));
	if (!p->json)
		line("PING %s (%s:%lld, %s%s), relayed address %s, ready after "
		     "%.0f ms",
		     p->relay, doc_text(doc, "host", "?"),
		     (long long)doc_int(doc, "port"),
		     doc_text(doc, "transport", "?"),
		     strcmp(doc_text(doc, "way", ""), "proxy") == 0
			     ? " by the proxy"
			     : "",
		     doc_text(doc, "relayed", "?"), doc_real(doc, "setup_ms"));
}

static void take_event(struct ping *p, const char *event, const json_t *doc)
{
	long long seq = (long long)doc_int(doc, "seq");

	if (seq > p->sent)
		p->sent = seq;
	if (strcmp(event, "start") == 0) {
		take_start(p, doc);
	} else if (strcmp(event, "reply") == 0) {
		note_reply(p, doc_real(doc, "rtt_ms"));
		if (!p->json)
			line("back from %s: seq=%lld time=%.2f ms", p->relay,
			     seq, doc_real(doc, "rtt_ms"));
	} else if (strcmp(event, "lost") == 0) {
		if (!p->json)
			line("lost: seq=%lld", seq);
	} else if (strcmp(event, "summary") == 0) {
		p->sent = doc_int(doc, "sent");
		p->over = true;
		snprintf(p->cause, sizeof(p->cause), "%s",
			 doc_text(doc, "cause", ""));
	}
}

static int on_line(void *arg, char *text, size_t bytes)
{
	struct ping *p = arg;
	json_t *doc = json_loads(text, 0, NULL);

	(void)bytes;
	if (strcmp(doc_text(doc, "schema", ""), "turnout-ping/1") != 0) {
		json_decref(doc);
		return -EPROTO;
	}
	take_event(p, doc_text(doc, "event", ""), doc);
	if (p->json && json_dumpf(doc, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(doc);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

/* What it comes to */

static const char *words_of(const char *cause)
{
	static const struct {
		const char *cause, *words;
	} known[] = {
		{ "no_relay", "no relay of that name is configured, or it was "
			      "not found" },
		{ "too_many", "too many ask at once: try again in a moment" },
		{ "slow", "no relay could be reached in time" },
		{ "refused_peer", "the relay does not let datagrams through to "
				  "itself" },
		{ "turn_401", "the relay refuses the user name or password" },
		{ "turn_486", "the quota of allocations is used up" },
		{ "proxy_auth", "the proxy refuses the login" },
		{ "proxy_denied", "the proxy does not allow the relay's host "
				  "or port" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].cause, cause) == 0)
			return known[i].words;
	return NULL;
}

static void say_cause(const struct ping *p)
{
	const char *words = words_of(p->cause);

	if (words != NULL)
		say("ping: %s", words);
	else
		say("ping: no relay can be used (%s); see turnout doctor",
		    p->cause);
}

/* Ended by the user: tunneld did not say it. */
static void print_json_summary(const struct ping *p)
{
	double n = (double)p->received;
	json_t *doc = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:n}", "schema",
		"turnout-ping/1", "event", "summary", "sent",
		(json_int_t)p->sent, "received", (json_int_t)p->received,
		"lost", (json_int_t)(p->sent - p->received), "min_ms",
		n > 0 ? json_real(p->min_ms) : json_null(), "avg_ms",
		n > 0 ? json_real(p->sum_ms / n) : json_null(), "max_ms",
		n > 0 ? json_real(p->max_ms) : json_null(), "jitter_ms",
		n > 1 ? json_real(p->changes_ms / (n - 1)) : json_null(),
		"cause");

	if (doc != NULL && json_dumpf(doc, stdout, JSON_COMPACT) == 0)
		putchar('\n');
	json_decref(doc);
}

static void print_summary(const struct ping *p)
{
	double n = (double)p->received;

	if (p->relay[0] == '\0')
		return;
	line("%s", "");
	line("--- %s ---", p->relay);
	line("%lld sent, %lld back, %.1f %% lost", (long long)p->sent,
	     (long long)p->received,
	     p->sent > 0 ? 100.0 - 100.0 * n / (double)p->sent : 0.0);
	if (p->received > 0)
		line("round trip min/avg/max %.2f/%.2f/%.2f ms, jitter %.2f ms",
		     p->min_ms, p->sum_ms / n, p->max_ms,
		     n > 1 ? p->changes_ms / (n - 1) : 0.0);
}

static void on_interrupt(int number)
{
	(void)number;
	daemon_interrupted = 1;
}

static int run(struct ping *p, const char *socket)
{
	struct sigaction act = { .sa_handler = on_interrupt,
				 .sa_flags = (int)SA_RESETHAND };
	int err;

	sigaction(SIGINT, &act, NULL);
	err = daemon_stream(socket, CONTROL_PING, &p->body, sizeof(p->body),
			    on_line, p, SILENT_MS + (int)p->body.interval_ms);
	if (p->json && err == -EINTR && !p->over)
		print_json_summary(p);
	else if (!p->json)
		print_summary(p);
	if (say_flush_stdout())
		return VERB_FAILED;
	if (err < 0 && err != -EINTR)
		say("tunneld at %s did not answer: %s; its log says more "
		    "(turnout log)",
		    socket, strerror(-err));
	else if (p->cause[0] != '\0')
		say_cause(p);
	return p->received > 0 ? VERB_OK : VERB_FAILED;
}

/* Arguments */

static int take_number(const char *name, const char *text, double least,
		       double most, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (text[0] != '\0' && *end == '\0' && *out >= least && *out <= most)
		return 0;
	say("ping: --%s '%s': write %g to %g" VERB_SEE_HELP("ping"), name, text,
	    least, most);
	return -EINVAL;
}

static int take_option(void *arg, int code, const char *value)
{
	struct ping *p = arg;
	double number = 0;
	int err = 0;

	switch (code) {
	case 'c':
		err = take_number("count", value, 1, COUNT_MAX, &number);
		p->body.count = (uint32_t)number;
		break;
	case 'i':
		err = take_number("interval", value, INTERVAL_MIN_S,
				  INTERVAL_MAX_S, &number);
		p->body.interval_ms = (uint32_t)(number * 1000);
		break;
	case OPTION_RELAY:
		if (strlen(value) < sizeof(p->body.relay)) {
			strcpy(p->body.relay, value);
			break;
		}
		say("ping: no relay has such a long name" VERB_SEE_HELP(
			"ping"));
		err = -EINVAL;
		break;
	default:
		p->json = true;
	}
	return err;
}

static int ping(int argc, char **argv)
{
	struct ping p = { .body = { .interval_ms = 1000 } };
	char socket[SOCKET_PATH_MAX + 1];
	int err;

	if (verb_options(&ping_verb, "ping", argc, argv, take_option, &p) < 0)
		return VERB_USAGE;
	err = reach_tunneld(socket, sizeof(socket));
	return err != VERB_OK ? err : run(&p, socket);
}

static const struct verb_option options[] = {
	{
		.name = "count",
		.code = 'c',
		.value = "N",
		.help = "so many; without it, until Ctrl-C",
	},
	{
		.name = "interval",
		.code = 'i',
		.value = "SECONDS",
		.help = "between two: 0.05 to 3600; 1 without it",
	},
	{
		.name = "relay",
		.code = OPTION_RELAY,
		.value = "NAME",
		.kind = VERB_KIND_RELAY,
		.help = "by the relay of this name, [relay NAME]; without it, "
			"by whichever is taken first",
	},
	{
		.name = "json",
		.code = OPTION_JSON,
		.help = "for programs: an object a line (turnout-ping/1)",
	},
	{ .name = NULL },
};

const struct verb ping_verb = {
	.name = "ping",
	.main = ping,
	.summary = "how datagrams fare through the relay",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Send datagrams through the relay and back, by the way "
			"that media would take, and show the round trip of "
			"each. Two seconds without it, and it counts as lost. "
			"Jitter is by how much one round trip differs from the "
			"one before. It needs an allocation of its own, and "
			"does nothing to calls.",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", "if any came back" },
			{ "1", "if none did" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
