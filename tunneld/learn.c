/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * learn.c - names -> addresses, by the system's resolver, for a while
 *
 * Bounded: the oldest look-up and the oldest address make room. An address
 * stays when its name has got another one, because apps keep connections and
 * caches; it does no harm, since other names at that address are reached by
 * name.
 */
#include <config.h>

#include "learn.h"

#include "log.h"
#include "resolve.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUPS_MAX 64
#define KNOWN_MAX   256
/* As long as resolvers commonly cache. */
#define FRESH_MS 60000
/* An app waits for its look-up no longer than for a slow name server. */
#define PATIENCE_MS 3000

struct lookup {
	struct learn *learn;
	char name[CONTROL_NAME_MAX + 1];
	uint64_t fresh_until_ms;
	struct resolve *resolve; /* under way */
	struct loop_timer patience;
	struct learn_wait *waiting;
};

struct learn {
	struct loop *loop;
	struct dial_pool *pool;
	loop_fn *on_change;
	void *arg;
	size_t lookups, next_lookup;
	struct lookup lookup[LOOKUPS_MAX];
	size_t count, next_known;
	struct rules_learned known[KNOWN_MAX];
};

struct learn *learn_new(struct loop *loop, struct dial_pool *pool,
			loop_fn *on_change, void *arg)
{
	struct learn *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->loop = loop;
	l->pool = pool;
	l->on_change = on_change;
	l->arg = arg;
	return l;
}

void learn_cancel(struct learn_wait *wait)
{
	if (wait->prev == NULL)
		return;
	*wait->prev = wait->next;
	if (wait->next != NULL)
		wait->next->prev = wait->prev;
	wait->prev = NULL;
}

static void tell(struct lookup *k, uint64_t now_ms)
{
	loop_timer_stop(k->learn->loop, &k->patience);
	while (k->waiting != NULL) {
		struct learn_wait *wait = k->waiting;

		learn_cancel(wait);
		wait->done(wait->arg, now_ms);
	}
}

static void give_up(struct lookup *k, uint64_t now_ms)
{
	if (k->resolve != NULL)
		resolve_cancel(k->resolve);
	k->resolve = NULL;
	tell(k, now_ms);
}

void learn_free(struct learn *l)
{
	for (size_t i = 0; l != NULL && i < l->lookups; i++) {
		struct lookup *k = &l->lookup[i];

		if (k->resolve != NULL)
			resolve_cancel(k->resolve);
		while (k->waiting != NULL)
			learn_cancel(k->waiting);
		loop_timer_stop(l->loop, &k->patience);
	}
	free(l);
}

static bool is_known(const struct learn *l, const char *name,
		     const struct endpoint *ip)
{
	for (size_t i = 0; i < l->count; i++) {
		if (endpoint_equal(&l->known[i].ip, ip) &&
		    strcmp(l->known[i].name, name) == 0)
			return true;
	}
	return false;
}

static void add(struct learn *l, const char *name, const struct endpoint *ip)
{
	struct rules_learned *k = &l->known[l->next_known++ % KNOWN_MAX];

	if (l->count < KNOWN_MAX)
		l->count++;
	snprintf(k->name, sizeof(k->name), "%s", name);
	k->ip = *ip;
}

static void on_resolved(void *arg, int error, const struct endpoint *addrs,
			size_t count, uint64_t now_ms)
{
	struct lookup *k = arg;
	struct learn *l = k->learn;
	bool changed = false;

	k->resolve = NULL;
	k->fresh_until_ms = now_ms + FRESH_MS;
	if (count == 0)
		log_debug("%s: %s", k->name, resolve_words(error));
	for (size_t i = 0; i < count; i++) {
		if (is_known(l, k->name, &addrs[i]))
			continue;
		add(l, k->name, &addrs[i]);
		changed = true;
	}
	if (changed)
		l->on_change(l->arg, now_ms);
	tell(k, now_ms);
}

static void on_patience(void *arg, uint64_t now_ms)
{
	tell(arg, now_ms); /* the look-up goes on for those who ask next */
}

static struct lookup *find(struct learn *l, const char *name)
{
	for (size_t i = 0; i < l->lookups; i++) {
		if (strcmp(l->lookup[i].name, name) == 0)
			return &l->lookup[i];
	}
	return NULL;
}

static struct lookup *make(struct learn *l, const char *name)
{
	struct lookup *k;

	if (l->lookups < LOOKUPS_MAX) {
		k = &l->lookup[l->lookups++];
	} else {
		k = &l->lookup[l->next_lookup++ % LOOKUPS_MAX];
		give_up(k, loop_now_ms(l->loop));
	}
	*k = (struct lookup){ .learn = l };
	snprintf(k->name, sizeof(k->name), "%s", name);
	return k;
}

static bool begin(struct lookup *k)
{
	struct learn *l = k->learn;

	if (k->resolve == NULL)
		k->resolve = resolve_start(l->pool, l->loop, k->name,
					   ENDPOINT_NONE, on_resolved, k);
	return k->resolve != NULL;
}

bool learn_want(struct learn *l, const char *name, struct learn_wait *wait,
		loop_fn *done, void *arg)
{
	uint64_t now_ms = loop_now_ms(l->loop);
	struct lookup *k = find(l, name);

	if (k == NULL)
		k = make(l, name);
	if (now_ms < k->fresh_until_ms || !begin(k))
		return false;
	*wait = (struct learn_wait){ .done = done,
				     .arg = arg,
				     .next = k->waiting,
				     .prev = &k->waiting };
	if (wait->next != NULL)
		wait->next->prev = &wait->next;
	k->waiting = wait;
	return loop_timer_set(l->loop, &k->patience, now_ms + PATIENCE_MS,
			      on_patience, k) == 0;
}

const struct rules_learned *learn_known(const struct learn *l, size_t *count)
{
	*count = l->count;
	return l->known;
}
