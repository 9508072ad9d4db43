/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names_pool.h - the addresses of one family that stand for names, and who has
 * them; no lock, no clock
 */
#ifndef NAMES_POOL_H
#define NAMES_POOL_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>

/* An entry that was not used for so long is nobody's any more: no connect is
 * under way, no TTL runs, and flows ask again every few minutes. */
#define NAMES_POOL_IDLE_S 86400

struct names_entry {
	struct names_entry *next_name, *next_offset; /* in the tables */
	struct names_entry *older, *newer;           /* by last use */
	uint32_t hash, offset;
	int64_t used_s; /* monotonic */
	int64_t kept_s; /* as the file has it; names.c's */
	char name[];
};

struct names_pool {
	struct endpoint base;
	uint8_t bits;
	uint32_t size;           /* offsets are below it; 0: no pool */
	uint32_t capacity;       /* names */
	uint32_t count, buckets; /* a power of two */
	struct names_entry **by_name, **by_offset;
	struct names_entry *oldest, *newest;
};

/* Family 0: no pool. */
void names_pool_init(struct names_pool *p, const struct endpoint *base,
		     uint8_t bits);
void names_pool_fini(struct names_pool *p);

/* Names are normalised. */
struct names_entry *names_pool_find(const struct names_pool *p,
				    const char *name);
struct names_entry *names_pool_at(const struct names_pool *p, uint32_t offset);
void names_pool_use(struct names_pool *p, struct names_entry *e, int64_t now_s);
/* A new name at a free address; one that is idle may lose its own when the pool
 * is three quarters full. NULL: full, or no memory. */
struct names_entry *names_pool_add(struct names_pool *p, const char *name,
				   int64_t now_s) MUST_CHECK;
/* A name where it was before, used last at `used_s`, which is the newest of
 * all; whoever has its address loses it. NULL: no such address. */
struct names_entry *names_pool_put(struct names_pool *p, const char *name,
				   uint32_t offset, int64_t used_s) MUST_CHECK;

#endif
