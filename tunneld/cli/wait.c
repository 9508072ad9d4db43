/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c - `turnout wait`: until tunneld is so far
 *
 * Where no tunneld answers, the directories are watched in which its socket
 * would appear, or that in which they would. One that answers is asked to
 * answer again when it is so far.
 */
#include <config.h>

#include "daemon.h"
#include "say.h"
#include "status_doc.h"
#include "status_state.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/paths.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/inotify.h>

#define WAIT_MAX_S 86400
/* A socket that refuses is of a tunneld which is about to listen, or of one
 * that has ended: nothing tells when it listens. */
#define REFUSED_FIRST_MS 20
#define REFUSED_LAST_MS  2000
#define ENDED_MAX        3 /* answers that ended at once */

enum {
	OPTION_FOR = VERB_LONG,
	OPTION_JSON,
};

struct waiting {
	enum status_state state;
	bool json;
	int64_t until_ms; /* INT64_MAX: for ever */
	int refused_ms;   /* the next pause; above the last: none */
	int ended;        /* in a row */
	json_t *doc;      /* what came of it */
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Milliseconds that are left; -1: for ever. */
static int left_ms(const struct waiting *w)
{
	int64_t left = w->until_ms - clock_ms();

	if (w->until_ms == INT64_MAX)
		return -1;
	return left > INT_MAX ? INT_MAX : left > 0 ? (int)left : 0;
}

/* Where the path's next part would appear. */
static void watch(int inotify, const char *path)
{
	char dir[SOCKET_PATH_MAX + 1];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) != NULL) {
		slash[slash == dir] = '\0';
		if (inotify_add_watch(inotify, dir,
				      IN_CREATE | IN_MOVED_TO | IN_ATTRIB |
					      IN_DELETE_SELF | IN_ONLYDIR) >=
			    0 ||
		    slash == dir)
			return;
	}
}

/* 0: something has happened; -ETIMEDOUT, or another -errno. */
static int await_socket(struct waiting *w, int inotify, bool refused)
{
	struct pollfd p = { .fd = inotify, .events = POLLIN };
	int left = left_ms(w), pause = left, n;

	if (refused && w->refused_ms <= REFUSED_LAST_MS &&
	    (left < 0 || w->refused_ms < left)) {
		pause = w->refused_ms;
		w->refused_ms *= 2;
	}
	n = poll(&p, 1, pause);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0)
		w->refused_ms = REFUSED_FIRST_MS;
	return n == 0 && pause == left ? -ETIMEDOUT : 0;
}

/* A tunneld that answers, or -errno. The watch stands before the look, so
 * nothing is missed in between. */
static int find(struct waiting *w, char *socket, size_t max)
{
	char place[DAEMON_PLACES_MAX][SOCKET_PATH_MAX + 1];
	bool skipped;
	int err = 0;

	while (err == 0) {
		size_t n = daemon_places(place);
		int inotify = inotify_init1(IN_CLOEXEC);

		if (inotify < 0)
			return -errno;
		while (n-- > 0)
			watch(inotify, place[n]);
		err = daemon_find(socket, max, &skipped);
		if (err == 0) {
			close(inotify);
			return 0;
		}
		err = await_socket(w, inotify, err != -ENOENT);
		close(inotify);
	}
	return err;
}

/* 0: it is so; -EAGAIN: this tunneld has ended; or -errno. */
static int ask(struct waiting *w, const char *socket)
{
	static const uint32_t kinds[] = {
		[STATUS_STATE_READY] = CONTROL_WAIT_READY,
		[STATUS_STATE_RELAY] = CONTROL_WAIT_RELAY,
		[STATUS_STATE_CALL] = CONTROL_WAIT_CALL,
	};
	const struct control_report body = { .kind = REPORT_WAIT,
					     .flags = kinds[w->state] };
	int left = left_ms(w), err;
	char *text;

	if (left == 0)
		return -ETIMEDOUT;
	err = daemon_document(socket, CONTROL_REPORT, &body, sizeof(body),
			      left > 0 ? left : 0, &text);
	if (err == -EPROTO || err == -ECONNRESET || err == -ECONNREFUSED ||
	    err == -EPIPE || err == -ENOENT)
		return ++w->ended < ENDED_MAX ? -EAGAIN : -EPROTO;
	if (err < 0)
		return err;
	w->doc = status_parse(text);
	free(text);
	return w->doc != NULL ? 0 : -EPROTO;
}

static void say_why(const struct waiting *w, const char *socket, int err)
{
	char words[STATUS_STATE_WORDS_MAX];
	json_t *doc = NULL;

	if (err != -ETIMEDOUT) {
		say("tunneld at %s cannot be waited for: %s", socket,
		    strerror(-err));
		return;
	}
	if (socket[0] == '\0') {
		say("wait: time is up, and no tunneld answers");
		return;
	}
	if (status_ask(socket, STATUS_STATE_ANSWER_MS, &doc) < 0)
		say("wait: time is up, and tunneld does not answer any more");
	else if (!status_state_holds(w->state, doc, words))
		say("wait: time is up: %s", words);
	else
		say("wait: time is up");
	json_decref(doc);
}

static int wait_for(struct waiting *w)
{
	char socket[SOCKET_PATH_MAX + 1] = "";
	int err;

	do {
		socket[0] = '\0';
		err = find(w, socket, sizeof(socket));
		if (err == 0)
			err = ask(w, socket);
	} while (err == -EAGAIN);
	if (err < 0) {
		say_why(w, socket, err);
		return VERB_FAILED;
	}
	err = w->json ? doc_print(w->doc) : 0;
	json_decref(w->doc);
	return err ? VERB_FAILED : VERB_OK;
}

static int take_timeout(struct waiting *w, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (text[0] == '\0' || *end != '\0' || !(s >= 0 && s <= WAIT_MAX_S)) {
		say("wait: --timeout '%s': write seconds, at most "
		    "%d" VERB_SEE_HELP("wait"),
		    text, WAIT_MAX_S);
		return -EINVAL;
	}
	w->until_ms = clock_ms() + (int64_t)(s * 1000);
	return 0;
}

static int take_option(void *arg, int code, const char *value)
{
	struct waiting *w = arg;

	if (code == 't')
		return take_timeout(w, value);
	if (code == OPTION_JSON) {
		w->json = true;
		return 0;
	}
	if (status_state_parse(value, &w->state) &&
	    w->state != STATUS_STATE_LIVE)
		return 0;
	say("wait: --for '%s': write ready, relay or call" VERB_SEE_HELP(
		    "wait"),
	    value);
	return -EINVAL;
}

static int wait_verb_main(int argc, char **argv)
{
	struct waiting w = { .state = STATUS_STATE_RELAY,
			     .until_ms = INT64_MAX,
			     .refused_ms = REFUSED_FIRST_MS };

	if (verb_options(&wait_verb, "wait", argc, argv, take_option, &w) < 0)
		return VERB_USAGE;
	return wait_for(&w);
}

static const struct verb_option options[] = {
	{
		.name = "for",
		.code = OPTION_FOR,
		.value = "STATE",
		.kind = VERB_KIND_WORD,
		.words = "ready relay call",
		.help = "ready (it has started), relay, or call (an app sends "
			"to a peer and hears from it); relay without it",
	},
	{
		.name = "timeout",
		.code = 't',
		.value = "SECONDS",
		.help = "no longer than that",
	},
	{
		.name = "json",
		.code = OPTION_JSON,
		.help = "print the document of turnout status then",
	},
	{ .name = NULL },
};

const struct verb wait_verb = {
	.name = "wait",
	.main = wait_verb_main,
	.summary = "wait until tunneld is so far",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Wait until the tunneld that apps of this user would "
			"use has started and holds an address at a relay. It "
			"need not run yet.",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", "if it is so" },
			{ "1", "if time is up, or it cannot be known" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
