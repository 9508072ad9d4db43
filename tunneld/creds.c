/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds.c - where a relay's username and password come from
 *
 * Turns configured secrets into a pair for one allocation
 * (draft-uberti-behave-turn-rest-00, 2.2: username "expiry:id", password
 * base64(HMAC-SHA1(secret, username))), or keeps the pair that a service or a
 * command has given.
 *
 * Theory of operation. Fetched credentials are in `have`, good until
 * `until_ms`. creds_make() only looks. creds_fetch() is the one way to change
 * them: the first thread that comes sets `fetching` and goes without the lock,
 * the others wait for `settled` to grow. A failure leaves `have` as it is, and
 * sets `retry_ms`, before which nobody goes again.
 */
#include <config.h>

#include "creds.h"

#include "cancel.h"
#include "clock.h"
#include "creds_private.h"
#include "dial.h"
#include "egress.h"
#include "log.h"
#include "saslprep.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SHA1_LEN    20
#define ID_DEFAULT  "turnout"
#define EXPIRY_MAX  20 /* digits of a time_t */
#define BASE64_SHA1 28

#define FETCH_MS       10000
#define RETRY_MIN_MS   1000
#define RETRY_MAX_MS   60000
#define RETRY_DOUBLING 6
/* A pair that was refused sooner than this was never any good. */
#define REFUSED_SOON_MS 60000
#define TTL_MAX_S       (30 * 86400)
/* While another thread fetches. */
#define BUSY_MS 500

struct creds {
	_Atomic uint32_t refs;
	struct creds_opts opts; /* all of it our own */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* the rest is locked */
	bool fetching;
	uint64_t settled; /* fetches that have ended */
	struct creds_served *have;
	uint64_t got_ms, until_ms;
	unsigned int failures, refusals; /* in a row */
	uint64_t retry_ms;
	int error; /* of the last fetch */
	char words[CREDS_WORDS_MAX];
};

/* Making and freeing */

static void wipe_free(const char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse((char *)secret, strlen(secret));
	free((char *)secret);
}

static uint64_t boottime_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool empty(const char *text)
{
	return text == NULL || *text == '\0';
}

/* NULL: fine. */
static const char *complaint(const struct creds_opts *o)
{
	size_t name = empty(o->username) ? 0 : strlen(o->username);
	size_t pass = empty(o->secret) ? 0 : strlen(o->secret);

	switch (o->kind) {
	case CREDS_STATIC:
		if (name == 0)
			return "username and password_file (or secret_file) "
			       "are needed";
		return name > CREDS_USERNAME_MAX || pass > CREDS_PASSWORD_MAX
			       ? "the username or password is too long"
			       : saslprep_complaint(o->username, o->secret);
	case CREDS_REST:
		if (pass == 0)
			return "the shared secret is empty";
		return name + EXPIRY_MAX + 1 > CREDS_USERNAME_MAX
			       ? "the username is too long"
			       : saslprep_complaint(o->username, NULL);
	case CREDS_URI:
		return empty(o->uri) ? "credentials_uri is needed" : NULL;
	case CREDS_COMMAND:
		return empty(o->command) ? "credential_command is needed"
					 : NULL;
	}
	return "of no known kind";
}

/* Each string, in one order: for copying, wiping and comparing. */
#define STRINGS 8
static const char **string_of(struct creds_opts *o, int i)
{
	const char **all[STRINGS] = { &o->username, &o->secret, &o->uri,
				      &o->headers,  &o->body,   &o->ca_file,
				      &o->command,  &o->name };

	return all[i];
}

static bool copy_opts(struct creds_opts *to, const struct creds_opts *from)
{
	struct creds_opts src = *from;
	bool ok = true;

	*to = *from;
	for (int i = 0; i < STRINGS; i++) {
		const char *text = *string_of(&src, i);

		*string_of(to, i) = empty(text) ? NULL : strdup(text);
		ok = ok && (empty(text) || *string_of(to, i) != NULL);
	}
	if (from->kind == CREDS_REST && to->username == NULL) {
		to->username = strdup(ID_DEFAULT);
		ok = ok && to->username != NULL;
	}
	if (to->egress != NULL)
		egress_get(to->egress);
	if (to->clock_ms == NULL)
		to->clock_ms = boottime_ms;
	return ok;
}

static void free_served(struct creds_served *s)
{
	if (s != NULL)
		OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

struct creds *creds_new(const struct creds_opts *opts, const char **words)
{
	struct creds *c;
	pthread_condattr_t attr;

	*words = complaint(opts);
	if (*words != NULL)
		return NULL;
	*words = "out of memory";
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (copy_opts(&c->opts, opts))
		return c;
	creds_put(c);
	return NULL;
}

struct creds *creds_get(struct creds *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void creds_put(struct creds *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (int i = 0; i < STRINGS; i++)
		wipe_free(*string_of(&c->opts, i));
	egress_put(c->opts.egress);
	free_served(c->have);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Pairs */

static int make_rest(const struct creds *c, time_t now, struct creds_pair *out)
{
	const char *secret = c->opts.secret;
	uint8_t mac[SHA1_LEN];
	size_t n = 0;
	int r = 0;

	out->expires = now + CREDS_LIFETIME_S;
	snprintf(out->username, sizeof(out->username), "%lld:%s",
		 (long long)out->expires, c->opts.username);
	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, secret, strlen(secret),
		      (const uint8_t *)out->username, strlen(out->username),
		      mac, sizeof(mac), &n) == NULL ||
	    n != sizeof(mac) ||
	    EVP_EncodeBlock((uint8_t *)out->password, mac, SHA1_LEN) !=
		    BASE64_SHA1) {
		creds_pair_wipe(out);
		r = -EIO;
	}
	OPENSSL_cleanse(mac, sizeof(mac));
	return r;
}

static void copy_pair(struct creds_pair *out, const char *username,
		      const char *password)
{
	snprintf(out->username, sizeof(out->username), "%s", username);
	snprintf(out->password, sizeof(out->password), "%s",
		 password != NULL ? password : "");
}

/* Locked. */
static bool have_now(const struct creds *c)
{
	return c->have != NULL && c->opts.clock_ms() < c->until_ms;
}

int creds_make(struct creds *c, time_t now, struct creds_pair *out)
{
	int r = -EAGAIN;

	*out = (struct creds_pair){ .expires = 0 };
	if (c->opts.kind == CREDS_REST)
		return make_rest(c, now, out);
	if (c->opts.kind == CREDS_STATIC) {
		copy_pair(out, c->opts.username, c->opts.secret);
		return 0;
	}
	pthread_mutex_lock(&c->lock);
	if (have_now(c)) {
		copy_pair(out, c->have->username, c->have->password);
		r = 0;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

void creds_pair_wipe(struct creds_pair *pair)
{
	OPENSSL_cleanse(pair, sizeof(*pair));
}

bool creds_same_user(const struct creds_pair *a, const struct creds_pair *b)
{
	return strcmp(a->username, b->username) == 0;
}

/* Fetching */

static bool is_fetched(const struct creds *c)
{
	return c->opts.kind == CREDS_URI || c->opts.kind == CREDS_COMMAND;
}

/* Locked. */
static uint64_t renew_at(const struct creds *c)
{
	return c->have == NULL ? 0
			       : c->got_ms + (c->until_ms - c->got_ms) / 5 * 4;
}

/* Locked. */
static uint64_t retry_after(unsigned int failures)
{
	uint64_t ms = (uint64_t)RETRY_MIN_MS
		      << (failures < RETRY_DOUBLING ? failures
						    : RETRY_DOUBLING);

	return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static int64_t lifetime_s(const struct creds_served *s, time_t now)
{
	int64_t ttl = s->ttl_s;

	if (ttl <= 0 && s->expires_s > now)
		ttl = s->expires_s - now;
	if (ttl <= 0)
		ttl = CREDS_TTL_DEFAULT_S;
	return ttl < TTL_MAX_S ? ttl : TTL_MAX_S;
}

static const char *name_of(const struct creds *c)
{
	return c->opts.name != NULL ? c->opts.name : "-";
}

/* Locked. */
static void keep(struct creds *c, struct creds_served *s, uint64_t start_ms,
		 time_t now)
{
	free_served(c->have);
	c->have = s;
	c->got_ms = start_ms;
	c->until_ms = start_ms + (uint64_t)lifetime_s(s, now) * 1000;
	if (c->failures > 0)
		log_event(LOG_LEVEL_INFO, LOG_EVENT_CREDENTIALS_OBTAINED,
			  LOG_ABOUT(.relay = name_of(c)),
			  "relay %s: credentials can be had again", name_of(c));
	c->failures = 0;
	c->retry_ms = 0;
}

/* Locked. Who asked and went away says nothing about the source. */
static void note_failure(struct creds *c, const char *words)
{
	if (c->error == -ECANCELED)
		return;
	if (c->failures == 0)
		log_event(LOG_LEVEL_WARN, LOG_EVENT_CREDENTIALS_FAILED,
			  LOG_ABOUT(.relay = name_of(c)),
			  "relay %s: no new credentials: %s%s", name_of(c),
			  words,
			  have_now(c) ? "; those at hand are used while they "
					"are good"
				      : "");
	c->retry_ms = c->opts.clock_ms() + retry_after(c->failures);
	c->failures++;
}

/* What nobody could log in with is as good as nothing. */
static int check_served(const struct creds_served *s,
			char words[CREDS_WORDS_MAX])
{
	const char *no = saslprep_complaint(s->username, s->password);

	if (no == NULL)
		return 0;
	snprintf(words, CREDS_WORDS_MAX, "%s", no);
	return -EBADMSG;
}

/* Locked on entry and exit. */
static int fetch(struct creds *c, struct dial_pool *pool, uint64_t deadline_ms,
		 struct cancel *cancel, char *words)
{
	uint64_t start = c->opts.clock_ms(), most = clock_now_ms() + FETCH_MS;
	struct creds_errand e = {
		.opts = &c->opts,
		.pool = pool,
		.deadline_ms = deadline_ms < most ? deadline_ms : most,
		.cancel = cancel,
		.words = words,
	};
	struct creds_served *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	snprintf(words, CREDS_WORDS_MAX, "out of memory");
	c->fetching = true;
	pthread_mutex_unlock(&c->lock);
	if (s != NULL)
		rc = creds_obtain(&e, s);
	if (rc == 0)
		rc = check_served(s, words);
	pthread_mutex_lock(&c->lock);
	c->fetching = false;
	c->settled++;
	c->error = rc;
	snprintf(c->words, sizeof(c->words), "%s", rc < 0 ? words : "");
	if (rc == 0)
		keep(c, s, start, dial_time(pool));
	else
		free_served(s);
	if (rc < 0)
		note_failure(c, words);
	pthread_cond_broadcast(&c->changed);
	return rc;
}

/* Locked on entry and exit. 1: somebody's fetch has ended meanwhile. */
static int wait_other(struct creds *c, uint64_t deadline_ms,
		      struct cancel *cancel)
{
	uint64_t settled = c->settled;

	while (c->settled == settled) {
		uint64_t until = clock_now_ms() + CANCEL_POLL_MS;
		struct timespec ts = {
			.tv_sec = (time_t)(until / 1000),
			.tv_nsec = (long)(until % 1000) * 1000000,
		};

		if (cancel_is_set(cancel))
			return -ECANCELED;
		if (clock_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		pthread_cond_timedwait(&c->changed, &c->lock, &ts);
	}
	return 1;
}

/* Locked. One look; 1: look again. */
static int fetch_step(struct creds *c, struct dial_pool *pool,
		      uint64_t deadline_ms, struct cancel *cancel, char *words)
{
	uint64_t now = c->opts.clock_ms();
	int rc;

	if (have_now(c) && now < renew_at(c))
		return 0;
	if (!c->fetching && now >= c->retry_ms)
		return fetch(c, pool, deadline_ms, cancel, words);
	if (!c->fetching) {
		snprintf(words, CREDS_WORDS_MAX, "%s", c->words);
		return c->error;
	}
	rc = wait_other(c, deadline_ms, cancel);
	if (rc < 0)
		snprintf(words, CREDS_WORDS_MAX, "%s", strerror(-rc));
	return rc;
}

int creds_fetch(struct creds *c, struct dial_pool *pool, uint64_t deadline_ms,
		struct cancel *cancel, char words[CREDS_WORDS_MAX])
{
	int rc = 1;

	words[0] = '\0';
	if (!is_fetched(c))
		return 0;
	pthread_mutex_lock(&c->lock);
	while (rc == 1)
		rc = fetch_step(c, pool, deadline_ms, cancel, words);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

uint64_t creds_due_in_ms(struct creds *c)
{
	uint64_t now, at;

	if (!is_fetched(c))
		return UINT64_MAX;
	pthread_mutex_lock(&c->lock);
	now = c->opts.clock_ms();
	at = renew_at(c);
	if (at < c->retry_ms)
		at = c->retry_ms;
	if (c->fetching)
		at = now + BUSY_MS;
	pthread_mutex_unlock(&c->lock);
	return at > now ? at - now : 0;
}

bool creds_due(struct creds *c)
{
	return creds_due_in_ms(c) == 0;
}

void creds_hurry(struct creds *c)
{
	pthread_mutex_lock(&c->lock);
	if (c->error != -EACCES)
		c->retry_ms = 0;
	pthread_mutex_unlock(&c->lock);
}

/* What came of them */

/* Locked. The service keeps handing out what the relay does not take: give it
 * time, too. */
static void forget(struct creds *c)
{
	uint64_t now = c->opts.clock_ms();

	if (now - c->got_ms > REFUSED_SOON_MS)
		c->refusals = 0;
	free_served(c->have);
	c->have = NULL;
	if (c->refusals++ == 0)
		return;
	c->retry_ms = now + retry_after(c->refusals);
	c->error = -EACCES;
	snprintf(c->words, sizeof(c->words),
		 "the relay refuses the credentials that are served");
}

bool creds_refused(struct creds *c, time_t now, const struct creds_pair *pair)
{
	bool retry;

	if (c->opts.kind == CREDS_STATIC)
		return false;
	/* Made by a clock that is known to be wrong since. */
	if (c->opts.kind == CREDS_REST)
		return llabs((long long)(now + CREDS_LIFETIME_S -
					 pair->expires)) > CREDS_LIFETIME_S / 2;
	pthread_mutex_lock(&c->lock);
	if (c->have != NULL && strcmp(c->have->username, pair->username) == 0 &&
	    strcmp(c->have->password, pair->password) == 0)
		forget(c);
	retry = c->opts.clock_ms() >= c->retry_ms;
	pthread_mutex_unlock(&c->lock);
	return retry;
}

enum creds_kind creds_kind(const struct creds *c)
{
	return c->opts.kind;
}

size_t creds_uris(struct creds *c, char (*out)[CREDS_URI_MAX], size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	for (; c->have != NULL && n < c->have->uri_count && n < max; n++)
		memcpy(out[n], c->have->uri[n], CREDS_URI_MAX);
	pthread_mutex_unlock(&c->lock);
	return n;
}

static bool same_opts(struct creds_opts *a, struct creds_opts *b)
{
	for (int i = 0; i < STRINGS; i++) {
		const char *x = *string_of(a, i), *y = *string_of(b, i);

		if ((x == NULL) != (y == NULL) ||
		    (x != NULL && strcmp(x, y) != 0))
			return false;
	}
	return a->kind == b->kind;
}

void creds_inherit(struct creds *c, struct creds *old)
{
	struct creds_served *s;
	uint64_t got = 0, until = 0;

	if (c == old || !is_fetched(c) || !same_opts(&c->opts, &old->opts))
		return;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return;
	pthread_mutex_lock(&old->lock);
	if (old->have != NULL) {
		*s = *old->have;
		got = old->got_ms;
		until = old->until_ms;
	}
	pthread_mutex_unlock(&old->lock);
	pthread_mutex_lock(&c->lock);
	if (until != 0 && c->have == NULL) {
		c->have = s;
		c->got_ms = got;
		c->until_ms = until;
		s = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	free_served(s);
}
