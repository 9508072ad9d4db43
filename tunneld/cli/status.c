/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status.c - `turnout status` and `turnout flows`: what tunneld is doing now */
#include <config.h>

#include "daemon.h"
#include "reach.h"
#include "say.h"
#include "status_doc.h"
#include "status_state.h"
#include "status_view.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 1000

struct options {
	bool json, counters, check;
	enum status_state state; /* to be checked */
};

static int take_option(struct options *o, const char *verb, int c, char **argv)
{
	switch (c) {
	case 'j':
		o->json = true;
		return 0;
	case 'c':
		o->counters = true;
		return 0;
	case 'k':
		o->check = true;
		o->state = STATUS_STATE_READY;
		if (optarg == NULL || status_state_parse(optarg, &o->state))
			return 0;
		say("%s: --check=%s: live, ready, relay or call; see 'turnout "
		    "help %s'",
		    verb, optarg, verb);
		return -1;
	default:
		say("%s: '%s' %s; see 'turnout help %s'", verb,
		    argv[optind - 1],
		    c == ':' ? "needs a value" : "is not an option", verb);
		return -1;
	}
}

static int take_arguments(struct options *o, int argc, char **argv,
			  const struct option *known)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, ":", known, NULL)) != -1)
		if (take_option(o, argv[0], c, argv) < 0)
			return -1;
	if (optind == argc)
		return 0;
	say("%s: unexpected argument '%s'; see 'turnout help %s'", argv[0],
	    argv[optind], argv[0]);
	return -1;
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

int verb_status(int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "counters", no_argument, NULL, 'c' },
		{ "check", optional_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	char socket[SOCKET_PATH_MAX + 1];
	struct options o = { 0 };
	int err;

	if (take_arguments(&o, argc, argv, known) < 0)
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

int verb_flows(int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	char socket[SOCKET_PATH_MAX + 1];
	struct options o = { 0 };
	int err;

	if (take_arguments(&o, argc, argv, known) < 0)
		return VERB_USAGE;
	err = reach_tunneld(socket, sizeof(socket));
	if (err != VERB_OK)
		return err;
	return print_doc(socket, o.json, view_flows);
}
