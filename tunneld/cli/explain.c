/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain.c - `turnout explain`: what would be done with a destination, and why
 *
 * The running tunneld knows best; one that only reads the configuration answers
 * when there is none, or when another configuration is meant.
 */
#include <config.h>

#include "ask.h"
#include "daemon.h"
#include "say.h"
#include "verbs.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEE_HELP   "; see 'turnout help explain'"
#define FIXED_ARGS 12 /* of ask_offline(); and NULL */

struct question {
	struct control_explain body;
	const char *config;
	const char **set;
	size_t set_count;
};

/* A name or a number. */
static int take_user(struct question *q, const char *text)
{
	const struct passwd *user = getpwnam(text);
	unsigned long uid;
	char *end;

	errno = 0;
	uid = strtoul(text, &end, 10);
	if (user != NULL) {
		uid = user->pw_uid;
	} else if (text[0] < '0' || text[0] > '9' || *end != '\0' ||
		   errno != 0 || uid > INT32_MAX) {
		say("explain: there is no user '%s'" SEE_HELP, text);
		return -1;
	}
	q->body.uid = (uint32_t)uid;
	q->body.flags |= CONTROL_EXPLAIN_UID;
	return 0;
}

static int take_program(struct question *q, const char *text)
{
	if (strlen(text) >= sizeof(q->body.program)) {
		say("explain: the program's path is too long" SEE_HELP);
		return -1;
	}
	strcpy(q->body.program, text);
	return 0;
}

static int take_option(struct question *q, int c, char **argv)
{
	switch (c) {
	case 'c':
		q->config = optarg;
		return 0;
	case 's':
		q->set[q->set_count++] = optarg;
		return 0;
	case 'p':
		return take_program(q, optarg);
	case 'u':
		return take_user(q, optarg);
	case 'j':
		q->body.flags |= CONTROL_EXPLAIN_JSON;
		return 0;
	default:
		say("explain: '%s' %s" SEE_HELP, argv[optind - 1],
		    c == ':' ? "needs a value" : "is not an option");
		return -1;
	}
}

static int take_arguments(struct question *q, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "set", required_argument, NULL, 's' },
		{ "program", required_argument, NULL, 'p' },
		{ "user", required_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, ":c:", options, NULL)) != -1)
		if (take_option(q, c, argv) < 0)
			return -1;
	if (argc - optind == 1) {
		/* What of a URL does not fit is of no importance. */
		snprintf(q->body.target, sizeof(q->body.target), "%s",
			 argv[optind]);
		return 0;
	}
	say("explain: one destination: URL, HOST:PORT or "
	    "udp://HOST:PORT" SEE_HELP);
	return -1;
}

/* The exit status, or -1: nobody is there. */
static int ask_running(const struct question *q)
{
	char socket[SOCKET_PATH_MAX + 1], *text;
	uint32_t status;
	bool skipped;
	int err;

	if (daemon_find(socket, sizeof(socket), &skipped))
		return -1;
	err = daemon_explain(socket, &q->body, &status, &text);
	if (err) {
		say("tunneld at %s did not answer: %s", socket, strerror(-err));
		return VERB_FAILED;
	}
	if (status == VERB_USAGE) {
		text[strcspn(text, "\n")] = '\0';
		say("explain: %s", text);
	} else {
		fputs(text, stdout);
	}
	free(text);
	if (say_flush_stdout())
		return VERB_FAILED;
	return status <= VERB_USAGE ? (int)status : VERB_FAILED;
}

static int ask_offline(const struct question *q)
{
	const char **argv = calloc(2 * q->set_count + FIXED_ARGS,
				   sizeof(*argv));
	char uid[16];
	size_t n = 1;
	int status;

	if (argv == NULL) {
		say("out of memory");
		return VERB_FAILED;
	}
	argv[n++] = "--explain";
	if (q->config != NULL) {
		argv[n++] = "--config";
		argv[n++] = q->config;
	}
	if (q->body.program[0] != '\0') {
		argv[n++] = "--program";
		argv[n++] = q->body.program;
	}
	if (q->body.flags & CONTROL_EXPLAIN_UID) {
		snprintf(uid, sizeof(uid), "%u", q->body.uid);
		argv[n++] = "--uid";
		argv[n++] = uid;
	}
	if (q->body.flags & CONTROL_EXPLAIN_JSON)
		argv[n++] = "--json";
	for (size_t i = 0; i < q->set_count; i++) {
		argv[n++] = "--set";
		argv[n++] = q->set[i];
	}
	argv[n++] = "--";
	argv[n++] = q->body.target;
	status = ask_tunneld(argv);
	free(argv);
	return status;
}

int verb_explain(int argc, char **argv)
{
	struct question q = {
		.set = calloc((size_t)argc + 1, sizeof(*q.set)),
	};
	int status = VERB_USAGE;

	if (q.set == NULL) {
		say("out of memory");
		return VERB_FAILED;
	}
	if (take_arguments(&q, argc, argv) == 0) {
		status = -1;
		if (q.config == NULL && q.set_count == 0)
			status = ask_running(&q);
		if (status < 0)
			status = ask_offline(&q);
	}
	free(q.set);
	return status;
}
