/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_source.c - a path or URL into the script that is in force now
 *
 * Theory of operation. Nobody keeps time here: whoever asks finds out whether
 * the script is there and new enough, and else fetches it, one at a time. A
 * file is read again when it is another one. A URL is fetched again after a
 * change of networks, and after 12 hours; what was fetched before is used
 * meanwhile, and if that fails, unless it is from another network. After a
 * failure all who ask are told of it, until it is time for the next attempt.
 */
#include <config.h>

#include "pac_source.h"

#include "clock.h"
#include "log.h"
#include "pac_wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#define REFRESH_MS (12 * 3600 * 1000U)

/* Chromium's, whose last step is four hours: it goes on without the script
 * then. Here nothing goes on without it. */
static const uint32_t retry_ms[] = { 8000, 32000, 120000 };

struct pac_source {
	struct pac_place from;
	pac_fetch_fn *fetch_url;
	pthread_mutex_t lock;
	pthread_cond_t fetched;
	/* under the lock */
	struct pac_script *script; /* NULL: none */
	struct pac_signature signature;
	bool fetching;
	unsigned int changes; /* of networks */
	bool foreign;         /* the script is another network's */
	uint64_t next_ms;     /* of a URL */
	unsigned int failures;
	int error; /* of the last fetch, without a script */
	char words[200];
};

/* The schedule */

static bool is_file(const struct pac_source *s)
{
	return s->from.place[0] == '/';
}

static bool is_due(const struct pac_source *s, uint64_t now_ms)
{
	struct pac_signature sig;
	struct stat st;

	if (!is_file(s))
		return now_ms >= s->next_ms;
	if (s->script == NULL || stat(s->from.place, &st) < 0)
		return true;
	pac_signature_set(&sig, &st);
	return !pac_signature_same(&sig, &s->signature);
}

/* The same text again leaves the processes that run it alone. */
static void keep(struct pac_source *s, struct pac_fetched *f)
{
	s->signature = f->signature;
	if (s->script != NULL && s->script->len == f->script->len &&
	    memcmp(s->script->text, f->script->text, s->script->len) == 0) {
		pac_script_put(f->script);
		return;
	}
	pac_script_put(s->script);
	s->script = f->script;
	log_info("proxy auto-config: %s: a script of %zu bytes", s->from.name,
		 s->script->len);
}

static void note_failure(struct pac_source *s, const struct pac_fetched *f,
			 int rc)
{
	bool kept = s->script != NULL && !s->foreign && !is_file(s);

	/* once, and again when something else is wrong */
	if (strcmp(s->words, f->words) != 0)
		log_warn("proxy auto-config: %s%s", f->words,
			 kept ? "; the script from before stays" : "");
	memcpy(s->words, f->words, sizeof(s->words));
	s->error = rc;
	if (!kept) {
		pac_script_put(s->script);
		s->script = NULL;
	}
}

static void finish(struct pac_source *s, struct pac_fetched *f, int rc,
		   unsigned int changes)
{
	uint64_t now = clock_now_ms();

	if (rc == 0) {
		keep(s, f);
		s->words[0] = '\0';
		s->failures = 0;
		s->foreign = changes != s->changes;
		s->next_ms = now + REFRESH_MS;
	} else {
		note_failure(s, f, rc);
		s->next_ms = now + retry_ms[s->failures];
		if (s->failures + 1 < ARRAY_SIZE(retry_ms))
			s->failures++;
	}
	if (changes != s->changes) {
		s->next_ms = 0;
		s->failures = 0;
	}
}

/* Locked before and after. */
static int fetch(struct pac_source *s, struct pac_wait *w)
{
	struct pac_fetched *f = calloc(1, sizeof(*f));
	unsigned int changes = s->changes;
	int rc;

	if (f == NULL)
		return pac_wait_fail(w, -ENOMEM, "out of memory");
	s->fetching = true;
	pthread_mutex_unlock(&s->lock);
	rc = is_file(s) ? pac_fetch_file(&s->from, f)
			: s->fetch_url(&s->from, f, w);
	pthread_mutex_lock(&s->lock);
	s->fetching = false;
	/* who breaks his own off has not learned anything */
	if (rc != -ECANCELED)
		finish(s, f, rc, changes);
	pthread_cond_broadcast(&s->fetched);
	free(f);
	return rc == -ECANCELED ? pac_wait_fail(w, rc, "cancelled") : 0;
}

/* 0: as it is now is how it stays for this one. */
static int settle(struct pac_source *s, struct pac_wait *w)
{
	for (;;) {
		int rc = pac_wait_over(w);

		if (rc < 0)
			return rc;
		if (!s->fetching)
			return is_due(s, clock_now_ms()) ? fetch(s, w) : 0;
		if (s->script != NULL && !s->foreign && !is_file(s))
			return 0;
		pac_wait_cond(&s->fetched, &s->lock);
	}
}

int pac_source_take(struct pac_source *s, struct pac_wait *w,
		    struct pac_script **script)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = settle(s, w);
	if (rc == 0 && s->script == NULL)
		rc = pac_wait_fail(w, s->error, "%s", s->words);
	else if (rc == 0)
		*script = pac_script_get(s->script);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void pac_source_network_changed(struct pac_source *s)
{
	pthread_mutex_lock(&s->lock);
	s->changes++;
	s->foreign = true;
	s->next_ms = 0;
	s->failures = 0;
	pthread_mutex_unlock(&s->lock);
}

/* Making */

static char *name_of(const char *place)
{
	const char *host = strstr(place, "://");

	if (place[0] == '/' || host == NULL)
		return strdup(place);
	host += 3;
	return strndup(place, (size_t)(host - place) + strcspn(host, "/?#"));
}

struct pac_source *pac_source_new(const struct pac_place *from,
				  pac_fetch_fn *fetch_url)
{
	struct pac_source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	pac_wait_cond_init(&s->fetched);
	s->fetch_url = fetch_url;
	s->from = (struct pac_place){ .place = strdup(from->place),
				      .name = name_of(from->place) };
	if (from->ca_file != NULL)
		s->from.ca_file = strdup(from->ca_file);
	if (s->from.place == NULL || s->from.name == NULL ||
	    (from->ca_file != NULL && s->from.ca_file == NULL)) {
		pac_source_free(s);
		return NULL;
	}
	return s;
}

void pac_source_free(struct pac_source *s)
{
	if (s == NULL)
		return;
	pac_script_put(s->script);
	free((char *)s->from.place);
	free((char *)s->from.ca_file);
	free((char *)s->from.name);
	pthread_cond_destroy(&s->fetched);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *pac_source_name(const struct pac_source *s)
{
	return s->from.name;
}
