/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_pump.c - one thread that encrypts for https:// proxies
 *
 * RFC 8446 to the proxy, by tls.c. libcurl could do it, and then every byte of
 * the tunnel would be libcurl's for ever; so the thread of the dial makes the
 * handshake and a plain connection within this host (loopback.c), whose far end
 * goes to the pump's thread. What is above, CONNECT included, sees an http://
 * proxy; an app has its own socket back in the end, only that tunneld must
 * live as long as the connection does.
 */
#include <config.h>

#include "proxy_pump.h"

#include "cancel.h"
#include "clock.h"
#include "hop.h"
#include "log.h"
#include "loop.h"
#include "loopback.h"
#include "pump_pair.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* What may wait unsent on the way to the proxy, and unread on the way to us:
 * little, since whoever writes shall feel how fast the proxy is. A relay's
 * media must not grow old in a kernel's buffer. */
#define NOTSENT_BYTES       16384
#define RECEIVE_BYTES       131072
#define RECEIVE_RELAY_BYTES 16384

/* An app that has gone without a word, or a proxy that does not end a
 * connection which the app has ended. */
#define HALF_IDLE_MS 300000

#define FAULTS_MAX 32 /* that are remembered */

struct member {
	LIST_ENTRY(member) link;
	struct proxy_pump *pump;
	struct pump_pair *pair;
	struct loop_task task;
	uint64_t id;
};

struct fault {
	uint64_t pair; /* 0: none */
	enum tls_fault what;
	char words[256];
};

struct proxy_pump {
	struct loop *loop;
	LIST_HEAD(, member) members; /* of the thread */
	uint8_t scratch[PUMP_CHUNK_BYTES];
	_Atomic uint64_t pairs, opened, broken, bytes;
	pthread_mutex_t lock; /* for what follows */
	pthread_t thread;
	bool running;
	struct fault faults[FAULTS_MAX];
	unsigned int next_fault;
};

struct proxy_pump *proxy_pump_new(void)
{
	struct proxy_pump *pump = calloc(1, sizeof(*pump));

	if (pump == NULL)
		return NULL;
	pthread_mutex_init(&pump->lock, NULL);
	pump->loop = loop_new();
	if (pump->loop != NULL)
		return pump;
	proxy_pump_free(pump);
	return NULL;
}

static void free_members(struct proxy_pump *pump)
{
	struct member *m;

	while ((m = LIST_FIRST(&pump->members)) != NULL) {
		LIST_REMOVE(m, link);
		pump_pair_free(m->pair);
		free(m);
	}
}

void proxy_pump_free(struct proxy_pump *pump)
{
	if (pump == NULL)
		return;
	if (pump->running) {
		loop_stop(pump->loop);
		pthread_join(pump->thread, NULL);
		loop_drain(pump->loop); /* pairs that have just been made */
	}
	free_members(pump);
	loop_free(pump->loop);
	pthread_mutex_destroy(&pump->lock);
	free(pump);
}

static void *pump_main(void *arg)
{
	struct proxy_pump *pump = arg;
	int error = loop_run(pump->loop);

	if (error != 0)
		log_err("connections to https:// proxies: %s",
			strerror(-error));
	return NULL;
}

static int start_thread(struct proxy_pump *pump)
{
	sigset_t all, old;
	int error = 0;

	pthread_mutex_lock(&pump->lock);
	if (!pump->running) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		error = pthread_create(&pump->thread, NULL, pump_main, pump);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		pump->running = error == 0;
	}
	pthread_mutex_unlock(&pump->lock);
	return -error;
}

/* In the pump's thread. */
static void note_fault(struct proxy_pump *pump, uint64_t pair,
		       const struct tls *t)
{
	struct fault *f;

	atomic_fetch_add(&pump->broken, 1);
	pthread_mutex_lock(&pump->lock);
	f = &pump->faults[pump->next_fault++ % FAULTS_MAX];
	f->pair = pair;
	f->what = tls_fault(t);
	snprintf(f->words, sizeof(f->words), "%s", tls_error(t));
	pthread_mutex_unlock(&pump->lock);
}

static void on_ended(void *arg, struct pump_pair *pair)
{
	struct member *m = arg;
	const struct tls *broken = pump_pair_broken(pair);

	if (broken != NULL)
		note_fault(m->pump, m->id, broken);
	atomic_fetch_add(&m->pump->bytes, pump_pair_bytes(pair));
	atomic_fetch_sub(&m->pump->pairs, 1);
	LIST_REMOVE(m, link);
	free(m);
}

static void on_start(void *arg, uint64_t now_ms)
{
	struct member *m = arg;

	LIST_INSERT_HEAD(&m->pump->members, m, link);
	pump_pair_start(m->pair, now_ms);
}

static void set_int(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int add_pair(struct proxy_pump *pump, struct proxy_pump_call *call,
		    struct tls *tls, int far)
{
	struct member *m = calloc(1, sizeof(*m));
	struct pump_pair_opts opts = { .loop = pump->loop,
				       .inner = far,
				       .outer = call->outer,
				       .tls = tls,
				       .scratch = pump->scratch,
				       .half_idle_ms = HALF_IDLE_MS,
				       .ended = on_ended,
				       .arg = m };

	if (m == NULL)
		return -ENOMEM;
	m->pump = pump;
	m->pair = pump_pair_new(&opts);
	if (m->pair == NULL) {
		free(m);
		return -ENOMEM;
	}
	set_int(call->outer, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_BYTES);
	set_int(call->outer, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(far, IPPROTO_TCP, TCP_NODELAY, 1);
	m->id = atomic_fetch_add(&pump->opened, 1) + 1;
	call->pair = m->id;
	atomic_fetch_add(&pump->pairs, 1);
	loop_post(pump->loop, &m->task, on_start, m);
	return 0;
}

/* What to do about it, where that can be told. */
static const char *advice(enum tls_fault fault)
{
	static const char *const texts[] = {
		[TLS_FAULT_UNTRUSTED] =
			"; if that issuer is right, name its certificate in "
			"ca_file",
		[TLS_FAULT_HTTP] = "; the proxy may be an http:// one, not "
				   "https://",
		[TLS_FAULT_CERT_WANTED] =
			"; the proxy wants a client certificate: "
			"client_cert_file",
		[TLS_FAULT_CERT_REFUSED] =
			"; the proxy does not take the certificate in "
			"client_cert_file",
	};

	if ((size_t)fault >= ARRAY_SIZE(texts) || texts[fault] == NULL)
		return "";
	return texts[fault];
}

static int handshake(struct proxy_pump_call *call, struct tls *t)
{
	struct cancel *cancel = call->inner->cancel;
	uint64_t now = clock_now_ms(), deadline = call->inner->deadline_ms;
	int error;

	cancel_watch(cancel, call->outer);
	error = cancel_is_set(cancel)
			? -ECANCELED
			: tls_handshake_wait(
				  t, deadline > now ? (uint32_t)(deadline - now)
						    : 0);
	cancel_watch(cancel, -1);
	if (error != 0 && cancel_is_set(cancel))
		error = -ECANCELED;
	if (error == -ECANCELED)
		snprintf(call->words, sizeof(call->words), "cancelled");
	else if (error != 0)
		snprintf(call->words, sizeof(call->words), "TLS: %s%s",
			 tls_error(t), advice(tls_fault(t)));
	call->secure = error == 0;
	return error;
}

/* The far end of the plain connection, and `*near`. */
static int connect_inner(struct hop *inner, int *near)
{
	int far;

	*near = loopback_pair(
		inner, inner->socket >= 0 ? RECEIVE_BYTES : RECEIVE_RELAY_BYTES,
		&far);
	return *near >= 0 ? far : *near;
}

static void disconnect_inner(struct hop *inner, int near, int far)
{
	close(far);
	if (near == inner->socket)
		hop_undo(inner);
	else
		close(near);
}

static int fail(struct proxy_pump_call *call, struct tls *t, int error)
{
	tls_free(t);
	close(call->outer);
	call->outer = -1;
	return error;
}

int proxy_pump_connect(struct proxy_pump *pump, struct proxy_pump_call *call)
{
	struct tls_opts opts = { .name = call->host,
				 .server = call->host,
				 .port = call->port,
				 .http = true };
	struct tls *t = tls_open(call->tls, call->outer, &opts);
	int error, near, far;

	call->secure = false;
	if (t == NULL) {
		error = -errno;
		snprintf(call->words, sizeof(call->words), "TLS: %s",
			 strerror(errno));
		return fail(call, NULL, error);
	}
	error = handshake(call, t);
	if (error == 0)
		error = start_thread(pump);
	if (error != 0)
		return fail(call, t, error);
	far = connect_inner(call->inner, &near);
	if (far < 0)
		return fail(call, t, far);
	error = add_pair(pump, call, t, far);
	if (error == 0)
		return near;
	disconnect_inner(call->inner, near, far);
	return fail(call, t, error);
}

enum tls_fault proxy_pump_fault(struct proxy_pump *pump, uint64_t pair,
				char *words, size_t words_max)
{
	enum tls_fault what = TLS_FAULT_NONE;

	pthread_mutex_lock(&pump->lock);
	for (unsigned int i = 0; i < FAULTS_MAX && pair != 0; i++) {
		const struct fault *f = &pump->faults[i];

		if (f->pair != pair)
			continue;
		what = f->what;
		snprintf(words, words_max, "TLS: %s%s", f->words, advice(what));
	}
	pthread_mutex_unlock(&pump->lock);
	return what;
}

void proxy_pump_stats(struct proxy_pump *pump, struct proxy_pump_stats *stats)
{
	*stats = (struct proxy_pump_stats){
		.pairs = atomic_load(&pump->pairs),
		.opened = atomic_load(&pump->opened),
		.broken = atomic_load(&pump->broken),
		.bytes = atomic_load(&pump->bytes),
	};
}
