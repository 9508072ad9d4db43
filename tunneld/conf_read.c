/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_read.c - everything that a source names, read into one list
 *
 * Turns policy.d, the main file, conf.d and settings of the command line into
 * entries, and finds those that do not count because a lock stands in their
 * place. Locked is a key that stands in policy.d, all keys that compete with
 * it (sources of one password), and with a [relay NAME] the list of relays.
 * Keys that add up are locked in that those of policy.d come first.
 */
#include <config.h>

#include "conf_read.h"

#include "conf_file.h"
#include "conf_proxy.h"
#include "conf_setting.h"

#include <turnout/paths.h>

#include <stdlib.h>
#include <string.h>

/* One of them at most is given: each stands for all. */
static bool is_login_source(const struct conf_key *key)
{
	if (strcmp(key->section, "proxy") != 0)
		return false;
	for (size_t i = 0; i < CONF_PROXY_LOGINS; i++)
		if (strcmp(key->name, conf_proxy_logins[i]) == 0)
			return true;
	return false;
}

/* Where the relay is locked, or NULL. */
static const char *relay_lock(const struct conf_entries *e, const char *name)
{
	for (size_t i = 0; i < e->relay_count; i++)
		if (e->relay[i].layer == CONF_LAYER_POLICY &&
		    strcmp(e->relay[i].name, name) == 0)
			return e->relay[i].origin;
	return NULL;
}

/* Where the key is locked, or NULL; the last one, as it counts. */
static const char *key_lock(const struct conf_entries *e,
			    const struct conf_key *key)
{
	const char *origin = NULL;

	if (key->repeatable)
		return NULL;
	for (size_t i = 0; i < e->count; i++) {
		const struct conf_key *other = e->entry[i].key;

		if (e->entry[i].layer == CONF_LAYER_POLICY &&
		    (other == key ||
		     (is_login_source(other) && is_login_source(key))))
			origin = e->entry[i].origin;
	}
	return origin;
}

static void lock_entries(struct conf_entries *e)
{
	for (size_t i = 0; i < e->count; i++) {
		struct conf_entry *entry = &e->entry[i];

		if (entry->layer == CONF_LAYER_POLICY)
			continue;
		entry->locked_by = entry->relay ? relay_lock(e, entry->relay)
						: key_lock(e, entry->key);
		if (entry->locked_by != NULL)
			conf_entries_warn(e, entry->origin,
					  "%s: locked by %s, which counts",
					  entry->key->name, entry->locked_by);
	}
}

/* Media would go where the lock does not want it: a locked list of relays is
 * the whole list. */
static void lock_relays(struct conf_entries *e)
{
	const char *lock = e->relay_count > 0 ? e->relay[0].origin : NULL;
	size_t kept = 0;

	/* policy.d is read first. */
	if (lock == NULL || e->relay[0].layer != CONF_LAYER_POLICY)
		return;
	for (size_t i = 0; i < e->relay_count; i++) {
		struct conf_relay_name *relay = &e->relay[i];

		if (relay->layer == CONF_LAYER_POLICY) {
			e->relay[kept++] = *relay;
			continue;
		}
		conf_entries_warn(e, relay->origin,
				  "relay %s is left out: the relays are locked "
				  "by %s",
				  relay->name, lock);
		free(relay->name);
		free(relay->origin);
	}
	e->relay_count = kept;
}

static void read_installed(struct conf_entries *e,
			   const struct conf_source *source)
{
	const char *policy = source->policy_dir ? source->policy_dir
						: SYSTEM_POLICY_DIR;
	const char *dir = source->dir;

	conf_file_read_policy(e, policy, source->policy_owner);
	conf_file_read(e, source->file ? source->file : SYSTEM_CONF,
		       CONF_LAYER_FILE, source->file == NULL);
	if (dir == NULL && source->file == NULL)
		dir = SYSTEM_CONF_DIR;
	if (dir != NULL)
		conf_file_read_dir(e, dir, source->dir == NULL);
}

void conf_read(struct conf_entries *e, const struct conf_source *source)
{
	size_t relay_at;

	if (source->only_count == 0)
		read_installed(e, source);
	for (size_t i = 0; i < source->only_count; i++)
		conf_file_read(e, source->only[i],
			       source->only_policy ? CONF_LAYER_POLICY
						   : CONF_LAYER_FILE,
			       false);
	/* Behind those that are locked, before those of the files. */
	for (relay_at = 0; relay_at < e->relay_count; relay_at++)
		if (e->relay[relay_at].layer != CONF_LAYER_POLICY)
			break;
	for (size_t i = 0; i < source->set_count; i++)
		conf_setting_read(e, source->set[i], &relay_at);
	lock_entries(e);
	lock_relays(e);
}
