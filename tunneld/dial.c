/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dial.c - connections that somebody waits for: a host, a proxy and trust in;
 * a connected descriptor, or the hop and cause of the failure, out
 *
 * RFC 9110, 9.3.6 (CONNECT) and RFC 7617 (Basic) by libcurl, RFC 7639 (ALPN
 * header).
 *
 * Theory of operation
 *
 * A pool thread takes one request through its steps: reach() opens TCP to the
 * proxy or the target, tunnel() has libcurl do CONNECT on it, secure() does
 * TLS, and settle() decides what the caller gets. The descriptor is ours all
 * the time; libcurl works on a duplicate, reads the answer byte by byte, and
 * so leaves what follows it in the socket. Steps report by blame() and false.
 */
#include <config.h>

#include "dial.h"

#include "addr.h"
#include "clock.h"
#include "hop.h"
#include "hostname.h"
#include "lookup.h"
#include "proxy_auth.h"
#include "tls.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#define TIMEOUT_MS 30000
#define IDLE_MS    30000

struct dial_pool {
	struct thread_pool *threads;
	struct proxy_auth *auth;
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

static void put_words(struct dial_request *req, size_t used, const char *fmt,
		      va_list ap)
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

/* One dial's talk with the proxy, for libcurl's callbacks. */
struct exchange {
	struct dial_request *req;
	int fd;
	bool opened;
	bool answered; /* a line came, whatever it said */
	char status[64];
	char squid_error[48];
};

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *addr)
{
	struct exchange *ex = arg;

	(void)purpose;
	(void)addr;
	/* One connection a dial: with Basic sent at once there is no second
	 * attempt. */
	if (ex->opened)
		return CURL_SOCKET_BAD;
	ex->opened = true;
	return fcntl(ex->fd, F_DUPFD_CLOEXEC, 0);
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c,
		       curl_off_t d)
{
	struct exchange *ex = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return cancel_is_set(&ex->req->cancel);
}

/* The proxy's text is for the log: printable, one line, bounded. */
static void copy_text(char *out, size_t max, const char *in, size_t len)
{
	size_t n = 0;

	while (len > 0 && *in == ' ') {
		in++;
		len--;
	}
	for (; len > 0 && n + 1 < max; in++, len--) {
		unsigned char c = (unsigned char)*in;

		if (c == '\r' || c == '\n')
			break;
		out[n++] = isprint(c) ? (char)c : '?';
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	static const char squid[] = "X-Squid-Error:";
	struct exchange *ex = arg;
	size_t len = size * count;
	char *space = memchr(line, ' ', len);

	ex->answered = true;
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		ex->squid_error[0] = '\0';
		if (space != NULL)
			copy_text(ex->status, sizeof(ex->status), space,
				  len - (size_t)(space - line));
	} else if (len >= sizeof(squid) &&
		   strncasecmp(line, squid, sizeof(squid) - 1) == 0) {
		copy_text(ex->squid_error, sizeof(ex->squid_error),
			  line + sizeof(squid) - 1, len - sizeof(squid) + 1);
		/* "ERR_ACCESS_DENIED 0": the number is squid's own errno. */
		ex->squid_error[strcspn(ex->squid_error, " ")] = '\0';
	}
	return len;
}

static CURLcode set_target(CURL *curl, const struct dial_request *req)
{
	char url[CONTROL_NAME_MAX + 32];
	bool v6 = strchr(req->host, ':') != NULL;

	/* The scheme is of no consequence: nothing is sent inside. */
	snprintf(url, sizeof(url), "http://%s%s%s:%u", v6 ? "[" : "", req->host,
		 v6 ? "]" : "", (unsigned int)req->port);
	return curl_easy_setopt(curl, CURLOPT_URL, url) |
	       curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) |
	       curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
}

/* The connection is there already: libcurl must not look for the proxy's name
 * itself, so the list tells it an address. */
static CURLcode set_proxy(CURL *curl, const struct dial_proxy *p,
			  const struct endpoint *peer,
			  struct curl_slist **resolve)
{
	char url[CONTROL_NAME_MAX + 32], ip[ADDR_TEXT_MAX];
	char entry[CONTROL_NAME_MAX + ADDR_TEXT_MAX + 16];
	bool v6 = strchr(p->host, ':') != NULL;
	CURLcode rc;

	addr_format_ip(peer, ip);
	snprintf(url, sizeof(url), "http://%s%s%s:%u", v6 ? "[" : "", p->host,
		 v6 ? "]" : "", (unsigned int)p->port);
	snprintf(entry, sizeof(entry), "%s:%u:%s", p->host,
		 (unsigned int)p->port, ip);
	if (!v6) {
		*resolve = curl_slist_append(NULL, entry);
		if (*resolve == NULL)
			return CURLE_OUT_OF_MEMORY;
	}
	rc = curl_easy_setopt(curl, CURLOPT_RESOLVE, *resolve) |
	     curl_easy_setopt(curl, CURLOPT_PROXY, url) |
	     curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
	if (p->username[0] == '\0')
		return rc;
	return rc |
	       curl_easy_setopt(curl, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC) |
	       curl_easy_setopt(curl, CURLOPT_PROXYUSERNAME, p->username) |
	       curl_easy_setopt(curl, CURLOPT_PROXYPASSWORD, p->password);
}

static CURLcode set_headers(CURL *curl, const struct dial_request *req,
			    struct curl_slist **headers)
{
	CURLcode rc = curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME);

	if (!req->alpn_header)
		return rc;
	*headers = curl_slist_append(NULL, "ALPN: stun.turn");
	if (*headers == NULL)
		return CURLE_OUT_OF_MEMORY;
	return rc | curl_easy_setopt(curl, CURLOPT_PROXYHEADER, *headers);
}

static CURLcode set_callbacks(CURL *curl, struct exchange *ex)
{
	uint64_t now = clock_now_ms(), deadline = ex->req->deadline_ms;
	long left = deadline > now ? (long)(deadline - now) : 1;

	return curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) |
	       curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket) |
	       curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) |
	       curl_easy_setopt(curl, CURLOPT_HEADERDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) |
	       curl_easy_setopt(curl, CURLOPT_XFERINFODATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) |
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) |
	       /* The app's socket keeps the options that the app has set. */
	       curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 0L) |
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, left);
}

/* CONNECT was answered, but not by 2xx. */
static bool blame_code(struct exchange *ex)
{
	struct dial_request *req = ex->req;
	enum dial_reason reason = DIAL_TARGET_UNREACH;
	bool squid = ex->squid_error[0] != '\0';

	if (req->http_code == 407)
		reason = DIAL_PROXY_AUTH;
	else if (req->http_code == 504)
		reason = DIAL_TARGET_TIMEOUT;
	else if (req->http_code < 400)
		reason = DIAL_CAPTIVE_PORTAL;
	else if (req->http_code < 500)
		reason = DIAL_PROXY_DENIED;
	return blame(req, reason, 0, AT_CONNECT, "%s%s%s%s", ex->status,
		     squid ? " (" : "", ex->squid_error, squid ? ")" : "");
}

/* CONNECT got no complete answer. */
static bool blame_exchange(struct exchange *ex, CURLcode rc, long os_error)
{
	struct dial_request *req = ex->req;

	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return blame(req, DIAL_PROXY_TIMEOUT, 0, AT_CONNECT,
			     "no answer in time");
	case CURLE_ABORTED_BY_CALLBACK:
		return blame(req, DIAL_CANCELLED, 0, AT_CONNECT, "cancelled");
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_COULDNT_CONNECT: /* our callback had no descriptor */
		return blame(req, DIAL_INTERNAL, ENOBUFS, AT_CONNECT, "%s",
			     curl_easy_strerror(rc));
	default:
		break;
	}
	if (os_error == ECONNRESET || os_error == EPIPE)
		return blame(req, DIAL_PROXY_RESET, 0, AT_CONNECT, "%s",
			     strerror((int)os_error));
	/* A socket with TCP_FASTOPEN_CONNECT learns of it only now. */
	if (os_error != 0)
		return blame(req, DIAL_PROXY_REFUSED, (int)os_error, AT_PROXY,
			     "%s", strerror((int)os_error));
	if (ex->answered && req->http_code == 0)
		return blame(req, DIAL_PROXY_PROTOCOL, 0, AT_CONNECT,
			     "the answer is not HTTP");
	return blame(req, DIAL_PROXY_CLOSED, 0, AT_CONNECT,
		     "the proxy closed the connection");
}

/* Blocks until the proxy has answered CONNECT. */
static bool exchange(struct exchange *ex, const struct endpoint *peer)
{
	struct dial_request *req = ex->req;
	struct curl_slist *resolve = NULL, *headers = NULL;
	CURL *curl = curl_easy_init();
	CURLcode rc = CURLE_FAILED_INIT;
	long os_error = 0;

	if (curl != NULL)
		rc = set_target(curl, req) |
		     set_proxy(curl, req->proxy, peer, &resolve) |
		     set_headers(curl, req, &headers) | set_callbacks(curl, ex);
	if (rc == CURLE_OK) {
		rc = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE,
				  &req->http_code);
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
	} else {
		rc = CURLE_OUT_OF_MEMORY;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(resolve);
	curl_slist_free_all(headers);
	/* A proxy that said 200 and never ended its headers has not answered:
	 * the result counts before the code. */
	if (rc == CURLE_OK)
		return true;
	if (rc != CURLE_OPERATION_TIMEDOUT && req->http_code >= 300)
		return blame_code(ex);
	return blame_exchange(ex, rc, os_error);
}

static struct proxy_login login_of(const struct dial_proxy *p)
{
	return (struct proxy_login){ .host = p->host,
				     .port = p->port,
				     .username = p->username,
				     .password = p->password };
}

/* False, after blame(), when the login must not be sent now. */
static bool login_begin(struct dial_request *req)
{
	struct proxy_login login = login_of(req->proxy);
	int rc = proxy_auth_begin(req->pool->auth, &login, req->deadline_ms,
				  &req->cancel);

	if (rc == 0)
		return true;
	if (rc == -ECANCELED)
		return blame(req, DIAL_CANCELLED, 0, AT_PROXY, "cancelled");
	if (rc == -ETIMEDOUT)
		return blame(req, DIAL_PROXY_TIMEOUT, 0, AT_PROXY,
			     "no judgement on the login in time");
	if (rc != -EACCES)
		return blame(req, DIAL_INTERNAL, -rc, AT_PROXY, "%s",
			     strerror(-rc));
	return blame(req, DIAL_PROXY_AUTH, 0, AT_PROXY,
		     "the proxy has refused this login before; it is not "
		     "sent again until it changes");
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
	struct exchange ex = { .req = req, .fd = fd };
	bool login = req->proxy->username[0] != '\0', ok;

	if (login && !login_begin(req))
		return false;
	cancel_watch(&req->cancel, fd);
	ok = exchange(&ex, &h->peer);
	cancel_watch(&req->cancel, -1);
	if (login)
		login_end(req);
	return ok;
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
static bool reach(struct dial_request *req, struct hop *h, int *fd)
{
	char name[CONTROL_NAME_MAX + 1];
	struct endpoint ip;

	if (req->host[0] == '[' || (!addr_parse_ip(req->host, &ip) &&
				    !hostname_normalise(req->host, name)))
		return blame(req, DIAL_TARGET_DNS, 0, AT_TARGET,
			     "not a host name");
	h->host = req->proxy != NULL ? req->proxy->host : req->host;
	h->port = req->proxy != NULL ? req->proxy->port : req->port;
	*fd = hop_connect(h);
	return *fd >= 0 || blame_hop(req, h, *fd);
}

static bool secure(struct dial_request *req, int fd)
{
	uint64_t now = clock_now_ms();
	uint32_t left = 0;
	int rc;

	if (req->deadline_ms > now)
		left = (uint32_t)(req->deadline_ms - now);
	req->session = tls_open(req->tls, fd, req->host);
	if (req->session == NULL)
		return blame(req, DIAL_INTERNAL, errno, AT_TARGET, "TLS: %s",
			     strerror(errno));
	cancel_watch(&req->cancel, fd);
	rc = tls_handshake_wait(req->session, left);
	cancel_watch(&req->cancel, -1);
	if (rc == 0)
		return true;
	return blame(req,
		     rc == -ETIMEDOUT ? DIAL_TARGET_TIMEOUT : DIAL_RELAY_TLS, 0,
		     AT_TARGET, "TLS: %s", tls_error(req->session));
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
		hop_restore_flags(h, fd);
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
	ok = reach(req, &h, &fd) &&
	     (req->proxy == NULL || tunnel(req, &h, fd)) &&
	     (req->tls == NULL || secure(req, fd));
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
	dial_request_free(arg);
}

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct dial_pool *dial_pool_new(unsigned int threads_max)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct dial_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pthread_once(&once, init_curl);
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
	cancel_fini(&req->cancel);
	free(req);
}

void dial_start(struct dial_pool *pool, struct dial_request *req)
{
	uint32_t timeout = req->timeout_ms != 0 ? req->timeout_ms : TIMEOUT_MS;

	req->pool = pool;
	req->deadline_ms = clock_now_ms() + timeout;
	req->job = (struct thread_job){ .work = perform,
					.done = deliver,
					.cancel = stop,
					.drop = discard,
					.arg = req,
					.loop = req->loop };
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

void dial_run(struct dial_pool *pool, struct thread_job *job)
{
	thread_pool_run(pool->threads, job);
}
