/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help.c - `turnout help`: what turnout can do, or one of its verbs */
#include <config.h>

#include "say.h"
#include "template.h"
#include "verb_help.h"
#include "verb_options.h"
#include "verbs.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int print_list(void)
{
	printf("Usage: turnout VERB [ARG...], turnout --help, turnout "
	       "--version\n"
	       "\n"
	       "Take a WebRTC app through a firewall that lets out nothing but "
	       "an HTTP proxy.\n"
	       "\n");
	for (size_t i = 0; verbs[i] != NULL; i++)
		printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	printf("\n"
	       "For instance: turnout run -- chromium. See turnout(1), "
	       "tunneld.conf(5).\n");
	return say_flush_stdout() ? VERB_FAILED : VERB_OK;
}

static int fill(const char *name)
{
	FILE *from = fopen(name, "re");
	int err;

	if (from == NULL) {
		say("help: cannot read %s: %s", name, strerror(errno));
		return VERB_FAILED;
	}
	err = template_fill(from, name, stdout);
	fclose(from);
	if (err == -EIO)
		say("help: %s: %s", name, strerror(-err));
	return err ? VERB_FAILED : VERB_OK;
}

static int take_option(void *arg, int code, const char *value)
{
	const char **template = arg;

	(void)code; /* there is one */
	*template = value;
	return 0;
}

static int help(int argc, char **argv)
{
	const char *template = NULL;
	int at = verb_options(&help_verb, "help", argc, argv, take_option,
			      &template);
	const struct verb *verb;

	if (at < 0)
		return VERB_USAGE;
	if (template != NULL)
		return fill(template);
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

static const struct verb_option options[] = {
	{
		.name = "fill",
		.code = VERB_LONG,
		.value = "TEMPLATE",
		.kind = VERB_KIND_FILE,
		.help = "print a template of our sources, filled in",
		.hidden = true,
	},
	{ .name = NULL },
};

const struct verb help_verb = {
	.name = "help",
	.main = help,
	.summary = "explain turnout, or one of these",
	.usage = (const char *const[]){ "[VERB]", NULL },
	.about =
		(const char *const[]){
			"Explain turnout, or one of its verbs, as 'turnout "
			"VERB "
			"--help' does.",
			NULL,
		},
	.options = options,
	.operands_max = 1,
	.operand = VERB_KIND_VERB,
};
