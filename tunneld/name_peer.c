/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name_peer.c - looks up, once in a while, the real address of a name that an
 * app sends datagrams to
 *
 * Theory of operation. Each entry is one (synthetic address, port). While its
 * look-up runs, name_peers_real() answers NULL and the datagram is dropped, as
 * it would be on a network that is slow to start. A look-up has up to three
 * ways: the system's resolver, DNS over HTTPS, and a query of our own through
 * the flow's relay. They start one after the other, the next one when the last
 * has failed or takes its time; the first address ends them all. A failure is
 * kept for a while, so that a busy sender does not ask with every datagram.
 */
#include <config.h>

#include "name_peer.h"

#include "buf.h"
#include "dns_client.h"
#include "doh.h"
#include "log.h"
#include "loop.h"
#include "name_way.h"
#include "names.h"
#include "policy.h"
#include "resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

/* Peers by name are servers: few. When it is full, the oldest makes room. */
#define PEERS_MAX   32
#define RETRY_MS    5000
#define FRESH_MS    300000
#define NEXT_WAY_MS 300
/* A query that the relay may lose; its own connection may have to be made. */
#define ASK_AGAIN_MS 500
#define ASKS_MAX     10
#define QUERY_BYTES  512

/* In the order in which they are tried. */
enum {
	WAY_SYSTEM = 1,
	WAY_HTTPS = 2,
	WAY_RELAY = 4,
};

struct name_peer {
	struct name_peers *peers;
	struct endpoint synthetic;
	struct endpoint real; /* family 0: not known */
	uint64_t again_ms;    /* ask again from then on */
	/* of the look-up under way */
	struct policy *policy; /* NULL: none is */
	unsigned int ways;     /* not begun yet */
	struct loop_timer next_way;
	struct resolve *resolve;
	struct doh *doh;
	unsigned int asks; /* by the relay; 0: not */
	struct loop_timer ask_again;
	uint16_t id;
	enum dns_type type;
	char name[CONTROL_NAME_MAX + 1];
};

struct name_peers {
	struct name_peers_opts opts;
	struct endpoint server; /* that was asked last through the relay */
	size_t count, next;     /* next: the place to use when all are taken */
	struct name_peer peer[PEERS_MAX];
};

struct name_peers *name_peers_new(const struct name_peers_opts *opts)
{
	struct name_peers *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->opts = *opts;
	return p;
}

/* The look-up is over, or is not wanted any more. */
static void stop(struct name_peer *peer)
{
	struct loop *loop = peer->peers->opts.loop;

	if (peer->resolve != NULL)
		resolve_cancel(peer->resolve);
	if (peer->doh != NULL)
		doh_cancel(peer->doh);
	loop_timer_stop(loop, &peer->next_way);
	loop_timer_stop(loop, &peer->ask_again);
	peer->resolve = NULL;
	peer->doh = NULL;
	peer->asks = 0;
	peer->ways = 0;
	policy_put(peer->policy);
	peer->policy = NULL;
}

void name_peers_free(struct name_peers *p)
{
	for (size_t i = 0; p != NULL && i < p->count; i++)
		stop(&p->peer[i]);
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

static void start_next(struct name_peer *peer, uint64_t now_ms);

static void found(struct name_peer *peer, const struct endpoint *addr,
		  uint64_t now_ms)
{
	peer->real = *addr;
	peer->real.port_be = peer->synthetic.port_be;
	peer->again_ms = now_ms + FRESH_MS;
	stop(peer);
}

static void failed(struct name_peer *peer, int error, uint64_t now_ms)
{
	log_debug("a peer's name: %s", strerror(-error));
	if (peer->ways != 0) {
		start_next(peer, now_ms);
	} else if (peer->resolve == NULL && peer->doh == NULL &&
		   peer->asks == 0) {
		peer->again_ms = now_ms + RETRY_MS;
		stop(peer);
	}
}

static void on_system(void *arg, int error, const struct endpoint *addrs,
		      size_t count, uint64_t now_ms)
{
	struct name_peer *peer = arg;

	peer->resolve = NULL;
	if (count > 0)
		found(peer, &addrs[0], now_ms);
	else
		failed(peer, error, now_ms);
}

static void on_https(void *arg, int error, const struct endpoint *addrs,
		     size_t count, uint64_t now_ms)
{
	struct name_peer *peer = arg;

	peer->doh = NULL;
	if (count > 0)
		found(peer, &addrs[0], now_ms);
	else
		failed(peer, error, now_ms);
}

/* Through the relay */

static void on_ask_again(void *arg, uint64_t now_ms);

static void ask_relay(struct name_peer *peer, uint64_t now_ms)
{
	struct name_peers *p = peer->peers;
	uint8_t query[QUERY_BYTES];
	struct buf b;

	buf_init(&b, query, sizeof(query));
	dns_client_put(&b, peer->id, peer->name, peer->type);
	p->server = policy_resolver(peer->policy)->relay_dns;
	if (!b.failed)
		p->opts.send(p->opts.arg, &p->server, query, b.len, now_ms);
	peer->asks++;
	loop_timer_set(p->opts.loop, &peer->ask_again, now_ms + ASK_AGAIN_MS,
		       on_ask_again, peer);
}

static void on_ask_again(void *arg, uint64_t now_ms)
{
	struct name_peer *peer = arg;

	if (peer->asks < ASKS_MAX) {
		ask_relay(peer, now_ms);
		return;
	}
	peer->asks = 0;
	failed(peer, -ETIMEDOUT, now_ms);
}

/* An id that nobody can guess: the answer comes from the open network. */
static bool begin_relay(struct name_peer *peer, enum dns_type type,
			uint64_t now_ms)
{
	if (getrandom(&peer->id, sizeof(peer->id), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(peer->id))
		return false;
	peer->type = type;
	peer->asks = 0;
	ask_relay(peer, now_ms);
	return true;
}

static void on_answer(struct name_peer *peer, const uint8_t *data, size_t len,
		      uint64_t now_ms)
{
	struct endpoint addr;
	int n = dns_client_get(data, len, peer->id, peer->name, peer->type,
			       &addr, 1);

	if (n == -EBADMSG)
		return; /* another one's, or forged */
	if (n > 0) {
		found(peer, &addr, now_ms);
		return;
	}
	if (n == -ENODATA && peer->type == DNS_TYPE_A &&
	    begin_relay(peer, DNS_TYPE_AAAA, now_ms))
		return;
	loop_timer_stop(peer->peers->opts.loop, &peer->ask_again);
	peer->asks = 0;
	failed(peer, n, now_ms);
}

bool name_peers_answer(struct name_peers *p, const struct endpoint *from,
		       const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (p->server.family == ENDPOINT_NONE ||
	    !endpoint_equal(from, &p->server))
		return false;
	for (size_t i = 0; i < p->count; i++)
		if (p->peer[i].asks > 0)
			on_answer(&p->peer[i], data, len, now_ms);
	return true;
}

/* The ways, one after the other */

static bool start(struct name_peer *peer, unsigned int way, uint64_t now_ms)
{
	const struct name_peers_opts *opts = &peer->peers->opts;
	const struct policy_resolver *r = policy_resolver(peer->policy);

	switch (way) {
	case WAY_SYSTEM:
		peer->resolve = resolve_start(opts->pool, opts->loop,
					      peer->name, ENDPOINT_NONE,
					      on_system, peer);
		return peer->resolve != NULL;
	case WAY_HTTPS:
		peer->doh = doh_start(opts->pool, opts->loop, r->doh_uri,
				      policy_egress_to_url(peer->policy,
							   opts->names,
							   r->doh_uri),
				      peer->name, on_https, peer);
		return peer->doh != NULL;
	default:
		return begin_relay(peer, DNS_TYPE_A, now_ms);
	}
}

static void on_next_way(void *arg, uint64_t now_ms)
{
	start_next(arg, now_ms);
}

static void start_next(struct name_peer *peer, uint64_t now_ms)
{
	bool started = false;

	while (peer->ways != 0 && !started) {
		unsigned int way = peer->ways & -peer->ways;

		peer->ways &= ~way;
		started = start(peer, way, now_ms);
	}
	if (peer->ways != 0)
		loop_timer_set(peer->peers->opts.loop, &peer->next_way,
			       now_ms + NEXT_WAY_MS, on_next_way, peer);
	else if (!started)
		failed(peer, -EAGAIN, now_ms);
}

/* A name that has become direct meanwhile does not leave. */
static unsigned int ways_of(struct name_peer *peer)
{
	const struct policy_resolver *r = policy_resolver(peer->policy);

	if (name_way(peer->policy, peer->peers->opts.names, peer->name, NULL) ==
	    NAME_WAY_SYSTEM)
		return WAY_SYSTEM;
	switch (r->kind) {
	case POLICY_RESOLVER_SYSTEM:
		return WAY_SYSTEM;
	case POLICY_RESOLVER_HTTPS:
		return WAY_HTTPS;
	case POLICY_RESOLVER_RELAY:
		return WAY_RELAY;
	default:
		return WAY_SYSTEM | (r->doh_uri[0] != '\0' ? WAY_HTTPS : 0u) |
		       (r->relay_dns.family != ENDPOINT_NONE ? WAY_RELAY : 0u);
	}
}

static struct name_peer *add(struct name_peers *p,
			     const struct endpoint *synthetic)
{
	struct name_peer *peer;

	if (p->count < PEERS_MAX) {
		peer = &p->peer[p->count++];
	} else {
		peer = &p->peer[p->next++ % PEERS_MAX];
		stop(peer);
	}
	*peer = (struct name_peer){ .peers = p, .synthetic = *synthetic };
	return peer;
}

const struct endpoint *name_peers_real(struct name_peers *p,
				       struct policy *policy,
				       const struct endpoint *synthetic,
				       uint64_t now_ms)
{
	struct name_peer *peer = find(p, synthetic);

	if (peer == NULL)
		peer = add(p, synthetic);
	if (peer->policy == NULL && now_ms >= peer->again_ms &&
	    names_lookup(p->opts.names, &peer->synthetic, peer->name)) {
		peer->again_ms = now_ms + RETRY_MS;
		peer->policy = policy_get(policy);
		peer->ways = ways_of(peer);
		start_next(peer, now_ms);
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
