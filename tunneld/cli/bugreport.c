/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bugreport.c - `turnout bugreport`: what helpers need to know, in one file,
 * without what is nobody's business; sent nowhere
 */
#include <config.h>

#include "bugreport_docs.h"
#include "bundle.h"
#include "daemon.h"
#include "redact.h"
#include "say.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEM "turnout-bugreport"

struct bugreport_args {
	const char *output; /* NULL: a file of its own in this directory */
	bool no_doctor;
};

static int take_option(void *arg, int code, const char *value)
{
	struct bugreport_args *args = arg;

	if (code == 'o')
		args->output = value;
	else
		args->no_doctor = true;
	return 0;
}

static bool is_archive(const char *path)
{
	const char *const tails[] = { ".tar.gz", ".tgz" };
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		size_t n = strlen(tails[i]);

		if (len > n && strcmp(path + len - n, tails[i]) == 0)
			return true;
	}
	return false;
}

/* Where the documents are gathered: for a directory, there; for an archive, in
 * a place of our own below `*room`. */
static int choose_directory(const char *output, bool archive, char *room,
			    char dir[PATH_MAX])
{
	int n;

	if (!archive) {
		n = snprintf(dir, PATH_MAX, "%s", output);
	} else {
		if (mkdtemp(room) == NULL)
			return -errno;
		n = snprintf(dir, PATH_MAX, "%s/" STEM, room);
	}
	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void collect(const struct bugreport_args *args, struct bundle *bundle,
		    struct redact *redact)
{
	char socket[SOCKET_PATH_MAX + 1];
	bool skipped;
	struct bugreport b = {
		.bundle = bundle,
		.redact = redact,
		.no_doctor = args->no_doctor,
	};

	if (daemon_find(socket, sizeof(socket), &skipped) == 0)
		b.socket = socket;
	if (!args->no_doctor)
		fputs("turnout: looking at the machine and asking the doctor: "
		      "this takes some seconds\n",
		      stderr);
	bugreport_collect(&b);
}

static int make(const struct bugreport_args *args, const char *output)
{
	bool archive = is_archive(output);
	char room[] = "/tmp/" STEM ".XXXXXX", dir[PATH_MAX];
	struct redact *redact = redact_new();
	struct bundle bundle = { .dir = "" };
	int err = redact == NULL ? -ENOMEM
				 : choose_directory(output, archive, room, dir);

	if (err == 0)
		err = bundle_begin(&bundle, dir);
	if (err == 0) {
		collect(args, &bundle, redact);
		err = bundle_end(&bundle);
		if (err == 0 && archive)
			err = bundle_pack(&bundle, output);
		if (err < 0)
			bundle_remove(&bundle);
	}
	if (archive)
		rmdir(room);
	redact_free(redact);
	return err;
}

static int bugreport(int argc, char **argv)
{
	struct bugreport_args args = { .output = NULL };
	char own[64];
	time_t now = time(NULL);
	struct tm tm;
	int err;

	if (verb_options(&bugreport_verb, "bugreport", argc, argv, take_option,
			 &args) < 0)
		return VERB_USAGE;
	if (args.output == NULL && gmtime_r(&now, &tm) != NULL &&
	    strftime(own, sizeof(own), STEM "-%Y%m%dT%H%M%SZ.tar.gz", &tm) > 0)
		args.output = own;
	err = args.output != NULL ? make(&args, args.output) : -EOVERFLOW;
	if (err == -ENOENT && is_archive(args.output)) {
		say("cannot write %s: there is no tar(1), or no such "
		    "directory; name a directory to be made instead",
		    args.output);
		return VERB_FAILED;
	}
	if (err < 0) {
		say("cannot write %s: %s", args.output, strerror(-err));
		return VERB_FAILED;
	}
	printf("%s\n", args.output);
	say("nothing was sent anywhere; look at it before you give it to "
	    "anybody (MANIFEST says what is in it)");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static const struct verb_option options[] = {
	{
		.name = "output",
		.code = 'o',
		.value = "PATH",
		.kind = VERB_KIND_FILE,
		.help = "an archive (.tar.gz) or a directory to be made, "
			"instead of turnout-bugreport-TIME.tar.gz here",
	},
	{
		.name = "no-doctor",
		.code = VERB_LONG,
		.help = "do not ask it: it makes connections",
	},
	{ .name = NULL },
};

const struct verb bugreport_verb = {
	.name = "bugreport",
	.main = bugreport,
	.summary = "gather what helpers need, without what is yours",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Write a file with the state, the configuration, the "
			"log and the metrics of tunneld, and what the doctor "
			"finds. Only what turnout itself can say gets in: "
			"names, addresses, paths and all other words are "
			"replaced (host-1, user-2), and secrets are not read.",
			"MANIFEST says what is in it and what is not. Nothing "
			"is sent anywhere: look at it, and send it yourself.",
			NULL,
		},
	.options = options,
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1", "if it cannot be written" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
