/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status.c - `turnout status`: what the running tunneld tells about itself */
#include <config.h>

#include "daemon.h"
#include "reach.h"
#include "say.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int verb_status(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1], *text;
	int err;

	if (argc > 1) {
		say("status: unexpected argument '%s'; see 'turnout help "
		    "status'",
		    argv[1]);
		return VERB_USAGE;
	}
	err = reach_tunneld(socket, sizeof(socket));
	if (err != VERB_OK)
		return err;
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
