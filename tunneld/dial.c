/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dial.c - connections that somebody waits for: a host, a proxy and trust in;
 * a connected descriptor, or the hop and cause of the failure, out
 *
 * Theory of operation
 *
 * A pool thread takes one request through its steps: reach() opens TCP to the
 * proxy or the target, tunnel() does CONNECT on it, secure() does TLS, and
 * settle() decides what the caller gets. For a datagram request there are only
 * an address at a time and secure(). A step that fails says so by blame()
 * and false. The request belongs to its loop's thread before dial_start() and
 * from `done` on; between the two only `cancel` is shared.
 */
#include <config.h>

#include "dial.h"

#include "addr.h"
#include "clock.h"
#include "clock_skew.h"
#include "hop.h"
#include "hostname.h"
#include "lookup.h"
#include "proxy_auth.h"
#include "proxy_connect.h"
#include "tls.h"

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
	struct clock_skew skew;
};

struct shared_proxy {
	struct dial_proxy proxy; /* first: what callers see */
	atomic_uint refs;
};

/* What a failure is called, and what the app gets; 0: the kernel's errno. */
static const struct {
	const char *name;
	int error;
} reasons[] = {
	[DIAL_OK] = { "ok", 0 },
	[DIAL_PROXY_DNS] = { "proxy_dns", EHOSTUNREACH },
	[DIAL_PROXY_REFUSED] = { "proxy_refused", 0 },
	[DIAL_PROXY_TIMEOUT] = { "proxy_timeout", ETIMEDOUT },
	[DIAL_PROXY_RESET] = { "proxy_reset", ECONNRESET },
	[DIAL_PROXY_CLOSED] = { "proxy_closed", ECONNRESET },
	[DIAL_PROXY_PROTOCOL] = { "proxy_protocol", ECONNABORTED },
	[DIAL_PROXY_DENIED] = { "proxy_denied", ECONNREFUSED },
	[DIAL_PROXY_AUTH] = { "proxy_auth", ECONNREFUSED },
	[DIAL_CAPTIVE_PORTAL] = { "captive_portal", ENETUNREACH },
	[DIAL_TARGET_UNREACH] = { "target_unreach", EHOSTUNREACH },
	[DIAL_TARGET_TIMEOUT] = { "target_timeout", ETIMEDOUT },
	[DIAL_PROXY_TLS] = { "proxy_tls", ECONNREFUSED },
	[DIAL_TARGET_DNS] = { "target_dns", EHOSTUNREACH },
	[DIAL_TARGET_REFUSED] = { "target_refused", 0 },
	[DIAL_RELAY_TLS] = { "relay_tls", ECONNREFUSED },
	[DIAL_CANCELLED] = { "cancelled", ECANCELED },
	[DIAL_INTERNAL] = { "internal", 0 },
};
_Static_assert(ARRAY_SIZE(reasons) == DIAL_NUM_REASONS, "a row a reason");

/* Which hop a failure is told about. */
enum at {
	AT_PROXY,   /* "proxy P:p: …" */
	AT_CONNECT, /* "proxy P:p: CONNECT T:t: …" */
	AT_TARGET,  /* "T:t: …" */
};

const char *dial_reason_name(enum dial_reason reason)
{
	return (unsigned int)reason < DIAL_NUM_REASONS ? reasons[reason].name
						       : "unknown";
}

struct dial_proxy *dial_proxy_new(void)
{
	struct shared_proxy *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	return &s->proxy;
}

struct dial_proxy *dial_proxy_get(struct dial_proxy *p)
{
	atomic_fetch_add(&((struct shared_proxy *)p)->refs, 1);
	return p;
}

void dial_proxy_put(struct dial_proxy *p)
{
	struct shared_proxy *s = (struct shared_proxy *)p;

	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

static int put_host(char *out, size_t max, const char *host, uint16_t port)
{
	bool v6 = strchr(host, ':') != NULL;

	return snprintf(out, max, "%s%.60s%s:%u", v6 ? "[" : "", host,
			v6 ? "]" : "", (unsigned int)port);
}

static void PRINTF_LIKE(3, 0) put_words(struct dial_request *req, size_t used,
					const char *fmt, va_list ap)
{
	if (used < sizeof(req->detail))
		vsnprintf(req->detail + used, sizeof(req->detail) - used, fmt,
			  ap);
}

/* `error`: the kernel's, for reasons that have no errno of their own. Always
 * false, so that a step can end by it. */
static bool blame(struct dial_request *req, enum dial_reason reason, int error,
		  enum at at, const char *fmt, ...) PRINTF_LIKE(5, 6);

static bool blame(struct dial_request *req, enum dial_reason reason, int error,
		  enum at at, const char *fmt, ...)
{
	char proxy[80] = "", target[80];
	va_list ap;
	int n;

	if (req->proxy != NULL)
		put_host(proxy, sizeof(proxy), req->proxy->host,
			 req->proxy->port);
	put_host(target, sizeof(target), req->host, req->port);
	n = snprintf(req->detail, sizeof(req->detail),
		     "%s%s%s%s: ", at == AT_TARGET ? "" : "proxy ",
		     at == AT_TARGET ? "" : proxy,
		     at == AT_CONNECT ? ": CONNECT " : "",
		     at == AT_PROXY ? "" : target);
	va_start(ap, fmt);
	put_words(req, (size_t)n, fmt, ap);
	va_end(ap);
	req->reason = reason;
	if (reasons[reason].error != 0)
		error = reasons[reason].error;
	/* connect(2) has no such ends, or they mean that it goes on. */
	if (error == 0 || error == EINTR || error == EAGAIN ||
	    error == EINPROGRESS || error == EALREADY)
		error = ECONNABORTED;
	req->error = error;
	return false;
}

/* The proxy's answer to CONNECT is complete, and not 2xx. */
static enum dial_reason reason_of(long http_code)
{
	if (http_code == 407)
		return DIAL_PROXY_AUTH;
	if (http_code == 504)
		return DIAL_TARGET_TIMEOUT;
	if (http_code < 400)
		return DIAL_CAPTIVE_PORTAL;
	/* 501: it knows no CONNECT, and has not even looked for the target. */
	return http_code < 500 || http_code == 501 ? DIAL_PROXY_DENIED
						   : DIAL_TARGET_UNREACH;
}

static bool blame_connect(struct dial_request *req,
			  const struct proxy_connect *pc,
			  enum proxy_connect_end end)
{
	static const enum dial_reason by_end[] = {
		[PROXY_CONNECT_TIMEOUT] = DIAL_PROXY_TIMEOUT,
		[PROXY_CONNECT_CANCELLED] = DIAL_CANCELLED,
		[PROXY_CONNECT_RESET] = DIAL_PROXY_RESET,
		[PROXY_CONNECT_CLOSED] = DIAL_PROXY_CLOSED,
		[PROXY_CONNECT_GARBAGE] = DIAL_PROXY_PROTOCOL,
		[PROXY_CONNECT_KERNEL] = DIAL_PROXY_REFUSED,
		[PROXY_CONNECT_INTERNAL] = DIAL_INTERNAL,
	};
	enum dial_reason reason = end == PROXY_CONNECT_STATUS
					  ? reason_of(pc->http_code)
					  : by_end[end];

	return blame(req, reason, pc->os_error, AT_CONNECT, "%s", pc->words);
}

static struct proxy_login login_of(const struct dial_proxy *p)
{
	return (struct proxy_login){ .host = p->host,
				     .port = p->port,
				     .username = p->username,
				     .password = p->password };
}

static bool has_login(const struct dial_request *req)
{
	return req->proxy != NULL && req->proxy->username[0] != '\0';
}

static bool blame_refused(struct dial_request *req)
{
	return blame(req, DIAL_PROXY_AUTH, 0, AT_PROXY,
		     "the proxy has refused this login before; it is not "
		     "sent again until it changes");
}

/* Before anything is opened: no need to trouble the proxy. */
static bool login_may_do(struct dial_request *req)
{
	struct proxy_login login;

	if (!has_login(req))
		return true;
	login = login_of(req->proxy);
	return !proxy_auth_is_refused(req->pool->auth, &login) ||
	       blame_refused(req);
}

/* False, after blame(), when the login must not be sent now. */
static bool login_begin(struct dial_request *req)
{
	struct proxy_login login = login_of(req->proxy);
	int rc = proxy_auth_begin(req->pool->auth, &login, req->deadline_ms,
				  &req->cancel);

	if (rc == 0)
		return true;
	if (rc == -EACCES)
		return blame_refused(req);
	if (rc == -ECANCELED)
		return blame(req, DIAL_CANCELLED, 0, AT_PROXY, "cancelled");
	if (rc == -ETIMEDOUT)
		return blame(req, DIAL_PROXY_TIMEOUT, 0, AT_PROXY,
			     "no judgement on the login in time");
	return blame(req, DIAL_INTERNAL, -rc, AT_PROXY, "%s", strerror(-rc));
}

static void login_end(struct dial_request *req)
{
	struct proxy_login login = login_of(req->proxy);
	enum proxy_auth_outcome outcome = PROXY_AUTH_UNKNOWN;
	long code = req->http_code;

	if (code == 407)
		outcome = PROXY_AUTH_REFUSED;
	/* A 403 may come before the proxy has looked at the login. */
	else if ((code >= 200 && code < 300) || code >= 500)
		outcome = PROXY_AUTH_ACCEPTED;
	proxy_auth_end(req->pool->auth, &login, outcome);
}

static bool tunnel(struct dial_request *req, const struct hop *h, int fd)
{
	struct proxy_connect pc = { .proxy = login_of(req->proxy),
				    .peer = &h->peer,
				    .fd = fd,
				    .host = req->host,
				    .port = req->port,
				    .alpn_header = req->alpn_header,
				    .deadline_ms = req->deadline_ms,
				    .cancel = &req->cancel };
	enum proxy_connect_end end;

	if (has_login(req) && !login_begin(req))
		return false;
	end = proxy_connect(&pc);
	req->http_code = pc.http_code;
	if (pc.date > 0)
		clock_skew_note(&req->pool->skew, pc.date, time(NULL),
				req->proxy->host, false);
	if (has_login(req))
		login_end(req);
	return end == PROXY_CONNECT_OK || blame_connect(req, &pc, end);
}

static bool blame_hop(struct dial_request *req, const struct hop *h, int error)
{
	bool proxy = req->proxy != NULL;
	enum at at = proxy ? AT_PROXY : AT_TARGET;

	if (error == -ECANCELED)
		return blame(req, DIAL_CANCELLED, 0, at, "cancelled");
	if (error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	    error == -ENOBUFS || error == -EINVAL)
		return blame(req, DIAL_INTERNAL, -error, at, "%s",
			     strerror(-error));
	if (!h->looked_up)
		return blame(req, proxy ? DIAL_PROXY_DNS : DIAL_TARGET_DNS, 0,
			     at, "name look-up: %s", lookup_words(error));
	if (error == -ETIMEDOUT)
		return blame(req,
			     proxy ? DIAL_PROXY_TIMEOUT : DIAL_TARGET_TIMEOUT,
			     0, at, "connect: no answer in time");
	return blame(req, proxy ? DIAL_PROXY_REFUSED : DIAL_TARGET_REFUSED,
		     -error, at, "connect: %s", strerror(-error));
}

/* The name ends in a request line: nothing but host names and addresses. */
static bool check_host(struct dial_request *req)
{
	char name[CONTROL_NAME_MAX + 1];
	struct endpoint ip;

	return (req->host[0] != '[' && (addr_parse_ip(req->host, &ip) ||
					hostname_normalise(req->host, name))) ||
	       blame(req, DIAL_TARGET_DNS, 0, AT_TARGET, "not a host name");
}

static bool reach(struct dial_request *req, struct hop *h, int *fd)
{
	h->host = req->proxy != NULL ? req->proxy->host : req->host;
	h->port = req->proxy != NULL ? req->proxy->port : req->port;
	*fd = hop_connect(h);
	return *fd >= 0 || blame_hop(req, h, *fd);
}

static bool blame_tls(struct dial_request *req, int error)
{
	enum dial_reason reason = DIAL_RELAY_TLS;

	if (error == -ETIMEDOUT)
		reason = DIAL_TARGET_TIMEOUT;
	else if (error == -ECONNREFUSED) /* UDP: nobody there */
		reason = DIAL_TARGET_REFUSED;
	return blame(req, reason, -error, AT_TARGET, "%s: %s",
		     req->kind == DIAL_DATAGRAM ? "DTLS" : "TLS",
		     tls_error(req->session));
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
		return blame(req, DIAL_INTERNAL, errno, AT_TARGET, "TLS: %s",
			     strerror(errno));
	cancel_watch(&req->cancel, fd);
	rc = cancel_is_set(&req->cancel)
		     ? -ECANCELED
		     : tls_handshake_wait(req->session, left);
	cancel_watch(&req->cancel, -1);
	return rc == 0 || blame_tls(req, rc);
}

/* The steps to a byte stream. */
static bool stream(struct dial_request *req, struct hop *h, int *fd)
{
	return check_host(req) && login_may_do(req) && reach(req, h, fd) &&
	       (req->proxy == NULL || tunnel(req, h, *fd)) &&
	       (req->trust == NULL || secure(req, *fd, req->deadline_ms));
}

/* The next address that has a route. After one that did not answer, it is that
 * one's failure that counts. */
static bool reach_datagram(struct dial_request *req, struct hop *h, int *fd)
{
	*fd = hop_datagram(h);
	req->addresses = h->addresses;
	req->address = h->address;
	if (*fd >= 0)
		return true;
	if (req->reason != DIAL_OK)
		return false;
	if (*fd == -ENXIO)
		return blame(req, DIAL_TARGET_UNREACH, 0, AT_TARGET,
			     "no further address");
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
static bool datagram(struct dial_request *req, struct hop *h, int *fd)
{
	if (req->proxy != NULL || req->socket >= 0)
		return blame(req, DIAL_INTERNAL, EINVAL, AT_TARGET,
			     "UDP goes directly, from a socket of its own");
	if (!check_host(req))
		return false;
	h->host = req->host;
	h->port = req->port;
	h->first = req->first;
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

static void settle(struct dial_request *req, struct hop *h, int fd, bool ok)
{
	if (cancel_is_set(&req->cancel))
		ok = blame(req, DIAL_CANCELLED, 0, AT_TARGET, "cancelled");
	if (!ok) {
		tls_free(req->session);
		req->session = NULL;
		if (fd >= 0 && fd != req->socket)
			close(fd);
		hop_undo(h);
		give_back(req);
		return;
	}
	req->reason = DIAL_OK;
	req->error = 0;
	req->detail[0] = '\0';
	if (req->socket >= 0)
		hop_restore(h, fd);
	if (fd == req->socket)
		give_back(req);
	else
		req->fd = fd;
}

/* In a pool thread. */
static void perform(void *arg)
{
	struct dial_request *req = arg;
	struct hop h = { .socket = req->socket,
			 .deadline_ms = req->deadline_ms,
			 .cancel = &req->cancel };
	int fd = -1;
	bool ok;

	req->performed = true;
	ok = req->kind == DIAL_DATAGRAM ? datagram(req, &h, &fd)
					: stream(req, &h, &fd);
	req->peer = h.peer;
	settle(req, &h, fd, ok);
}

/* In the loop's thread. */
static void deliver(void *arg, uint64_t now_ms)
{
	struct dial_request *req = arg;

	if (!req->performed) {
		if (cancel_is_set(&req->cancel))
			blame(req, DIAL_CANCELLED, 0, AT_TARGET, "cancelled");
		else
			blame(req, DIAL_INTERNAL, EAGAIN, AT_TARGET,
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
	pool->threads = thread_pool_new(threads_max, IDLE_MS);
	if (pool->auth != NULL && pool->threads != NULL)
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
	if (!thread_pool_free(pool->threads))
		return;
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
	dial_proxy_put(req->proxy);
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

void dial_forget_refusals(struct dial_pool *pool)
{
	proxy_auth_forget(pool->auth);
}

struct proxy_auth *dial_auth(struct dial_pool *pool)
{
	return pool->auth;
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
