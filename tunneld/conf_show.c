/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_show.c - each value in force, for people and programs
 *
 * Turns the list of entries into what a file with the same effect would hold,
 * with the origin of each value in a comment above it, or into JSON. What does
 * not count is named where its place is taken.
 */
#include <config.h>

#include "conf_show.h"

#include "conf_entries.h"
#include "conf_env.h"
#include "conf_read.h"
#include "conf_section.h"
#include "json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct show {
	const struct conf_entries *e;
	const struct conf_show_opts *opts;
	FILE *to;
	const char *environment; /* what it says of the proxy, for `env` */
	/* what is sought; NULL: all */
	const char *section, *key, *relay;
	size_t shown;
	const char *heading; /* the section that was shown last */
	const char *heading_relay;
};

/* ---- one value ---- */

/* Stands `entry` where `old` would have stood? */
static bool overrides(const struct conf_entry *entry,
		      const struct conf_entry *old)
{
	if (entry == old || entry->key->repeatable)
		return false;
	if (old->locked_by != NULL && old->locked_by == entry->origin)
		return true;
	return old->key == entry->key &&
	       (entry->relay == NULL || strcmp(old->relay, entry->relay) == 0);
}

static void show_origin(const struct show *s, const struct conf_entry *entry)
{
	const char *before = "; overrides ";

	if (entry == NULL) {
		fputs("# default\n", s->to);
		return;
	}
	fprintf(s->to, "# %s%s", entry->origin,
		entry->layer == CONF_LAYER_POLICY ? ", locked" : "");
	for (size_t i = 0; i < s->e->count; i++) {
		if (!overrides(entry, &s->e->entry[i]))
			continue;
		fprintf(s->to, "%s%s", before, s->e->entry[i].origin);
		before = ", ";
	}
	putc('\n', s->to);
}

/* For `url = env`, what that comes to. */
static const char *environment(const struct show *s, const struct conf_key *key,
			       const char *value)
{
	if (strcmp(key->section, "proxy") != 0 || strcmp(key->name, "url") != 0)
		return NULL;
	return strcmp(value, "env") == 0 ? s->environment : NULL;
}

static void show_line(struct show *s, const struct conf_key *key,
		      const char *relay, const struct conf_entry *entry)
{
	const char *value = entry ? entry->value : key->initial;
	const char *env = environment(s, key, value);

	if (s->heading == NULL || strcmp(s->heading, key->section) != 0 ||
	    s->heading_relay != relay)
		fprintf(s->to, "%s[%s%s%s]\n", s->shown > 0 ? "\n" : "",
			key->section, relay ? " " : "", relay ? relay : "");
	s->heading = key->section;
	s->heading_relay = relay;
	if (s->opts->origin)
		show_origin(s, entry);
	if (s->opts->origin && env != NULL)
		fprintf(s->to, "# environment: %s\n", env);
	fprintf(s->to, "%s = %s\n", key->name, value);
}

static void member(const struct show *s, const char *name, const char *text)
{
	fputs(", ", s->to);
	json_text_member(s->to, name, text);
}

static void show_json(struct show *s, const struct conf_key *key,
		      const char *relay, const struct conf_entry *entry)
{
	const char *value = entry ? entry->value : key->initial;
	const char *before = "";

	fprintf(s->to, "%s\n  {", s->shown > 0 ? "," : "");
	json_text_member(s->to, "section", key->section);
	member(s, "name", relay);
	member(s, "key", key->name);
	member(s, "value", value);
	member(s, "environment", environment(s, key, value));
	member(s, "origin", entry ? entry->origin : "default");
	fprintf(s->to, ", \"locked\": %s, \"overrides\": [",
		entry && entry->layer == CONF_LAYER_POLICY ? "true" : "false");
	for (size_t i = 0; entry != NULL && i < s->e->count; i++) {
		if (!overrides(entry, &s->e->entry[i]))
			continue;
		fputs(before, s->to);
		json_text_put(s->to, s->e->entry[i].origin);
		before = ", ";
	}
	fputs("]}", s->to);
}

static void show_value(struct show *s, const struct conf_key *key,
		       const char *relay, const struct conf_entry *entry)
{
	if (s->opts->json)
		show_json(s, key, relay, entry);
	else
		show_line(s, key, relay, entry);
	s->shown++;
}

/* ---- all of them ---- */

/* In the order in which they count: see apply_all() in conf.c. */
static void show_repeatable(struct show *s, const struct conf_key *key)
{
	for (int layer = CONF_NUM_LAYERS - 1; layer >= 0; layer--)
		for (size_t i = 0; i < s->e->count; i++)
			if (s->e->entry[i].key == key &&
			    (int)s->e->entry[i].layer == layer)
				show_value(s, key, NULL, &s->e->entry[i]);
}

static void show_key(struct show *s, const struct conf_key *key,
		     const char *relay)
{
	const struct conf_entry *entry;

	if (s->key != NULL && strcmp(key->name, s->key) != 0)
		return;
	if (key->repeatable) {
		show_repeatable(s, key);
		return;
	}
	entry = conf_entries_find(s->e, key, relay);
	if (entry != NULL || key->initial[0] != '\0')
		show_value(s, key, relay, entry);
}

static void show_section(struct show *s, const char *section, const char *relay)
{
	for (size_t i = 0; i < conf_key_count; i++)
		if (strcmp(conf_keys[i].section, section) == 0)
			show_key(s, &conf_keys[i], relay);
}

static void show_relays(struct show *s)
{
	for (size_t i = 0; i < s->e->relay_count; i++)
		if (s->relay == NULL ||
		    strcmp(s->relay, s->e->relay[i].name) == 0)
			show_section(s, "relay", s->e->relay[i].name);
}

static void show_all(struct show *s)
{
	const char *section = "";

	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].section, section) == 0)
			continue;
		section = conf_keys[i].section;
		if (s->section != NULL && strcmp(s->section, section) != 0)
			continue;
		if (strcmp(section, "relay") == 0)
			show_relays(s);
		else
			show_section(s, section, NULL);
	}
}

/* ---- what is sought ---- */

static bool is_relay(const struct conf_entries *e, const char *name)
{
	for (size_t i = 0; i < e->relay_count; i++)
		if (strcmp(e->relay[i].name, name) == 0)
			return true;
	return false;
}

/* Cuts `what` in pieces. A relay's name may hold dots, a key never does. */
static bool seek(struct show *s, struct conf_entries *e, char *what)
{
	char *dot;

	s->section = what;
	if (strncmp(what, "relay.", 6) == 0) {
		what[5] = '\0';
		s->relay = what + 6;
		if (is_relay(e, s->relay))
			return true;
		dot = strrchr(s->relay, '.');
	} else {
		dot = strchr(what, '.');
	}
	if (dot != NULL) {
		*dot = '\0';
		s->key = dot + 1;
	}
	if (s->relay != NULL && !is_relay(e, s->relay)) {
		conf_entries_report(e, s->relay, "no such relay");
		return false;
	}
	if (s->relay == NULL && strcmp(s->section, "relay") != 0 &&
	    !conf_section_check(e, s->section, s->section, NULL))
		return false;
	if (s->key == NULL || conf_section_find_key(s->section, s->key) != NULL)
		return true;
	conf_section_unknown_key(e, s->key, s->section, s->key);
	return false;
}

static int show_it(struct show *s, struct conf_entries *e, char *what)
{
	if (what != NULL && !seek(s, e, what))
		return -EINVAL;
	if (s->opts->json)
		fputs("{\"schema\": \"turnout-config/1\", \"version\": 1, "
		      "\"values\": [",
		      s->to);
	show_all(s);
	if (s->opts->json)
		fputs("\n]}\n", s->to);
	return what != NULL && s->shown == 0 ? -ENOENT : 0;
}

int conf_show(const struct conf_source *source,
	      const struct conf_show_opts *opts, FILE *to,
	      conf_report_fn *report, void *arg)
{
	struct conf *conf = conf_load(source, report, arg);
	char *env = NULL, *what = opts->what ? strdup(opts->what) : NULL;
	struct conf_entries e;
	struct show s = { .e = &e, .opts = opts, .to = to };
	int err = -EBADMSG;

	conf_entries_init(&e, report, arg);
	if (conf == NULL)
		goto out;
	env = conf_env_format(conf);
	err = -ENOMEM;
	if (env == NULL || (opts->what != NULL && what == NULL))
		goto out;
	s.environment = env;
	conf_read(&e, source);
	err = show_it(&s, &e, what);
out:
	conf_entries_fini(&e);
	conf_free(conf);
	free(env);
	free(what);
	return err;
}
