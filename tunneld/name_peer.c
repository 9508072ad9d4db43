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

#include "log.h"
#include "names.h"
#include "resolve.h"

#include <stdlib.h>

/* Peers by name are servers: few. When it is full, the oldest makes room. */
#define PEERS_MAX 32
#define RETRY_MS  5000
#define FRESH_MS  300000

struct name_peer {
	struct name_peers *peers;
	struct endpoint synthetic;
	struct endpoint real;    /* family 0: not known */
	uint64_t again_ms;       /* ask again from then on */
	struct resolve *resolve; /* under way */
};

struct name_peers {
	struct loop *loop;
	struct dial_pool *pool;
	struct names *names;
	size_t count, next; /* next: the place to use when all are taken */
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
	if (peer->resolve != NULL)
		resolve_cancel(peer->resolve);
	peer->resolve = NULL;
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

static void on_resolved(void *arg, int error, const struct endpoint *addrs,
			size_t count, uint64_t now_ms)
{
	struct name_peer *peer = arg;

	peer->resolve = NULL;
	peer->again_ms = now_ms + (count > 0 ? FRESH_MS : RETRY_MS);
	if (count == 0) {
		log_debug("a peer's name: %s", resolve_words(error));
		return;
	}
	peer->real = addrs[0];
	peer->real.port_be = peer->synthetic.port_be;
}

static void begin(struct name_peer *peer)
{
	struct name_peers *p = peer->peers;
	char name[CONTROL_NAME_MAX + 1];

	if (names_lookup(p->names, &peer->synthetic, name))
		peer->resolve = resolve_start(p->pool, p->loop, name,
					      ENDPOINT_NONE, on_resolved, peer);
}

static struct name_peer *add(struct name_peers *p,
			     const struct endpoint *synthetic)
{
	struct name_peer *peer;

	if (p->count < PEERS_MAX) {
		peer = &p->peer[p->count++];
	} else {
		peer = &p->peer[p->next++ % PEERS_MAX];
		forget(peer);
	}
	*peer = (struct name_peer){ .peers = p, .synthetic = *synthetic };
	return peer;
}

const struct endpoint *name_peers_real(struct name_peers *p,
				       const struct endpoint *synthetic,
				       uint64_t now_ms)
{
	struct name_peer *peer = find(p, synthetic);

	if (peer == NULL)
		peer = add(p, synthetic);
	if (peer->resolve == NULL && now_ms >= peer->again_ms) {
		peer->again_ms = now_ms + RETRY_MS;
		begin(peer);
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
