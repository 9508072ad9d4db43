/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status.c - `turnout status` and `turnout flows`: what tunneld is doing now */
#include <config.h>

#include "daemon.h"
#include "reach.h"
#include "say.h"
#include "status_doc.h"
#include "status_state.h"
#include "status_view.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 1000

struct options {
	bool json, counters, check;
	enum status_state state; /* to be checked */
};

enum {
	OPTION_JSON = VERB_LONG,
	OPTION_COUNTERS,
	OPTION_CHECK,
};

static int take_option(void *arg, int code, const char *value)
{
	struct options *o = arg;

	if (code == OPTION_JSON)
		o->json = true;
	if (code == OPTION_COUNTERS)
		o->counters = true;
	if (code != OPTION_CHECK)
		return 0;
	o->check = true;
	o->state = STATUS_STATE_READY;
	if (value == NULL || status_state_parse(value, &o->state))
		return 0;
	say("status: --check='%s': write live, ready, relay or call; see "
	    "'turnout "
	    "help status'",
	    value);
	return -EINVAL;
}

/* The text of before, which scripts know. */
static int print_counters(const char *socket)
{
	char *text;
	int err = daemon_status(socket, &text);

	if (err) {
		say("tunneld at %s did not answer: %s; its log says more "
		    "(journalctl -u tunneld)",
		    socket, strerror(-err));
		return VERB_FAILED;
	}
	printf("socket %s\n%s", socket, text);
	free(text);
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static int print_doc(const char *socket, bool json,
		     void (*view)(const struct view *v, const json_t *doc))
{
	const struct view v = { .to = stdout, .columns = COLUMNS_MAX };
	json_t *doc = status_fetch(socket);
	int err;

	if (doc == NULL)
		return VERB_FAILED;
	if (json) {
		err = doc_print(doc);
	} else {
		view(&v, doc);
		err = say_flush_stdout();
	}
	json_decref(doc);
	return err ? VERB_FAILED : VERB_OK;
}

/* Says nothing when all is well, and one line when not: for scripts. */
static int check(const struct options *o)
{
	char socket[SOCKET_PATH_MAX + 1];
	char words[STATUS_STATE_WORDS_MAX];
	json_t *doc = NULL;
	bool skipped, holds;

	if (daemon_find(socket, sizeof(socket), &skipped) < 0 ||
	    status_ask(socket, STATUS_STATE_ANSWER_MS, &doc) < 0) {
		say("status: no tunneld answers");
		return STATUS_CHECK_NOBODY;
	}
	holds = status_state_holds(o->state, doc, words);
	if (!holds)
		say("status: %s", words);
	json_decref(doc);
	return holds ? VERB_OK : VERB_FAILED;
}

static int status(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1];
	struct options o = { 0 };
	int err;

	if (verb_options(&status_verb, "status", argc, argv, take_option, &o) <
	    0)
		return VERB_USAGE;
	if (o.check)
		return check(&o);
	err = reach_tunneld(socket, sizeof(socket));
	if (err != VERB_OK)
		return err;
	if (o.counters)
		return print_counters(socket);
	return print_doc(socket, o.json, view_status);
}

static int flows(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1];
	struct options o = { 0 };
	int err;

	if (verb_options(&flows_verb, "flows", argc, argv, take_option, &o) < 0)
		return VERB_USAGE;
	err = reach_tunneld(socket, sizeof(socket));
	if (err != VERB_OK)
		return err;
	return print_doc(socket, o.json, view_flows);
}

static const struct verb_option status_options[] = {
	{
		.name = "json",
		.code = OPTION_JSON,
		.help = "all of it, for programs (turnout-status/1)",
	},
	{
		.name = "counters",
		.code = OPTION_COUNTERS,
		.help = "sums, one 'key value' a line",
	},
	{
		.name = "check",
		.code = OPTION_CHECK,
		.value = "STATE",
		.optional = true,
		.kind = VERB_KIND_WORD,
		.words = "live ready relay call",
		.help = "say nothing, unless it is not so: live (it answers), "
			"ready (it has started), relay (it has an address at a "
			"relay), call (an app talks to a peer); without: ready",
	},
	{ .name = NULL },
};

const struct verb status_verb = {
	.name = "status",
	.main = status,
	.summary = "show what the running tunneld does",
	.usage =
		(const char *const[]){
			"[--json | --counters]",
			"--check[=live|ready|relay|call]",
			NULL,
		},
	.about =
		(const char *const[]){
			"Show the tunneld that apps of this user would use on "
			"one "
			"screen: the way out, what apps have asked for, and "
			"their UDP "
			"sockets with round trip, losses and queue. Users are "
			"shown "
			"what is theirs; root, and the user that tunneld runs "
			"as, all.",
			NULL,
		},
	.options = status_options,
	.notes =
		(const char *const[]){
			"L.UP is what tunneld had to drop, in percent; L.DN "
			"what was "
			"lost before it came here, by the sequence numbers of "
			"RTP, or "
			"had no room at the app. QUEUE: how long datagrams "
			"waited that "
			"had to, half of them and the longest.",
			NULL,
		},
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1", "if it is not so, or did not answer" },
			{ "2", "for wrong usage" },
			{ "3", "with --check, if no tunneld answers" },
			{ NULL, NULL },
		},
};

static const struct verb_option flows_options[] = {
	{
		.name = "json",
		.code = OPTION_JSON,
		.help = "for programs: the document of turnout status",
	},
	{ .name = NULL },
};

const struct verb flows_verb = {
	.name = "flows",
	.main = flows,
	.summary = "show the UDP sockets of apps, one by one",
	.usage = (const char *const[]){ "[--json]", NULL },
	.about =
		(const char *const[]){
			"Show all that tunneld knows of each UDP socket: who "
			"has it, "
			"its address at the relay and the way to it, what went "
			"both "
			"ways, what was lost, and where.",
			NULL,
		},
	.options = flows_options,
	.status =
		(const struct verb_status[]){
			{ "0", "if tunneld answered" },
			{ "1", "if not" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
