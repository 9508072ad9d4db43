/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reload.c - `turnout reload`: the running tunneld reads its configuration
 * again
 */
#include <config.h>

#include "daemon.h"
#include "say.h"
#include "verb_options.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reload(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1], *text;
	uint32_t status;
	bool skipped;
	int err;

	if (verb_options(&reload_verb, "reload", argc, argv, NULL, NULL) < 0)
		return VERB_USAGE;
	if (daemon_find(socket, sizeof(socket), &skipped)) {
		say("tunneld is not running; it reads the configuration when "
		    "it starts");
		return VERB_FAILED;
	}
	err = daemon_reload(socket, &status, &text);
	if (err) {
		say("tunneld at %s did not answer: %s; its log says more",
		    socket, strerror(-err));
		return VERB_FAILED;
	}
	fputs(text, stderr);
	free(text);
	if (status == 0)
		return VERB_OK;
	say("the configuration was not read again: the one in force stays");
	return VERB_FAILED;
}

const struct verb reload_verb = {
	.name = "reload",
	.main = reload,
	.summary = "have tunneld read its configuration again",
	.usage = (const char *const[]){ "", NULL },
	.about =
		(const char *const[]){
			"The tunneld that apps of this user would use reads "
			"its "
			"configuration again. Running apps follow, connections "
			"stay. "
			"If something is wrong, it says what, and all is as "
			"before. "
			"For root, and the user that tunneld runs as.",
			NULL,
		},
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1", "if it was not read" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
