/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * launch.c - a command -> the same command behind turnout
 *
 * Looks at the command, finds or starts a tunneld, and sets the environment.
 */
#include <config.h>

#include "launch.h"

#include "daemon.h"
#include "places.h"
#include "preflight.h"
#include "preload_env.h"
#include "private.h"
#include "run_args.h"
#include "say.h"
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 0 with the program's path, or the exit status. */
static int look_at_command(const struct run_args *args, const char *library,
			   char *path, size_t max)
{
	const char *command = args->command[0];
	char text[PATH_MAX + 512];
	struct preflight p;
	int err = preflight_find(command, path, max);

	if (err == -ENOENT) {
		say("cannot find the command '%s'%s", command,
		    strchr(command, '/') ? "" : " in $PATH");
		return VERB_RUN_NOT_FOUND;
	}
	if (err) {
		say("cannot run '%s': %s", command, strerror(-err));
		return VERB_RUN_NOT_RUNNABLE;
	}
	preflight_look(path, &p);
	if (p.flaw == PREFLIGHT_FLAW_NONE)
		return 0;
	if (p.flaw == PREFLIGHT_FLAW_FOREIGN &&
	    places_preload_serves(library, &p.facts))
		return 0;
	preflight_explain(&p, text, sizeof(text));
	if (args->strict) {
		say("%s", text);
		say("not started, because of --strict");
		return VERB_RUN_FAILED;
	}
	if (!args->quiet)
		say_warning("%s", text);
	return 0;
}

/* The control socket that the command is to use. 0 or the exit status. */
static int find_or_start_daemon(const struct run_args *args, char *socket,
				size_t max)
{
	const struct private_opts private = {
		.config = args->config,
		.set = args->set,
		.set_count = args->set_count,
		.quiet = args->quiet,
	};
	bool skipped = false;
	int err = -ENOENT;

	if (!args->own_daemon)
		err = daemon_find(socket, max, &skipped);
	if (skipped && !args->quiet)
		say_warning("nothing answers at " ENV_SOCKET "=%s; using %s",
			    getenv(ENV_SOCKET),
			    err ? "a tunneld of our own" : socket);
	if (err)
		err = private_start(&private, socket, max);
	return err ? VERB_RUN_FAILED : 0;
}

static int set_environment(const char *library, const char *socket)
{
	char *preload = preload_env_with(getenv("LD_PRELOAD"),
					 places_preload(library));
	int err = 0;

	/* libuv's io_uring goes around libc, and so around turnout. */
	if (preload == NULL || setenv("LD_PRELOAD", preload, 1) ||
	    setenv(ENV_SOCKET, socket, 1) || setenv("UV_USE_IO_URING", "0", 1))
		err = -ENOMEM;
	free(preload);
	return err;
}

/* Returns the exit status if exec fails. */
static int become(const char *path, char **command)
{
	int err;

	execv(path, command);
	err = errno;
	/* execvp() gives to the shell whatever the kernel does not know. That
	 * is right for a script without #!, not for a foreign program. */
	if (err == ENOEXEC && !preflight_is_elf(path)) {
		execvp(command[0], command);
		err = errno;
	}
	/* It was there a moment ago: the kernel misses what runs it. */
	if (err == ENOENT)
		say("cannot run '%s': the interpreter that its #! line or its "
		    "ELF header names does not exist",
		    path);
	else
		say("cannot run '%s': %s", path, strerror(err));
	return err == ENOENT ? VERB_RUN_NOT_FOUND : VERB_RUN_NOT_RUNNABLE;
}

static int find_library(char *path, size_t max)
{
	if (places_library(path, max)) {
		say("libturnout.so is not at %s; install it ('make install') "
		    "or name it in " ENV_LIBRARY,
		    path);
		return VERB_RUN_FAILED;
	}
	if (strpbrk(path, ": ") != NULL) {
		say("LD_PRELOAD cannot hold the path %s, because of the colon "
		    "or space in it; install turnout somewhere else",
		    path);
		return VERB_RUN_FAILED;
	}
	return 0;
}

int launch_prepare(struct launch *l, const struct run_args *args)
{
	int status;

	l->command = args->command;
	status = find_library(l->library, sizeof(l->library));
	if (!status)
		status = look_at_command(args, l->library, l->path,
					 sizeof(l->path));
	if (!status)
		status = find_or_start_daemon(args, l->socket,
					      sizeof(l->socket));
	if (status)
		return status;
	if (set_environment(l->library, l->socket)) {
		say("out of memory");
		return VERB_RUN_FAILED;
	}
	return 0;
}

int launch(const struct launch *l)
{
	return become(l->path, l->command);
}
