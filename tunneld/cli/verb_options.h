/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verb_options.h - the options of a verb, read by its description */
#ifndef VERB_OPTIONS_H
#define VERB_OPTIONS_H

#include "verb.h"

#include <turnout/compiler.h>

/* One option and its value (NULL: none); 0, or < 0 after saying why not. */
typedef int(verb_option_fn)(void *arg, int code, const char *value);

/* argv[0] is the verb (or sub-verb); options may stand behind operands unless
 * these are a command. The index of the first operand in argv, or < 0: what
 * is wrong has been said. `take` may be NULL for a verb without options. */
int verb_options(const struct verb *verb, const char *name, int argc,
		 char **argv, verb_option_fn *take, void *arg) MUST_CHECK;
/* The sub-verb that argv[1] names, or NULL after saying so. */
const struct verb *verb_options_sub(const struct verb *verb, int argc,
				    char **argv) MUST_CHECK;
/* "; see 'turnout help VERB'", the end of what is said of wrong usage. */
#define VERB_SEE_HELP(verb) "; see 'turnout help " verb "'"

#endif
