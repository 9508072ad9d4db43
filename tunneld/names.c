/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names.c - synthetic addresses for names
 *
 * Turns a name into an address of the pools and back.
 *
 * Theory of operation: each family has a table of entries found by name (hash
 * chains) and by offset in the pool (the same). A name's first choice of
 * offset is its hash, so that it gets the same address after a restart; a
 * taken one moves on to the next. Entries are never given up, because apps
 * keep addresses for as long as they like. The first and last 256 addresses of
 * a pool stay free, and within IPv4 those that end in .0 or .255, which some
 * programs take for networks.
 */
#include <config.h>

#include "names.h"

#include "addr.h"
#include "buf.h"
#include "hostname.h"
#include "hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define ENTRIES_MAX   (1u << 18) /* some 100 bytes each */
#define EDGE          256u
#define HOSTS_FILE    "/etc/hosts"
#define BUCKETS_FIRST 64u

struct entry {
	struct entry *next_name, *next_offset;
	uint32_t hash, offset;
	char name[];
};

/* Of one family. */
struct pool {
	struct endpoint base;
	uint8_t bits;
	uint32_t size;           /* offsets are below it; 0: no pool */
	uint32_t count, buckets; /* a power of two */
	bool full;
	struct entry **by_name, **by_offset;
};

struct names {
	pthread_mutex_t lock;
	struct pool pool[2]; /* IPv4, IPv6 */
	struct hosts hosts;
	int kept; /* where new names are written; -1: nowhere */
};

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

static void pool_init(struct pool *p, const struct endpoint *base, uint8_t bits)
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
}

static void pool_fini(struct pool *p)
{
	for (uint32_t i = 0; i < p->buckets; i++) {
		struct entry *e = p->by_name[i], *next;

		for (; e != NULL; e = next) {
			next = e->next_name;
			free(e);
		}
	}
	free(p->by_name);
	free(p->by_offset);
}

static void pool_insert(struct pool *p, struct entry *e)
{
	struct entry **name = &p->by_name[e->hash & (p->buckets - 1)];
	struct entry **offset =
		&p->by_offset[hash_offset(e->offset) & (p->buckets - 1)];

	e->next_name = *name;
	*name = e;
	e->next_offset = *offset;
	*offset = e;
}

/* Twice as many buckets. False: no memory, everything as before. */
static bool pool_grow(struct pool *p)
{
	struct pool old = *p;
	uint32_t n = old.buckets ? old.buckets * 2 : BUCKETS_FIRST;
	struct entry **by_name = calloc(n, sizeof(*by_name));
	struct entry **by_offset = calloc(n, sizeof(*by_offset));

	if (by_name == NULL || by_offset == NULL) {
		free(by_name);
		free(by_offset);
		return false;
	}
	p->by_name = by_name;
	p->by_offset = by_offset;
	p->buckets = n;
	for (uint32_t i = 0; i < old.buckets; i++) {
		struct entry *e = old.by_name[i], *next;

		for (; e != NULL; e = next) {
			next = e->next_name;
			pool_insert(p, e);
		}
	}
	free(old.by_name);
	free(old.by_offset);
	return true;
}

static struct entry *find_name(const struct pool *p, const char *name,
			       uint32_t hash)
{
	struct entry *e = p->buckets ? p->by_name[hash & (p->buckets - 1)]
				     : NULL;

	while (e != NULL && (e->hash != hash || strcmp(e->name, name) != 0))
		e = e->next_name;
	return e;
}

static struct entry *find_offset(const struct pool *p, uint32_t offset)
{
	struct entry *e = NULL;

	if (p->buckets)
		e = p->by_offset[hash_offset(offset) & (p->buckets - 1)];
	while (e != NULL && e->offset != offset)
		e = e->next_offset;
	return e;
}

static bool usable(const struct pool *p, uint32_t offset)
{
	uint32_t edge = p->size >= 4 * EDGE ? EDGE : 1;

	if (offset < edge || offset >= p->size - edge)
		return false;
	return p->base.family != ENDPOINT_IPV4 ||
	       ((offset & 0xff) != 0 && (offset & 0xff) != 0xff);
}

/* The first free offset from the name's own on. False: none. */
static bool pool_place(const struct pool *p, uint32_t hash, uint32_t *offset)
{
	uint32_t at = p->size == UINT32_MAX ? hash : hash % p->size;

	for (uint32_t tries = 0; tries < p->size; tries++) {
		if (usable(p, at) && find_offset(p, at) == NULL) {
			*offset = at;
			return true;
		}
		at = at + 1 < p->size ? at + 1 : 0;
	}
	return false;
}

static struct entry *pool_add(struct pool *p, const char *name, uint32_t hash)
{
	size_t len = strlen(name);
	struct entry *e;

	if (p->count >= ENTRIES_MAX || p->full)
		return NULL;
	if (p->count >= p->buckets && !pool_grow(p))
		return NULL;
	e = malloc(sizeof(*e) + len + 1);
	if (e == NULL)
		return NULL;
	memcpy(e->name, name, len + 1);
	e->hash = hash;
	if (!pool_place(p, hash, &e->offset)) {
		p->full = true;
		free(e);
		return NULL;
	}
	pool_insert(p, e);
	p->count++;
	return e;
}

/* Where the low 32 bits of the address stand. */
static uint8_t *low_bits(struct endpoint *e)
{
	return e->ip + (e->family == ENDPOINT_IPV4 ? 0 : 12);
}

static const struct pool *pool_of(const struct names *n,
				  const struct endpoint *addr)
{
	for (size_t i = 0; i < ARRAY_SIZE(n->pool); i++)
		if (n->pool[i].size > 0 &&
		    addr_in_prefix(addr, &n->pool[i].base, n->pool[i].bits))
			return &n->pool[i];
	return NULL;
}

struct names *names_new(const struct names_opts *opts)
{
	struct names *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	if (pthread_mutex_init(&n->lock, NULL) != 0) {
		free(n);
		return NULL;
	}
	n->kept = -1;
	hosts_init(&n->hosts, HOSTS_FILE);
	pool_init(&n->pool[0], &opts->pool4, opts->pool4_bits);
	pool_init(&n->pool[1], &opts->pool6, opts->pool6_bits);
	return n;
}

void names_free(struct names *n)
{
	if (n == NULL)
		return;
	pool_fini(&n->pool[0]);
	pool_fini(&n->pool[1]);
	hosts_fini(&n->hosts);
	if (n->kept >= 0)
		close(n->kept);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

bool names_normalise(const char *name, char out[CONTROL_NAME_MAX + 1])
{
	return hostname_normalise(name, out);
}

/* One line a name, in the order in which they came: read again in that order,
 * each gets the address that it had. */
static void keep(struct names *n, uint8_t family, const char *name)
{
	char line[CONTROL_NAME_MAX + 8];
	int len = snprintf(line, sizeof(line), "%d %s\n", family, name);
	ssize_t put;

	if (n->kept < 0)
		return;
	put = write(n->kept, line, (size_t)len);
	(void)put; /* a full disk costs the address after a restart, no more */
}

int names_keep(struct names *n, const char *path)
{
	char line[CONTROL_NAME_MAX + 8], name[sizeof(line)];
	struct endpoint addr;
	struct stat st;
	unsigned int family;
	FILE *file;
	int fd = open(path,
		      O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		      0600);

	if (fd < 0)
		return -errno;
	file = fdopen(dup(fd), "r");
	if (file == NULL || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid()) {
		if (file != NULL)
			fclose(file);
		close(fd);
		return -EPERM;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		/* A line that is cut or odd is left out. */
		if (strchr(line, '\n') == NULL ||
		    sscanf(line, "%1u %262s", &family, name) != 2 ||
		    !names_address(n, name, (uint8_t)family, &addr))
			continue;
	}
	fclose(file);
	n->kept = fd;
	return 0;
}

bool names_address(struct names *n, const char *name, uint8_t family,
		   struct endpoint *addr)
{
	char plain[CONTROL_NAME_MAX + 1];
	struct entry *e = NULL;
	uint32_t hash, low = 0;
	struct pool *p = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(n->pool); i++)
		if (n->pool[i].size > 0 && n->pool[i].base.family == family)
			p = &n->pool[i];
	if (p == NULL || !hostname_normalise(name, plain))
		return false;
	hash = hash_name(plain);
	pthread_mutex_lock(&n->lock);
	e = find_name(p, plain, hash);
	if (e == NULL) {
		e = pool_add(p, plain, hash);
		if (e != NULL)
			keep(n, family, plain);
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
	const struct pool *p = pool_of(n, addr);
	struct endpoint copy = *addr, base;
	const struct entry *e;
	uint32_t offset;

	if (p == NULL)
		return false;
	base = p->base;
	offset = be32_get(low_bits(&copy)) ^ be32_get(low_bits(&base));
	/* Bits of a wide pool above the low 32 are never given out. */
	if (copy.family == ENDPOINT_IPV6 && memcmp(copy.ip, base.ip, 12) != 0)
		return false;
	pthread_mutex_lock(&n->lock);
	e = find_offset(p, offset);
	if (e != NULL)
		strcpy(name, e->name);
	pthread_mutex_unlock(&n->lock);
	return e != NULL;
}

bool names_is_synthetic(const struct names *n, const struct endpoint *addr)
{
	return pool_of(n, addr) != NULL;
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
