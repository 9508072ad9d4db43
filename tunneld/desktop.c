/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * desktop.c - a host and port into the proxies that the desktop's settings name
 *
 * libproxy knows where GNOME, KDE and others keep them. It loads plug-ins into
 * its process, so it runs in one of its own: its program `proxy` is asked once
 * for each destination, and the answer kept for a while. Those who want the
 * same answer at the same time wait for the one who asks.
 */
#include <config.h>

#include "desktop.h"

#include "clock.h"
#include "command.h"
#include "pac_url.h"
#include "pac_wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM   "proxy"
#define ANSWER_MS 10000
#define KEEP_MS   30000
#define ANSWERS   32

enum answer_state {
	ANSWER_NONE = 0,
	ANSWER_ASKED,
	ANSWER_KNOWN,
};

struct answer {
	enum answer_state state;
	char url[PAC_URL_MAX];
	struct pac_list list;
	uint64_t until_ms;
	unsigned int network; /* in which it was asked */
};

struct desktop {
	atomic_uint refs;
	pthread_mutex_t lock;
	pthread_cond_t told;
	/* under the lock */
	struct answer answer[ANSWERS];
	unsigned int network; /* counts changes */
};

struct desktop *desktop_new(void)
{
	struct desktop *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	atomic_init(&d->refs, 1);
	pthread_mutex_init(&d->lock, NULL);
	pac_wait_cond_init(&d->told);
	return d;
}

struct desktop *desktop_get(struct desktop *d)
{
	if (d != NULL)
		atomic_fetch_add(&d->refs, 1);
	return d;
}

void desktop_put(struct desktop *d)
{
	if (d == NULL || atomic_fetch_sub(&d->refs, 1) != 1)
		return;
	pthread_cond_destroy(&d->told);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* Asking */

static int blame(const struct command *c, int rc, struct pac_wait *w)
{
	/* what a shell says of programs that are not there */
	static const char missing[] = "exit status 127";

	if (rc == -ECHILD &&
	    strncmp(c->words, missing, sizeof(missing) - 1) == 0)
		return pac_wait_fail(w, -ENOENT,
				     "the program \"" PROGRAM "\", which reads "
				     "the desktop's settings, is not installed "
				     "(Debian: libproxy-tools)");
	return pac_wait_fail(w, rc, "the program \"" PROGRAM "\": %s",
			     c->words);
}

/* The URL has nothing in it that would mean something between quotes. */
static int ask(const char *url, struct pac_list *list, struct pac_wait *w)
{
	char text[PAC_URL_MAX + 32];
	uint64_t limit_ms = clock_now_ms() + ANSWER_MS;
	struct command c = {
		.text = text,
		.deadline_ms = limit_ms < w->deadline_ms ? limit_ms
							 : w->deadline_ms,
		.cancel = w->cancel,
	};
	int rc;

	snprintf(text, sizeof(text), "exec " PROGRAM " '%s'", url);
	rc = command_run(&c);
	if (rc < 0)
		return blame(&c, rc, w);
	rc = pac_list_parse_urls(c.out, list);
	if (rc < 0)
		pac_wait_fail(w, rc,
			      "the desktop's settings name no proxy that can "
			      "be used%s%s",
			      list->skipped > 0 ? ": " : "",
			      list->first_skipped);
	command_fini(&c);
	return rc;
}

/* Answers; locked */

static struct answer *find(struct desktop *d, const char *url)
{
	for (size_t i = 0; i < ANSWERS; i++) {
		struct answer *a = &d->answer[i];

		if (a->state != ANSWER_NONE && a->network == d->network &&
		    strcmp(a->url, url) == 0)
			return a;
	}
	return NULL;
}

/* The place for a new one; NULL: all are being asked for. */
static struct answer *oldest(struct desktop *d)
{
	struct answer *old = NULL;

	for (size_t i = 0; i < ANSWERS; i++) {
		struct answer *a = &d->answer[i];

		if (a->state == ANSWER_NONE)
			return a;
		if (a->state == ANSWER_KNOWN &&
		    (old == NULL || a->until_ms < old->until_ms))
			old = a;
	}
	return old;
}

static int ask_for(struct desktop *d, struct answer *a, const char *url,
		   struct pac_list *list, struct pac_wait *w)
{
	int rc;

	a->state = ANSWER_ASKED;
	a->network = d->network;
	strcpy(a->url, url);
	pthread_mutex_unlock(&d->lock);
	rc = ask(url, list, w);
	pthread_mutex_lock(&d->lock);
	a->state = rc == 0 ? ANSWER_KNOWN : ANSWER_NONE;
	a->list = *list;
	a->until_ms = clock_now_ms() + KEEP_MS;
	pthread_cond_broadcast(&d->told);
	return rc;
}

static int answer_for(struct desktop *d, const char *url, struct pac_list *list,
		      struct pac_wait *w)
{
	int rc;

	while ((rc = pac_wait_over(w)) == 0) {
		struct answer *a = find(d, url);

		if (a != NULL && a->state == ANSWER_KNOWN &&
		    clock_now_ms() < a->until_ms) {
			*list = a->list;
			return 0;
		}
		if (a == NULL)
			a = oldest(d);
		if (a != NULL && a->state != ANSWER_ASKED)
			return ask_for(d, a, url, list, w);
		pac_wait_cond(&d->told, &d->lock);
	}
	return rc;
}

int desktop_find(struct desktop *d, const char *host, uint16_t port,
		 uint64_t deadline_ms, struct cancel *cancel,
		 struct pac_list *list, char words[200])
{
	struct pac_wait w = { .deadline_ms = deadline_ms, .cancel = cancel };
	char url[PAC_URL_MAX], name[CONTROL_NAME_MAX + 1];
	int rc;

	if (!pac_url_make(host, port, url, name)) {
		rc = pac_wait_fail(&w, -EINVAL, "not a host name");
	} else {
		pthread_mutex_lock(&d->lock);
		rc = answer_for(d, url, list, &w);
		pthread_mutex_unlock(&d->lock);
	}
	_Static_assert(sizeof(w.words) == 200, "as the caller's");
	memcpy(words, w.words, sizeof(w.words));
	return rc;
}

void desktop_network_changed(struct desktop *d)
{
	pthread_mutex_lock(&d->lock);
	d->network++;
	pthread_mutex_unlock(&d->lock);
}
