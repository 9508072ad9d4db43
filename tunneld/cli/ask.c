/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ask.c - questions that tunneld answers without serving anybody
 *
 * turnout links libc alone and cannot read a configuration: a tunneld that
 * ends at once does.
 */
#include <config.h>

#include "ask.h"

#include "places.h"
#include "say.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

int ask_tunneld(const char **argv)
{
	char program[PATH_MAX];
	int err, status;
	pid_t pid;

	if (places_tunneld(program, sizeof(program))) {
		say("tunneld is not at %s; install it ('make install') or name "
		    "it in " ENV_TUNNELD,
		    program);
		return 1;
	}
	argv[0] = program;
	/* It does not write to the strings (POSIX, exec, RATIONALE). */
	err = posix_spawn(&pid, program, NULL, NULL,
			  (char *const *)(uintptr_t)argv, environ);
	if (err != 0) {
		say("cannot run %s: %s", program, strerror(err));
		return 1;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			say("tunneld: %s", strerror(errno));
			return 1;
		}
	}
	if (WIFSIGNALED(status))
		say("tunneld ended: %s", strsignal(WTERMSIG(status)));
	if (!WIFEXITED(status))
		return 1;
	/* 78, a wrong configuration, is for systemd. */
	return WEXITSTATUS(status) > 2 ? 1 : WEXITSTATUS(status);
}
