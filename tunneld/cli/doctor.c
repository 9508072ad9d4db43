/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor.c - `turnout doctor`: what stands between this machine and a call */
#include <config.h>

#include "doctor_ask.h"
#include "out_file.h"
#include "report.h"
#include "report_html.h"
#include "report_text.h"
#include "run_args.h"
#include "say.h"
#include "status_doc.h"
#include "term.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/control.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS     100
#define COLUMNS_MIN 40
#define COLUMNS_MAX 140

enum {
	OPTION_JSON = RUN_ARGS_NUM_CODES,
	OPTION_HTML,
	OPTION_TICKET,
	OPTION_RELAY,
	OPTION_FROM,
};

struct options {
	struct run_args args;
	bool json, ticket;
	const char *html, *relay, *from;
};

/* A URI has a colon; no name of a relay has one. */
static int take_relay(struct options *o, const char *value)
{
	const struct control_doctor *body = NULL;

	if (strchr(value, ':') != NULL)
		return run_args_relay(&o->args, value);
	if (strlen(value) >= sizeof(body->relay)) {
		say("doctor: --relay '%s': no relay has so long a "
		    "name" VERB_SEE_HELP("doctor"),
		    value);
		return -EINVAL;
	}
	o->relay = value;
	return 0;
}

static int take_option(void *arg, int code, const char *value)
{
	struct options *o = arg;

	switch (code) {
	case OPTION_JSON:
		o->json = true;
		return 0;
	case OPTION_TICKET:
		o->ticket = true;
		return 0;
	case OPTION_HTML:
		o->html = value;
		return 0;
	case OPTION_FROM:
		o->from = value;
		return 0;
	default:
		return take_relay(o, value);
	}
}

static int print(const struct options *o, const json_t *report)
{
	size_t columns = term_width(STDOUT_FILENO, COLUMNS);
	const struct report_text text = {
		.to = stdout,
		.columns = columns < COLUMNS_MIN   ? COLUMNS_MIN
			   : columns > COLUMNS_MAX ? COLUMNS_MAX
						   : columns,
		.colours = term_has_colours(STDOUT_FILENO),
	};

	if (o->json)
		return doc_print(report);
	if (o->ticket)
		report_text_ticket(stdout, report);
	else
		report_text_lines(&text, report);
	return say_flush_stdout();
}

static int write_page(const char *path, const json_t *report)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);
	int err = to == NULL ? -errno : 0;

	if (to != NULL) {
		report_html(to, report);
		err = ferror(to) ? -ENOMEM : 0;
		if (fclose(to) != 0)
			err = -errno;
	}
	if (!err)
		err = out_file_write(path, text, bytes, 0644);
	free(text);
	if (err)
		say("doctor: --html %s: %s", path, strerror(-err));
	return err;
}

static int show(const struct options *o, const json_t *report)
{
	int status = (int)report_calls(report);

	if (o->html != NULL && write_page(o->html, report) < 0)
		status = REPORT_CALLS_IMPOSSIBLE;
	if (print(o, report) < 0)
		status = REPORT_CALLS_IMPOSSIBLE;
	return status;
}

static int doctor(int argc, char **argv)
{
	struct options o = { .json = false };
	int status = VERB_USAGE;
	json_t *report;

	if (run_args_init(&o.args, &doctor_verb, argc, argv, take_option, &o) <
	    0)
		goto out;
	if (o.json && o.ticket) {
		say("doctor: --json or --ticket, not both" VERB_SEE_HELP(
			"doctor"));
		goto out;
	}
	report = o.from != NULL ? doctor_ask_file(o.from)
				: doctor_ask(&o.args, o.relay);
	if (report != NULL)
		status = show(&o, report);
	json_decref(report);
out:
	run_args_fini(&o.args);
	return status;
}

static const struct verb_option options[] = {
	{
		.name = "json",
		.code = OPTION_JSON,
		.help = "the report alone, for programs (turnout-doctor/1)",
	},
	{
		.name = "html",
		.code = OPTION_HTML,
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "write a page to look at or to send, too",
	},
	{
		.name = "ticket",
		.code = OPTION_TICKET,
		.help = "a text to paste for whoever must act",
	},
	{
		.name = "from",
		.code = OPTION_FROM,
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "show a report of --json again (- is stdin)",
	},
	{
		.name = "relay",
		.code = OPTION_RELAY,
		.value = "NAME|URI",
		.kind = VERB_KIND_RELAY,
		.help = "look at this relay alone; a URI: as for 'turnout run'",
	},
	{
		.name = "config",
		.code = RUN_ARGS_CONFIG,
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "look with a tunneld that reads FILE",
	},
	{
		.name = "proxy",
		.code = RUN_ARGS_PROXY,
		.value = "URL",
		.kind = VERB_KIND_WORD,
		.words = "env none http://",
		.help = "... that uses this proxy: http://HOST:PORT, env, none",
	},
	{
		.name = "set",
		.code = RUN_ARGS_SET,
		.value = "SEC.KEY=VALUE",
		.kind = VERB_KIND_SETTING,
		.repeatable = true,
		.help = "... with a setting of tunneld.conf(5)",
	},
	{ .name = NULL },
};

const struct verb doctor_verb = {
	.name = "doctor",
	.main = doctor,
	.summary = "find out why calls fail, and who must act",
	.usage =
		(const char *const[]){
			"[--json|--ticket] [--html FILE] [OPTION...]",
			NULL,
		},
	.about =
		(const char *const[]){
			"Look at all that a call needs, hop by hop, with the "
			"code and the "
			"logins that calls use: names, the proxy and its "
			"login, the relay, "
			"echoes through it. It takes less than 15 seconds. "
			"What fails is "
			"shown with who must act and what to change.",
			"Without a running tunneld, or with --config, --proxy, "
			"--set or a "
			"URI, one is started that ends with this command.",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", "if calls will be good" },
			{ "1", "if they will be poor" },
			{ "2", "if they are impossible, if there is no report, "
			       "or for wrong usage" },
			{ NULL, NULL },
		},
	.environment = run_args_environment,
	.examples =
		(const struct verb_example[]){
			{ "turnout doctor", "what is wrong here" },
			{ "turnout doctor --ticket", "what to send to IT" },
			{ "turnout doctor --html report.html", "as a page" },
			{ NULL, NULL },
		},
};
