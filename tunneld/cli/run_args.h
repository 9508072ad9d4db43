/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run_args.h - the options of `turnout run`, checked */
#ifndef RUN_ARGS_H
#define RUN_ARGS_H

#include "verb_options.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* Credentials for --relay. Names of files, because what stands in the
 * environment or the arguments can be read by others. */
#define ENV_RELAY_USERNAME      "TURNOUT_RELAY_USERNAME"
#define ENV_RELAY_PASSWORD_FILE "TURNOUT_RELAY_PASSWORD_FILE"
#define ENV_RELAY_SECRET_FILE   "TURNOUT_RELAY_SECRET_FILE"

/* Codes of its options: a verb with others of its own can have some of them. */
enum run_args_code {
	RUN_ARGS_CONFIG = 'c',
	RUN_ARGS_PROXY = VERB_LONG,
	RUN_ARGS_RELAY,
	RUN_ARGS_SET,
	RUN_ARGS_STRICT,
	RUN_ARGS_NUM_CODES, /* what others begin at */
};

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

extern const struct verb_option run_args_options[];
extern const struct verb_variable run_args_environment[];
extern const struct verb_status run_args_status[];

/* Options that only `verb` has go to `other`, which may be NULL. 0, or -EINVAL
 * or -ENOMEM after saying what is wrong. Call run_args_fini() in either case. A
 * verb that takes no operand gives `command` itself. */
int run_args_init(struct run_args *args, const struct verb *verb, int argc,
		  char **argv, verb_option_fn *other,
		  void *other_arg) MUST_CHECK;
/* A URI as for --relay; 0, or < 0 after saying what is wrong. */
int run_args_relay(struct run_args *args, const char *uri) MUST_CHECK;
void run_args_fini(struct run_args *args);

#endif
