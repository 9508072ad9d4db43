/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top.c - `turnout top`: what tunneld is doing, again and again */
#include <config.h>

#include "reach.h"
#include "say.h"
#include "screen.h"
#include "status_doc.h"
#include "status_view.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/compiler.h>
#include <turnout/paths.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERVAL_S      2.0
#define INTERVAL_MIN_S  0.2
#define INTERVAL_MAX_S  3600.0
#define ANSWER_MS       2000
#define PIPE_COLUMNS    1000
#define STATUS_LINE_MAX 128

struct top {
	char socket[SOCKET_PATH_MAX + 1];
	int interval_ms;
	bool json;
	json_t *before, *doc;
	int err; /* of the last question */
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void fetch(struct top *t)
{
	json_t *doc = NULL;

	t->err = status_ask(t->socket, ANSWER_MS, &doc);
	if (t->err < 0)
		return; /* what is known stays on the screen */
	json_decref(t->before);
	t->before = t->doc;
	t->doc = doc;
}

static void draw(const struct top *t)
{
	size_t columns, rows, len = 0;
	char *text = NULL;
	FILE *to = open_memstream(&text, &len);
	struct view v = { .to = to, .before = t->before };

	if (to == NULL)
		return;
	screen_size(&columns, &rows);
	v.columns = columns;
	v.rows = rows > 1 ? rows - 1 : 1;
	view_status(&v, t->doc);
	if (t->err < 0)
		view_line(&v, "tunneld does not answer: %s; q quits",
			  strerror(-t->err));
	else
		view_line(&v, "every %.1f s; q quits", t->interval_ms / 1000.0);
	if (fclose(to) == 0)
		screen_draw(text, len);
	free(text);
}

static void run(struct top *t)
{
	uint64_t next_ms = clock_ms() + (uint64_t)t->interval_ms;
	enum screen_event event = SCREEN_RESIZED;

	while (event != SCREEN_QUIT) {
		uint64_t now_ms = clock_ms();

		if (event == SCREEN_KEY || now_ms >= next_ms) {
			fetch(t);
			next_ms = clock_ms() + (uint64_t)t->interval_ms;
		}
		draw(t);
		now_ms = clock_ms();
		event = screen_wait(next_ms > now_ms ? (int)(next_ms - now_ms)
						     : 0);
	}
}

/* A document a line, until somebody ends it. */
static int run_json(struct top *t)
{
	struct timespec pause = { .tv_sec = t->interval_ms / 1000,
				  .tv_nsec = t->interval_ms % 1000 * 1000000L };

	do {
		if (json_dumpf(t->doc, stdout, JSON_COMPACT) == 0)
			putchar('\n');
		if (say_flush_stdout())
			return VERB_FAILED;
		nanosleep(&pause, NULL);
		fetch(t);
	} while (t->err == 0);
	say("tunneld at %s does not answer any more: %s", t->socket,
	    strerror(-t->err));
	return VERB_FAILED;
}

static int run_once(const struct top *t)
{
	const struct view v = { .to = stdout, .columns = PIPE_COLUMNS };

	view_status(&v, t->doc);
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static int run_screen(struct top *t)
{
	int err = screen_open();

	if (err < 0) {
		say("top: the terminal: %s", strerror(-err));
		return VERB_FAILED;
	}
	run(t);
	screen_close();
	return VERB_OK;
}

static int take_interval(struct top *t, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (text[0] == '\0' || *end != '\0' ||
	    !(s >= INTERVAL_MIN_S && s <= INTERVAL_MAX_S)) {
		say("top: --interval '%s': write seconds, %.1f to "
		    "%.0f" VERB_SEE_HELP("top"),
		    text, INTERVAL_MIN_S, INTERVAL_MAX_S);
		return -EINVAL;
	}
	t->interval_ms = (int)(s * 1000);
	return 0;
}

static int take_option(void *arg, int code, const char *value)
{
	struct top *t = arg;

	if (code == 'i')
		return take_interval(t, value);
	t->json = true;
	return 0;
}

static int top(int argc, char **argv)
{
	struct top t = { .interval_ms = (int)(INTERVAL_S * 1000) };
	int status;

	if (verb_options(&top_verb, "top", argc, argv, take_option, &t) < 0)
		return VERB_USAGE;
	status = reach_tunneld(t.socket, sizeof(t.socket));
	if (status != VERB_OK)
		return status;
	t.doc = status_fetch(t.socket);
	if (t.doc == NULL)
		return VERB_FAILED;
	if (t.json)
		status = run_json(&t);
	else if (screen_is_there())
		status = run_screen(&t);
	else
		status = run_once(&t);
	json_decref(t.doc);
	json_decref(t.before);
	return status;
}

static const struct verb_option options[] = {
	{
		.name = "interval",
		.code = 'i',
		.value = "SECONDS",
		.help = "0.2 to 3600; 2 without it",
	},
	{
		.name = "json",
		.code = VERB_LONG,
		.help = "for programs: a document a line, until it is ended",
	},
	{ .name = NULL },
};

const struct verb top_verb = {
	.name = "top",
	.main = top,
	.summary = "the screen of status, again and again",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Show what turnout status does, with rates and losses "
			"of the last interval. q quits, any other key looks at "
			"once. Where there is no terminal, it is shown once.",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1", "if no tunneld answers" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
