/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_ask.c - a report: from a tunneld that looks now, or from a file
 *
 * tunneld answers with lines: how far it is, and at last the report. On a
 * terminal the former are one line, rewritten in place and gone at the end.
 */
#include <config.h>

#include "doctor_ask.h"

#include "daemon.h"
#include "private.h"
#include "report.h"
#include "run_args.h"
#include "say.h"
#include "status_doc.h"
#include "term.h"

#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* tunneld needs less than 15 s for all of it. */
#define SILENT_MS       20000
#define PROGRESS_MAX    200
#define PROGRESS_OTHERS 24 /* columns that are not what is looked at */
#define COLUMNS         80

struct asking {
	bool terminal;
	json_t *report;
	char error[PROGRESS_MAX]; /* why there is none; or empty */
};

static void clear_progress(const struct asking *a)
{
	if (a->terminal)
		fputs("\r\033[K", stderr);
}

static void show_progress(const struct asking *a, const json_t *doc)
{
	size_t columns = term_width(STDERR_FILENO, COLUMNS);
	char doing[PROGRESS_MAX];
	size_t room = columns > PROGRESS_OTHERS ? columns - PROGRESS_OTHERS : 1;

	if (!a->terminal)
		return;
	/* Bytes are at least as many as columns: the line is never too long. */
	term_clean(doing, room < sizeof(doing) ? room : sizeof(doing),
		   doc_text(doc, "progress.doing", ""));
	clear_progress(a);
	fprintf(stderr, "[%lld/%lld] %s",
		(long long)doc_int(doc, "progress.done"),
		(long long)doc_int(doc, "progress.of"), doing);
}

static int take_report(struct asking *a, const json_t *report)
{
	char *text = json_dumps(report, JSON_COMPACT);

	json_decref(a->report);
	a->report = text != NULL ? report_parse(text, strlen(text)) : NULL;
	free(text);
	return a->report != NULL ? 0 : -EPROTO;
}

static int on_line(void *arg, char *text, size_t bytes)
{
	struct asking *a = arg;
	json_t *doc = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
	const json_t *report = json_object_get(doc, "report");
	int err = 0;

	if (doc == NULL)
		return -EPROTO;
	if (report != NULL)
		err = take_report(a, report);
	else if (json_object_get(doc, "progress") != NULL)
		show_progress(a, doc);
	else
		term_clean(a->error, sizeof(a->error),
			   doc_text(doc, "error", "it did not say why"));
	json_decref(doc);
	return err;
}

static void say_why(const struct asking *a, const char *socket, int err)
{
	if (a->error[0] != '\0')
		say("doctor: tunneld at %s: %s; try again in a moment", socket,
		    a->error);
	else if (err == -EPROTO)
		say("doctor: tunneld at %s gives no such report: it is of "
		    "another version",
		    socket);
	else if (err < 0)
		say("doctor: tunneld at %s did not answer: %s; its log says "
		    "more (journalctl -u tunneld)",
		    socket, strerror(-err));
	else
		say("doctor: tunneld at %s ended before its report was there",
		    socket);
}

static json_t *ask(const char *socket, const char *relay)
{
	struct asking a = { .terminal = isatty(STDERR_FILENO) };
	struct control_doctor body = { .flags = 0 };
	int err;

	if (relay != NULL)
		snprintf(body.relay, sizeof(body.relay), "%s", relay);
	err = daemon_stream(socket, CONTROL_DOCTOR, &body, sizeof(body),
			    on_line, &a, SILENT_MS);
	clear_progress(&a);
	if (err == 0 && a.report != NULL)
		return a.report;
	json_decref(a.report);
	say_why(&a, socket, err);
	return NULL;
}

json_t *doctor_ask(const struct run_args *args, const char *relay)
{
	const struct private_opts private = {
		.config = args->config,
		.set = args->set,
		.set_count = args->set_count,
		.quiet = true,
	};
	char socket[SOCKET_PATH_MAX + 1];
	bool skipped = false;
	int err = -ENOENT;

	if (!args->own_daemon)
		err = daemon_find(socket, sizeof(socket), &skipped);
	if (err == 0)
		return ask(socket, relay);
	if (skipped)
		say_warning("nothing answers at the socket that the "
			    "environment names; looking with a tunneld of our "
			    "own");
	if (private_start(&private, socket, sizeof(socket)) < 0)
		return report_unstarted();
	return ask(socket, relay);
}

json_t *doctor_ask_file(const char *path)
{
	FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = malloc(REPORT_MAX_BYTES + 1);
	json_t *report = NULL;
	size_t bytes = 0;

	if (from == NULL || text == NULL) {
		say("doctor: %s: %s", path, strerror(errno));
		goto out;
	}
	bytes = fread(text, 1, REPORT_MAX_BYTES + 1, from);
	if (bytes <= REPORT_MAX_BYTES)
		report = report_parse(text, bytes);
	if (report == NULL)
		say("doctor: %s is no report of 'turnout doctor --json'", path);
out:
	free(text);
	if (from != NULL && from != stdin)
		fclose(from);
	return report;
}
