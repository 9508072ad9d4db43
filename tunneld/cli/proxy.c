/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy.c - `turnout proxy retry`: a refused password may be sent once more */
#include <config.h>

#include "daemon.h"
#include "say.h"
#include "verbs.h"

#include <turnout/paths.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int report(int n)
{
	if (n == -EPERM) {
		say("proxy: only root, or the user that tunneld runs as, may "
		    "have a refused password sent again");
		return VERB_FAILED;
	}
	if (n < 0) {
		say("proxy: tunneld could not do it: %s; its log says more",
		    strerror(-n));
		return VERB_FAILED;
	}
	if (n == 0)
		printf("No password was refused.\n");
	else
		printf("%d refused %s may be sent once more.\n", n,
		       n == 1 ? "password" : "passwords");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

int verb_proxy(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1];
	bool skipped;

	if (argc != 2 || strcmp(argv[1], "retry") != 0) {
		say("proxy: say 'turnout proxy retry'; see 'turnout help "
		    "proxy'");
		return VERB_USAGE;
	}
	if (daemon_find(socket, sizeof(socket), &skipped) != 0) {
		say("tunneld is not running; start it, or use 'turnout run', "
		    "which starts one itself");
		return VERB_FAILED;
	}
	return report(daemon_proxy_retry(socket));
}
