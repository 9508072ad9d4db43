/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* launch.h - start a command behind turnout: `run`, `shell`, `trace` */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <turnout/compiler.h>
#include <turnout/paths.h>

#include <limits.h>

struct run_args;

struct launch {
	char path[PATH_MAX];    /* the command's file */
	char library[PATH_MAX]; /* that is preloaded */
	char socket[SOCKET_PATH_MAX + 1];
	char **command; /* borrowed */
};

/* Look at the command, have a tunneld, set our environment as it needs it. 0,
 * or the exit status after saying why. */
int launch_prepare(struct launch *l, const struct run_args *args) MUST_CHECK;
/* Become the command: pid, signals, terminal and exit status are its own.
 * Returns the exit status if that fails, after saying why. */
int launch(const struct launch *l) MUST_CHECK;

#endif
