/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * egress.c - a destination turned into the proxies that lead to it
 *
 * What is configured never changes here; a reload makes a new egress.
 */
#include <config.h>

#include "egress.h"

#include "egress_ask.h"
#include "proxy.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_PORT 80

struct egress {
	atomic_uint refs;
	size_t count;
	bool has_plain; /* proxy[count] is for port 80, and no other */
	struct proxy *proxy[EGRESS_HOPS_MAX + 1];
	struct egress_ask *ask; /* NULL: they are known */
	char words[EGRESS_HOPS_MAX * PROXY_TEXT_MAX];
};

static void name(struct egress *e)
{
	char text[PROXY_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < e->count; i++)
		used += (size_t)snprintf(
			e->words + used, sizeof(e->words) - used, "%s%s",
			i > 0 ? ", " : "", proxy_format(e->proxy[i], text));
}

static int init(struct egress *e, const struct egress_opts *opts)
{
	if (opts->pac != NULL || opts->desktop != NULL) {
		snprintf(e->words, sizeof(e->words), "%s", opts->source);
		e->ask = egress_ask_new(opts->pac, opts->desktop,
					opts->proxy[0]);
		return e->ask != NULL ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < opts->count; i++)
		e->proxy[e->count++] = proxy_get(opts->proxy[i]);
	e->has_plain = opts->plain != NULL;
	if (e->has_plain)
		e->proxy[e->count] = proxy_get(opts->plain);
	name(e);
	return 0;
}

struct egress *egress_new(const struct egress_opts *opts)
{
	struct egress *e;

	if (opts->count > EGRESS_HOPS_MAX) {
		errno = E2BIG;
		return NULL;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	atomic_init(&e->refs, 1);
	if (init(e, opts) < 0) {
		egress_put(e);
		errno = ENOMEM;
		return NULL;
	}
	return e;
}

struct egress *egress_get(struct egress *e)
{
	atomic_fetch_add(&e->refs, 1);
	return e;
}

void egress_put(struct egress *e)
{
	if (e == NULL || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	for (size_t i = 0; i < e->count + e->has_plain; i++)
		proxy_put(e->proxy[i]);
	egress_ask_free(e->ask);
	free(e);
}

static void add(struct egress_way *way, struct proxy *p)
{
	if (way->count < EGRESS_HOPS_MAX)
		way->proxy[way->count++] = proxy_get(p);
}

int egress_choose(struct egress *e, const char *host, uint16_t port,
		  uint64_t deadline_ms, struct cancel *cancel,
		  struct egress_way *way, char *words, size_t words_max)
{
	char said[200];
	int rc;

	*way = (struct egress_way){ .count = 0 };
	if (e->ask != NULL) {
		rc = egress_ask(e->ask, host, port, deadline_ms, cancel, way,
				said);
		if (rc < 0)
			snprintf(words, words_max, "%s: %s", e->words, said);
		return rc;
	}
	if (e->has_plain && port == HTTP_PORT)
		add(way, e->proxy[e->count]);
	else
		for (size_t i = 0; i < e->count; i++)
			add(way, e->proxy[i]);
	if (way->count > 0)
		return 0;
	snprintf(words, words_max, "no proxy leads there");
	return -EHOSTUNREACH;
}

void egress_way_fini(struct egress_way *way)
{
	for (size_t i = 0; i < way->count; i++)
		proxy_put(way->proxy[i]);
	way->count = 0;
}

void egress_network_changed(struct egress *e)
{
	if (e->ask != NULL)
		egress_ask_network_changed(e->ask);
}

size_t egress_proxies(const struct egress *e, struct proxy *const **proxy)
{
	*proxy = e->proxy;
	return e->count + e->has_plain;
}

const char *egress_words(const struct egress *e)
{
	return e->words;
}

const char *egress_source(const struct egress *e)
{
	return e->ask != NULL ? e->words : NULL;
}

bool egress_same(const struct egress *a, const struct egress *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->words, b->words) == 0;
}
