/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_section.c - names of sections and keys
 *
 * Turns a name that somebody wrote into a row of the table of keys, or into a
 * report that tells the nearest name that exists.
 */
#include <config.h>

#include "conf_section.h"

#include <stdint.h>
#include <string.h>

#define NAME_MAX_BYTES 64 /* of anything that a suggestion is sought for */

void conf_section_split(char *section, char **relay)
{
	*relay = NULL;
	if (strncmp(section, "relay", 5) != 0 || section[5] == '\0' ||
	    strchr(" \t", section[5]) == NULL)
		return;
	*relay = section + 5 + strspn(section + 5, " \t");
	section[5] = '\0';
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance; large for names that are too long. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], n = strlen(b), diagonal, above;

	if (strlen(a) > NAME_MAX_BYTES || n > NAME_MAX_BYTES)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

/* Of all sections, or of the keys of `section`; NULL when none is near. */
static const char *nearest(const char *name, const char *section)
{
	size_t len = strlen(name), best = len / 3 + 2, d;
	const char *found = NULL, *candidate;

	for (size_t i = 0; i < conf_key_count; i++) {
		if (section && strcmp(conf_keys[i].section, section) != 0)
			continue;
		candidate = section ? conf_keys[i].name : conf_keys[i].section;
		d = distance(name, candidate);
		if (len >= 3 && strncmp(candidate, name, len) == 0)
			d = 1; /* `user` for `username` */
		if (d < best) {
			best = d;
			found = candidate;
		}
	}
	return found;
}

const struct conf_key *conf_section_find_key(const char *section,
					     const char *name)
{
	for (size_t i = 0; i < conf_key_count; i++)
		if (strcmp(conf_keys[i].section, section) == 0 &&
		    strcmp(conf_keys[i].name, name) == 0)
			return &conf_keys[i];
	return NULL;
}

static bool section_exists(const char *name)
{
	for (size_t i = 0; i < conf_key_count; i++)
		if (strcmp(conf_keys[i].section, name) == 0)
			return true;
	return false;
}

static bool check_relay_name(struct conf_entries *e, const char *origin,
			     const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	if (len >= 1 && len <= CONF_RELAY_NAME_MAX &&
	    strspn(name, allowed) == len)
		return true;
	conf_entries_report(e, origin,
			    "relay name `%s`: write 1 to %d letters, digits, "
			    "dots, dashes or underscores",
			    name, CONF_RELAY_NAME_MAX);
	return false;
}

bool conf_section_check(struct conf_entries *e, const char *origin,
			const char *section, const char *relay)
{
	const char *near;

	if (strcmp(section, "relay") == 0) {
		if (relay != NULL)
			return check_relay_name(e, origin, relay);
		conf_entries_report(e, origin,
				    "a relay needs a name: write "
				    "[relay NAME]");
		return false;
	}
	if (section_exists(section))
		return true;
	near = nearest(section, NULL);
	if (near != NULL)
		conf_entries_report(e, origin,
				    "unknown section [%s]: did you mean "
				    "[%s%s]?",
				    section, near,
				    strcmp(near, "relay") == 0 ? " NAME" : "");
	else
		conf_entries_report(e, origin,
				    "unknown section [%s]: there are proxy, "
				    "relay NAME, media, names, rules, daemon",
				    section);
	return false;
}

void conf_section_unknown_key(struct conf_entries *e, const char *origin,
			      const char *section, const char *name)
{
	const char *near = nearest(name, section);

	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].name, name) != 0)
			continue;
		conf_entries_report(e, origin,
				    "`%s` is not a key of [%s]: it belongs "
				    "into [%s]",
				    name, section, conf_keys[i].section);
		return;
	}
	if (near != NULL)
		conf_entries_report(e, origin,
				    "unknown key `%s` in [%s]: did you mean "
				    "`%s`?",
				    name, section, near);
	else
		conf_entries_report(e, origin,
				    "unknown key `%s` in [%s]: see "
				    "tunneld.conf(5)",
				    name, section);
}
