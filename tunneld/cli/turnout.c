/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turnout.c - the command line: finds the verb, and gives it the rest */
#include <config.h>

#include "say.h"
#include "verbs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int print_version(void)
{
	printf("turnout " PACKAGE_VERSION "\n"
	       "Licence: LGPL-2.1-or-later. There is no warranty.\n");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static bool is_option(const char *arg, const char *name, const char *brief)
{
	return strcmp(arg, name) == 0 || strcmp(arg, brief) == 0;
}

/* Right behind the verb, or behind a sub-verb. */
static bool asks_for_help(const struct verb *verb, int argc, char **argv)
{
	if (argc > 2 && is_option(argv[2], "--help", "-h"))
		return true;
	return verb->subs != NULL && argc > 3 &&
	       is_option(argv[3], "--help", "-h");
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2) {
		say("no verb given; see 'turnout help'");
		return VERB_USAGE;
	}
	if (is_option(argv[1], "--help", "-h"))
		return help_verb.main(1, argv);
	if (is_option(argv[1], "--version", "-V"))
		return print_version();
	verb = verbs_find(argv[1]);
	if (verb == NULL) {
		say("'%s' is not a verb of turnout; see 'turnout help', or use "
		    "'turnout run -- COMMAND'",
		    argv[1]);
		return VERB_USAGE;
	}
	if (asks_for_help(verb, argc, argv))
		return help_verb.main(2, (char *[]){ argv[0], argv[1], NULL });
	return verb->main(argc - 1, argv + 1);
}
