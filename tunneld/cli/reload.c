/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reload.c - `turnout reload`: the running tunneld reads its configuration
 * again
 */
#include <config.h>

#include "daemon.h"
#include "say.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int verb_reload(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1], *text;
	uint32_t status;
	bool skipped;
	int err;

	if (argc > 1) {
		say("reload: unexpected argument '%s'; see 'turnout help "
		    "reload'",
		    argv[1]);
		return VERB_USAGE;
	}
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
