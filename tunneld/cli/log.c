/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c - `turnout log`: what the running tunneld has logged
 *
 * A tunneld that logs to the journal has its lines there, and those of its
 * predecessors: journalctl shows them. Any other keeps the last ones itself.
 */
#include <config.h>

#include "daemon.h"
#include "reach.h"
#include "say.h"
#include "unit_of.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEE_HELP "; see 'turnout help log'"
/* Of an answer that is there already. */
#define ANSWER_TIMEOUT_MS 5000
#define FOLLOW_LINES      10

struct log_args {
	bool follow, has_lines;
	unsigned int lines;
	size_t level;
};

/* In the order of tunneld's levels, with journalctl's words. */
static const struct {
	const char *name, *priority;
} levels[] = {
	{ "error", "err" },
	{ "warn", "warning" },
	{ "info", "info" },
	{ "debug", "debug" },
};

enum {
	OPTION_LEVEL = VERB_LONG,
};

static const struct verb_option options[] = {
	{
		.name = "follow",
		.code = 'f',
		.help = "go on with what comes, until tunneld ends",
	},
	{
		.name = "lines",
		.code = 'n',
		.value = "N",
		.help = "the last N only; 10 with --follow, else all",
	},
	{
		.name = "level",
		.code = OPTION_LEVEL,
		.value = "LEVEL",
		.kind = VERB_KIND_WORD,
		.words = "error warn info debug",
		.help = "nothing less important: error, warn, info, debug",
	},
	{ .name = NULL },
};

static int take_lines(struct log_args *args, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' ||
	    n > REPORT_LOG_LINES_MAX) {
		say("log: --lines '%s': write 0 to %u" SEE_HELP, text,
		    REPORT_LOG_LINES_MAX);
		return -EINVAL;
	}
	args->has_lines = true;
	args->lines = (unsigned int)n;
	return 0;
}

static int take_level(struct log_args *args, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i].name) != 0)
			continue;
		args->level = i;
		return 0;
	}
	say("log: --level '%s': write error, warn, info or debug" SEE_HELP,
	    text);
	return -EINVAL;
}

static int take_option(void *arg, int code, const char *value)
{
	struct log_args *args = arg;

	if (code == 'n')
		return take_lines(args, value);
	if (code == OPTION_LEVEL)
		return take_level(args, value);
	args->follow = true;
	return 0;
}

static int take_args(struct log_args *args, int argc, char **argv)
{
	if (verb_options(&log_verb, "log", argc, argv, take_option, args) < 0)
		return VERB_USAGE;
	if (!args->has_lines)
		args->lines = args->follow ? FOLLOW_LINES
					   : REPORT_LOG_LINES_MAX;
	return VERB_OK;
}

/* Returns only when there is no journalctl. */
static void become_journalctl(const struct log_args *args,
			      const struct unit_of *unit)
{
	char lines[16];
	const char *argv[] = {
		"journalctl", unit->user ? "--user-unit" : "--unit",
		unit->name,   "--identifier=tunneld",
		"--priority", levels[args->level].priority,
		"--quiet",    "--lines",
		lines,        args->follow ? "--follow" : "--no-pager",
		NULL,
	};

	if (args->has_lines || args->follow)
		snprintf(lines, sizeof(lines), "%u", args->lines);
	else
		strcpy(lines, "all");
	/* It does not write to the strings (POSIX, exec, RATIONALE). */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
}

struct printing {
	bool begun, refused;
};

static int on_line(void *arg, char *line, size_t bytes)
{
	struct printing *p = arg;

	(void)bytes;
	if (!p->begun) {
		p->begun = true;
		p->refused = strncmp(line, REPORT_LOG_HEAD, strlen(line)) != 0;
		if (p->refused)
			say("%s", line);
		return p->refused;
	}
	puts(line);
	return fflush(stdout) == EOF ? -errno : 0;
}

static int ask_tunneld_itself(const struct log_args *args, const char *socket)
{
	struct control_report body = {
		.kind = REPORT_LOG,
		.flags = REPORT_LOG_LEVEL(args->level) |
			 REPORT_LOG_LINES(args->lines) |
			 (args->follow ? REPORT_LOG_FOLLOW : 0),
	};
	struct printing printing = { .begun = false };
	int err = daemon_stream(socket, CONTROL_REPORT, &body, sizeof(body),
				on_line, &printing,
				args->follow ? 0 : ANSWER_TIMEOUT_MS);

	if (printing.refused)
		return VERB_FAILED;
	if (err == -EPIPE) /* whoever reads has enough */
		return VERB_OK;
	if (err < 0) {
		say("tunneld at %s: %s", socket, strerror(-err));
		return VERB_FAILED;
	}
	if (args->follow)
		say("tunneld has ended");
	return args->follow ? VERB_FAILED : VERB_OK;
}

static int show_log(int argc, char **argv)
{
	struct log_args args = { .level = ARRAY_SIZE(levels) - 1 };
	char socket[SOCKET_PATH_MAX + 1], *status;
	struct unit_of unit;
	int err = take_args(&args, argc, argv);

	if (err == VERB_OK)
		err = reach_tunneld(socket, sizeof(socket));
	if (err != VERB_OK)
		return err;
	if (daemon_status(socket, &status) == 0) {
		if (unit_of_status(status, &unit))
			become_journalctl(&args, &unit);
		free(status);
	}
	return ask_tunneld_itself(&args, socket);
}

const struct verb log_verb = {
	.name = "log",
	.main = show_log,
	.summary = "what tunneld has logged, and goes on to log",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Print the log of the running tunneld: what the "
			"journal has of "
			"it, or the last lines that it keeps itself (512). For "
			"root, "
			"and the user that tunneld runs as.",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1", "if there is no tunneld, or none any more" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
