/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help.c - `turnout help`: what turnout can do, or one of its verbs */
#include <config.h>

#include "say.h"
#include "verb_help.h"
#include "verb_options.h"
#include "verbs.h"

#include <stddef.h>
#include <stdio.h>

static int print_list(void)
{
	printf("Usage: turnout VERB [ARG...]\n"
	       "\n"
	       "turnout takes an unmodified WebRTC app through a firewall that "
	       "lets out nothing\nbut an HTTP proxy.\n"
	       "\n");
	for (size_t i = 0; verbs[i] != NULL; i++)
		printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	printf("  --version, --help\n"
	       "\n"
	       "For instance: turnout run -- chromium\n"
	       "See turnout(1), tunneld(8) and tunneld.conf(5).\n");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static int help(int argc, char **argv)
{
	int at = verb_options(&help_verb, "help", argc, argv, NULL, NULL);
	const struct verb *verb;

	if (at < 0)
		return VERB_USAGE;
	if (at == argc)
		return print_list();
	verb = verbs_find(argv[at]);
	if (verb == NULL) {
		say("help: '%s' is not a verb; see 'turnout help'", argv[at]);
		return VERB_USAGE;
	}
	verb_help_print(verb, stdout);
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

const struct verb help_verb = {
	.name = "help",
	.main = help,
	.summary = "explain turnout, or one of these",
	.usage = (const char *const[]){ "[VERB]", NULL },
	.operands_max = 1,
	.operand = VERB_KIND_VERB,
};
