/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy.c - `turnout proxy retry`: a refused password may be sent once more */
#include <config.h>

#include "daemon.h"
#include "reach.h"
#include "say.h"
#include "verb_options.h"
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

static const struct verb retry_verb;

static int retry(int argc, char **argv)
{
	char socket[SOCKET_PATH_MAX + 1];
	int status;

	if (verb_options(&retry_verb, "proxy retry", argc, argv, NULL, NULL) <
	    0)
		return VERB_USAGE;
	status = reach_tunneld(socket, sizeof(socket));
	if (status != VERB_OK)
		return status;
	return report(daemon_proxy_retry(socket));
}

static int proxy(int argc, char **argv)
{
	const struct verb *sub = verb_options_sub(&proxy_verb, argc, argv);

	return sub ? sub->main(argc - 1, argv + 1) : VERB_USAGE;
}

static const struct verb retry_verb = {
	.name = "retry",
	.main = retry,
	.about =
		(const char *const[]){
			"A password that the proxy has refused is not sent "
			"again until "
			"it changes, so that no account gets locked. After "
			"this, "
			"tunneld tries it once more: say it when the same "
			"password is "
			"right now.",
			NULL,
		},
};

const struct verb proxy_verb = {
	.name = "proxy",
	.main = proxy,
	.summary = "let a password be sent that the proxy refused",
	.usage = (const char *const[]){ "retry", NULL },
	.subs = (const struct verb *const[]){ &retry_verb, NULL },
	.status =
		(const struct verb_status[]){
			{ "0", "if tunneld will" },
			{ "1", "if not" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
};
