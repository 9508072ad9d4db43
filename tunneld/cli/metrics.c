/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metrics.c - `turnout metrics`: what the running tunneld counts */
#include <config.h>

#include "daemon.h"
#include "out_file.h"
#include "reach.h"
#include "say.h"
#include "verbs.h"

#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEE_HELP          "; see 'turnout help metrics'"
#define ANSWER_TIMEOUT_MS 5000

struct metrics_args {
	const char *output; /* NULL: stdout */
	bool openmetrics;
};

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "openmetrics", no_argument, NULL, 'm' },
	{ NULL, 0, NULL, 0 },
};

static int take_args(struct metrics_args *args, int argc, char **argv)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "+:o:", options, NULL)) != -1) {
		if (c == 'o') {
			args->output = optarg;
		} else if (c == 'm') {
			args->openmetrics = true;
		} else {
			say("metrics: '%s' %s" SEE_HELP, argv[optind - 1],
			    c == ':' ? "needs a value" : "is not an option");
			return VERB_USAGE;
		}
	}
	if (optind == argc)
		return VERB_OK;
	say("metrics: unexpected argument '%s'" SEE_HELP, argv[optind]);
	return VERB_USAGE;
}

static int print(const struct metrics_args *args, const char *text)
{
	int err;

	if (args->output == NULL) {
		fputs(text, stdout);
		return say_flush_stdout() ? VERB_FAILED : VERB_OK;
	}
	err = out_file_write(args->output, text, strlen(text), 0644);
	if (err == 0)
		return VERB_OK;
	say("cannot write %s: %s", args->output, strerror(-err));
	return VERB_FAILED;
}

int verb_metrics(int argc, char **argv)
{
	struct control_report body = { .kind = REPORT_METRICS };
	struct metrics_args args = { .output = NULL };
	char socket[SOCKET_PATH_MAX + 1], *text;
	int err = take_args(&args, argc, argv);

	if (err != VERB_OK)
		return err;
	if (args.openmetrics)
		body.flags = REPORT_OPENMETRICS;
	err = reach_tunneld(socket, sizeof(socket));
	if (err != VERB_OK)
		return err;
	err = daemon_document(socket, CONTROL_REPORT, &body, sizeof(body),
			      ANSWER_TIMEOUT_MS, &text);
	if (err < 0) {
		say("tunneld at %s did not answer: %s; its log says more "
		    "(turnout log)",
		    socket, strerror(-err));
		return VERB_FAILED;
	}
	err = print(&args, text);
	free(text);
	return err;
}
