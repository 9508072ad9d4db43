/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names.c - synthetic addresses for names
 *
 * Turns a name into an address of the pools and back, under one lock, and
 * keeps what it has given out in a file.
 */
#include <config.h>

#include "names.h"

#include "addr.h"
#include "buf.h"
#include "clock.h"
#include "hostname.h"
#include "hosts.h"
#include "log.h"
#include "names_file.h"
#include "names_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOSTS_FILE "/etc/hosts"
/* The file has to know roughly when a name was used last. */
#define KEEP_AGAIN_S (NAMES_POOL_IDLE_S / 2)
/* It may have so many records more than there are names, and as many again. */
#define RECORDS_SPARE 4096

struct names {
	pthread_mutex_t lock;
	struct names_pool pool[2]; /* IPv4, IPv6 */
	struct hosts hosts;
	struct names_file *file; /* NULL: names are not kept */
};

/* Where the low 32 bits of the address stand. */
static uint8_t *low_bits(struct endpoint *e)
{
	return e->ip + (e->family == ENDPOINT_IPV4 ? 0 : 12);
}

static bool is_in(const struct names_pool *p, const struct endpoint *addr)
{
	return p->size > 0 && addr_in_prefix(addr, &p->base, p->bits);
}

static struct names_pool *pool_of(struct names *n, const struct endpoint *addr)
{
	for (size_t i = 0; i < ARRAY_SIZE(n->pool); i++)
		if (is_in(&n->pool[i], addr))
			return &n->pool[i];
	return NULL;
}

static struct names_pool *pool_for(struct names *n, uint8_t family)
{
	for (size_t i = 0; i < ARRAY_SIZE(n->pool); i++)
		if (n->pool[i].size > 0 && n->pool[i].base.family == family)
			return &n->pool[i];
	return NULL;
}

static int64_t now_s(void)
{
	return (int64_t)(clock_now_ms() / 1000);
}

/* Keeping */

static struct names_record record_of(const struct names_pool *p,
				     const struct names_entry *e)
{
	struct names_record r = { .family = p->base.family,
				  .offset = e->offset,
				  .used_s = time(NULL) -
					    (now_s() - e->used_s) };

	snprintf(r.name, sizeof(r.name), "%s", e->name);
	return r;
}

static void rewrite(struct names *n)
{
	int err = names_file_begin(n->file);

	for (size_t i = 0; err == 0 && i < ARRAY_SIZE(n->pool); i++) {
		const struct names_pool *p = &n->pool[i];

		for (struct names_entry *e = p->oldest; e != NULL;
		     e = e->newer) {
			struct names_record r = record_of(p, e);

			names_file_put(n->file, &r);
			e->kept_s = e->used_s;
		}
	}
	if (err == 0)
		err = names_file_end(n->file);
	if (err < 0)
		log_debug("names: not written anew: %s", strerror(-err));
}

static void keep(struct names *n, const struct names_pool *p,
		 struct names_entry *e)
{
	struct names_record r;

	if (n->file == NULL)
		return;
	r = record_of(p, e);
	names_file_add(n->file, &r);
	e->kept_s = e->used_s;
	if (names_file_records(n->file) / 2 >
	    n->pool[0].count + n->pool[1].count + RECORDS_SPARE / 2)
		rewrite(n);
}

static void use(struct names *n, struct names_pool *p, struct names_entry *e)
{
	names_pool_use(p, e, now_s());
	if (e->used_s - e->kept_s > KEEP_AGAIN_S)
		keep(n, p, e);
}

/* Ages hold over a restart, and a clock that was set back makes nothing
 * older. */
static void take_up(void *arg, const struct names_record *r)
{
	struct names *n = arg;
	struct names_pool *p = pool_for(n, r->family);
	int64_t age_s = time(NULL) - r->used_s;
	struct names_entry *e = NULL;
	char plain[CONTROL_NAME_MAX + 1];

	if (p == NULL || !hostname_normalise(r->name, plain))
		return;
	if (r->offset != NAMES_FILE_NOWHERE) {
		e = names_pool_put(p, plain, r->offset,
				   now_s() - (age_s > 0 ? age_s : 0));
	} else if (names_pool_find(p, plain) == NULL) {
		e = names_pool_add(p, plain, now_s());
	}
	if (e != NULL)
		e->kept_s = e->used_s;
}

int names_keep(struct names *n, const char *path)
{
	n->file = names_file_open(path, take_up, n);
	if (n->file == NULL)
		return -errno;
	return 0;
}

/* Life */

struct names *names_new(const struct names_opts *opts)
{
	struct names *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	if (pthread_mutex_init(&n->lock, NULL) != 0) {
		free(n);
		return NULL;
	}
	hosts_init(&n->hosts, HOSTS_FILE);
	names_pool_init(&n->pool[0], &opts->pool4, opts->pool4_bits);
	names_pool_init(&n->pool[1], &opts->pool6, opts->pool6_bits);
	return n;
}

void names_free(struct names *n)
{
	if (n == NULL)
		return;
	if (n->file != NULL)
		rewrite(n); /* when each was used last */
	names_file_close(n->file);
	names_pool_fini(&n->pool[0]);
	names_pool_fini(&n->pool[1]);
	hosts_fini(&n->hosts);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

/* Names and addresses */

bool names_normalise(const char *name, char out[CONTROL_NAME_MAX + 1])
{
	return hostname_normalise(name, out);
}

bool names_address(struct names *n, const char *name, uint8_t family,
		   struct endpoint *addr)
{
	struct names_pool *p = pool_for(n, family);
	char plain[CONTROL_NAME_MAX + 1];
	struct names_entry *e = NULL;
	uint32_t low = 0;

	if (p == NULL || !hostname_normalise(name, plain))
		return false;
	pthread_mutex_lock(&n->lock);
	e = names_pool_find(p, plain);
	if (e != NULL) {
		use(n, p, e);
	} else {
		e = names_pool_add(p, plain, now_s());
		if (e != NULL)
			keep(n, p, e);
	}
	if (e != NULL)
		low = e->offset;
	pthread_mutex_unlock(&n->lock);
	if (e == NULL)
		return false;
	*addr = p->base;
	be32_set(low_bits(addr), be32_get(low_bits(addr)) | low);
	return true;
}

bool names_lookup(struct names *n, const struct endpoint *addr,
		  char name[CONTROL_NAME_MAX + 1])
{
	struct names_pool *p = pool_of(n, addr);
	struct endpoint copy = *addr, base;
	struct names_entry *e;
	uint32_t offset;

	if (p == NULL)
		return false;
	base = p->base;
	offset = be32_get(low_bits(&copy)) ^ be32_get(low_bits(&base));
	/* Bits of a wide pool above the low 32 are never given out. */
	if (copy.family == ENDPOINT_IPV6 && memcmp(copy.ip, base.ip, 12) != 0)
		return false;
	pthread_mutex_lock(&n->lock);
	e = names_pool_at(p, offset);
	if (e != NULL) {
		strcpy(name, e->name);
		use(n, p, e);
	}
	pthread_mutex_unlock(&n->lock);
	return e != NULL;
}

bool names_is_synthetic(const struct names *n, const struct endpoint *addr)
{
	return is_in(&n->pool[0], addr) || is_in(&n->pool[1], addr);
}

void names_use(struct names *n, uint8_t family, uint32_t *used,
	       uint32_t *capacity)
{
	const struct names_pool *p;

	pthread_mutex_lock(&n->lock);
	p = pool_for(n, family);
	*used = p != NULL ? p->count : 0;
	*capacity = p != NULL ? p->capacity : 0;
	pthread_mutex_unlock(&n->lock);
}

bool names_has_pool(const struct names *n, uint8_t family)
{
	return n->pool[family == ENDPOINT_IPV6].size > 0;
}

bool names_in_hosts_file(struct names *n, const char *name)
{
	char plain[CONTROL_NAME_MAX + 1];
	bool found;

	if (!hostname_normalise(name, plain))
		return false;
	pthread_mutex_lock(&n->lock);
	found = hosts_contain(&n->hosts, plain);
	pthread_mutex_unlock(&n->lock);
	return found;
}

void names_set_hosts_file(struct names *n, const char *path)
{
	pthread_mutex_lock(&n->lock);
	hosts_fini(&n->hosts);
	hosts_init(&n->hosts, path);
	pthread_mutex_unlock(&n->lock);
}
