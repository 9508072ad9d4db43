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

int verb_run(int argc, char **argv)
{
	int status = VERB_RUN_FAILED;
	struct run_args args;
	struct launch l;

	if (run_args_init(&args, argc, argv) == 0) {
		status = launch_prepare(&l, &args);
		if (status == 0)
			status = launch(&l);
	}
	run_args_fini(&args);
	return status;
}
