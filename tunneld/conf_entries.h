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

/* Who says it; the higher one is stronger. */
enum conf_layer {
	CONF_LAYER_FILE = 0,
	CONF_LAYER_SET,    /* the command line */
	CONF_LAYER_POLICY, /* policy.d: what stands there is locked */
	CONF_NUM_LAYERS,
};

struct conf_entry {
	const struct conf_key *key;
	char *relay; /* NAME of [relay NAME], or NULL */
	char *value;
	char *origin; /* "file:line" or "--set SECTION.KEY" */
	char *dir;    /* of relative paths; NULL: the working directory */
	unsigned int line;
	unsigned int file; /* 0: --set */
	enum conf_layer layer;
	/* The origin of what stands in its place; NULL: it counts. Borrowed
	 * from another entry or relay. */
	const char *locked_by;
};

struct conf_relay_name {
	char *name;
	char *origin;
	enum conf_layer layer;
};

struct conf_entries {
	struct conf_entry *entry; /* the policy's, files in order, --set */
	size_t count;
	struct conf_relay_name *relay; /* in order of preference */
	size_t relay_count;
	unsigned int file_count; /* read so far */
	char **file; /* those that were there, NULL-terminated; or NULL */
	size_t files;
	conf_report_fn *report;
	void *arg;
	bool failed;
};

void conf_entries_init(struct conf_entries *e, conf_report_fn *report,
		       void *arg);
void conf_entries_fini(struct conf_entries *e);
/* Takes over what `entry` points to; its strings may be NULL (no memory). */
void conf_entries_add(struct conf_entries *e, struct conf_entry *entry);
/* This file was read. */
void conf_entries_add_file(struct conf_entries *e, const char *path);
void conf_entry_fini(struct conf_entry *entry);
/* At place `at` in the order of preference, unless it is there already. */
void conf_entries_add_relay(struct conf_entries *e, const char *name,
			    const char *origin, enum conf_layer layer,
			    size_t at);
/* The one that counts of a key that is not repeatable, or NULL. */
const struct conf_entry *conf_entries_find(const struct conf_entries *e,
					   const struct conf_key *key,
					   const char *relay);
/* "origin: words". A report fails the whole, a warning does not. */
void conf_entries_report(struct conf_entries *e, const char *origin,
			 const char *fmt, ...) PRINTF_LIKE(3, 4);
void conf_entries_warn(struct conf_entries *e, const char *origin,
		       const char *fmt, ...) PRINTF_LIKE(3, 4);
void conf_entries_out_of_memory(struct conf_entries *e);

#endif
