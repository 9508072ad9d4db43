/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_health.c - a bounded list of proxies, and since when each has rested */
#include <config.h>

#include "proxy_health.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Scripts may name many; the one that was heard of longest ago goes. */
#define KNOWN_MAX 64

struct known {
	enum proxy_kind kind;
	char host[CONTROL_NAME_MAX + 1]; /* empty: a free place */
	uint16_t port;
	uint64_t heard_ms;    /* of it; 0: never */
	uint64_t answered_ms; /* last; 0: never */
	uint64_t rests_until_ms;
};

struct proxy_health {
	pthread_mutex_t lock;
	struct known known[KNOWN_MAX];
};

struct proxy_health *proxy_health_new(void)
{
	struct proxy_health *h = calloc(1, sizeof(*h));

	if (h != NULL)
		pthread_mutex_init(&h->lock, NULL);
	return h;
}

void proxy_health_free(struct proxy_health *h)
{
	if (h == NULL)
		return;
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static bool is_of(const struct known *k, const struct proxy *p)
{
	return k->kind == p->kind && k->port == p->port &&
	       strcmp(k->host, p->host) == 0;
}

static struct known *find(struct proxy_health *h, const struct proxy *p)
{
	for (size_t i = 0; i < KNOWN_MAX; i++)
		if (is_of(&h->known[i], p))
			return &h->known[i];
	return NULL;
}

static struct known *find_or_add(struct proxy_health *h, const struct proxy *p)
{
	struct known *k = find(h, p), *oldest = &h->known[0];

	if (k != NULL)
		return k;
	for (size_t i = 1; i < KNOWN_MAX; i++)
		if (h->known[i].heard_ms < oldest->heard_ms)
			oldest = &h->known[i];
	*oldest = (struct known){ .kind = p->kind, .port = p->port };
	memcpy(oldest->host, p->host, sizeof(oldest->host));
	return oldest;
}

static bool rests(struct proxy_health *h, const struct proxy *p,
		  uint64_t now_ms)
{
	const struct known *k = p != NULL ? find(h, p) : NULL;

	return k != NULL && now_ms < k->rests_until_ms;
}

void proxy_health_order(struct proxy_health *h, struct proxy **list,
			size_t count, uint64_t now_ms)
{
	pthread_mutex_lock(&h->lock);
	/* `i` is how many have been looked at; those that rest gather at the
	 * end, in their order. */
	for (size_t i = 0, at = 0; i < count; i++) {
		struct proxy *p = list[at];

		if (!rests(h, p, now_ms)) {
			at++;
			continue;
		}
		memmove(&list[at], &list[at + 1],
			(count - at - 1) * sizeof(struct proxy *));
		list[count - 1] = p;
	}
	pthread_mutex_unlock(&h->lock);
}

bool proxy_health_rests(struct proxy_health *h, const struct proxy *p,
			uint64_t now_ms)
{
	bool it_does;

	pthread_mutex_lock(&h->lock);
	it_does = rests(h, p, now_ms);
	pthread_mutex_unlock(&h->lock);
	return it_does;
}

static bool note(struct known *k, enum proxy_health_news news,
		 uint64_t since_ms, uint64_t now_ms)
{
	bool rested = now_ms < k->rests_until_ms;

	k->heard_ms = now_ms;
	if (news == PROXY_HEALTH_ANSWERED) {
		k->answered_ms = now_ms;
		k->rests_until_ms = 0;
		return false;
	}
	if (news == PROXY_HEALTH_SILENT && k->answered_ms >= since_ms)
		return false;
	k->rests_until_ms = now_ms + PROXY_HEALTH_REST_MS;
	return !rested;
}

bool proxy_health_note(struct proxy_health *h, const struct proxy *p,
		       enum proxy_health_news news, uint64_t since_ms,
		       uint64_t now_ms)
{
	bool fresh;

	pthread_mutex_lock(&h->lock);
	fresh = note(find_or_add(h, p), news, since_ms, now_ms);
	pthread_mutex_unlock(&h->lock);
	return fresh;
}

size_t proxy_health_list(struct proxy_health *h, uint64_t now_ms,
			 struct proxy_health_entry *out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < KNOWN_MAX && n < max; i++) {
		const struct known *k = &h->known[i];

		if (k->host[0] == '\0')
			continue;
		out[n] = (struct proxy_health_entry){
			.kind = k->kind,
			.port = k->port,
			.rests = now_ms < k->rests_until_ms,
			.answered_ms = k->answered_ms,
		};
		memcpy(out[n++].host, k->host, sizeof(k->host));
	}
	pthread_mutex_unlock(&h->lock);
	return n;
}

void proxy_health_forget(struct proxy_health *h)
{
	pthread_mutex_lock(&h->lock);
	memset(h->known, 0, sizeof(h->known));
	pthread_mutex_unlock(&h->lock);
}
