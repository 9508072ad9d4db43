/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_forward.c - an app's connection to a web server turned into requests to
 * a proxy
 *
 * Theory of operation
 *
 * The app has the other end of `fd` and takes it for its connection to the
 * server. One request after the other is read, made by http_exchange.c, and
 * answered. Requests that cannot be made so get an answer that says why: what
 * is not HTTP, and what asks for another protocol.
 *
 * A thread owns its connection; the list is for its end alone. Whoever leaves
 * the list last, after http_forwards_free() has lost patience, leaves the
 * memory behind.
 *
 * A proxy that refuses CONNECT to two hosts is taken to mean the port, and is
 * not asked again for some minutes; one that knows no CONNECT is not asked
 * twice.
 */
#include <config.h>

#include "http_forward.h"

#include "cancel.h"
#include "clock.h"
#include "http_app.h"
#include "http_exchange.h"
#include "http_head.h"
#include "http_request.h"
#include "log.h"
#include "proxy.h"
#include "proxy_curl.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <sys/queue.h>

/* As thread_pool.c: libcurl with a resolver's plug-ins beside it. */
#define STACK_BYTES ((size_t)512 * 1024)
#define END_MS      1000
/* Between two requests, as web servers do; and before the first one. */
#define IDLE_MS       90000
#define REFUSALS      16
#define REFUSED_MS    (5 * 60 * 1000)
#define LOG_PERIOD_MS 10000

struct refusal {
	char proxy[PROXY_TEXT_MAX];
	char host[CONTROL_NAME_MAX + 1];
	uint64_t until_ms; /* 0: it has refused one host so far */
	uint64_t seen_ms;
};

struct http_forwards {
	pthread_mutex_t lock;
	pthread_cond_t left;
	LIST_HEAD(, forward) running;
	unsigned int count;
	struct refusal refusals[REFUSALS];
	struct log_limit limit;
};

struct forward {
	struct http_forwards *all;
	struct http_upstream up;
	struct cancel cancel;
	LIST_ENTRY(forward) link;
	struct http_app app;
	struct http_head request;
	char text[HTTP_HEAD_MAX]; /* of the request's head */
};

/* One connection */

static void log_refusal(struct forward *f, const char *words)
{
	unsigned int suppressed;
	bool ok;

	pthread_mutex_lock(&f->all->lock);
	ok = log_limit_ok(&f->all->limit, clock_now_ms(), LOG_PERIOD_MS,
			  &suppressed);
	pthread_mutex_unlock(&f->all->lock);
	if (ok)
		log_warn("connection to %s:%d: %s", f->up.host,
			 HTTP_FORWARD_PORT, words);
}

/* Always false: the connection ends. */
static bool refuse(struct forward *f, unsigned int status, const char *words)
{
	bool to_head = strcmp(f->request.method, "HEAD") == 0;

	log_refusal(f, words);
	if (http_app_say(&f->app, status, to_head, words))
		http_app_linger(&f->app);
	return false;
}

static bool refuse_head(struct forward *f, int error)
{
	char words[200];

	snprintf(words, sizeof(words), "a request that cannot be forwarded: %s",
		 f->request.why);
	return refuse(f, error == -ENOTSUP ? 501 : 400, words);
}

static bool refuse_bytes(struct forward *f)
{
	char proxy[PROXY_TEXT_MAX], words[400];

	f->request.method[0] = '\0';
	snprintf(words, sizeof(words),
		 "proxy %s refuses CONNECT to port %d, and can do nothing with "
		 "what is not HTTP",
		 proxy_format(f->up.proxy, proxy), HTTP_FORWARD_PORT);
	return refuse(f, 400, words);
}

static bool refuse_upgrade(struct forward *f)
{
	char proxy[PROXY_TEXT_MAX], words[800];

	snprintf(words, sizeof(words),
		 "proxy %s refuses CONNECT to port %d, without which there is "
		 "no Upgrade (WebSocket). Use wss:// (port 443), or ask for "
		 "CONNECT to %s:%d to be allowed.",
		 proxy_format(f->up.proxy, proxy), HTTP_FORWARD_PORT,
		 f->up.host, HTTP_FORWARD_PORT);
	return refuse(f, 501, words);
}

/* False: that was the last. */
static bool serve_one(struct forward *f)
{
	int n = http_app_wait_head(&f->app, IDLE_MS), rc;
	enum http_exchange_end end;

	if (n <= 0)
		return n < 0 && refuse_bytes(f);
	memcpy(f->text, f->app.in, (size_t)n);
	http_app_use(&f->app, (size_t)n);
	rc = http_head_parse_request(&f->request, f->text, (size_t)n);
	if (rc < 0)
		return refuse_head(f, rc);
	if (f->request.upgrade)
		return refuse_upgrade(f);
	end = http_exchange(&f->up, &f->app, &f->request);
	if (end == HTTP_EXCHANGE_BROKEN)
		http_app_reset(&f->app);
	else if (end == HTTP_EXCHANGE_LAST)
		http_app_linger(&f->app);
	return end == HTTP_EXCHANGE_NEXT;
}

static void free_forward(struct forward *f)
{
	/* Cookies and tokens. */
	explicit_bzero(f->text, sizeof(f->text));
	explicit_bzero(f->app.in, sizeof(f->app.in));
	http_app_fini(&f->app);
	close(f->app.fd);
	proxy_put(f->up.proxy);
	cancel_fini(&f->cancel);
	free(f);
}

static void *serve(void *arg)
{
	struct forward *f = arg;
	struct http_forwards *all = f->all;

	if (http_upstream_open(&f->up) == 0) {
		while (serve_one(f))
			;
		http_upstream_close(&f->up);
	}
	pthread_mutex_lock(&all->lock);
	LIST_REMOVE(f, link);
	pthread_mutex_unlock(&all->lock);
	free_forward(f);
	pthread_mutex_lock(&all->lock);
	all->count--;
	pthread_cond_signal(&all->left);
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* All of them */

struct http_forwards *http_forwards_new(void)
{
	struct http_forwards *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;

	if (f == NULL)
		return NULL;
	proxy_curl_init();
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->left, &attr);
	pthread_condattr_destroy(&attr);
	LIST_INIT(&f->running);
	return f;
}

bool http_forwards_free(struct http_forwards *f)
{
	struct forward *one;
	struct timespec until;
	int rc = 0;

	if (f == NULL)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += END_MS / 1000;
	pthread_mutex_lock(&f->lock);
	LIST_FOREACH(one, &f->running, link)
	cancel_now(&one->cancel);
	while (rc == 0 && f->count > 0)
		rc = pthread_cond_timedwait(&f->left, &f->lock, &until);
	if (f->count > 0) {
		pthread_mutex_unlock(&f->lock);
		return false;
	}
	pthread_mutex_unlock(&f->lock);
	pthread_cond_destroy(&f->left);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return true;
}

unsigned int http_forwards_count(struct http_forwards *f)
{
	unsigned int n;

	pthread_mutex_lock(&f->lock);
	n = f->count;
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* Locked. */
static int start_thread(struct forward *f)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, serve, f);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

static int enlist(struct http_forwards *all, struct forward *f)
{
	int rc = -EAGAIN;

	pthread_mutex_lock(&all->lock);
	if (all->count < HTTP_FORWARDS_MAX)
		rc = start_thread(f);
	if (rc == 0) {
		LIST_INSERT_HEAD(&all->running, f, link);
		all->count++;
	}
	pthread_mutex_unlock(&all->lock);
	return rc;
}

int http_forward_start(struct http_forwards *all,
		       const struct http_forward_opts *opts)
{
	struct forward *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL) {
		close(opts->fd);
		return -ENOMEM;
	}
	f->all = all;
	cancel_init(&f->cancel);
	http_app_init(&f->app, opts->fd, &f->cancel);
	cancel_watch(&f->cancel, opts->fd);
	f->up.proxy = proxy_get(opts->proxy);
	f->up.auth = opts->auth;
	f->up.pump = opts->pump;
	f->up.cancel = &f->cancel;
	f->up.app_fd = opts->fd;
	snprintf(f->up.host, sizeof(f->up.host), "%s", opts->host);
	rc = enlist(all, f);
	if (rc < 0)
		free_forward(f);
	return rc;
}

/* Proxies that refuse */

/* Locked. NULL: none, unless `make`. */
static struct refusal *find(struct http_forwards *f, const struct proxy *proxy,
			    bool make)
{
	struct refusal *oldest = &f->refusals[0], *r;
	char text[PROXY_TEXT_MAX];

	proxy_format(proxy, text);
	for (r = f->refusals; r < f->refusals + REFUSALS; r++) {
		if (strcmp(r->proxy, text) == 0)
			return r;
		if (r->seen_ms < oldest->seen_ms)
			oldest = r;
	}
	if (!make)
		return NULL;
	*oldest = (struct refusal){ .until_ms = 0 };
	snprintf(oldest->proxy, sizeof(oldest->proxy), "%s", text);
	return oldest;
}

/* Locked. True: news. */
static bool note_refusal(struct refusal *r, const char *host, bool any_host,
			 uint64_t now_ms)
{
	bool known = now_ms < r->until_ms;

	r->seen_ms = now_ms;
	if (any_host || (r->host[0] != '\0' && strcasecmp(r->host, host) != 0))
		r->until_ms = now_ms + REFUSED_MS;
	snprintf(r->host, sizeof(r->host), "%s", host);
	return !known && r->until_ms != 0;
}

bool http_forward_note(struct http_forwards *f, const struct proxy *proxy,
		       const char *host, long http_code, uint64_t now_ms)
{
	bool unknown_method = http_code == 405 || http_code == 501;
	bool refused = unknown_method || http_code == 403;
	char text[PROXY_TEXT_MAX];
	struct refusal *r;
	bool news = false;

	pthread_mutex_lock(&f->lock);
	r = find(f, proxy, refused);
	if (refused)
		news = note_refusal(r, host, unknown_method, now_ms);
	else if (r != NULL && http_code >= 200 && http_code < 300)
		*r = (struct refusal){ .until_ms = 0 };
	pthread_mutex_unlock(&f->lock);
	if (news)
		log_info("proxy %s refuses CONNECT to port %d: requests to "
			 "http:// go to it as such",
			 proxy_format(proxy, text), HTTP_FORWARD_PORT);
	return refused;
}

bool http_forward_is_known(struct http_forwards *f, const struct proxy *proxy,
			   uint64_t now_ms)
{
	const struct refusal *r;
	bool known;

	pthread_mutex_lock(&f->lock);
	r = find(f, proxy, false);
	known = r != NULL && now_ms < r->until_ms;
	pthread_mutex_unlock(&f->lock);
	return known;
}
