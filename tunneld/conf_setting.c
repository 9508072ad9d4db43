/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_setting.c - settings of the command line
 *
 * Turns SECTION.KEY=VALUE into an entry, or reports what is wrong with it.
 */
#include <config.h>

#include "conf_setting.h"

#include "conf_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SECTION.KEY: a relay's name may hold dots, a key never does. */
static void take_setting(struct conf_entries *e, char *name, const char *value,
			 const char *origin, size_t *relay_at)
{
	char *dot = strrchr(name, '.'), *relay;
	struct conf_entry entry = { .layer = CONF_LAYER_SET };
	size_t relays = e->relay_count;

	if (dot == NULL) {
		conf_entries_report(e, origin, "write SECTION.KEY=VALUE");
		return;
	}
	*dot = '\0';
	if (strncmp(name, "relay.", 6) == 0)
		name[5] = ' ';
	conf_section_split(name, &relay);
	if (!conf_section_check(e, origin, name, relay))
		return;
	entry.key = conf_section_find_key(name, dot + 1);
	if (entry.key == NULL) {
		conf_section_unknown_key(e, origin, name, dot + 1);
		return;
	}
	if (relay != NULL)
		conf_entries_add_relay(e, relay, origin, CONF_LAYER_SET,
				       *relay_at);
	*relay_at += e->relay_count - relays;
	entry.relay = relay ? strdup(relay) : NULL;
	entry.value = strdup(value);
	entry.origin = strdup(origin);
	conf_entries_add(e, &entry);
}

void conf_setting_read(struct conf_entries *e, const char *setting,
		       size_t *relay_at)
{
	size_t len = strcspn(setting, "=");
	char *name = strndup(setting, len), *origin = NULL;
	const char *value = setting[len] == '=' ? setting + len + 1 : NULL;

	if (name == NULL || asprintf(&origin, "--set %s", name) < 0) {
		origin = NULL;
		conf_entries_out_of_memory(e);
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
		take_setting(e, name, value, origin, relay_at);
out:
	free(origin);
	free(name);
}
