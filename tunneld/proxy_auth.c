/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_auth.c - which proxy passwords may be sent
 *
 * Theory of operation
 *
 * Directories lock an account after a few wrong passwords, and an app's start
 * dials many times at once. So a login that no proxy has judged yet goes out
 * with one dial alone; the others wait for its outcome. A proxy that has not
 * said 407 for TRIAL_MS waits for the target rather than for its directory:
 * then the next one goes. Logins are kept as keyed hashes: the table outlives
 * the configuration that held the password, and must not hold it too.
 */
#include <config.h>

#include "proxy_auth.h"

#include "cancel.h"
#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define TRIAL_MS 2000
#define LOGINS   32
#define HASH     32 /* SHA-256 */

enum state {
	STATE_UNTRIED = 0,
	STATE_ACCEPTED,
	STATE_REFUSED,
};

struct login {
	unsigned char hash[HASH];
	enum state state;
	bool used;
	uint64_t trial_until_ms; /* 0: nobody is finding out */
	uint64_t seen;           /* for the choice of what to forget */
};

struct proxy_auth {
	pthread_mutex_t lock;
	pthread_cond_t judged;
	unsigned char key[HASH];
	uint64_t clock;
	struct login logins[LOGINS];
};

struct proxy_auth *proxy_auth_new(void)
{
	struct proxy_auth *a = calloc(1, sizeof(*a));
	pthread_condattr_t attr;

	if (a == NULL)
		return NULL;
	if (RAND_bytes(a->key, sizeof(a->key)) != 1) {
		free(a);
		return NULL;
	}
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->judged, &attr);
	pthread_condattr_destroy(&attr);
	return a;
}

void proxy_auth_free(struct proxy_auth *a)
{
	if (a == NULL)
		return;
	pthread_cond_destroy(&a->judged);
	pthread_mutex_destroy(&a->lock);
	OPENSSL_cleanse(a, sizeof(*a));
	free(a);
}

/* All fields with their NULs, so that no two logins read the same. */
static bool hash_login(const struct proxy_auth *a, const struct proxy_login *l,
		       unsigned char out[HASH])
{
	const char *fields[] = { l->host, l->username, l->password };
	unsigned char text[1024];
	size_t used = sizeof(l->port), i;
	bool ok;

	memcpy(text, &l->port, sizeof(l->port));
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t n = strlen(fields[i]) + 1;

		if (n > sizeof(text) - used)
			return false;
		memcpy(text + used, fields[i], n);
		used += n;
	}
	ok = HMAC(EVP_sha256(), a->key, HASH, text, used, out, NULL) != NULL;
	OPENSSL_cleanse(text, sizeof(text));
	return ok;
}

/* Locked. A place for a new login: free, or the one not seen for longest;
 * refused ones are forgotten last. */
static struct login *place(struct proxy_auth *a)
{
	struct login *best = &a->logins[0], *l;

	for (l = a->logins; l < a->logins + LOGINS; l++) {
		bool refused = l->state == STATE_REFUSED;
		bool best_refused = best->state == STATE_REFUSED;

		if (!l->used)
			return l;
		if (refused != best_refused ? best_refused
					    : l->seen < best->seen)
			best = l;
	}
	return best;
}

/* Locked. */
static struct login *find(struct proxy_auth *a, const unsigned char *hash)
{
	struct login *l;

	for (l = a->logins; l < a->logins + LOGINS; l++)
		if (l->used && CRYPTO_memcmp(l->hash, hash, HASH) == 0)
			return l;
	return NULL;
}

/* Locked. 0: send it; -EACCES; -EAGAIN: wait until `*until_ms`. */
static int judge(struct proxy_auth *a, const unsigned char *hash,
		 uint64_t now_ms, uint64_t *until_ms)
{
	struct login *l = find(a, hash);

	if (l == NULL) {
		l = place(a);
		*l = (struct login){ .used = true };
		memcpy(l->hash, hash, HASH);
	}
	l->seen = ++a->clock;
	if (l->state == STATE_REFUSED)
		return -EACCES;
	if (l->state == STATE_ACCEPTED)
		return 0;
	if (now_ms < l->trial_until_ms) {
		*until_ms = l->trial_until_ms;
		return -EAGAIN;
	}
	l->trial_until_ms = now_ms + TRIAL_MS;
	return 0;
}

bool proxy_auth_is_refused(struct proxy_auth *a,
			   const struct proxy_login *login)
{
	unsigned char hash[HASH];
	const struct login *l;
	bool refused;

	if (!hash_login(a, login, hash))
		return false;
	pthread_mutex_lock(&a->lock);
	l = find(a, hash);
	refused = l != NULL && l->state == STATE_REFUSED;
	pthread_mutex_unlock(&a->lock);
	return refused;
}

int proxy_auth_begin(struct proxy_auth *a, const struct proxy_login *login,
		     uint64_t deadline_ms, struct cancel *cancel)
{
	unsigned char hash[HASH];
	int rc;

	if (!hash_login(a, login, hash))
		return -ENOMEM;
	pthread_mutex_lock(&a->lock);
	for (;;) {
		uint64_t now = clock_now_ms(), until = 0;
		struct timespec ts;

		rc = judge(a, hash, now, &until);
		if (rc != -EAGAIN)
			break;
		rc = cancel_is_set(cancel) ? -ECANCELED : -ETIMEDOUT;
		if (rc == -ECANCELED || now >= deadline_ms)
			break;
		if (until > now + CANCEL_POLL_MS)
			until = now + CANCEL_POLL_MS;
		ts.tv_sec = (time_t)(until / 1000);
		ts.tv_nsec = (long)(until % 1000) * 1000000;
		pthread_cond_timedwait(&a->judged, &a->lock, &ts);
	}
	pthread_mutex_unlock(&a->lock);
	return rc;
}

void proxy_auth_end(struct proxy_auth *a, const struct proxy_login *login,
		    enum proxy_auth_outcome outcome)
{
	unsigned char hash[HASH];
	struct login *l;

	if (!hash_login(a, login, hash))
		return;
	pthread_mutex_lock(&a->lock);
	l = find(a, hash);
	if (l != NULL && outcome == PROXY_AUTH_REFUSED)
		l->state = STATE_REFUSED;
	/* Once refused it stays so: some proxies ask for a login only for
	 * some targets, and their 200 proves nothing. */
	if (l != NULL && outcome == PROXY_AUTH_ACCEPTED &&
	    l->state == STATE_UNTRIED)
		l->state = STATE_ACCEPTED;
	if (l != NULL)
		l->trial_until_ms = 0;
	pthread_cond_broadcast(&a->judged);
	pthread_mutex_unlock(&a->lock);
}

void proxy_auth_forget(struct proxy_auth *a)
{
	pthread_mutex_lock(&a->lock);
	memset(a->logins, 0, sizeof(a->logins));
	pthread_mutex_unlock(&a->lock);
}
