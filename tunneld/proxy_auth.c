/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_auth.c - which proxy passwords may be sent
 *
 * Theory of operation
 *
 * Directories lock an account after a few wrong passwords, and an app's start
 * dials many times at once. So a login that no proxy has judged yet goes out
 * with one dial alone, of all threads and all processes of the user, for as
 * long as that takes; the others wait for its outcome. What was refused is not
 * sent again, by whatever scheme. What was accepted may have been changed
 * since: after PROOF_MS without a success one dial goes ahead again. The
 * others wait for that one no longer than AGAIN_MS: a proxy that does not say
 * 407 by then waits for the target rather than for its directory.
 */
#include <config.h>

#include "proxy_auth.h"

#include "cancel.h"
#include "clock.h"
#include "proxy_logins.h"
#include "proxy_seen.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROOF_MS 60000
#define AGAIN_MS 2000

struct proxy_auth {
	pthread_mutex_t lock;
	pthread_cond_t judged;
	struct proxy_logins *logins;
	struct proxy_seen *seen; /* has a lock of its own */
};

struct proxy_auth *proxy_auth_new(void)
{
	struct proxy_auth *a = calloc(1, sizeof(*a));
	pthread_condattr_t attr;

	if (a == NULL)
		return NULL;
	a->logins = proxy_logins_new();
	a->seen = proxy_seen_new();
	if (a->logins == NULL || a->seen == NULL) {
		proxy_logins_free(a->logins);
		proxy_seen_free(a->seen);
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
	proxy_logins_free(a->logins);
	proxy_seen_free(a->seen);
	free(a);
}

struct proxy_seen *proxy_auth_seen(struct proxy_auth *a)
{
	return a->seen;
}

bool proxy_auth_remembered(struct proxy_auth *a, const struct proxy *p,
			   enum proxy_scheme *scheme,
			   char realm[PROXY_REALM_MAX + 1])
{
	return proxy_seen_scheme(a->seen, p, NULL, scheme, realm);
}

void proxy_auth_look(struct proxy_auth *a, const struct proxy *p,
		     struct proxy_auth_facts *out)
{
	static const char *const words[] = {
		[PROXY_LOGIN_UNTRIED] = "untried",
		[PROXY_LOGIN_ACCEPTED] = "accepted",
		[PROXY_LOGIN_REFUSED] = "refused",
	};
	enum proxy_login_state state = PROXY_LOGIN_UNTRIED;
	int64_t since_s = 0;

	*out = (struct proxy_auth_facts){ .login = "unused" };
	out->known = proxy_auth_remembered(a, p, &out->scheme, out->realm);
	pthread_mutex_lock(&a->lock);
	if (proxy_logins_state(a->logins, proxy_seen_last_login(a->seen, p),
			       &state, &since_s))
		out->login = words[state];
	pthread_mutex_unlock(&a->lock);
	if (state == PROXY_LOGIN_REFUSED)
		out->refused_s = since_s;
}

/* "scheme Basic login accepted realm corp" */
void proxy_auth_describe(struct proxy_auth *a, const struct proxy *p,
			 char out[PROXY_AUTH_WORDS_MAX])
{
	struct proxy_auth_facts f;
	char since[40] = "";
	time_t when;
	struct tm tm;

	proxy_auth_look(a, p, &f);
	when = (time_t)f.refused_s;
	if (f.refused_s != 0 && gmtime_r(&when, &tm) != NULL)
		(void)strftime(since, sizeof(since),
			       " since %Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(out, PROXY_AUTH_WORDS_MAX, "scheme %s login %s%s%s%s",
		 f.known ? proxy_scheme_name(f.scheme) : "unknown", f.login,
		 since, f.realm[0] != '\0' ? " realm " : "", f.realm);
}

bool proxy_auth_is_locked_out(struct proxy_auth *a, const struct proxy *p)
{
	enum proxy_login_state state = PROXY_LOGIN_UNTRIED;
	int64_t since_s;
	bool used;

	pthread_mutex_lock(&a->lock);
	used = proxy_logins_state(a->logins, proxy_seen_last_login(a->seen, p),
				  &state, &since_s);
	pthread_mutex_unlock(&a->lock);
	return used && state == PROXY_LOGIN_REFUSED;
}

int proxy_auth_keep(struct proxy_auth *a, const char *path)
{
	int rc;

	pthread_mutex_lock(&a->lock);
	rc = proxy_logins_keep(a->logins, path);
	pthread_mutex_unlock(&a->lock);
	return rc;
}

/* Locked. An accepted login: 0, or -EAGAIN while another dial goes ahead. */
static int prove(struct proxy_login_known *k, uint64_t now_ms)
{
	if (k->proven_ms != 0 && now_ms - k->proven_ms < PROOF_MS)
		return 0;
	if (now_ms < k->trial_until_ms)
		return -EAGAIN;
	k->trial_until_ms = now_ms + AGAIN_MS;
	return 0;
}

/* Locked. 0: send it; -EACCES; -EAGAIN: somebody is finding out; -ENOMEM. */
static int judge(struct proxy_auth *a, const struct proxy_login *login,
		 uint64_t now_ms)
{
	struct proxy_login_known *k;

	proxy_logins_refresh(a->logins);
	k = proxy_logins_find(a->logins, login, true);
	if (k == NULL)
		return -ENOMEM;
	if (k->state == PROXY_LOGIN_REFUSED)
		return -EACCES;
	if (k->state == PROXY_LOGIN_ACCEPTED)
		return prove(k, now_ms);
	if (k->trying || proxy_logins_lock(a->logins, k) < 0)
		return -EAGAIN;
	k->trying = true;
	return 0;
}

/* Locked. The process that had the lock until now has written its outcome
 * before it let go. */
static int judge_again(struct proxy_auth *a, const struct proxy_login *login)
{
	struct proxy_login_known *k;

	proxy_logins_refresh(a->logins);
	k = proxy_logins_find(a->logins, login, true);
	if (k == NULL)
		return -ENOMEM;
	if (!k->trying || k->state == PROXY_LOGIN_UNTRIED)
		return 0;
	k->trying = false;
	proxy_logins_unlock(a->logins, k);
	return k->state == PROXY_LOGIN_REFUSED ? -EACCES : 0;
}

int64_t proxy_auth_refused_since_s(struct proxy_auth *a,
				   const struct proxy_login *login)
{
	const struct proxy_login_known *k;
	int64_t since_s = 0;

	pthread_mutex_lock(&a->lock);
	proxy_logins_refresh(a->logins);
	k = proxy_logins_find(a->logins, login, false);
	if (k != NULL && k->state == PROXY_LOGIN_REFUSED)
		since_s = k->since_s > 0 ? k->since_s : 1;
	pthread_mutex_unlock(&a->lock);
	return since_s;
}

void proxy_auth_have(struct proxy_auth *a, const struct proxy *p,
		     const struct proxy_login *login)
{
	uint64_t print;

	pthread_mutex_lock(&a->lock);
	print = proxy_logins_fingerprint(a->logins, login);
	pthread_mutex_unlock(&a->lock);
	proxy_seen_login(a->seen, p, print);
}

bool proxy_auth_is_refused(struct proxy_auth *a,
			   const struct proxy_login *login)
{
	return proxy_auth_refused_since_s(a, login) != 0;
}

/* Locked. */
static void wait_a_while(struct proxy_auth *a, uint64_t now_ms)
{
	uint64_t until = now_ms + CANCEL_POLL_MS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000),
			       .tv_nsec = (long)(until % 1000) * 1000000 };

	pthread_cond_timedwait(&a->judged, &a->lock, &ts);
}

int proxy_auth_begin(struct proxy_auth *a, const struct proxy_login *login,
		     uint64_t deadline_ms, struct cancel *cancel)
{
	int rc;

	pthread_mutex_lock(&a->lock);
	for (;;) {
		uint64_t now = clock_now_ms();

		rc = judge(a, login, now);
		if (rc == 0)
			rc = judge_again(a, login);
		if (rc != -EAGAIN)
			break;
		rc = cancel_is_set(cancel) ? -ECANCELED : -ETIMEDOUT;
		if (rc == -ECANCELED || now >= deadline_ms)
			break;
		wait_a_while(a, now);
	}
	pthread_mutex_unlock(&a->lock);
	return rc;
}

/* Locked. Only what is new is written down. */
static void note(struct proxy_auth *a, const struct proxy_login *login,
		 enum proxy_login_state was, enum proxy_auth_outcome outcome)
{
	struct proxy_login_known *k;

	/* Once refused it stays so: some proxies ask for a login only for
	 * some targets, and their 200 proves nothing. */
	if (outcome == PROXY_AUTH_REFUSED && was != PROXY_LOGIN_REFUSED)
		proxy_logins_put(a->logins, login, PROXY_LOGIN_REFUSED,
				 time(NULL));
	if (outcome != PROXY_AUTH_ACCEPTED || was == PROXY_LOGIN_REFUSED)
		return;
	if (was == PROXY_LOGIN_UNTRIED)
		proxy_logins_put(a->logins, login, PROXY_LOGIN_ACCEPTED,
				 time(NULL));
	k = proxy_logins_find(a->logins, login, false);
	if (k != NULL)
		k->proven_ms = clock_now_ms();
}

void proxy_auth_end(struct proxy_auth *a, const struct proxy_login *login,
		    enum proxy_auth_outcome outcome)
{
	enum proxy_login_state was = PROXY_LOGIN_UNTRIED;
	struct proxy_login_known *k;

	pthread_mutex_lock(&a->lock);
	k = proxy_logins_find(a->logins, login, false);
	if (k != NULL)
		was = k->state;
	note(a, login, was, outcome);
	k = proxy_logins_find(a->logins, login, false);
	if (k != NULL && k->trying)
		proxy_logins_unlock(a->logins, k);
	if (k != NULL) {
		k->trying = false;
		k->trial_until_ms = 0;
	}
	pthread_cond_broadcast(&a->judged);
	pthread_mutex_unlock(&a->lock);
}

int proxy_auth_retry(struct proxy_auth *a)
{
	int rc;

	pthread_mutex_lock(&a->lock);
	rc = proxy_logins_forgive(a->logins);
	pthread_mutex_unlock(&a->lock);
	proxy_seen_forgive(a->seen);
	return rc;
}
