/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.c - `turnout run`: becomes a command that is behind turnout
 *
 * By exec, so that nothing stands between the command and its parent. Exit
 * statuses of our own follow env(1): 125, 126, 127.
 */
#include <config.h>

#include "launch.h"
#include "run_args.h"
#include "verbs.h"

#include <stddef.h>

static int run(int argc, char **argv)
{
	int status = VERB_RUN_FAILED;
	struct run_args args;
	struct launch l;

	if (run_args_init(&args, &run_verb, argc, argv, NULL, NULL) == 0) {
		status = launch_prepare(&l, &args);
		if (status == 0)
			status = launch(&l);
	}
	run_args_fini(&args);
	return status;
}

const struct verb run_verb = {
	.name = "run",
	.main = run,
	.summary = "run a command behind turnout",
	.usage =
		(const char *const[]){
			"[OPTION...] [--] COMMAND [ARG...]",
			NULL,
		},
	.about =
		(const char *const[]){
			"Run COMMAND with its connections and its media going "
			"through "
			"the HTTP proxy and the TURN relay.",
			NULL,
		},
	.options = run_args_options,
	.operand = VERB_KIND_COMMAND,
	.operands_max = -1,
	.notes =
		(const char *const[]){
			"Without the first four, the tunneld of the user or of "
			"the "
			"machine serves; with them, or when none runs, one is "
			"started "
			"that ends with COMMAND.",
			"Credentials for --relay come from the environment: "
			"TURNOUT_RELAY_USERNAME and "
			"TURNOUT_RELAY_PASSWORD_FILE, or "
			"TURNOUT_RELAY_SECRET_FILE.",
			NULL,
		},
	.status = run_args_status,
	.environment = run_args_environment,
	.examples =
		(const struct verb_example[]){
			{ "turnout run chromium https://meet.example.net/",
			  "With the tunneld of the machine" },
			{ "turnout run --proxy http://proxy.example.com:3128 "
			  "--relay 'turns:relay.example.net:443?transport=tcp' "
			  "-- "
			  "chromium",
			  "With one's own proxy and relay" },
			{ "turnout run --set daemon.log_level=debug -- app "
			  "2>app.log",
			  "What a private tunneld does" },
			{ NULL, NULL },
		},
};
