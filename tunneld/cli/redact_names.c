/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redact_names.c - pseudonyms: the same one for the same thing
 *
 * Names are compared without regard to case, as DNS does. Where there are too
 * many for one each, the rest have one together.
 */
#include <config.h>

#include "redact_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
	[REDACT_WORD] = "word",    [REDACT_HOST] = "host",
	[REDACT_ADDRESS] = "addr", [REDACT_USER] = "user",
	[REDACT_RELAY] = "relay",  [REDACT_PATH] = "path",
};
_Static_assert(ARRAY_SIZE(kind_names) == REDACT_NUM_KINDS, "a name each");

struct redact *redact_new(void)
{
	return calloc(1, sizeof(struct redact));
}

void redact_free(struct redact *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		free(r->entry[i].text);
	free(r->entry);
	free(r);
}

const char *redact_kind_name(enum redact_kind kind)
{
	return kind_names[kind];
}

size_t redact_count(const struct redact *r, enum redact_kind kind)
{
	return r->numbers[kind];
}

static bool same(const struct redact_entry *e, struct piece p)
{
	return e->len == p.len && strncasecmp(e->text, p.at, p.len) == 0;
}

static struct redact_entry *add(struct redact *r, enum redact_kind kind,
				struct piece p)
{
	struct redact_entry *more;

	if (r->count == REDACT_ENTRIES_MAX)
		return NULL;
	if (r->count == r->room) {
		more = reallocarray(r->entry, 2 * r->room + 64, sizeof(*more));
		if (more == NULL)
			return NULL;
		r->entry = more;
		r->room = 2 * r->room + 64;
	}
	r->entry[r->count] = (struct redact_entry){
		.kind = kind,
		.len = p.len,
		.text = strndup(p.at, p.len),
	};
	if (r->entry[r->count].text == NULL)
		return NULL;
	r->entry[r->count].number = ++r->numbers[kind];
	return &r->entry[r->count++];
}

/* A thing has one name, whatever it was taken for first. */
static struct redact_entry *get(struct redact *r, enum redact_kind kind,
				struct piece p)
{
	for (size_t i = 0; i < r->count; i++)
		if (same(&r->entry[i], p))
			return &r->entry[i];
	return add(r, kind, p);
}

const char *redact_name(struct redact *r, enum redact_kind kind,
			const char *text, char out[REDACT_NAME_MAX])
{
	const struct redact_entry *e = get(
		r, kind, (struct piece){ text, strlen(text) });

	if (e != NULL)
		snprintf(out, REDACT_NAME_MAX, "%s-%zu", kind_names[e->kind],
			 e->number);
	else
		snprintf(out, REDACT_NAME_MAX, "%s-more", kind_names[kind]);
	return out;
}

void redact_put(struct redact *r, enum redact_kind kind, struct piece p,
		FILE *to)
{
	const struct redact_entry *e = get(r, kind, p);

	if (e != NULL)
		fprintf(to, "%s-%zu", kind_names[e->kind], e->number);
	else
		fprintf(to, "%s-more", kind_names[kind]);
}

void redact_know(struct redact *r, enum redact_kind kind, const char *text)
{
	struct redact_entry *e;

	if (text == NULL || text[0] == '\0')
		return;
	e = get(r, kind, (struct piece){ text, strlen(text) });
	if (e != NULL)
		e->known = true;
}

static bool stands_at(const struct redact_entry *e, struct piece p, size_t at)
{
	size_t end = at + e->len;

	return end <= p.len && strncasecmp(p.at + at, e->text, e->len) == 0 &&
	       (at == 0 || !isalnum((unsigned char)p.at[at - 1])) &&
	       (end == p.len || !isalnum((unsigned char)p.at[end]));
}

const struct redact_entry *redact_find_known(const struct redact *r,
					     struct piece p, size_t *at)
{
	const struct redact_entry *longest = NULL;

	for (size_t i = 0; i < r->count; i++) {
		const struct redact_entry *e = &r->entry[i];

		if (!e->known || (longest != NULL && e->len <= longest->len))
			continue;
		for (size_t j = 0; j + e->len <= p.len; j++) {
			if (!stands_at(e, p, j))
				continue;
			longest = e;
			*at = j;
			break;
		}
	}
	return longest;
}
