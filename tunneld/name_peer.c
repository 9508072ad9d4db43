/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name_peer.c - looks up, once in a while, the real address of a name that an
 * app sends datagrams to
 *
 * Each entry is one (synthetic address, port). The look-up runs in the pool;
 * while it does, name_peers_real() answers NULL and the datagram is dropped,
 * as it would be on a network that is slow to start. A failure is kept for a
 * while, so that a busy sender does not ask for it with every datagram.
 */
#include <config.h>

#include "name_peer.h"

#include "clock.h"
#include "dial.h"
#include "log.h"
#include "lookup.h"
#include "loop.h"
#include "names.h"
#include "thread_pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Peers by name are servers: few. When it is full, the oldest makes room. */
#define PEERS_MAX         32
#define LOOKUP_TIMEOUT_MS 5000
#define RETRY_MS          5000
#define FRESH_MS          300000

struct name_peer {
	struct endpoint synthetic;
	struct endpoint real; /* family 0: not known */
	uint64_t again_ms;    /* ask again from then on */
	struct look *look;    /* under way */
};

/* One look-up; outlives its entry when that is given up. */
struct look {
	struct thread_job job;
	struct name_peers *peers; /* NULL: nobody waits any more */
	struct endpoint synthetic;
	char name[CONTROL_NAME_MAX + 1];
	int count;
	struct endpoint found[LOOKUP_MAX];
};

struct name_peers {
	struct loop *loop;
	struct dial_pool *pool;
	struct names *names;
	size_t count;
	struct name_peer peer[PEERS_MAX];
};

struct name_peers *name_peers_new(struct loop *loop, struct dial_pool *pool,
				  struct names *names)
{
	struct name_peers *p = calloc(1, sizeof(*p));

	if (p != NULL)
		*p = (struct name_peers){ .loop = loop,
					  .pool = pool,
					  .names = names };
	return p;
}

static void forget(struct name_peer *peer)
{
	if (peer->look != NULL)
		peer->look->peers = NULL;
	peer->look = NULL;
}

void name_peers_free(struct name_peers *p)
{
	for (size_t i = 0; p != NULL && i < p->count; i++)
		forget(&p->peer[i]);
	free(p);
}

static struct name_peer *find(struct name_peers *p,
			      const struct endpoint *synthetic)
{
	for (size_t i = 0; i < p->count; i++) {
		if (endpoint_equal(&p->peer[i].synthetic, synthetic))
			return &p->peer[i];
	}
	return NULL;
}

/* In the pool. */
static void run_look(void *arg)
{
	struct look *l = arg;

	l->count = lookup_host(l->name, ENDPOINT_NONE,
			       clock_now_ms() + LOOKUP_TIMEOUT_MS, NULL,
			       l->found);
}

static void on_looked(void *arg, uint64_t now_ms)
{
	struct look *l = arg;
	struct name_peer *peer = l->peers != NULL
					 ? find(l->peers, &l->synthetic)
					 : NULL;

	if (peer != NULL) {
		peer->look = NULL;
		peer->again_ms = now_ms + (l->count > 0 ? FRESH_MS : RETRY_MS);
		if (l->count > 0) {
			peer->real = l->found[0];
			peer->real.port_be = l->synthetic.port_be;
		} else {
			log_debug("datagrams to %s: %s", l->name,
				  lookup_words(l->count));
		}
	}
	free(l);
}

static void begin(struct name_peers *p, struct name_peer *peer)
{
	struct look *l = calloc(1, sizeof(*l));

	if (l == NULL || !names_lookup(p->names, &peer->synthetic, l->name)) {
		free(l);
		return;
	}
	l->peers = p;
	l->synthetic = peer->synthetic;
	l->job = (struct thread_job){
		.work = run_look,
		.done = on_looked,
		.drop = free,
		.arg = l,
		.loop = p->loop,
	};
	peer->look = l;
	dial_run(p->pool, &l->job);
}

static struct name_peer *add(struct name_peers *p,
			     const struct endpoint *synthetic)
{
	struct name_peer *peer;

	if (p->count == PEERS_MAX) {
		forget(&p->peer[0]);
		memmove(p->peer, p->peer + 1, --p->count * sizeof(p->peer[0]));
	}
	peer = &p->peer[p->count++];
	*peer = (struct name_peer){ .synthetic = *synthetic };
	return peer;
}

const struct endpoint *name_peers_real(struct name_peers *p,
				       const struct endpoint *synthetic,
				       uint64_t now_ms)
{
	struct name_peer *peer = find(p, synthetic);

	if (peer == NULL)
		peer = add(p, synthetic);
	if (peer->look == NULL && now_ms >= peer->again_ms) {
		peer->again_ms = now_ms + RETRY_MS;
		begin(p, peer);
	}
	return peer->real.family != ENDPOINT_NONE ? &peer->real : NULL;
}

const struct endpoint *name_peers_shown(const struct name_peers *p,
					const struct endpoint *real)
{
	for (size_t i = 0; i < p->count; i++) {
		if (endpoint_equal(&p->peer[i].real, real))
			return &p->peer[i].synthetic;
	}
	return real;
}
