/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hops.c - one job in the pool that looks all hops' names up */
#include <config.h>

#include "hops.h"

#include "addr.h"
#include "clock.h"
#include "dial.h"
#include "lookup.h"
#include "snapshot.h"
#include "thread_pool.h"

#include <stdlib.h>
#include <string.h>

#define HOPS_TIMEOUT_MS 10000
/* One proxy and a handful of relays, each with a few addresses. */
#define HOPS_ADDRS_MAX 64

/* Shared by the owner and the job; freed by the one that lets go last, both in
 * the loop's thread. */
struct hops {
	struct thread_job job;
	hops_fn *fn; /* NULL: the owner is gone */
	void *arg;
	bool finished;
	size_t hop_count;
	struct snapshot_hop *hop;
	size_t count;
	struct endpoint addrs[HOPS_ADDRS_MAX];
};

static void release(void *arg)
{
	struct hops *h = arg;

	free(h->hop);
	free(h);
}

static void add_found(struct hops *h, const struct snapshot_hop *hop)
{
	struct endpoint found[LOOKUP_MAX];
	int n = lookup_host(hop->host, ENDPOINT_NONE,
			    clock_now_ms() + HOPS_TIMEOUT_MS, NULL, found);

	for (int i = 0; i < n && h->count < HOPS_ADDRS_MAX; i++) {
		found[i].port_be = htons(hop->port);
		h->addrs[h->count++] = found[i];
	}
}

static void run_job(void *arg)
{
	struct hops *h = arg;
	struct endpoint literal;

	for (size_t i = 0; i < h->hop_count; i++) {
		if (!addr_parse_ip(h->hop[i].host, &literal))
			add_found(h, &h->hop[i]);
	}
}

static void on_done(void *arg, uint64_t now_ms)
{
	struct hops *h = arg;

	(void)now_ms;
	h->finished = true;
	if (h->fn == NULL)
		release(h);
	else if (h->count > 0)
		h->fn(h->arg, h->addrs, h->count);
}

/* The pool ends before the job is delivered; the owner may be there still. */
static void on_drop(void *arg)
{
	struct hops *h = arg;

	h->finished = true;
	if (h->fn == NULL)
		release(h);
}

struct hops *hops_new(struct loop *loop, struct dial_pool *pool,
		      const struct snapshot_hop *hop, size_t count, hops_fn *fn,
		      void *arg)
{
	struct hops *h = calloc(1, sizeof(*h));

	if (h == NULL || count == 0) {
		free(h);
		return NULL;
	}
	h->hop = calloc(count, sizeof(*hop));
	if (h->hop == NULL) {
		free(h);
		return NULL;
	}
	memcpy(h->hop, hop, count * sizeof(*hop));
	h->hop_count = count;
	h->fn = fn;
	h->arg = arg;
	h->job = (struct thread_job){
		.work = run_job,
		.done = on_done,
		.drop = on_drop,
		.arg = h,
		.loop = loop,
	};
	dial_run(pool, &h->job);
	return h;
}

void hops_free(struct hops *h)
{
	if (h == NULL)
		return;
	h->fn = NULL;
	if (h->finished)
		release(h);
}
