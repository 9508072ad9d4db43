/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_entries.h - what files and --set say, before it is applied: known keys
 * only, each with its origin
 */
#ifndef CONF_ENTRIES_H
#define CONF_ENTRIES_H

#include "conf.h"
#include "conf_value.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

#define CONF_RELAY_NAME_MAX 40

struct conf_entry {
	const struct conf_key *key;
	char *relay; /* NAME of [relay NAME], or NULL */
	char *value;
	char *origin; /* "file:line" or "--set SECTION.KEY" */
	char *dir;    /* of relative paths; NULL: the working directory */
	unsigned int line;
	unsigned int file; /* 0: --set */
};

struct conf_relay_name {
	char *name;
	char *origin;
};

struct conf_entries {
	struct conf_entry *entry; /* files in order, then --set */
	size_t count;
	struct conf_relay_name *relay; /* those of --set first */
	size_t relay_count;
	void (*report)(void *arg, const char *line);
	void *arg;
	bool failed;
};

/* Reads what `source` names; problems are reported and set `failed`. */
void conf_entries_init(struct conf_entries *e, const struct conf_source *source,
		       void (*report)(void *arg, const char *line), void *arg);
void conf_entries_fini(struct conf_entries *e);
/* The one that counts of a key that is not repeatable, or NULL. */
const struct conf_entry *conf_entries_find(const struct conf_entries *e,
					   const struct conf_key *key,
					   const char *relay);
/* "origin: words" */
void conf_entries_report(struct conf_entries *e, const char *origin,
			 const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
