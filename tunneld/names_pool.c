/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names_pool.c - the addresses of one family that stand for names
 *
 * Theory of operation: entries are found by name and by offset in the pool
 * (hash chains both), and stand in a list by their last use. A name's first
 * choice of offset is its hash, so that it mostly gets the same address again;
 * a taken one moves on to the next. Apps keep addresses for as long as they
 * like, so an entry is given up only when it is idle and room gets scarce. The
 * first and last 256 addresses of a pool stay free, and within IPv4 those that
 * end in .0 or .255, which some programs take for networks.
 */
#include <config.h>

#include "names_pool.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX   (1u << 18) /* some 100 bytes each */
#define EDGE          256u
#define BUCKETS_FIRST 64u
/* Given up for a name that comes: more than one, so that the pool does not stay
 * at its mark for ever. */
#define GIVEN_UP_MAX 2

/* FNV-1a, 64 bits, folded: names come from apps of this machine, which harm
 * only themselves by collisions, and entries are bounded. */
static uint32_t hash_name(const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

static uint32_t hash_offset(uint32_t offset)
{
	return offset * 2654435761u >> 8; /* Knuth's multiplicative hash */
}

static bool usable(const struct names_pool *p, uint32_t offset)
{
	uint32_t edge = p->size >= 4 * EDGE ? EDGE : 1;

	if (offset < edge || offset >= p->size - edge)
		return false;
	return p->base.family != ENDPOINT_IPV4 ||
	       ((offset & 0xff) != 0 && (offset & 0xff) != 0xff);
}

void names_pool_init(struct names_pool *p, const struct endpoint *base,
		     uint8_t bits)
{
	unsigned int all = base->family == ENDPOINT_IPV4 ? 32 : 128;
	unsigned int host = all - bits;

	memset(p, 0, sizeof(*p));
	if (base->family == ENDPOINT_NONE || bits > all)
		return;
	p->base = *base;
	p->base.port_be = 0;
	p->bits = bits;
	p->size = host >= 32 ? UINT32_MAX : 1u << host;
	for (uint32_t i = 0; i < p->size && p->capacity < ENTRIES_MAX; i++)
		p->capacity += usable(p, i);
}

void names_pool_fini(struct names_pool *p)
{
	while (p->oldest != NULL) {
		struct names_entry *e = p->oldest;

		p->oldest = e->newer;
		free(e);
	}
	free(p->by_name);
	free(p->by_offset);
}

/* The tables */

static struct names_entry **name_bucket(const struct names_pool *p,
					uint32_t hash)
{
	return &p->by_name[hash & (p->buckets - 1)];
}

static struct names_entry **offset_bucket(const struct names_pool *p,
					  uint32_t offset)
{
	return &p->by_offset[hash_offset(offset) & (p->buckets - 1)];
}

static void enter(struct names_pool *p, struct names_entry *e)
{
	struct names_entry **name = name_bucket(p, e->hash);
	struct names_entry **offset = offset_bucket(p, e->offset);

	e->next_name = *name;
	*name = e;
	e->next_offset = *offset;
	*offset = e;
}

/* Twice as many buckets. False: no memory, everything as before. */
static bool grow(struct names_pool *p)
{
	uint32_t n = p->buckets ? p->buckets * 2 : BUCKETS_FIRST;
	struct names_entry **by_name = calloc(n, sizeof(*by_name));
	struct names_entry **by_offset = calloc(n, sizeof(*by_offset));

	if (by_name == NULL || by_offset == NULL) {
		free(by_name);
		free(by_offset);
		return false;
	}
	free(p->by_name);
	free(p->by_offset);
	p->by_name = by_name;
	p->by_offset = by_offset;
	p->buckets = n;
	for (struct names_entry *e = p->oldest; e != NULL; e = e->newer)
		enter(p, e);
	return true;
}

struct names_entry *names_pool_find(const struct names_pool *p,
				    const char *name)
{
	uint32_t hash = hash_name(name);
	struct names_entry *e = p->buckets ? *name_bucket(p, hash) : NULL;

	while (e != NULL && (e->hash != hash || strcmp(e->name, name) != 0))
		e = e->next_name;
	return e;
}

struct names_entry *names_pool_at(const struct names_pool *p, uint32_t offset)
{
	struct names_entry *e = p->buckets ? *offset_bucket(p, offset) : NULL;

	while (e != NULL && e->offset != offset)
		e = e->next_offset;
	return e;
}

/* The list */

static void append(struct names_pool *p, struct names_entry *e)
{
	e->newer = NULL;
	e->older = p->newest;
	if (p->newest != NULL)
		p->newest->newer = e;
	else
		p->oldest = e;
	p->newest = e;
}

static void unlink_entry(struct names_pool *p, struct names_entry *e)
{
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		p->oldest = e->newer;
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		p->newest = e->older;
}

void names_pool_use(struct names_pool *p, struct names_entry *e, int64_t now_s)
{
	e->used_s = now_s;
	if (e == p->newest)
		return;
	unlink_entry(p, e);
	append(p, e);
}

static void give_up(struct names_pool *p, struct names_entry *e)
{
	struct names_entry **at = name_bucket(p, e->hash);

	while (*at != e)
		at = &(*at)->next_name;
	*at = e->next_name;
	at = offset_bucket(p, e->offset);
	while (*at != e)
		at = &(*at)->next_offset;
	*at = e->next_offset;
	unlink_entry(p, e);
	p->count--;
	free(e);
}

/* New ones */

static void make_room(struct names_pool *p, int64_t now_s)
{
	for (int i = 0; i < GIVEN_UP_MAX; i++) {
		if (p->count < p->capacity / 4 * 3 || p->oldest == NULL ||
		    now_s - p->oldest->used_s <= NAMES_POOL_IDLE_S)
			return;
		give_up(p, p->oldest);
	}
}

/* The first free offset from the name's own on: there is one. */
static uint32_t place(const struct names_pool *p, uint32_t hash)
{
	uint32_t at = p->size == UINT32_MAX ? hash : hash % p->size;

	while (!usable(p, at) || names_pool_at(p, at) != NULL)
		at = at + 1 < p->size ? at + 1 : 0;
	return at;
}

static struct names_entry *make(struct names_pool *p, const char *name)
{
	size_t len = strlen(name);
	struct names_entry *e = NULL;

	if (p->count < p->capacity && (p->count < p->buckets || grow(p)))
		e = calloc(1, sizeof(*e) + len + 1);
	if (e == NULL)
		return NULL;
	memcpy(e->name, name, len + 1);
	e->hash = hash_name(name);
	return e;
}

static struct names_entry *join(struct names_pool *p, struct names_entry *e,
				uint32_t offset, int64_t used_s)
{
	e->offset = offset;
	e->used_s = used_s;
	enter(p, e);
	append(p, e);
	p->count++;
	return e;
}

struct names_entry *names_pool_add(struct names_pool *p, const char *name,
				   int64_t now_s)
{
	struct names_entry *e;

	make_room(p, now_s);
	e = make(p, name);
	return e != NULL ? join(p, e, place(p, e->hash), now_s) : NULL;
}

struct names_entry *names_pool_put(struct names_pool *p, const char *name,
				   uint32_t offset, int64_t used_s)
{
	struct names_entry *e = names_pool_find(p, name), *there;

	if (!usable(p, offset))
		return NULL;
	there = names_pool_at(p, offset);
	if (e != NULL && e == there) {
		names_pool_use(p, e, used_s);
		return e;
	}
	if (e != NULL)
		give_up(p, e);
	if (there != NULL)
		give_up(p, there);
	e = make(p, name);
	return e != NULL ? join(p, e, offset, used_s) : NULL;
}
