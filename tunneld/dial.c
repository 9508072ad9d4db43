/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dial.c - connections that somebody waits for: a host, a proxy and trust in;
 * a connected descriptor, or the hop and cause of the failure, out
 *
 * Theory of operation
 *
 * A pool thread takes one request through its steps: tunnel_open() connects,
 * through a proxy or not, secure() does TLS, and settle() decides what the
 * caller gets. For a datagram request there are only an address at a time and
 * secure(). A step that fails says so by blame() and false. The request belongs
 * to its loop's thread before dial_start() and from `done` on; between the two
 * only `cancel` is shared.
 */
#include <config.h>

#include "dial.h"

#include "clock.h"
#include "clock_skew.h"
#include "egress.h"
#include "hop.h"
#include "http_forward.h"
#include "lookup.h"
#include "proxy_auth.h"
#include "proxy_connect.h"
#include "proxy_health.h"
#include "proxy_pump.h"
#include "tls.h"
#include "tunnel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define TIMEOUT_MS 30000
#define IDLE_MS    30000
/* Of an address that others stand behind. */
#define DTLS_SHARE_MS 3000

struct dial_pool {
	struct thread_pool *threads;
	struct proxy_auth *auth;
	struct proxy_health *health;
	struct proxy_pump *pump;
	struct http_forwards *forwards;
	struct clock_skew skew;
	struct tunnel_env env;
};

static void take_failure(struct dial_request *req, const struct dial_failure *f)
{
	req->reason = f->reason;
	req->error = f->error;
	snprintf(req->detail, sizeof(req->detail), "%s", f->words);
}

/* About the target. Always false, so that a step can end by it. */
static bool blame(struct dial_request *req, enum dial_reason reason, int error,
		  const char *fmt, ...) PRINTF_LIKE(4, 5);

static bool blame(struct dial_request *req, enum dial_reason reason, int error,
		  const char *fmt, ...)
{
	char words[DIAL_WORDS_MAX], target[DIAL_HOST_PORT_MAX];
	struct dial_failure f;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	dial_format_host(target, req->host, req->port);
	dial_blame(&f, reason, error, target, "%s", words);
	take_failure(req, &f);
	return false;
}

static bool blame_hop(struct dial_request *req, const struct hop *h, int error)
{
	if (error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	    error == -ENOBUFS || error == -EINVAL)
		return blame(req, DIAL_INTERNAL, -error, "%s",
			     strerror(-error));
	if (error == -ECANCELED)
		return blame(req, DIAL_CANCELLED, 0, "cancelled");
	if (!h->looked_up)
		return blame(req, DIAL_TARGET_DNS, 0, "name look-up: %s",
			     lookup_words(error));
	return blame(req, DIAL_TARGET_REFUSED, -error, "connect: %s",
		     strerror(-error));
}

/* Who must act, where the failure tells. */
static void advise(const struct dial_request *req, char *out, size_t max)
{
	char target[DIAL_HOST_PORT_MAX];

	out[0] = '\0';
	dial_format_host(target, req->host, req->port);
	if (tls_fault(req->session) == TLS_FAULT_UNTRUSTED)
		snprintf(out, max,
			 "; if that issuer is the relay's, name its "
			 "certificate in ca_file; if not, a proxy that "
			 "inspects TLS has re-signed it: ask IT to exempt %s",
			 target);
	else if (tls_fault(req->session) == TLS_FAULT_HTTP)
		snprintf(out, max, "; " DIAL_PORTAL_WORDS);
}

static bool blame_tls(struct dial_request *req, int error)
{
	enum dial_reason reason = DIAL_RELAY_TLS;
	char advice[240];

	if (error == -ETIMEDOUT)
		reason = DIAL_TARGET_TIMEOUT;
	else if (error == -ECONNREFUSED) /* UDP: nobody there */
		reason = DIAL_TARGET_REFUSED;
	advise(req, advice, sizeof(advice));
	return blame(req, reason, -error, "%s: %s%s",
		     req->kind == DIAL_DATAGRAM ? "DTLS" : "TLS",
		     tls_error(req->session), advice);
}

static bool secure(struct dial_request *req, int fd, uint64_t deadline_ms)
{
	struct tls_opts opts = { .name = req->tls_name[0] != '\0'
						 ? req->tls_name
						 : req->host,
				 .server = req->host,
				 .port = req->port,
				 .datagram = req->kind == DIAL_DATAGRAM };
	uint64_t now = clock_now_ms();
	uint32_t left = 0;
	int rc;

	if (deadline_ms > now)
		left = (uint32_t)(deadline_ms - now);
	req->session = tls_open(req->trust, fd, &opts);
	if (req->session == NULL)
		return blame(req, DIAL_INTERNAL, errno, "TLS: %s",
			     strerror(errno));
	cancel_watch(&req->cancel, fd);
	rc = cancel_is_set(&req->cancel)
		     ? -ECANCELED
		     : tls_handshake_wait(req->session, left);
	cancel_watch(&req->cancel, -1);
	return rc == 0 || blame_tls(req, rc);
}

/* The steps to a byte stream. */
static bool stream(struct dial_request *req, struct tunnel *t, int *fd)
{
	*fd = tunnel_open(t);
	req->peer = t->peer;
	req->http_code = t->http_code;
	if (*fd < 0) {
		take_failure(req, &t->failure);
		return false;
	}
	return req->trust == NULL || secure(req, *fd, req->deadline_ms);
}

/* The next address that has a route. After one that did not answer, it is that
 * one's failure that counts. */
static bool reach_datagram(struct dial_request *req, struct hop *h, int *fd)
{
	*fd = hop_datagram(h);
	req->addresses = h->addresses;
	req->address = h->address;
	req->peer = h->peer;
	if (*fd >= 0)
		return true;
	if (req->reason != DIAL_OK)
		return false;
	if (*fd == -ENXIO)
		return blame(req, DIAL_TARGET_UNREACH, 0, "no further address");
	return blame_hop(req, h, *fd);
}

/* Silence is all that an address may say: the next one cannot wait until the
 * time is over. */
static uint64_t share_ms(const struct dial_request *req, const struct hop *h)
{
	unsigned int more = h->addresses - h->address;
	uint64_t now = clock_now_ms(), left = 0;

	if (req->deadline_ms > now)
		left = (req->deadline_ms - now) / more;
	if (more > 1 && left > DTLS_SHARE_MS)
		left = DTLS_SHARE_MS;
	return now + left;
}

/* The steps to a UDP socket: with DTLS one that has answered, else one that
 * has a route. */
static bool datagram(struct dial_request *req, int *fd)
{
	struct hop hop = { .host = req->host,
			   .port = req->port,
			   .first = req->first,
			   .socket = -1,
			   .deadline_ms = req->deadline_ms,
			   .cancel = &req->cancel };
	struct hop *h = &hop;

	if (req->egress != NULL || req->socket >= 0)
		return blame(req, DIAL_INTERNAL, EINVAL,
			     "UDP goes directly, from a socket of its own");
	if (!tunnel_is_host(req->host))
		return blame(req, DIAL_TARGET_DNS, 0, "not a host name");
	while (reach_datagram(req, h, fd)) {
		if (req->trust == NULL || secure(req, *fd, share_ms(req, h)))
			return true;
		if (cancel_is_set(&req->cancel))
			return false;
		tls_free(req->session);
		req->session = NULL;
		close(*fd);
		*fd = -1;
		h->first = h->address + 1;
	}
	return false;
}

static void give_back(struct dial_request *req)
{
	req->fd = req->socket;
	req->socket = -1;
	req->same_socket = req->fd >= 0;
}

static void settle(struct dial_request *req, struct tunnel *t, int fd, bool ok)
{
	if (cancel_is_set(&req->cancel))
		ok = blame(req, DIAL_CANCELLED, 0, "cancelled");
	if (!ok) {
		tls_free(req->session);
		req->session = NULL;
		if (fd >= 0 && fd != req->socket)
			close(fd);
		tunnel_undo(t);
		give_back(req);
		return;
	}
	req->reason = DIAL_OK;
	req->error = 0;
	req->detail[0] = '\0';
	tunnel_keep(t, fd);
	if (fd == req->socket)
		give_back(req);
	else
		req->fd = fd;
}

/* In a pool thread. */
static void perform(void *arg)
{
	struct dial_request *req = arg;
	struct tunnel t = { .env = &req->pool->env,
			    .host = req->host,
			    .port = req->port,
			    .egress = req->egress,
			    .socket = req->socket,
			    .alpn_header = req->alpn_header,
			    .deadline_ms = req->deadline_ms,
			    .cancel = &req->cancel };
	int fd = -1;
	bool ok;

	req->performed = true;
	ok = req->kind == DIAL_DATAGRAM ? datagram(req, &fd)
					: stream(req, &t, &fd);
	settle(req, &t, fd, ok);
}

/* In the loop's thread. */
static void deliver(void *arg, uint64_t now_ms)
{
	struct dial_request *req = arg;

	if (!req->performed) {
		if (cancel_is_set(&req->cancel))
			blame(req, DIAL_CANCELLED, 0, "cancelled");
		else
			blame(req, DIAL_INTERNAL, EAGAIN,
			      "no thread could be made");
		give_back(req);
	}
	req->done(req->arg, req, now_ms);
}

static void stop(void *arg)
{
	struct dial_request *req = arg;

	cancel_now(&req->cancel);
}

static void discard(void *arg)
{
	struct dial_request *req = arg;

	if (req->drop != NULL)
		req->drop(req->arg);
	dial_request_free(req);
}

struct dial_pool *dial_pool_new(unsigned int threads_max)
{
	struct dial_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	proxy_connect_init();
	pool->auth = proxy_auth_new();
	pool->health = proxy_health_new();
	pool->pump = proxy_pump_new();
	pool->forwards = http_forwards_new();
	pool->env = (struct tunnel_env){ .auth = pool->auth,
					 .skew = &pool->skew,
					 .health = pool->health,
					 .pump = pool->pump,
					 .forwards = pool->forwards };
	pool->threads = thread_pool_new(threads_max, IDLE_MS);
	if (pool->auth != NULL && pool->health != NULL && pool->pump != NULL &&
	    pool->forwards != NULL && pool->threads != NULL)
		return pool;
	dial_pool_free(pool);
	errno = ENOMEM;
	return NULL;
}

void dial_pool_free(struct dial_pool *pool)
{
	if (pool == NULL)
		return;
	/* A thread that is stuck in a library may still come to need it. */
	if (!thread_pool_free(pool->threads) ||
	    !http_forwards_free(pool->forwards))
		return;
	proxy_pump_free(pool->pump);
	proxy_health_free(pool->health);
	proxy_auth_free(pool->auth);
	free(pool);
}

struct dial_request *dial_request_new(void)
{
	struct dial_request *req = calloc(1, sizeof(*req));

	if (req == NULL)
		return NULL;
	req->socket = -1;
	req->fd = -1;
	cancel_init(&req->cancel);
	return req;
}

void dial_request_free(struct dial_request *req)
{
	if (req == NULL)
		return;
	tls_free(req->session);
	if (req->fd >= 0)
		close(req->fd);
	if (req->socket >= 0)
		close(req->socket);
	egress_put(req->egress);
	tls_ctx_put(req->trust);
	cancel_fini(&req->cancel);
	free(req);
}

void dial_start(struct dial_pool *pool, struct dial_request *req)
{
	uint32_t timeout = req->timeout_ms != 0 ? req->timeout_ms : TIMEOUT_MS;

	req->pool = pool;
	req->trust = req->tls != NULL ? tls_ctx_get(req->tls) : NULL;
	req->deadline_ms = clock_now_ms() + timeout;
	req->job = (struct thread_job){ .work = perform,
					.done = deliver,
					.cancel = stop,
					.drop = discard,
					.arg = req,
					.loop = req->loop,
					/* Apps that connect to hosts which do
					 * not answer must not keep calls from
					 * the relay. */
					.urgent = req->socket < 0 };
	thread_pool_run(pool->threads, &req->job);
}

void dial_cancel(struct dial_request *req)
{
	cancel_now(&req->cancel);
	thread_pool_cancel(&req->job);
}

const struct tunnel_env *dial_tunnel_env(struct dial_pool *pool)
{
	return &pool->env;
}

struct clock_skew *dial_skew(struct dial_pool *pool)
{
	return &pool->skew;
}

time_t dial_time(struct dial_pool *pool)
{
	return clock_skew_time(&pool->skew);
}

void dial_run(struct dial_pool *pool, struct thread_job *job)
{
	thread_pool_run(pool->threads, job);
}
