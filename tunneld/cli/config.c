/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.c - `turnout config show` and `turnout config check`
 *
 * Turns their options into those of tunneld, which reads the configuration.
 */
#include <config.h>

#include "ask.h"
#include "say.h"
#include "verb_options.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What tunneld is given; argv[0] is for its name. */
struct question {
	const struct verb *verb;
	const char **argv;
	size_t argc;
	char **made; /* "--NAME", to be freed */
	size_t made_count;
};

/* An option of ours is one of tunneld, by the same name. */
static int add_option(struct question *q, int code, const char *value)
{
	const struct verb_option *o = q->verb->options;

	while (o->code != code)
		o++;
	if (asprintf(&q->made[q->made_count], "--%s", o->name) < 0) {
		say("out of memory");
		return -ENOMEM;
	}
	q->argv[q->argc++] = q->made[q->made_count++];
	if (value != NULL)
		q->argv[q->argc++] = value;
	return 0;
}

static int take_option(void *arg, int code, const char *value)
{
	return add_option(arg, code, value);
}

/* `task` is the option of tunneld. */
static int ask(const struct verb *verb, const char *task, int argc, char **argv)
{
	/* Name, task, `--`, NULL, and twice for `-cFILE`. */
	struct question q = {
		.verb = verb,
		.argv = calloc(2 * (size_t)argc + 4, sizeof(*q.argv)),
		.made = calloc((size_t)argc + 1, sizeof(*q.made)),
		.argc = 1,
	};
	int status = VERB_FAILED, at;
	char name[32];

	if (q.argv == NULL || q.made == NULL) {
		say("out of memory");
		goto out;
	}
	q.argv[q.argc++] = task;
	snprintf(name, sizeof(name), "config %s", verb->name);
	at = verb_options(verb, name, argc, argv, take_option, &q);
	if (at < 0) {
		status = at == -ENOMEM ? VERB_FAILED : VERB_USAGE;
		goto out;
	}
	q.argv[q.argc++] = "--";
	while (at < argc)
		q.argv[q.argc++] = argv[at++];
	status = ask_tunneld(q.argv);
out:
	for (size_t i = 0; i < q.made_count; i++)
		free(q.made[i]);
	free(q.made);
	free(q.argv);
	return status;
}

static const struct verb show_verb, check_verb;

static int show(int argc, char **argv)
{
	return ask(&show_verb, "--show-config", argc, argv);
}

static int check(int argc, char **argv)
{
	return ask(&check_verb, "--check", argc, argv);
}

static int config(int argc, char **argv)
{
	const struct verb *sub = verb_options_sub(&config_verb, argc, argv);

	return sub ? sub->main(argc - 1, argv + 1) : VERB_USAGE;
}

static const struct verb_option show_options[] = {
	{
		.name = "config",
		.code = 'c',
		.value = "FILE",
		.kind = VERB_KIND_FILE,
		.help = "read FILE instead of /etc/turnout/tunneld.conf",
	},
	{
		.name = "set",
		.code = VERB_LONG,
		.value = "SEC.KEY=VALUE",
		.kind = VERB_KIND_SETTING,
		.repeatable = true,
		.help = "one setting of tunneld.conf(5); may be repeated",
	},
	{
		.name = "origin",
		.code = VERB_LONG + 1,
		.help = "where each value comes from, and if it is locked",
	},
	{
		.name = "json",
		.code = VERB_LONG + 2,
		.help = "the same for programs",
	},
	{ .name = NULL },
};

static const struct verb_option check_options[] = {
	{
		.name = "as-policy",
		.code = VERB_LONG,
		.help = "as if they stood in /etc/turnout/policy.d",
	},
	{
		.name = "no-secrets",
		.code = VERB_LONG + 1,
		.help = "they are for another machine, where their secrets are",
	},
	{ .name = NULL },
};

static const struct verb show_verb = {
	.name = "show",
	.main = show,
	.about =
		(const char *const[]){
			"show: print each value that a tunneld started now "
			"would have; "
			"WHAT is a SECTION, SECTION.KEY, relay.NAME or "
			"relay.NAME.KEY.",
			NULL,
		},
	.options = show_options,
	.operands_max = 1,
	.operand = VERB_KIND_KEY,
};

static const struct verb check_verb = {
	.name = "check",
	.main = check,
	.about =
		(const char *const[]){
			"check: tell what is wrong with FILEs, which are read "
			"in this "
			"order and alone; without them, with what is "
			"installed.",
			NULL,
		},
	.options = check_options,
	.operands_max = -1,
	.operand = VERB_KIND_FILE,
};

const struct verb config_verb = {
	.name = "config",
	.main = config,
	.summary = "show the configuration, or check files for it",
	.usage =
		(const char *const[]){
			"show [OPTION...] [WHAT]",
			"check [OPTION...] [FILE...]",
			NULL,
		},
	.subs = (const struct verb *const[]){ &show_verb, &check_verb, NULL },
	.status =
		(const struct verb_status[]){
			{ "0", NULL },
			{ "1", "if something is wrong or not set" },
			{ "2", "for wrong usage" },
			{ NULL, NULL },
		},
	.examples =
		(const struct verb_example[]){
			{ "turnout config show --origin proxy",
			  "Where the proxy comes from" },
			{ "turnout config check --as-policy --no-secrets "
			  "10-company.conf",
			  "A lock, before it goes to the fleet" },
			{ NULL, NULL },
		},
};
