/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * network_sum.c - the tables into numbers: which network it is, and whether
 * anything has changed
 */
#include <config.h>

#include "network_private.h"

#include <stdlib.h>
#include <string.h>

/* Hashes that make up a fingerprint. */
#define PARTS_MAX 256

/* Hashing */

uint64_t network_hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len-- > 0)
		h = (h ^ *at++) * 0x100000001b3u;
	return h;
}

uint64_t network_hash_u32(uint64_t h, uint32_t v)
{
	uint8_t bytes[4];

	be32_set(bytes, v);
	return network_hash_bytes(h, bytes, sizeof(bytes));
}

static uint64_t hash_endpoint(uint64_t h, const struct endpoint *e)
{
	h = network_hash_u32(h, e->family);
	return network_hash_bytes(h, e->ip, sizeof(e->ip));
}

/* Is there no better one of the same kind in its table? */
static bool is_best(const struct network *n, const struct route *r)
{
	for (size_t i = 0; i < n->route_count; i++) {
		const struct route *o = &n->routes[i];

		if (o->family == r->family && o->table == r->table &&
		    o->bits == r->bits && endpoint_equal(&o->dst, &r->dst) &&
		    o->metric < r->metric)
			return false;
	}
	return true;
}

/* What it comes to */

struct parts {
	uint64_t hash[PARTS_MAX];
	size_t count;
};

static void add_part(struct parts *p, uint64_t hash)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->hash[i] == hash)
			return; /* temporary addresses share a prefix */
	}
	if (p->count < PARTS_MAX)
		p->hash[p->count++] = hash;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t sum_up(struct parts *p)
{
	uint64_t h = NETWORK_HASH_START;

	qsort(p->hash, p->count, sizeof(p->hash[0]), compare);
	for (size_t i = 0; i < p->count; i++) {
		h = network_hash_u32(h, (uint32_t)(p->hash[i] >> 32));
		h = network_hash_u32(h, (uint32_t)p->hash[i]);
	}
	return h;
}

static void add_prefixes(struct parts *p, const struct network *n,
			 uint8_t family, uint32_t link)
{
	for (size_t i = 0; i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];
		uint64_t h = NETWORK_HASH_START;

		if (a->link != link || a->local.family != family ||
		    network_is_link_local(&a->local))
			continue;
		/* A modem's own address says nothing: it is new every time. */
		if (a->bits >= (family == ENDPOINT_IPV6 ? 126 : 30))
			continue;
		h = hash_endpoint(h, &a->prefix);
		add_part(p, network_hash_u32(h, a->bits));
	}
}

static bool has_default(const struct network *n, uint8_t family)
{
	for (size_t i = 0; i < n->route_count; i++) {
		if (n->routes[i].family == family)
			return true;
	}
	return false;
}

static void add_route(struct parts *p, const struct network *n,
		      const struct route *r)
{
	const struct link *link = network_find_link(n, r->link);
	uint64_t h = network_hash_u32(NETWORK_HASH_START, r->family);

	h = network_hash_u32(h, r->bits);
	h = hash_endpoint(h, &r->dst);
	h = hash_endpoint(h, &r->gateway);
	if (link != NULL)
		h = network_hash_bytes(h, &link->kind, sizeof(link->kind));
	add_part(p, h);
	if (r->family == ENDPOINT_IPV4 || !has_default(n, ENDPOINT_IPV4))
		add_prefixes(p, n, r->family, r->link);
}

/* A network that is left by the proxy alone. */
static void add_links(struct parts *p, const struct network *n)
{
	for (size_t i = 0; i < n->link_count; i++) {
		const struct link *link = &n->links[i];

		if (link->bridge || (link->flags & IFF_LOOPBACK) ||
		    (link->flags & (IFF_UP | IFF_RUNNING)) !=
			    (IFF_UP | IFF_RUNNING))
			continue;
		add_prefixes(p, n, ENDPOINT_IPV4, link->index);
		add_prefixes(p, n, ENDPOINT_IPV6, link->index);
	}
}

uint64_t network_fingerprint(const struct network *n)
{
	struct parts p = { .count = 0 };

	for (size_t i = 0; i < n->route_count; i++) {
		if (is_best(n, &n->routes[i]))
			add_route(&p, n, &n->routes[i]);
	}
	if (n->route_count == 0)
		add_links(&p, n);
	return sum_up(&p);
}

uint64_t network_fingerprint_via(uint64_t fingerprint, const char *host,
				 uint16_t port)
{
	uint64_t h = network_hash_u32(NETWORK_HASH_START,
				      (uint32_t)(fingerprint >> 32));

	h = network_hash_u32(h, (uint32_t)fingerprint);
	if (host != NULL) {
		h = network_hash_bytes(h, host, strlen(host));
		h = network_hash_u32(h, port);
	}
	return h != 0 ? h : 1;
}

uint64_t network_digest(const struct network *n)
{
	struct parts p = { .count = 0 };
	uint64_t sum = 0, h;

	for (size_t i = 0; i < n->route_count; i++) {
		const struct route *r = &n->routes[i];
		const struct link *link = network_find_link(n, r->link);

		if (!is_best(n, r))
			continue;
		add_route(&p, n, r);
		h = network_hash_u32(NETWORK_HASH_START, r->link);
		if (link != NULL)
			h = network_hash_u32(h, link->flags & LINK_STATE);
		add_part(&p, network_hash_u32(h, r->family));
	}
	/* Any number of them, in any order. */
	for (size_t i = 0; i < n->address_count; i++) {
		const struct address *a = &n->addresses[i];

		if (!network_is_link_local(&a->local) &&
		    network_is_usable(n, a))
			sum += hash_endpoint(NETWORK_HASH_START, &a->local);
	}
	add_part(&p, sum);
	return sum_up(&p);
}
