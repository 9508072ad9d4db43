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

static int run_shell(int argc, char **argv)
{
	char *command[] = { strdup(find_shell()), NULL };
	int status = VERB_RUN_FAILED;
	struct run_args args;

	if (command[0] == NULL) {
		say("out of memory");
		return status;
	}
	if (run_args_init(&args, &shell_verb, argc, argv, NULL, NULL) == 0) {
		args.command = command;
		status = become(&args);
	}
	run_args_fini(&args);
	free(command[0]);
	return status;
}

const struct verb shell_verb = {
	.name = "shell",
	.main = run_shell,
	.summary = "a shell whose children all are behind turnout",
	.usage = (const char *const[]){ "[OPTION...]", NULL },
	.about =
		(const char *const[]){
			"Start your shell ($SHELL) behind turnout: whatever is "
			"run in "
			"it, is, too. For prompts, TURNOUT_SHELL=1 stands in "
			"the "
			"environment.",
			NULL,
		},
	.options = run_args_options,
	.notes =
		(const char *const[]){
			"Credentials for --relay come from the environment, as "
			"for "
			"'turnout run'.",
			NULL,
		},
	.status =
		(const struct verb_status[]){
			{ "the shell's own", NULL },
			{ "125", "if turnout itself failed" },
			{ NULL, NULL },
		},
	.environment =
		(const struct verb_variable[]){
			{ "SHELL", "The shell that is started." },
			{ ENV_SHELL, "Set to 1 for it." },
			{ NULL, NULL },
		},
};
