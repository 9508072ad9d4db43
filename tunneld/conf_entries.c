/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_entries.c - the list of what files and --set say
 *
 * Turns known keys into one list with their origins, and what is wrong with
 * them into lines for the reader.
 */
#include <config.h>

#include "conf_entries.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 8192 /* two paths and words */

PRINTF_LIKE(4, 0)
static void tell(struct conf_entries *e, enum log_level level,
		 const char *origin, const char *fmt, va_list ap)
{
	char line[LINE_BYTES];
	int n = snprintf(line, sizeof(line), "%s: ", origin);

	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	e->report(e->arg, level, line);
}

void conf_entries_report(struct conf_entries *e, const char *origin,
			 const char *fmt, ...)
{
	va_list ap;

	e->failed = true;
	va_start(ap, fmt);
	tell(e, LOG_LEVEL_ERROR, origin, fmt, ap);
	va_end(ap);
}

void conf_entries_warn(struct conf_entries *e, const char *origin,
		       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(e, LOG_LEVEL_WARN, origin, fmt, ap);
	va_end(ap);
}

void conf_entries_out_of_memory(struct conf_entries *e)
{
	conf_entries_report(e, "tunneld", "out of memory");
}

void conf_entry_fini(struct conf_entry *entry)
{
	free(entry->relay);
	free(entry->value);
	free(entry->origin);
	free(entry->dir);
}

void conf_entries_add(struct conf_entries *e, struct conf_entry *entry)
{
	struct conf_entry *more = reallocarray(e->entry, e->count + 1,
					       sizeof(*more));

	if (more != NULL)
		e->entry = more;
	if (more == NULL || entry->value == NULL || entry->origin == NULL) {
		conf_entry_fini(entry);
		conf_entries_out_of_memory(e);
		return;
	}
	e->entry[e->count++] = *entry;
}

void conf_entries_add_relay(struct conf_entries *e, const char *name,
			    const char *origin, enum conf_layer layer,
			    size_t at)
{
	struct conf_relay_name *more, new = { .layer = layer };

	for (size_t i = 0; i < e->relay_count; i++)
		if (strcmp(e->relay[i].name, name) == 0)
			return;
	more = reallocarray(e->relay, e->relay_count + 1, sizeof(*more));
	if (more != NULL)
		e->relay = more;
	new.name = strdup(name);
	new.origin = strdup(origin);
	if (more == NULL || new.name == NULL || new.origin == NULL) {
		free(new.name);
		free(new.origin);
		conf_entries_out_of_memory(e);
		return;
	}
	memmove(&e->relay[at + 1], &e->relay[at],
		(e->relay_count - at) * sizeof(*more));
	e->relay[at] = new;
	e->relay_count++;
}

void conf_entries_init(struct conf_entries *e, conf_report_fn *report,
		       void *arg)
{
	*e = (struct conf_entries){ .report = report, .arg = arg };
}

void conf_entries_add_file(struct conf_entries *e, const char *path)
{
	char **more = reallocarray(e->file, e->files + 2, sizeof(*more));

	if (more == NULL) {
		conf_entries_out_of_memory(e);
		return;
	}
	e->file = more;
	more[e->files] = strdup(path);
	if (more[e->files] == NULL)
		conf_entries_out_of_memory(e);
	else
		more[++e->files] = NULL;
}

void conf_entries_fini(struct conf_entries *e)
{
	for (size_t i = 0; i < e->count; i++)
		conf_entry_fini(&e->entry[i]);
	for (size_t i = 0; i < e->relay_count; i++) {
		free(e->relay[i].name);
		free(e->relay[i].origin);
	}
	for (size_t i = 0; e->file != NULL && i < e->files; i++)
		free(e->file[i]);
	free(e->file);
	free(e->entry);
	free(e->relay);
	*e = (struct conf_entries){ .entry = NULL };
}

const struct conf_entry *conf_entries_find(const struct conf_entries *e,
					   const struct conf_key *key,
					   const char *relay)
{
	for (size_t i = e->count; i-- > 0;) {
		const struct conf_entry *entry = &e->entry[i];

		if (entry->key == key && entry->locked_by == NULL &&
		    (relay == NULL || strcmp(entry->relay, relay) == 0))
			return entry;
	}
	return NULL;
}
