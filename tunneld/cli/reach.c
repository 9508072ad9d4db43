/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reach.c - the tunneld that a verb is about, or words why there is none */
#include <config.h>

#include "reach.h"

#include "daemon.h"
#include "say.h"
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

int reach_tunneld(char *socket, size_t max)
{
	bool skipped;
	int err = daemon_find(socket, max, &skipped);

	if (err == 0)
		return VERB_OK;
	if (err == -EACCES || err == -EPERM)
		say("tunneld's socket is there, but you may not use it (%s); "
		    "ask for access to it or start your own: "
		    "systemctl --user start tunneld-user",
		    strerror(-err));
	else
		say("tunneld is not running; start it with 'systemctl start "
		    "tunneld', or use 'turnout run', which starts one itself");
	return VERB_FAILED;
}
