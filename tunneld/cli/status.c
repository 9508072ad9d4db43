/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status.c - `turnout status`: what the running tunneld tells about itself */
#include <config.h>

#include "daemon.h"
#include "say.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int verb_status(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1], *text;
	bool skipped;
	int err;

	if (argc > 1) {
		say("status: unexpected argument '%s'; see 'turnout help "
		    "status'",
		    argv[1]);
		return VERB_USAGE;
	}
	err = daemon_find(socket, sizeof(socket), &skipped);
	if (err == -EACCES || err == -EPERM) {
		say("tunneld's socket is there, but you may not use it (%s); "
		    "ask for access to it or start your own: "
		    "systemctl --user start tunneld-user",
		    strerror(-err));
		return VERB_FAILED;
	}
	if (err) {
		say("tunneld is not running; start it with 'systemctl start "
		    "tunneld', or use 'turnout run', which starts one itself");
		return VERB_FAILED;
	}
	err = daemon_status(socket, &text);
	if (err) {
		say("tunneld at %s did not answer: %s; its log says more "
		    "(journalctl -u tunneld)",
		    socket, strerror(-err));
		return VERB_FAILED;
	}
	printf("socket %s\n%s", socket, text);
	free(text);
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}
