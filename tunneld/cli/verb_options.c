/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verb_options.c - the description of a verb -> getopt_long(3) -> its options,
 * one call each
 */
#include <config.h>

#include "verb_options.h"

#include "say.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX 32

struct getopt_words {
	struct option options[OPTIONS_MAX + 1];
	char brief[3 * OPTIONS_MAX + 3];
	size_t count, letters;
};

static void add_options(struct getopt_words *w, const struct verb_option *o)
{
	for (; o != NULL && o->name != NULL && w->count < OPTIONS_MAX; o++) {
		int has_value = o->value == NULL ? no_argument
				: o->optional    ? optional_argument
						 : required_argument;

		w->options[w->count++] = (struct option){
			.name = o->name,
			.has_arg = has_value,
			.val = o->code,
		};
		if (o->code >= VERB_LONG)
			continue;
		w->brief[w->letters++] = (char)o->code;
		for (int i = 0; i < has_value; i++)
			w->brief[w->letters++] = ':';
	}
}

/* `name` is how the verb is called in messages: "config show". */
static void refuse(const char *name, const char *verb, int c, char **argv)
{
	const char *arg = argv[optind - 1];

	/* optind has passed a long option; optopt names a short one. */
	if (c == ':')
		say("%s: '%s' needs a value; see 'turnout help %s'", name, arg,
		    verb);
	else if (optopt > 0 && optopt < VERB_LONG && strncmp(arg, "--", 2) != 0)
		say("%s: unknown option '-%c'; see 'turnout help %s'", name,
		    optopt, verb);
	else
		say("%s: unknown option '%.*s'; see 'turnout help %s'", name,
		    (int)strcspn(arg, "="), arg, verb);
}

int verb_options(const struct verb *verb, const char *name, int argc,
		 char **argv, verb_option_fn *take, void *arg)
{
	struct getopt_words w = { .brief = ":", .letters = 1 };
	int verb_len = (int)strcspn(name, " "), c;
	char first[32];

	snprintf(first, sizeof(first), "%.*s", verb_len, name);
	/* +: the options of a command are its own. */
	if (verb->operand == VERB_KIND_COMMAND)
		w.letters = (size_t)sprintf(w.brief, "+:");
	add_options(&w, verb->options);
	add_options(&w, verb->more);
	optind = 0; /* getopt(3), NOTES: begins anew, whatever came before */
	while ((c = getopt_long(argc, argv, w.brief, w.options, NULL)) != -1) {
		if (c == '?' || c == ':') {
			refuse(name, first, c, argv);
			return -EINVAL;
		}
		c = take(arg, c, optarg);
		if (c < 0)
			return c;
	}
	if (verb->operands_max >= 0 && argc - optind > verb->operands_max) {
		say("%s: unexpected argument '%s'; see 'turnout help %s'", name,
		    argv[optind + verb->operands_max], first);
		return -EINVAL;
	}
	return optind;
}

/* "show or check" */
static void list_subs(const struct verb *verb, char *text, size_t max)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; verb->subs[i] != NULL && len < max; i++) {
		const char *between = i == 0                      ? ""
				      : verb->subs[i + 1] != NULL ? ", "
								  : " or ";

		len += (size_t)snprintf(text + len, max - len, "%s%s", between,
					verb->subs[i]->name);
	}
}

const struct verb *verb_options_sub(const struct verb *verb, int argc,
				    char **argv)
{
	char known[128];

	for (size_t i = 0; argc > 1 && verb->subs[i] != NULL; i++)
		if (strcmp(argv[1], verb->subs[i]->name) == 0)
			return verb->subs[i];
	list_subs(verb, known, sizeof(known));
	if (argc > 1)
		say("%s: '%s' is unknown here: write %s; see 'turnout help %s'",
		    verb->name, argv[1], known, verb->name);
	else
		say("%s: something is missing: write %s; see 'turnout help %s'",
		    verb->name, known, verb->name);
	return NULL;
}
