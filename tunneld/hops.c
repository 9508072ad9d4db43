/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hops.c - one look-up for each hop that is given by name */
#include <config.h>

#include "hops.h"

#include "addr.h"
#include "resolve.h"

#include <stdlib.h>
#include <string.h>

/* One proxy and a handful of relays, each with a few addresses. */
#define HOPS_ADDRS_MAX 64

struct hop_lookup {
	struct hops *hops;
	uint16_t port;
	struct resolve *resolve; /* NULL: not under way */
};

struct hops {
	hops_fn *fn;
	void *arg;
	size_t pending;
	size_t count;
	struct endpoint addrs[HOPS_ADDRS_MAX];
	size_t lookups;
	struct hop_lookup lookup[];
};

static void on_resolved(void *arg, int error, const struct endpoint *addrs,
			size_t count, uint64_t now_ms)
{
	struct hop_lookup *l = arg;
	struct hops *h = l->hops;

	/* A name that only the proxy can resolve is no trouble: then no app
	 * knows the hop by address either. */
	(void)error, (void)now_ms;
	l->resolve = NULL;
	for (size_t i = 0; i < count && h->count < HOPS_ADDRS_MAX; i++) {
		h->addrs[h->count] = addrs[i];
		h->addrs[h->count++].port_be = htons(l->port);
	}
	if (--h->pending == 0 && h->count > 0)
		h->fn(h->arg, h->addrs, h->count);
}

struct hops *hops_new(struct loop *loop, struct dial_pool *pool,
		      const struct hops_host *hop, size_t count, hops_fn *fn,
		      void *arg)
{
	struct hops *h = calloc(1, sizeof(*h) + count * sizeof(h->lookup[0]));
	struct endpoint literal;

	if (h == NULL)
		return NULL;
	h->fn = fn;
	h->arg = arg;
	h->lookups = count;
	for (size_t i = 0; i < count; i++) {
		struct hop_lookup *l = &h->lookup[i];

		*l = (struct hop_lookup){ .hops = h, .port = hop[i].port };
		if (!addr_parse_ip(hop[i].host, &literal))
			l->resolve = resolve_start(pool, loop, hop[i].host,
						   ENDPOINT_NONE, on_resolved,
						   l);
		h->pending += l->resolve != NULL;
	}
	return h;
}

void hops_free(struct hops *h)
{
	for (size_t i = 0; h != NULL && i < h->lookups; i++) {
		if (h->lookup[i].resolve != NULL)
			resolve_cancel(h->lookup[i].resolve);
	}
	free(h);
}
