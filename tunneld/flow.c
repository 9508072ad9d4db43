/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow.c - datagrams of one app socket to the relay, or to the answers that
 * tunneld gives itself, and back
 *
 * Theory of operation. The flow's loopback socket is open to everyone until
 * the first datagram with the right secret has come; then it is connected to
 * that sender, and the kernel keeps strangers out. The secret is checked all
 * the same. Where a datagram goes is decided in dispatch(), in this order:
 * a DNS query, a plain STUN Binding request (held until the relayed address is
 * known: a wrong address would be nominated), a peer by name, a peer by
 * address. An uplink per address family comes with the first datagram that
 * needs one. A flow that is gone tells its owner and stays silent until it is
 * freed at the end of the turn.
 */
#include <config.h>

#include "flow.h"

#include "binding.h"
#include "buf.h"
#include "dns_serve.h"
#include "flow_facts.h"
#include "local.h"
#include "log.h"
#include "loop.h"
#include "name_peer.h"
#include "names.h"
#include "policy.h"
#include "rtp_loss.h"
#include "sockdiag.h"
#include "stats.h"
#include "uplink.h"

#include <turnout/wire.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

/* Batches per wake-up, so that one busy app does not starve the others. */
#define BATCHES_PER_WAKEUP 4
/* Binding requests that wait for the relayed address; longer ones than any
 * client sends without credentials are not held. */
#define HELD_MAX           16
#define HELD_REQUEST_BYTES 128
#define ANSWER_BYTES       256
/* CLOSE is sent just before the socket is closed, and by a parent whose child
 * goes on with it: a hint to look, a moment later. */
#define CLOSING_MS 20
/* An app that registered and then never sent is swept after this. */
#define FIRST_DATAGRAM_MS 30000

enum {
	UPLINK_IPV4 = 0,
	UPLINK_IPV6,
	NUM_UPLINKS
};

static const struct {
	uint8_t family, flag;
} families[] = {
	[UPLINK_IPV4] = { ENDPOINT_IPV4, FLOW_UPLINK_IPV4 },
	[UPLINK_IPV6] = { ENDPOINT_IPV6, FLOW_UPLINK_IPV6 },
};
_Static_assert(ARRAY_SIZE(families) == NUM_UPLINKS, "one each");

struct held_request {
	struct endpoint server;
	size_t len;
	uint8_t data[HELD_REQUEST_BYTES];
};

struct flow {
	struct flow_env *env;
	struct local_app to; /* the app, by our socket and the secret */
	struct loop_fd watch;
	struct endpoint bound; /* our loopback address */
	struct endpoint app;   /* where the app sends from; family 0: unknown */
	uint64_t cookie;
	struct policy_client *client; /* heap */
	uint64_t opened_ms;
	struct loop_timer closing;
	bool gone;

	struct uplink *uplink[NUM_UPLINKS];
	struct flow_side { /* the argument of an uplink's events */
		struct flow *flow;
	} side[NUM_UPLINKS];
	struct name_peers *peers;  /* with the first peer by name */
	struct dns_serve *dns;     /* with the first query */
	struct held_request *held; /* with the first request held */
	size_t held_count;
	struct endpoint allowed; /* last peer that the rules let pass */
	uint64_t allowed_by;     /* policy_count then; from 1 on */

	/* for flow_look() */
	bool spoke, talks;     /* to a peer; and was answered */
	uint64_t taken, bytes; /* of the app's */
	uint64_t last_up_ms, last_down_ms;
	uint64_t malformed, unresolved;
	uint32_t overflows; /* of the app's receive buffer */
	struct rtp_loss loss;
};

static void go(struct flow *f)
{
	if (f->gone)
		return;
	f->gone = true;
	loop_timer_stop(f->env->loop, &f->closing);
	loop_fd_del(f->env->loop, &f->watch);
	f->env->on_gone(f->env->arg, f);
}

static void tell_known(struct flow *f)
{
	if (f->env->on_known != NULL)
		f->env->on_known(f->env->arg, f);
}

/* To the app */

static void reply(void *arg, const struct endpoint *peer, const uint8_t *data,
		  size_t len, uint64_t now_ms)
{
	struct flow *f = arg;

	(void)now_ms;
	local_stage(f->env->local, &f->to, peer, data, len);
	local_flush(f->env->local);
}

static void answer_binding(struct flow *f, const struct endpoint *server,
			   const uint8_t *request, size_t len,
			   const struct endpoint *relayed, uint64_t now_ms)
{
	uint8_t data[ANSWER_BYTES];
	struct buf out;

	buf_init(&out, data, sizeof(data));
	if (binding_answer(request, len, relayed, &out) < 0)
		return;
	stats_add(&f->env->stats->stun_answered, 1);
	reply(f, server, data, out.len, now_ms);
}

static void on_ready(void *arg, const struct endpoint *relayed, uint64_t now_ms)
{
	struct flow *f = ((struct flow_side *)arg)->flow;
	size_t kept = 0;

	for (size_t i = 0; i < f->held_count; i++) {
		struct held_request *h = &f->held[i];

		if (h->server.family == relayed->family)
			answer_binding(f, &h->server, h->data, h->len, relayed,
				       now_ms);
		else
			f->held[kept++] = *h;
	}
	f->held_count = kept;
}

static void on_data(void *arg, const struct endpoint *peer, const uint8_t *data,
		    size_t len, uint64_t now_ms)
{
	struct flow *f = ((struct flow_side *)arg)->flow;

	if (f->peers != NULL) {
		if (name_peers_answer(f->peers, peer, data, len, now_ms))
			return;
		peer = name_peers_shown(f->peers, peer);
	}
	f->last_down_ms = now_ms;
	rtp_loss_note(&f->loss, data, len, now_ms);
	if (f->spoke && !f->talks) {
		f->talks = true;
		tell_known(f);
	}
	if (f->app.family != ENDPOINT_NONE && len <= WIRE_PAYLOAD_MAX)
		local_stage(f->env->local, &f->to, peer, data, len);
}

static void on_batch(void *arg, uint64_t now_ms)
{
	struct flow *f = ((struct flow_side *)arg)->flow;

	(void)now_ms;
	local_flush(f->env->local);
}

static const struct uplink_events uplink_events = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_batch = on_batch,
};

/* To the relay */

/* `resume` NULL: with an allocation of its own. */
static void open_uplink(struct flow *f, int i, const struct flow_resume *resume)
{
	struct uplink_opts opts = { .family = families[i].family };

	if (resume != NULL) {
		opts.resume = resume->data;
		opts.resume_len = resume->len;
	}
	f->side[i].flow = f;
	f->uplink[i] = uplink_new(f->env->uplink, &opts, &uplink_events,
				  &f->side[i]);
	tell_known(f);
}

static struct uplink *need_uplink(struct flow *f, uint8_t family)
{
	int i = family == ENDPOINT_IPV6 ? UPLINK_IPV6 : UPLINK_IPV4;

	if (f->uplink[i] == NULL)
		open_uplink(f, i, NULL);
	return f->uplink[i];
}

static void hold(struct flow *f, const struct endpoint *server,
		 const uint8_t *data, size_t len)
{
	struct held_request *h;

	if (len > HELD_REQUEST_BYTES)
		return;
	if (f->held == NULL)
		f->held = calloc(HELD_MAX, sizeof(*f->held));
	if (f->held == NULL)
		return;
	/* The oldest makes room: its client has asked again since. */
	if (f->held_count == HELD_MAX)
		memmove(f->held, f->held + 1,
			--f->held_count * sizeof(*f->held));
	h = &f->held[f->held_count++];
	h->server = *server;
	h->len = len;
	memcpy(h->data, data, len);
}

static void handle_binding(struct flow *f, const struct endpoint *server,
			   const uint8_t *data, size_t len, uint64_t now_ms)
{
	struct uplink *u = need_uplink(f, server->family);
	const struct endpoint *relayed;

	if (f->env->on_stun != NULL)
		f->env->on_stun(f->env->arg, server, now_ms);
	if (u == NULL)
		return;
	relayed = uplink_relayed(u);
	if (relayed != NULL)
		answer_binding(f, server, data, len, relayed, now_ms);
	else
		hold(f, server, data, len);
}

static void handle_dns(struct flow *f, const struct endpoint *server,
		       const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (f->dns == NULL)
		f->dns = dns_serve_new(f->env->loop, f->env->names,
				       f->env->stats, reply, f);
	if (f->dns == NULL)
		return;
	dns_serve_set_learn(f->dns, f->env->learn, f->env->learn_arg);
	dns_serve_set_client(f->dns, f->client);
	dns_serve_query(f->dns, f->env->policy, server, data, len, now_ms);
}

/* Of a name the page knows only that the daemon decides. */
static bool is_blocked_by_name(const struct flow *f,
			       const struct endpoint *peer)
{
	char name[CONTROL_NAME_MAX + 1];

	return names_is_synthetic(f->env->names, peer) &&
	       names_lookup(f->env->names, peer, name) &&
	       policy_decide_name(f->env->policy, f->env->names, name,
				  endpoint_port(peer), POLICY_UDP,
				  f->client) == POLICY_BLOCK;
}

/* The rules hold here too: the shim decides by them, but any program of the
 * user can speak to a flow's port. */
static bool is_allowed(struct flow *f, const struct endpoint *peer)
{
	if (f->allowed_by == f->env->policy_count &&
	    endpoint_equal(&f->allowed, peer))
		return true;
	switch (policy_decide_ip(f->env->policy, POLICY_UDP, peer, f->client)) {
	case POLICY_TUNNEL:
	case POLICY_PREFER_DIRECT: /* of a socket that was tunnelled before */
		break;
	default:
		return false;
	}
	if (is_blocked_by_name(f, peer))
		return false;
	f->allowed = *peer;
	f->allowed_by = f->env->policy_count;
	return true;
}

/* A question of our own about a peer's name. */
static void ask_name(void *arg, const struct endpoint *to, const uint8_t *data,
		     size_t len, uint64_t now_ms)
{
	struct flow *f = arg;
	struct uplink *u = need_uplink(f, to->family);

	if (u != NULL)
		uplink_send(u, to, data, len, now_ms);
}

static struct name_peers *make_peers(struct flow *f)
{
	struct name_peers_opts opts = { .loop = f->env->loop,
					.pool = f->env->pool,
					.names = f->env->names,
					.send = ask_name,
					.arg = f };

	return name_peers_new(&opts);
}

static const struct endpoint *real_peer(struct flow *f,
					const struct endpoint *peer,
					uint64_t now_ms)
{
	if (!names_is_synthetic(f->env->names, peer))
		return peer;
	if (f->peers == NULL)
		f->peers = make_peers(f);
	return f->peers != NULL
		       ? name_peers_real(f->peers, f->env->policy, peer, now_ms)
		       : NULL;
}

static void dispatch(struct flow *f, const struct endpoint *peer,
		     const uint8_t *data, size_t len, uint64_t now_ms)
{
	const struct endpoint *real;
	enum binding_kind kind;
	struct uplink *u;

	if (!is_allowed(f, peer)) {
		f->malformed++;
		stats_add(&f->env->stats->drop_malformed, 1);
		return;
	}
	if (endpoint_port(peer) == DNS_PORT) {
		handle_dns(f, peer, data, len, now_ms);
		return;
	}
	kind = binding_classify(data, len);
	if (kind == BINDING_REQUEST)
		handle_binding(f, peer, data, len, now_ms);
	/* Peers keep each other's consent by indications too: those that go
	 * to an address are theirs. */
	if (kind == BINDING_REQUEST ||
	    (kind == BINDING_INDICATION &&
	     names_is_synthetic(f->env->names, peer)))
		return;
	real = real_peer(f, peer, now_ms);
	u = real != NULL ? need_uplink(f, real->family) : NULL;
	if (u == NULL) {
		f->unresolved++;
		stats_add(&f->env->stats->drop_unresolved, 1);
		return;
	}
	f->spoke = true;
	f->last_up_ms = now_ms;
	uplink_send(u, real, data, len, now_ms);
}

/* From the app */

static void learn_app(struct flow *f, const struct endpoint *from)
{
	int af = from->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(from, af, &sa);

	if (endpoint_equal(&f->app, from) || len == 0)
		return;
	/* Also when the app has bound or connected its socket since. */
	if (connect(f->to.fd, (struct sockaddr *)&sa, len) < 0)
		return;
	f->app = *from;
	tell_known(f);
}

static void on_closing(void *arg, uint64_t now_ms)
{
	struct flow *f = arg;

	if (f->env->sockdiag < 0)
		go(f);
	else
		flow_sweep(f, now_ms);
}

static void take(struct flow *f, const struct local_datagram *d,
		 uint64_t now_ms)
{
	struct wire_header h;
	struct endpoint peer;

	if (d->len < sizeof(h))
		goto malformed;
	memcpy(&h, d->data, sizeof(h));
	if (h.secret != f->to.secret || !wire_decode(&h, &peer))
		goto malformed;
	f->taken++;
	f->bytes += d->len - sizeof(h);
	stats_add(&f->env->stats->datagrams_from_apps, 1);
	learn_app(f, &d->from);
	if (h.type == WIRE_CLOSE) {
		loop_timer_set(f->env->loop, &f->closing, now_ms + CLOSING_MS,
			       on_closing, f);
		return;
	}
	dispatch(f, &peer, d->data + sizeof(h), d->len - sizeof(h), now_ms);
	return;
malformed:
	f->malformed++;
	stats_add(&f->env->stats->drop_malformed, 1);
}

static void on_local(void *arg, uint32_t events, uint64_t now_ms)
{
	struct flow *f = arg;
	const struct local_datagram *batch;

	(void)events;
	for (int i = 0; i < BATCHES_PER_WAKEUP && !f->gone; i++) {
		int n = local_recv(f->env->local, f->to.fd, &batch);

		if (n == -ECONNREFUSED) {
			flow_sweep(f, now_ms);
			continue;
		}
		if (n <= 0)
			return;
		for (int k = 0; k < n && !f->gone; k++)
			take(f, &batch[k], now_ms);
		if (n < LOCAL_RECV_BATCH)
			return;
	}
}

/* Life */

void flow_seed_fini(struct flow_seed *seed)
{
	if (seed->fd >= 0)
		close(seed->fd);
	for (size_t i = 0; i < ARRAY_SIZE(seed->resume); i++) {
		if (seed->resume[i].data != NULL)
			explicit_bzero(seed->resume[i].data,
				       seed->resume[i].len);
		free(seed->resume[i].data);
	}
	free(seed->client);
	explicit_bzero(seed, sizeof(*seed));
	seed->fd = -1;
}

/* Where the flow of an earlier daemon was: an app that only receives goes on
 * receiving, and needs to send nothing for it. */
static void take_up(struct flow *f, const struct flow_seed *seed)
{
	if (seed->app.family != ENDPOINT_NONE)
		learn_app(f, &seed->app);
	for (int i = 0; i < NUM_UPLINKS; i++) {
		if (seed->uplinks & families[i].flag)
			open_uplink(f, i, &seed->resume[i]);
	}
}

struct flow *flow_new(struct flow_env *env, struct flow_seed *seed)
{
	struct flow *f = calloc(1, sizeof(*f));
	int err = -ENOMEM;

	if (f != NULL) {
		f->env = env;
		f->to.fd = seed->fd;
		f->bound = seed->bound;
		f->cookie = seed->cookie;
		f->to.secret = seed->secret;
		f->opened_ms = loop_now_ms(env->loop);
		err = loop_fd_add(env->loop, &f->watch, f->to.fd, EPOLLIN,
				  on_local, f);
	}
	if (err < 0) {
		flow_seed_fini(seed);
		free(f);
		errno = -err;
		return NULL;
	}
	stats_add(&env->stats->flows, 1);
	take_up(f, seed);
	f->client = seed->client;
	seed->client = NULL; /* it has changed hands */
	seed->fd = -1;
	flow_seed_fini(seed);
	return f;
}

void flow_free(struct flow *f)
{
	if (f == NULL)
		return;
	for (int i = 0; i < NUM_UPLINKS; i++)
		uplink_free(f->uplink[i]);
	loop_timer_stop(f->env->loop, &f->closing);
	name_peers_free(f->peers);
	dns_serve_free(f->dns);
	free(f->client);
	free(f->held);
	loop_fd_del(f->env->loop, &f->watch);
	close(f->to.fd);
	stats_sub(&f->env->stats->flows, 1);
	explicit_bzero(&f->to.secret, sizeof(f->to.secret));
	free(f);
}

uint64_t flow_cookie(const struct flow *f)
{
	return f->cookie;
}

uint64_t flow_secret(const struct flow *f)
{
	return f->to.secret;
}

const struct endpoint *flow_app(const struct flow *f)
{
	return &f->app;
}

uint8_t flow_uplinks(const struct flow *f)
{
	uint8_t flags = 0;

	for (int i = 0; i < NUM_UPLINKS; i++)
		flags |= f->uplink[i] != NULL ? families[i].flag : 0;
	return flags;
}

uint32_t flow_uid(const struct flow *f)
{
	return f->client != NULL ? f->client->uid : (uint32_t)-1;
}

bool flow_talks(const struct flow *f)
{
	return f->talks;
}

void flow_look(const struct flow *f, uint64_t now_ms, struct flow_facts *out)
{
	*out = (struct flow_facts){
		.cookie = f->cookie,
		.uid = flow_uid(f),
		.app = f->app,
		.age_ms = now_ms - f->opened_ms,
		.last_up_ms = f->last_up_ms,
		.last_down_ms = f->last_down_ms,
		.now_ms = now_ms,
		.up = { .datagrams = f->taken, .bytes = f->bytes },
		.down = { .datagrams = f->to.datagrams, .bytes = f->to.bytes },
		.malformed = f->malformed,
		.unresolved = f->unresolved,
		.untaken = f->to.dropped,
		.overflows = f->overflows,
	};
	rtp_loss_sum(&f->loss, now_ms, &out->loss);
	for (int i = 0; i < NUM_UPLINKS; i++)
		if (f->uplink[i] != NULL)
			uplink_look(f->uplink[i], now_ms,
				    &out->uplink[out->uplink_count++]);
}

void flow_network_changed(struct flow *f, const struct endpoint *addrs,
			  size_t count, uint64_t now_ms)
{
	for (int i = 0; i < NUM_UPLINKS; i++) {
		if (f->uplink[i] != NULL)
			uplink_network_changed(f->uplink[i], addrs, count,
					       now_ms);
	}
}

void flow_reload(struct flow *f, uint64_t now_ms)
{
	for (int i = 0; i < NUM_UPLINKS; i++) {
		if (f->uplink[i] != NULL)
			uplink_reload(f->uplink[i], now_ms);
	}
}

int flow_export(struct flow *f, uint8_t uplink, struct buf *out,
		uint64_t now_ms)
{
	for (int i = 0; i < NUM_UPLINKS; i++) {
		if (uplink == families[i].flag && f->uplink[i] != NULL)
			return uplink_export(f->uplink[i], out, now_ms);
	}
	return -ENOTSUP;
}

void flow_sweep(struct flow *f, uint64_t now_ms)
{
	if (f->app.family == ENDPOINT_NONE) {
		if (now_ms - f->opened_ms > FIRST_DATAGRAM_MS)
			go(f);
		return;
	}
	if (f->env->sockdiag >= 0 &&
	    sockdiag_udp_alive(f->env->sockdiag, &f->app, &f->bound, f->cookie,
			       &f->overflows) == 0)
		go(f);
}
