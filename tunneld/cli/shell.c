/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shell.c - `turnout shell`: the user's shell behind turnout, and with it all
 * that is started in it
 */
#include <config.h>

#include "launch.h"
#include "run_args.h"
#include "say.h"
#include "verbs.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For prompts and scripts: "1" within such a shell. */
#define ENV_SHELL "TURNOUT_SHELL"

/* As login(1) and tmux(1) choose it. */
static const char *find_shell(void)
{
	const char *shell = getenv("SHELL");
	const struct passwd *user;

	if (shell != NULL && shell[0] == '/')
		return shell;
	user = getpwuid(getuid());
	if (user != NULL && user->pw_shell[0] == '/')
		return user->pw_shell;
	return "/bin/sh";
}

static void greet(const char *shell)
{
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		fprintf(stderr,
			"turnout: what is started in this shell (%s) goes "
			"through turnout; 'exit' ends it\n",
			shell);
}

static int become(const struct run_args *args)
{
	struct launch l;
	int status = launch_prepare(&l, args);

	if (status)
		return status;
	if (setenv(ENV_SHELL, "1", 1)) {
		say("out of memory");
		return VERB_RUN_FAILED;
	}
	if (!args->quiet)
		greet(args->command[0]);
	return launch(&l);
}

int verb_shell(int argc, char **argv)
{
	/* The options of `run`, and the command is the shell. */
	char **full = calloc((size_t)argc + 3, sizeof(*full));
	char *shell = strdup(find_shell());
	int status = VERB_RUN_FAILED;
	struct run_args args;

	if (full == NULL || shell == NULL) {
		say("out of memory");
		goto out;
	}
	memcpy(full, argv, (size_t)argc * sizeof(*full));
	full[argc] = (char[]){ "--" };
	full[argc + 1] = shell;
	if (run_args_init(&args, argc + 2, full) == 0)
		status = become(&args);
	run_args_fini(&args);
out:
	free(shell);
	free(full);
	return status;
}
