/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_entries.c - what files and --set say
 *
 * Turns the main file, conf.d and settings of the command line into one
 * list of known keys with their origins. Unknown and doubled sections and keys
 * end here.
 */
#include <config.h>

#include "conf_entries.h"

#include "conf_section.h"
#include "ini_reader.h"

#include <turnout/paths.h>

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 8192 /* two paths and words */

/* One file as it is read. */
struct file {
	struct conf_entries *e;
	const char *path;
	char *dir;
	unsigned int index;
	bool known_section;
	char **section; /* seen in this file, "LINE NAME" */
	size_t section_count;
};

void conf_entries_report(struct conf_entries *e, const char *origin,
			 const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;
	int n;

	e->failed = true;
	n = snprintf(line, sizeof(line), "%s: ", origin);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	e->report(e->arg, line);
}

static void out_of_memory(struct conf_entries *e)
{
	conf_entries_report(e, "tunneld", "out of memory");
}

/* "relay NAME" is cut in two, `*relay` points into `section`. */
static void split_section(char *section, char **relay)
{
	*relay = NULL;
	if (strncmp(section, "relay", 5) != 0 || section[5] == '\0' ||
	    strchr(" \t", section[5]) == NULL)
		return;
	*relay = section + 5 + strspn(section + 5, " \t");
	section[5] = '\0';
}

/* ---- the list ---- */

static void free_entry(struct conf_entry *entry)
{
	free(entry->relay);
	free(entry->value);
	free(entry->origin);
	free(entry->dir);
}

/* Takes over what `entry` points to. */
static void add_entry(struct conf_entries *e, struct conf_entry *entry)
{
	struct conf_entry *more = reallocarray(e->entry, e->count + 1,
					       sizeof(*more));

	if (more != NULL)
		e->entry = more;
	if (more == NULL || entry->value == NULL || entry->origin == NULL) {
		free_entry(entry);
		out_of_memory(e);
		return;
	}
	e->entry[e->count++] = *entry;
}

/* At place `at` in the order of preference, unless it is there already. */
static void add_relay(struct conf_entries *e, const char *name,
		      const char *origin, size_t at)
{
	struct conf_relay_name *more, new = { NULL, NULL };

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
		out_of_memory(e);
		return;
	}
	memmove(&e->relay[at + 1], &e->relay[at],
		(e->relay_count - at) * sizeof(*more));
	e->relay[at] = new;
	e->relay_count++;
}

/* ---- files ---- */

static char *make_origin(const struct file *f, unsigned int line)
{
	char *origin;

	return asprintf(&origin, "%s:%u", f->path, line) < 0 ? NULL : origin;
}

static void take_section(void *arg, unsigned int line, const char *section)
{
	struct file *f = arg;
	char *origin = make_origin(f, line), *copy = strdup(section), *relay;
	char **more = reallocarray(f->section, f->section_count + 1,
				   sizeof(*more));

	f->known_section = false;
	if (more != NULL)
		f->section = more;
	if (origin == NULL || copy == NULL || more == NULL) {
		out_of_memory(f->e);
		goto out;
	}
	split_section(copy, &relay);
	f->known_section = conf_section_check(f->e, origin, copy, relay);
	if (!f->known_section)
		goto out;
	if (relay != NULL)
		add_relay(f->e, relay, origin, f->e->relay_count);
	for (size_t i = 0; i < f->section_count; i++) {
		if (strcmp(f->section[i], section) != 0)
			continue;
		conf_entries_report(f->e, origin,
				    "section [%s] stands in this file twice: "
				    "write all its keys into one",
				    section);
		goto out;
	}
	f->section[f->section_count] = strdup(section);
	if (f->section[f->section_count] != NULL)
		f->section_count++;
out:
	free(origin);
	free(copy);
}

/* True, and reported, when this file has the key already. */
static bool is_double(const struct file *f, const struct conf_entry *entry)
{
	for (size_t i = 0; i < f->e->count; i++) {
		const struct conf_entry *old = &f->e->entry[i];

		if (old->file != f->index || old->key != entry->key ||
		    entry->key->repeatable ||
		    (old->relay && strcmp(old->relay, entry->relay) != 0))
			continue;
		conf_entries_report(f->e, entry->origin,
				    "`%s` stands here twice, first in line "
				    "%u: leave one of them",
				    entry->key->name, old->line);
		return true;
	}
	return false;
}

static void take_entry(void *arg, unsigned int line, const char *section,
		       const char *key, const char *value)
{
	struct file *f = arg;
	char *copy = strdup(section), *relay;
	struct conf_entry entry = {
		.origin = make_origin(f, line),
		.line = line,
		.file = f->index,
	};

	if (copy == NULL || entry.origin == NULL) {
		out_of_memory(f->e);
	} else if (*section == '\0') {
		conf_entries_report(f->e, entry.origin,
				    "`%s` stands in no section: write "
				    "[SECTION] above it",
				    key);
	} else if (f->known_section) {
		split_section(copy, &relay);
		entry.key = conf_section_find_key(copy, key);
		if (entry.key == NULL)
			conf_section_unknown_key(f->e, entry.origin, copy, key);
		entry.relay = relay ? strdup(relay) : NULL;
		entry.value = strdup(value);
		entry.dir = strdup(f->dir);
	}
	if (entry.key != NULL && !is_double(f, &entry))
		add_entry(f->e, &entry);
	else
		free_entry(&entry);
	free(copy);
}

static void take_problem(void *arg, unsigned int line, const char *words)
{
	struct file *f = arg;
	char *origin = make_origin(f, line);

	conf_entries_report(f->e, origin ? origin : f->path, "%s", words);
	free(origin);
}

static void read_file(struct conf_entries *e, const char *path, bool optional,
		      unsigned int index)
{
	static const struct ini_reader_ops ops = {
		.section = take_section,
		.entry = take_entry,
		.problem = take_problem,
	};
	const char *slash = strrchr(path, '/');
	struct file f = { .e = e, .path = path, .index = index };
	int error;

	f.dir = slash ? strndup(path, (size_t)(slash - path) + (slash == path))
		      : strdup(".");
	if (f.dir == NULL) {
		out_of_memory(e);
		return;
	}
	error = ini_reader_file(path, &ops, &f);
	if (error < 0 && error != -EBADMSG && !(optional && error == -ENOENT))
		conf_entries_report(e, path, "%s", strerror(-error));
	for (size_t i = 0; i < f.section_count; i++)
		free(f.section[i]);
	free(f.section);
	free(f.dir);
}

static int is_conf(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 5 &&
	       strcmp(d->d_name + len - 5, ".conf") == 0;
}

/* By bytes, not by locale. */
static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_dir(struct conf_entries *e, const char *dir, bool optional,
		     unsigned int index)
{
	struct dirent **list = NULL;
	char *path;
	int n = scandir(dir, &list, is_conf, compare);

	if (n < 0) {
		if (!optional || errno != ENOENT)
			conf_entries_report(e, dir, "%s", strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		if (asprintf(&path, "%s/%s", dir, list[i]->d_name) >= 0) {
			read_file(e, path, false, index++);
			free(path);
		} else {
			out_of_memory(e);
		}
		free(list[i]);
	}
	free(list);
}

/* ---- --set ---- */

/* SECTION.KEY: a relay's name may hold dots, a key never does. */
static void take_setting(struct conf_entries *e, char *name, const char *value,
			 const char *origin, size_t *set_relays)
{
	char *dot = strrchr(name, '.'), *relay;
	struct conf_entry entry = { .file = 0 };
	size_t relays = e->relay_count;

	if (dot == NULL) {
		conf_entries_report(e, origin, "write SECTION.KEY=VALUE");
		return;
	}
	*dot = '\0';
	if (strncmp(name, "relay.", 6) == 0)
		name[5] = ' ';
	split_section(name, &relay);
	if (!conf_section_check(e, origin, name, relay))
		return;
	entry.key = conf_section_find_key(name, dot + 1);
	if (entry.key == NULL) {
		conf_section_unknown_key(e, origin, name, dot + 1);
		return;
	}
	if (relay != NULL)
		add_relay(e, relay, origin, *set_relays);
	*set_relays += e->relay_count - relays;
	entry.relay = relay ? strdup(relay) : NULL;
	entry.value = strdup(value);
	entry.origin = strdup(origin);
	add_entry(e, &entry);
}

static void read_setting(struct conf_entries *e, const char *setting,
			 size_t *set_relays)
{
	size_t len = strcspn(setting, "=");
	char *name = strndup(setting, len), *origin = NULL;
	const char *value = setting[len] == '=' ? setting + len + 1 : NULL;

	if (name == NULL || asprintf(&origin, "--set %s", name) < 0) {
		origin = NULL;
		out_of_memory(e);
		goto out;
	}
	for (const char *c = value; c != NULL && *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x20 && *c != 0x7f)
			continue;
		conf_entries_report(e, origin,
				    "the value holds control characters");
		goto out;
	}
	if (value == NULL)
		conf_entries_report(e, origin, "write SECTION.KEY=VALUE");
	else
		take_setting(e, name, value, origin, set_relays);
out:
	free(origin);
	free(name);
}

void conf_entries_init(struct conf_entries *e, const struct conf_source *source,
		       void (*report)(void *arg, const char *line), void *arg)
{
	const char *dir = source->dir;
	size_t set_relays = 0;

	*e = (struct conf_entries){ .report = report, .arg = arg };
	read_file(e, source->file ? source->file : SYSTEM_CONF,
		  source->file == NULL, 1);
	if (dir == NULL && source->file == NULL)
		dir = SYSTEM_CONF_DIR;
	if (dir != NULL)
		read_dir(e, dir, source->dir == NULL, 2);
	for (size_t i = 0; i < source->set_count; i++)
		read_setting(e, source->set[i], &set_relays);
}

void conf_entries_fini(struct conf_entries *e)
{
	for (size_t i = 0; i < e->count; i++)
		free_entry(&e->entry[i]);
	for (size_t i = 0; i < e->relay_count; i++) {
		free(e->relay[i].name);
		free(e->relay[i].origin);
	}
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

		if (entry->key == key &&
		    (relay == NULL || strcmp(entry->relay, relay) == 0))
			return entry;
	}
	return NULL;
}
