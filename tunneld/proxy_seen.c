/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_seen.c - what each proxy has shown: the scheme that worked, what it
 * offers, and how many 407s it may still be made to say
 *
 * Theory of operation
 *
 * A proxy that refuses is asked again and again by apps that do not give up:
 * docker/roadmap#685 has 2000 requests a minute. So each proxy has a bucket of
 * PROXY_SEEN_BUDGET tokens that a dial which ends in 407 takes one from; an
 * empty one fails dials without a word to the proxy, one that succeeds fills
 * it. A dial's end is not known at its beginning: until the proxy has let
 * somebody through (`proven`), only as many are under way as there are tokens,
 * and the others wait for them, at most CROWD_MS: a proxy that says nothing
 * for so long does not say 407.
 */
#include <config.h>

#include "proxy_seen.h"

#include "cancel.h"
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PROXIES  32 /* the one seen longest ago is forgotten */
#define REALMS   4
#define OFFER_MS 60000
#define CROWD_MS 2000

/* A scheme that worked. */
struct habit {
	bool used;
	enum proxy_scheme scheme;
	char realm[PROXY_REALM_MAX + 1];
};

struct seen {
	bool used;
	enum proxy_kind kind;
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port;
	uint64_t touched;
	struct habit habits[REALMS]; /* the last that worked first */
	bool has_offer;
	uint64_t offer_ms;
	struct proxy_challenge offer;
	unsigned int tokens;
	uint64_t refill_ms; /* the last token was put in then */
	bool proven;
	uint64_t login; /* fingerprint of the one that was used last */
	unsigned int under_way;
};

struct proxy_seen {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t clock;
	struct seen seen[PROXIES];
};

struct proxy_seen *proxy_seen_new(void)
{
	struct proxy_seen *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

void proxy_seen_free(struct proxy_seen *s)
{
	if (s == NULL)
		return;
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Locked, all of these. */

static bool is_it(const struct seen *e, const struct proxy *p)
{
	return e->used && e->kind == p->kind && e->port == p->port &&
	       strcasecmp(e->host, p->host) == 0;
}

static struct seen *find(struct proxy_seen *s, const struct proxy *p)
{
	for (struct seen *e = s->seen; e < s->seen + PROXIES; e++)
		if (is_it(e, p))
			return e;
	return NULL;
}

/* NULL: dials to all of them are under way. */
static struct seen *make(struct proxy_seen *s, const struct proxy *p)
{
	struct seen *e = find(s, p), *best = NULL;

	for (struct seen *i = s->seen; e == NULL && i < s->seen + PROXIES; i++)
		if (i->under_way == 0 &&
		    (best == NULL || i->touched < best->touched))
			best = i;
	if (e == NULL && best != NULL) {
		e = best;
		*e = (struct seen){ .used = true,
				    .kind = p->kind,
				    .port = p->port,
				    .tokens = PROXY_SEEN_BUDGET };
		strcpy(e->host, p->host);
	}
	if (e != NULL)
		e->touched = ++s->clock;
	return e;
}

/* Schemes */

static void remember(struct seen *e, enum proxy_scheme scheme,
		     const char *realm)
{
	struct habit new = { .used = true, .scheme = scheme };
	size_t at = 0;

	strncpy(new.realm, realm, sizeof(new.realm) - 1);
	/* Over the one of the same realm, or the last. */
	while (at < REALMS - 1 && e->habits[at].used &&
	       strcmp(e->habits[at].realm, new.realm) != 0)
		at++;
	memmove(&e->habits[1], &e->habits[0], at * sizeof(e->habits[0]));
	e->habits[0] = new;
}

static void forget(struct seen *e, enum proxy_scheme scheme)
{
	size_t n = 0;

	for (size_t i = 0; i < REALMS; i++)
		if (e->habits[i].used && e->habits[i].scheme != scheme)
			e->habits[n++] = e->habits[i];
	for (; n < REALMS; n++)
		e->habits[n].used = false;
}

static const struct habit *recall(const struct seen *e, const char *realm)
{
	for (size_t i = 0; i < REALMS && e->habits[i].used; i++)
		if (realm == NULL || strcmp(e->habits[i].realm, realm) == 0)
			return &e->habits[i];
	return NULL;
}

bool proxy_seen_scheme(struct proxy_seen *s, const struct proxy *p,
		       const char *realm, enum proxy_scheme *scheme,
		       char realm_out[PROXY_REALM_MAX + 1])
{
	const struct habit *h = NULL;
	const struct seen *e;

	pthread_mutex_lock(&s->lock);
	e = find(s, p);
	if (e != NULL)
		h = recall(e, realm);
	if (h != NULL)
		*scheme = h->scheme;
	if (h != NULL && realm_out != NULL)
		memcpy(realm_out, h->realm, sizeof(h->realm));
	pthread_mutex_unlock(&s->lock);
	return h != NULL;
}

void proxy_seen_worked(struct proxy_seen *s, const struct proxy *p,
		       enum proxy_scheme scheme, const char *realm)
{
	struct seen *e;

	pthread_mutex_lock(&s->lock);
	e = make(s, p);
	if (e != NULL)
		remember(e, scheme, realm);
	pthread_mutex_unlock(&s->lock);
}

void proxy_seen_failed(struct proxy_seen *s, const struct proxy *p,
		       enum proxy_scheme scheme)
{
	struct seen *e;

	pthread_mutex_lock(&s->lock);
	e = find(s, p);
	if (e != NULL)
		forget(e, scheme);
	pthread_mutex_unlock(&s->lock);
}

/* Offers */

bool proxy_seen_offer(struct proxy_seen *s, const struct proxy *p,
		      struct proxy_challenge *out)
{
	const struct seen *e;
	bool fresh;

	pthread_mutex_lock(&s->lock);
	e = find(s, p);
	fresh = e != NULL && e->has_offer &&
		clock_now_ms() - e->offer_ms < OFFER_MS;
	if (fresh)
		*out = e->offer;
	pthread_mutex_unlock(&s->lock);
	return fresh;
}

void proxy_seen_offered(struct proxy_seen *s, const struct proxy *p,
			const struct proxy_challenge *c)
{
	struct seen *e;

	pthread_mutex_lock(&s->lock);
	e = make(s, p);
	if (e != NULL) {
		e->has_offer = true;
		e->offer_ms = clock_now_ms();
		e->offer = *c;
	}
	pthread_mutex_unlock(&s->lock);
}

/* The budget */

static void refill(struct seen *e, uint64_t now_ms)
{
	uint64_t more = (now_ms - e->refill_ms) / PROXY_SEEN_REFILL_MS;

	if (e->tokens >= PROXY_SEEN_BUDGET ||
	    more >= PROXY_SEEN_BUDGET - e->tokens) {
		e->tokens = PROXY_SEEN_BUDGET;
		e->refill_ms = now_ms;
		return;
	}
	e->tokens += (unsigned int)more;
	e->refill_ms += more * PROXY_SEEN_REFILL_MS;
}

/* 0, -EBUSY, or -EAGAIN: wait for those under way. */
static int may_go(struct seen *e, uint64_t now_ms, bool waited)
{
	if (e->proven)
		return 0;
	refill(e, now_ms);
	if (e->tokens == 0)
		return -EBUSY;
	return e->under_way < e->tokens || waited ? 0 : -EAGAIN;
}

static int wait_changed(struct proxy_seen *s, uint64_t now_ms,
			uint64_t deadline_ms, struct cancel *cancel)
{
	uint64_t until = now_ms + CANCEL_POLL_MS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000),
			       .tv_nsec = (long)(until % 1000) * 1000000 };

	if (cancel_is_set(cancel))
		return -ECANCELED;
	if (now_ms >= deadline_ms)
		return -ETIMEDOUT;
	pthread_cond_timedwait(&s->changed, &s->lock, &ts);
	return -EAGAIN;
}

int proxy_seen_enter(struct proxy_seen *s, const struct proxy *p,
		     uint64_t deadline_ms, struct cancel *cancel)
{
	uint64_t start = clock_now_ms();
	int rc = -EAGAIN;

	pthread_mutex_lock(&s->lock);
	while (rc == -EAGAIN) {
		uint64_t now = clock_now_ms();
		struct seen *e = make(s, p);

		if (e == NULL)
			rc = -ENOMEM;
		else
			rc = may_go(e, now, now - start >= CROWD_MS);
		if (rc == 0)
			e->under_way++;
		else if (rc == -EAGAIN)
			rc = wait_changed(s, now, deadline_ms, cancel);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void proxy_seen_login(struct proxy_seen *s, const struct proxy *p,
		      uint64_t login)
{
	struct seen *e;

	pthread_mutex_lock(&s->lock);
	e = make(s, p);
	if (e != NULL && e->login != login) {
		e->login = login;
		e->tokens = PROXY_SEEN_BUDGET;
	}
	pthread_mutex_unlock(&s->lock);
}

uint64_t proxy_seen_last_login(struct proxy_seen *s, const struct proxy *p)
{
	const struct seen *e;
	uint64_t login;

	pthread_mutex_lock(&s->lock);
	e = find(s, p);
	login = e != NULL ? e->login : 0;
	pthread_mutex_unlock(&s->lock);
	return login;
}

void proxy_seen_forgive(struct proxy_seen *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct seen *e = s->seen; e < s->seen + PROXIES; e++) {
		e->tokens = PROXY_SEEN_BUDGET;
		e->has_offer = false;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void proxy_seen_leave(struct proxy_seen *s, const struct proxy *p,
		      enum proxy_seen_end end)
{
	struct seen *e;

	pthread_mutex_lock(&s->lock);
	e = find(s, p);
	if (e != NULL && e->under_way > 0)
		e->under_way--;
	if (e != NULL && end == PROXY_SEEN_PASSED) {
		e->tokens = PROXY_SEEN_BUDGET;
		e->proven = true;
	}
	if (e != NULL && end == PROXY_SEEN_407) {
		uint64_t now = clock_now_ms();

		refill(e, now);
		e->tokens -= e->tokens > 0;
		e->proven = false;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}
