/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run_args.h - the options of `turnout run`, checked */
#ifndef RUN_ARGS_H
#define RUN_ARGS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* Credentials for --relay. Names of files, because what stands in the
 * environment or the arguments can be read by others. */
#define ENV_RELAY_USERNAME      "TURNOUT_RELAY_USERNAME"
#define ENV_RELAY_PASSWORD_FILE "TURNOUT_RELAY_PASSWORD_FILE"
#define ENV_RELAY_SECRET_FILE   "TURNOUT_RELAY_SECRET_FILE"

struct run_args {
	const char *config; /* --config, or NULL */
	const char **set;   /* for tunneld: SECTION.KEY=VALUE */
	size_t set_count;   /* in order: later ones win */
	char **made;        /* those of `set` that we have built */
	size_t made_count;
	bool own_daemon; /* an option asks for a private tunneld */
	bool relay;      /* --relay was given */
	bool strict, quiet;
	char **command; /* NULL-terminated, in argv */
};

/* 0, or -EINVAL or -ENOMEM after saying what is wrong. Call run_args_fini() in
 * either case. */
int run_args_init(struct run_args *args, int argc, char **argv) MUST_CHECK;
void run_args_fini(struct run_args *args);

#endif
