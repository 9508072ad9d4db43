/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit_of.c - which unit of systemd a tunneld runs as
 *
 * Turns a process into the innermost service whose cgroup it is in (cgroups(7),
 * systemd.special(7)).
 */
#include <config.h>

#include "unit_of.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL ".service"

static bool ends_in(const char *text, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len > n && memcmp(text + len - n, tail, n) == 0;
}

/* `path` is one line, from the / on. */
static bool innermost(const char *path, struct unit_of *unit)
{
	bool found = false;

	*unit = (struct unit_of){ .user = false };
	for (path++; *path != '\0' && *path != '\n';) {
		size_t len = strcspn(path, "/\n");

		if (len <= UNIT_NAME_MAX && ends_in(path, len, TAIL)) {
			/* What is within it is a user's. */
			found = strncmp(path, "user@", 5) != 0;
			unit->user |= !found;
			memcpy(unit->name, path, len);
			unit->name[len] = '\0';
		}
		path += len + (path[len] == '/');
	}
	return found;
}

/* The unified hierarchy, or the one of before that systemd has for itself. */
bool unit_of_cgroup(const char *text, struct unit_of *unit)
{
	static const char *const hierarchies[] = { "0::", ":name=systemd:" };

	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		const char *at = strstr(text, hierarchies[i]);

		if (at == NULL)
			continue;
		at += strlen(hierarchies[i]);
		if (*at == '/' && innermost(at, unit))
			return true;
	}
	*unit = (struct unit_of){ .user = false };
	return false;
}

/* The value of a line `key value`; NULL: it is not there. */
static const char *find_line(const char *status, const char *key)
{
	size_t len = strlen(key);

	while (status != NULL && *status != '\0') {
		if (strncmp(status, key, len) == 0 && status[len] == ' ')
			return status + len + 1;
		status = strchr(status, '\n');
		if (status != NULL)
			status++;
	}
	return NULL;
}

bool unit_of_status(const char *status, struct unit_of *unit)
{
	const char *log = find_line(status, "log");
	const char *pid = find_line(status, "pid");
	char path[64], text[4096];
	size_t n;
	FILE *file;

	if (log == NULL || pid == NULL || strncmp(log, "journal\n", 8) != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%ld/cgroup", strtol(pid, NULL, 10));
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return unit_of_cgroup(text, unit);
}
