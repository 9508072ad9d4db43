/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * egress_ask.c - a script's or the desktop's list into proxies
 *
 * They name hosts and ports; how to log in there, and whom to trust, is
 * configured once for all of them. Proxies are kept: what is known of one, that
 * it was down or which scheme it wants, goes by the object.
 */
#include <config.h>

#include "egress_ask.h"

#include "desktop.h"
#include "pac.h"
#include "pac_list.h"
#include "proxy.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A script that names more in turn makes some of them strangers again. */
#define KNOWN_MAX 64

_Static_assert(PAC_HOPS_MAX <= EGRESS_HOPS_MAX, "a list fits");

struct egress_ask {
	struct pac *pac;
	struct desktop *desktop;
	struct proxy *like;
	pthread_mutex_t lock;
	struct proxy *known[KNOWN_MAX];
	size_t next; /* to be taken for the next one */
};

struct egress_ask *egress_ask_new(struct pac *pac, struct desktop *desktop,
				  struct proxy *like)
{
	struct egress_ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->pac = pac_get(pac);
	a->desktop = desktop_get(desktop);
	a->like = proxy_get(like);
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void egress_ask_free(struct egress_ask *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < KNOWN_MAX; i++)
		proxy_put(a->known[i]);
	pac_put(a->pac);
	desktop_put(a->desktop);
	proxy_put(a->like);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Proxies; locked */

static struct proxy *find(struct egress_ask *a, enum proxy_kind kind,
			  const struct pac_hop *hop)
{
	for (size_t i = 0; i < KNOWN_MAX && a->known[i] != NULL; i++)
		if (a->known[i]->kind == kind &&
		    a->known[i]->port == hop->port &&
		    strcmp(a->known[i]->host, hop->host) == 0)
			return a->known[i];
	return NULL;
}

/* A reference, or NULL: out of memory. */
static struct proxy *proxy_of(struct egress_ask *a, const struct pac_hop *hop)
{
	static const enum proxy_kind kinds[] = {
		[PAC_HOP_HTTP] = PROXY_HTTP,
		[PAC_HOP_HTTPS] = PROXY_HTTPS,
		[PAC_HOP_SOCKS5] = PROXY_SOCKS5,
	};
	struct proxy *p = find(a, kinds[hop->kind], hop);

	if (p != NULL)
		return proxy_get(p);
	p = proxy_like(a->like, kinds[hop->kind], hop->host, hop->port);
	if (p == NULL)
		return NULL;
	proxy_put(a->known[a->next]);
	a->known[a->next] = p;
	a->next = (a->next + 1) % KNOWN_MAX;
	return proxy_get(p);
}

static int make_way(struct egress_ask *a, const struct pac_list *list,
		    struct egress_way *way)
{
	int rc = 0;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < list->count && rc == 0; i++) {
		const struct pac_hop *hop = &list->hop[i];
		struct proxy *p = NULL;

		if (hop->kind != PAC_HOP_DIRECT) {
			p = proxy_of(a, hop);
			rc = p == NULL ? -ENOMEM : 0;
		}
		if (rc == 0)
			way->proxy[way->count++] = p;
	}
	pthread_mutex_unlock(&a->lock);
	return rc;
}

/* The way to a proxy is no way through it: apps with settings of their own go
 * there, too. */
static bool is_proxy(struct egress_ask *a, const char *host, uint16_t port)
{
	bool found = false;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < KNOWN_MAX && a->known[i] != NULL; i++)
		found = found || (a->known[i]->port == port &&
				  strcasecmp(a->known[i]->host, host) == 0);
	pthread_mutex_unlock(&a->lock);
	return found;
}

int egress_ask(struct egress_ask *a, const char *host, uint16_t port,
	       uint64_t deadline_ms, struct cancel *cancel,
	       struct egress_way *way, char words[200])
{
	struct pac_list list;
	int rc = a->pac != NULL
			 ? pac_find(a->pac, host, port, deadline_ms, cancel,
				    &list, words)
			 : desktop_find(a->desktop, host, port, deadline_ms,
					cancel, &list, words);

	if (rc < 0)
		return rc;
	rc = make_way(a, &list, way);
	if (rc < 0) {
		snprintf(words, 200, "out of memory");
	} else if (is_proxy(a, host, port)) {
		egress_way_fini(way);
		way->proxy[0] = NULL;
		way->count = 1;
	}
	return rc;
}

void egress_ask_network_changed(struct egress_ask *a)
{
	if (a->pac != NULL)
		pac_network_changed(a->pac);
	if (a->desktop != NULL)
		desktop_network_changed(a->desktop);
}
