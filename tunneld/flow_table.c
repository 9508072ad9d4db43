/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow_table.c - a chained hash table of the flows that are open */
#include <config.h>

#include "flow_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
/* One user's programs; a browser with a hundred peers needs some hundreds. */
#define FLOWS_PER_USER_MAX 8192

struct flow_table {
	size_t count;
	struct flow_record *bucket[BUCKETS];
};

/* Cookies count up: their low bits spread well. */
static size_t bucket_of(uint64_t cookie)
{
	return (size_t)(cookie ^ (cookie >> 12)) % BUCKETS;
}

struct flow_table *flow_table_new(void)
{
	return calloc(1, sizeof(struct flow_table));
}

static void free_record(struct flow_record *r)
{
	free(r->program);
	explicit_bzero(r, sizeof(*r));
	free(r);
}

void flow_table_free(struct flow_table *t)
{
	for (size_t i = 0; t != NULL && i < BUCKETS; i++) {
		while (t->bucket[i] != NULL) {
			struct flow_record *r = t->bucket[i];

			t->bucket[i] = r->next;
			free_record(r);
		}
	}
	free(t);
}

const struct flow_record *flow_table_find(const struct flow_table *t,
					  uint64_t cookie, uid_t uid)
{
	const struct flow_record *r = t->bucket[bucket_of(cookie)];

	while (r != NULL && (r->cookie != cookie || r->uid != uid))
		r = r->next;
	return r;
}

static size_t count_of(const struct flow_table *t, uid_t uid)
{
	size_t n = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		for (const struct flow_record *r = t->bucket[i]; r != NULL;
		     r = r->next)
			n += r->uid == uid;
	}
	return n;
}

int flow_table_add(struct flow_table *t, const struct flow_record *record)
{
	struct flow_record **bucket = &t->bucket[bucket_of(record->cookie)];
	struct flow_record *r;

	/* Counting walks the table, so only when it could matter. */
	if (t->count >= FLOWS_PER_USER_MAX &&
	    count_of(t, record->uid) >= FLOWS_PER_USER_MAX)
		return -ENOBUFS;
	r = malloc(sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	*r = *record;
	if (record->program != NULL) {
		r->program = strdup(record->program);
		if (r->program == NULL) {
			free_record(r);
			return -ENOMEM;
		}
	}
	r->next = *bucket;
	*bucket = r;
	t->count++;
	return 0;
}

/* Where the one of this secret hangs; NULL there: nowhere. */
static struct flow_record **place_of(struct flow_table *t, uint64_t cookie,
				     uint64_t secret)
{
	struct flow_record **at = &t->bucket[bucket_of(cookie)];

	while (*at != NULL &&
	       ((*at)->cookie != cookie || (*at)->secret != secret))
		at = &(*at)->next;
	return at;
}

bool flow_table_remove(struct flow_table *t, uint64_t cookie, uint64_t secret,
		       struct endpoint *bound)
{
	struct flow_record **at = place_of(t, cookie, secret), *r = *at;

	if (r == NULL)
		return false;
	*bound = r->bound;
	*at = r->next;
	t->count--;
	free_record(r);
	return true;
}

bool flow_table_note(struct flow_table *t, uint64_t cookie, uint64_t secret,
		     const struct endpoint *app, uint8_t uplinks, bool talks)
{
	struct flow_record *r = *place_of(t, cookie, secret);

	if (r == NULL || (r->uplinks == uplinks && r->talks == talks &&
			  endpoint_equal(&r->app, app)))
		return false;
	r->app = *app;
	r->uplinks = uplinks;
	r->talks = talks;
	return true;
}

const struct flow_record *flow_table_next(const struct flow_table *t,
					  const struct flow_record *record)
{
	size_t i = 0;

	if (record != NULL && record->next != NULL)
		return record->next;
	if (record != NULL)
		i = bucket_of(record->cookie) + 1;
	while (i < BUCKETS && t->bucket[i] == NULL)
		i++;
	return i < BUCKETS ? t->bucket[i] : NULL;
}

size_t flow_table_count(const struct flow_table *t)
{
	return t->count;
}
