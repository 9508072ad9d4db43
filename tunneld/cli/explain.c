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
#include "verb_options.h"
#include "verbs.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
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

enum {
	OPTION_SET = VERB_LONG,
	OPTION_PROGRAM,
	OPTION_USER,
	OPTION_JSON,
};

static const struct verb_option options[] = {
	{
		.name = "program",
		.code = OPTION_PROGRAM,
		.value = "PROGRAM",
		.kind = VERB_KIND_FILE,
		.help = "for this one (path or name)",
	},
	{
		.name = "user",
		.code = OPTION_USER,
		.value = "USER",
		.kind = VERB_KIND_USER,
		.help = "for this one (name or number)",
	},
	{ .name = "json", .code = OPTION_JSON, .help = "for programs" },
	{
		.name = "config",
		.code = 'c',
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "with the configuration in FILE",
	},
	{
		.name = "set",
		.code = OPTION_SET,
		.value = "SEC.KEY=VALUE",
		.kind = VERB_KIND_SETTING,
		.repeatable = true,
		.help = "with one setting of tunneld.conf(5); may be repeated",
	},
	{ .name = NULL },
};

static int take_option(void *arg, int code, const char *value)
{
	struct question *q = arg;

	switch (code) {
	case 'c':
		q->config = value;
		return 0;
	case OPTION_SET:
		q->set[q->set_count++] = value;
		return 0;
	case OPTION_PROGRAM:
		return take_program(q, value);
	case OPTION_USER:
		return take_user(q, value);
	default:
		q->body.flags |= CONTROL_EXPLAIN_JSON;
		return 0;
	}
}

static int take_arguments(struct question *q, int argc, char **argv)
{
	int at = verb_options(&explain_verb, "explain", argc, argv, take_option,
			      q);

	if (at < 0)
		return -1;
	if (at < argc) {
		/* What of a URL does not fit is of no importance. */
		snprintf(q->body.target, sizeof(q->body.target), "%s",
			 argv[at]);
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

static int explain(int argc, char **argv)
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

const struct verb explain_verb = {
	.name = "explain",
	.main = explain,
	.summary = "what is done with a destination, and why",
	.usage = (const char *const[]){ "[OPTION...] TARGET", NULL },
	.about =
		(const char *const[]){
			"Tell which rule decides about TARGET, the way that it "
			"would "
			"take, and why. TARGET is a URL, HOST:PORT or "
			"udp://HOST:PORT. "
			"Nothing is connected.",
			NULL,
		},
	.options = options,
	.operands_max = 1,
	.notes =
		(const char *const[]){
			"Without the last two, the tunneld that apps of this "
			"user "
			"would use answers, if one runs.",
			NULL,
		},
	.status =
		(const struct verb_status[]){
			{ "0", "if it would go" },
			{ "1", "if it is blocked or there is no way" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
	.examples =
		(const struct verb_example[]){
			{ "turnout explain https://meet.example.net/",
			  "Which way a web site takes" },
			{ "turnout explain --program chromium "
			  "udp://192.0.2.7:3478",
			  "What becomes of a browser's datagrams" },
			{ NULL, NULL },
		},
};
