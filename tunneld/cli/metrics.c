/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metrics.c - `turnout metrics`: what the running tunneld counts */
#include <config.h>

#include "daemon.h"
#include "out_file.h"
#include "reach.h"
#include "say.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_TIMEOUT_MS 5000

struct metrics_args {
	const char *output; /* NULL: stdout */
	bool openmetrics;
};

static int take_option(void *arg, int code, const char *value)
{
	struct metrics_args *args = arg;

	if (code == 'o')
		args->output = value;
	else
		args->openmetrics = true;
	return 0;
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

static int metrics(int argc, char **argv)
{
	struct control_report body = { .kind = REPORT_METRICS };
	struct metrics_args args = { .output = NULL };
	char socket[SOCKET_PATH_MAX + 1], *text;
	int err;

	if (verb_options(&metrics_verb, "metrics", argc, argv, take_option,
			 &args) < 0)
		return VERB_USAGE;
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

static const struct verb_option options[] = {
	{
		.name = "output",
		.code = 'o',
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "to FILE, which is replaced whole",
	},
	{
		.name = "openmetrics",
		.code = VERB_LONG,
		.help = "as OpenMetrics 1.0",
	},
	{ .name = NULL },
};

const struct verb metrics_verb = {
	.name = "metrics",
	.main = metrics,
	.summary = "what tunneld counts, for Prometheus",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Print what the running tunneld counts, in the text "
			"format of "
			"Prometheus. To have it scraped, see [metrics] in "
			"tunneld.conf(5).",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1",
			  "if there is no tunneld or FILE cannot be written" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
