/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.c - `turnout config show` and `turnout config check`
 *
 * Turns their options into those of tunneld, which reads the configuration.
 */
#include <config.h>

#include "ask.h"
#include "say.h"
#include "verbs.h"

#include <turnout/compiler.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEE_HELP "; see 'turnout help config'"

static const struct option show_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "set", required_argument, NULL, 's' },
	{ "origin", no_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};
static const struct option check_options[] = {
	{ "as-policy", no_argument, NULL, 'p' },
	{ "no-secrets", no_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static const struct subverb {
	const char *name;
	const char *task; /* the option of tunneld */
	const struct option *options;
	const char *brief; /* short options */
	int operands;      /* at most; -1: any number */
} subverbs[] = {
	{ "show", "--show-config", show_options, "+:c:", 1 },
	{ "check", "--check", check_options, "+:", -1 },
};

/* What tunneld is given; argv[0] is for its name. */
struct question {
	const char **argv;
	size_t argc;
	char **made; /* "--NAME", to be freed */
	size_t made_count;
};

static int add_option(struct question *q, const struct option *options, int c)
{
	while (options->name != NULL && options->val != c)
		options++;
	if (options->name == NULL ||
	    asprintf(&q->made[q->made_count], "--%s", options->name) < 0)
		return -1;
	q->argv[q->argc++] = q->made[q->made_count++];
	if (options->has_arg == required_argument)
		q->argv[q->argc++] = optarg;
	return 0;
}

/* VERB_OK, or a status when there is nothing to ask. */
static int take_options(struct question *q, const struct subverb *sub, int argc,
			char **argv)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, sub->brief, sub->options, NULL)) !=
	       -1) {
		if (c == '?' || c == ':') {
			say("config %s: '%s' %s" SEE_HELP, sub->name,
			    argv[optind - 1],
			    c == ':' ? "needs a value" : "is not an option");
			return VERB_USAGE;
		}
		if (add_option(q, sub->options, c) < 0) {
			say("out of memory");
			return VERB_FAILED;
		}
	}
	if (sub->operands >= 0 && argc - optind > sub->operands) {
		say("config %s: unexpected argument '%s'" SEE_HELP, sub->name,
		    argv[argc - 1]);
		return VERB_USAGE;
	}
	q->argv[q->argc++] = "--";
	while (optind < argc)
		q->argv[q->argc++] = argv[optind++];
	return VERB_OK;
}

static int ask(const struct subverb *sub, int argc, char **argv)
{
	/* Name, task, `--`, NULL, and twice for `-cFILE`. */
	struct question q = {
		.argv = calloc(2 * (size_t)argc + 4, sizeof(*q.argv)),
		.made = calloc((size_t)argc + 1, sizeof(*q.made)),
		.argc = 1,
	};
	int status = VERB_FAILED;

	if (q.argv == NULL || q.made == NULL) {
		say("out of memory");
		goto out;
	}
	q.argv[q.argc++] = sub->task;
	status = take_options(&q, sub, argc, argv);
	if (status == VERB_OK)
		status = ask_tunneld(q.argv);
out:
	for (size_t i = 0; i < q.made_count; i++)
		free(q.made[i]);
	free(q.made);
	free(q.argv);
	return status;
}

int verb_config(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(subverbs); i++)
		if (strcmp(argv[1], subverbs[i].name) == 0)
			return ask(&subverbs[i], argc - 1, argv + 1);
	if (argc > 1)
		say("config: '%s' is neither show nor check" SEE_HELP, argv[1]);
	else
		say("config: show or check?" SEE_HELP);
	return VERB_USAGE;
}
