/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_file.c - configuration files into the list of entries
 *
 * Turns lines into known keys with their origins. Unknown and doubled sections
 * and keys end here, and so do locks that are none.
 */
#include <config.h>

#include "conf_file.h"

#include "conf_section.h"
#include "ini_reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

/* One file as it is read. */
struct file {
	struct conf_entries *e;
	const char *path;
	char *dir;
	unsigned int index;
	enum conf_layer layer;
	bool checked; /* nobody but `owner` may write it */
	uid_t owner;
	bool known_section;
	char **section; /* seen in this file, "LINE NAME" */
	size_t section_count;
};

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
		conf_entries_out_of_memory(f->e);
		goto out;
	}
	conf_section_split(copy, &relay);
	f->known_section = conf_section_check(f->e, origin, copy, relay);
	if (!f->known_section)
		goto out;
	if (relay != NULL)
		conf_entries_add_relay(f->e, relay, origin, f->layer,
				       f->e->relay_count);
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
		.layer = f->layer,
	};

	if (copy == NULL || entry.origin == NULL) {
		conf_entries_out_of_memory(f->e);
	} else if (*section == '\0') {
		conf_entries_report(f->e, entry.origin,
				    "`%s` stands in no section: write "
				    "[SECTION] above it",
				    key);
	} else if (f->known_section) {
		conf_section_split(copy, &relay);
		entry.key = conf_section_find_key(copy, key);
		if (entry.key == NULL)
			conf_section_unknown_key(f->e, entry.origin, copy, key);
		entry.relay = relay ? strdup(relay) : NULL;
		entry.value = strdup(value);
		entry.dir = strdup(f->dir);
	}
	if (entry.key != NULL && !is_double(f, &entry))
		conf_entries_add(f->e, &entry);
	else
		conf_entry_fini(&entry);
	free(copy);
}

static void take_problem(void *arg, unsigned int line, const char *words)
{
	struct file *f = arg;
	char *origin = make_origin(f, line);

	conf_entries_report(f->e, origin ? origin : f->path, "%s", words);
	free(origin);
}

/* A lock that others can open is none. */
static int admit_locked(void *arg, const struct stat *st)
{
	struct file *f = arg;

	if (st->st_uid != f->owner)
		conf_entries_report(f->e, f->path,
				    "belongs to user %u, who could change what "
				    "is locked: chown it to user %u",
				    st->st_uid, f->owner);
	else if ((st->st_mode & 022) != 0)
		conf_entries_report(f->e, f->path,
				    "group or others could change what is "
				    "locked: chmod go-w it");
	else
		return 0;
	return -EBADMSG;
}

static const struct ini_reader_ops ops = {
	.section = take_section,
	.entry = take_entry,
	.problem = take_problem,
};
static const struct ini_reader_ops locked_ops = {
	.section = take_section,
	.entry = take_entry,
	.problem = take_problem,
	.admit = admit_locked,
};

static void read_file(struct file *f, bool optional)
{
	const char *slash = strrchr(f->path, '/');
	int error;

	f->index = ++f->e->file_count;
	f->dir = slash ? strndup(f->path,
				 (size_t)(slash - f->path) + (slash == f->path))
		       : strdup(".");
	if (f->dir == NULL) {
		conf_entries_out_of_memory(f->e);
		return;
	}
	error = ini_reader_file(f->path, f->checked ? &locked_ops : &ops, f);
	if (error == 0)
		conf_entries_add_file(f->e, f->path);
	if (error < 0 && error != -EBADMSG && !(optional && error == -ENOENT))
		conf_entries_report(f->e, f->path, "%s", strerror(-error));
	for (size_t i = 0; i < f->section_count; i++)
		free(f->section[i]);
	free(f->section);
	free(f->dir);
}

void conf_file_read(struct conf_entries *e, const char *path,
		    enum conf_layer layer, bool optional)
{
	struct file f = { .e = e, .path = path, .layer = layer };

	read_file(&f, optional);
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

/* `model`: what all the files have in common. */
static void read_dir(const char *dir, const struct file *model, bool optional)
{
	struct dirent **list = NULL;
	char *path;
	int n = scandir(dir, &list, is_conf, compare);

	if (n < 0) {
		if (!optional || errno != ENOENT)
			conf_entries_report(model->e, dir, "%s",
					    strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		if (asprintf(&path, "%s/%s", dir, list[i]->d_name) >= 0) {
			struct file f = *model;

			f.path = path;
			read_file(&f, false);
			free(path);
		} else {
			conf_entries_out_of_memory(model->e);
		}
		free(list[i]);
	}
	free(list);
}

void conf_file_read_dir(struct conf_entries *e, const char *dir, bool optional)
{
	const struct file model = { .e = e, .layer = CONF_LAYER_FILE };

	read_dir(dir, &model, optional);
}

void conf_file_read_policy(struct conf_entries *e, const char *dir, uid_t owner)
{
	struct file model = {
		.e = e,
		.path = dir,
		.layer = CONF_LAYER_POLICY,
		.checked = true,
		.owner = owner,
	};
	struct stat st;

	if (stat(dir, &st) < 0) {
		if (errno != ENOENT)
			conf_entries_report(e, dir, "%s", strerror(errno));
		return;
	}
	/* Who can write the directory can take a lock away. */
	if (admit_locked(&model, &st) == 0)
		read_dir(dir, &model, false);
}
