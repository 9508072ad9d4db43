/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.c - turns the app's setsockopt() calls into a list that can be told
 * to another socket; the last value of each option counts
 */
#include <config.h>

#include "journal.h"

#include "next.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static struct journal_entry *find_or_append(struct journal *j, int level,
					    int name)
{
	size_t i;

	for (i = 0; i < JOURNAL_MAX; i++) {
		struct journal_entry *e = &j->entries[i];

		if (e->bytes == 0 || (e->level == level && e->name == name))
			return e;
	}
	return NULL;
}

bool journal_set(struct journal *j, int level, int name, const void *value,
		 socklen_t len, bool pending)
{
	struct journal_entry *e;

	if (value == NULL || len == 0 || len > JOURNAL_VALUE_BYTES)
		return false;
	e = find_or_append(j, level, name);
	if (e == NULL)
		return false;
	e->level = level;
	e->name = name;
	e->bytes = (uint8_t)len;
	e->pending = pending;
	memcpy(e->value, value, len);
	return true;
}

const struct journal_entry *journal_find(const struct journal *j, int level,
					 int name)
{
	size_t i;

	for (i = 0; i < JOURNAL_MAX && j->entries[i].bytes != 0; i++)
		if (j->entries[i].level == level && j->entries[i].name == name)
			return &j->entries[i];
	return NULL;
}

void journal_replay(struct journal *j, int fd, bool all)
{
	int saved = errno;
	size_t i;

	for (i = 0; i < JOURNAL_MAX && j->entries[i].bytes != 0; i++) {
		struct journal_entry *e = &j->entries[i];

		if (all || e->pending)
			next.setsockopt(fd, e->level, e->name, e->value,
					e->bytes);
	}
	errno = saved;
}
