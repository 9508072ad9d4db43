/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verb.h - what a verb of turnout(1) is: its words, its options, its main()
 *
 * One description each, in the verb's own file. Options are parsed by it
 * (verb_options.h), and --help, the manual page and the completions of shells
 * are made from it, so that none of them can say something else.
 */
#ifndef VERB_H
#define VERB_H

#include <stdbool.h>

/* Exit statuses. `run` passes the command's own through, and keeps 125 to 127
 * for itself as env(1) and timeout(1) do. */
enum verb_exit {
	VERB_OK = 0,
	VERB_FAILED = 1,
	VERB_USAGE = 2,
	VERB_RUN_FAILED = 125,
	VERB_RUN_NOT_RUNNABLE = 126,
	VERB_RUN_NOT_FOUND = 127,
};

/* Codes of options that have no letter begin here. */
#define VERB_LONG 256

/* What can stand for a value: what shells complete. */
enum verb_kind {
	VERB_KIND_TEXT = 0, /* nothing that we could know */
	VERB_KIND_WORD,     /* one of `words` */
	VERB_KIND_FILE,
	VERB_KIND_COMMAND, /* ... and its own arguments */
	VERB_KIND_SETTING, /* SECTION.KEY= */
	VERB_KIND_KEY,     /* SECTION, SECTION.KEY, relay.NAME */
	VERB_KIND_RELAY,   /* the name of one that is configured */
	VERB_KIND_USER,
	VERB_KIND_VERB,
	VERB_NUM_KINDS,
};

/* Texts are plain, in one line, without a full stop at the end of `help`. */
struct verb_option {
	const char *name;  /* without the dashes; NULL ends a table */
	int code;          /* its letter, or VERB_LONG and up */
	const char *value; /* "FILE"; NULL: it has none */
	bool optional;     /* --NAME[=VALUE] */
	bool repeatable;
	enum verb_kind kind;
	const char *words; /* for WORD: "error warn info" */
	const char *help;
	bool hidden; /* for those who build turnout */
};

struct verb_status {
	const char *status; /* "0", "COMMAND's own"; NULL ends a table */
	const char *when;   /* "if it answered"; may be NULL */
};

struct verb_variable {
	const char *name; /* NULL ends a table */
	const char *help; /* a sentence */
};

struct verb_example {
	const char *command; /* NULL ends a table */
	const char *help;    /* "what a private tunneld does" */
};

struct verb {
	const char *name;
	int (*main)(int argc, char **argv); /* argv[0] is the verb */
	const char *summary;                /* for the list of verbs */
	/* What follows the verb's name; NULL ends the list. */
	const char *const *usage;
	const char *const *about;          /* paragraphs; NULL ends */
	const struct verb_option *options; /* may be NULL */
	const struct verb_option *more;    /* those of another verb too */
	/* What is neither option nor value: how many at most (-1: any). */
	int operands_max;
	enum verb_kind operand;
	const char *operand_words;        /* for WORD */
	const struct verb *const *subs;   /* "show", "check"; NULL ends */
	const char *const *notes;         /* paragraphs after the options */
	const struct verb_status *status; /* NULL: that of all verbs */
	const struct verb_variable *environment;
	const struct verb_example *examples;
};

#endif
