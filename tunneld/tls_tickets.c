/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls_tickets.c - sessions by server, in memory only
 *
 * RFC 8446, 2.2 and 4.6.1; RFC 5077 and RFC 5246, 7.3 (TLS 1.2).
 */
#include <config.h>

#include "tls_tickets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Servers; the one that was longest out of use makes room. */
#define SERVERS_MAX 16
/* A server of TLS 1.3 sends two a connection; legs that start together need
 * one each. */
#define EACH_MAX 4
/* Trust in a certificate is looked at anew once a day, whatever the server
 * grants. */
#define LIFETIME_MAX_S 86400

struct server {
	struct tls_key key;
	SSL_SESSION *sessions[EACH_MAX]; /* oldest first */
	unsigned int count;
	uint64_t used; /* tls_tickets.clock at the last use; 0: free */
};

struct tls_tickets {
	pthread_mutex_t lock;
	uint64_t clock;
	struct server servers[SERVERS_MAX];
};

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *tt = calloc(1, sizeof(*tt));

	if (tt != NULL)
		pthread_mutex_init(&tt->lock, NULL);
	return tt;
}

static void clear(struct server *s)
{
	while (s->count > 0)
		SSL_SESSION_free(s->sessions[--s->count]);
}

void tls_tickets_free(struct tls_tickets *tt)
{
	size_t i;

	if (tt == NULL)
		return;
	for (i = 0; i < SERVERS_MAX; i++)
		clear(&tt->servers[i]);
	pthread_mutex_destroy(&tt->lock);
	free(tt);
}

static bool same_key(const struct tls_key *a, const struct tls_key *b)
{
	return a->port == b->port && a->datagram == b->datagram &&
	       strcmp(a->name, b->name) == 0 &&
	       strcmp(a->server, b->server) == 0;
}

static struct server *find(struct tls_tickets *tt, const struct tls_key *key)
{
	size_t i;

	for (i = 0; i < SERVERS_MAX; i++) {
		struct server *s = &tt->servers[i];

		if (s->used != 0 && same_key(&s->key, key)) {
			s->used = ++tt->clock;
			return s;
		}
	}
	return NULL;
}

static struct server *make_room(struct tls_tickets *tt,
				const struct tls_key *key)
{
	struct server *s = &tt->servers[0];
	size_t i;

	for (i = 1; i < SERVERS_MAX; i++)
		if (tt->servers[i].used < s->used)
			s = &tt->servers[i];
	clear(s);
	s->key = *key;
	s->used = ++tt->clock;
	return s;
}

static bool is_once(const SSL_SESSION *session)
{
	return SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION;
}

static bool is_fresh(const SSL_SESSION *session)
{
	long age = (long)time(NULL) - SSL_SESSION_get_time(session);

	return age >= 0 && age < LIFETIME_MAX_S &&
	       age < SSL_SESSION_get_timeout(session) &&
	       SSL_SESSION_is_resumable(session);
}

static SSL_SESSION *copy(const SSL_SESSION *session)
{
	/* OpenSSL 3.0 wants a pointer to what it does not change. */
	SSL_SESSION *twin = SSL_SESSION_dup((SSL_SESSION *)(uintptr_t)session);

	if (twin == NULL)
		ERR_clear_error();
	return twin;
}

void tls_tickets_put(struct tls_tickets *tt, const struct tls_key *key,
		     const SSL_SESSION *session)
{
	SSL_SESSION *twin = key->port != 0 ? copy(session) : NULL;
	struct server *s;

	if (twin == NULL)
		return;
	pthread_mutex_lock(&tt->lock);
	s = find(tt, key);
	if (s == NULL)
		s = make_room(tt, key);
	/* A session that may be used again replaces all before it. */
	if (!is_once(twin))
		clear(s);
	if (s->count == EACH_MAX) {
		SSL_SESSION_free(s->sessions[0]);
		memmove(&s->sessions[0], &s->sessions[1],
			(EACH_MAX - 1) * sizeof(s->sessions[0]));
		s->count--;
	}
	s->sessions[s->count++] = twin;
	pthread_mutex_unlock(&tt->lock);
}

SSL_SESSION *tls_tickets_take(struct tls_tickets *tt, const struct tls_key *key)
{
	SSL_SESSION *session = NULL;
	struct server *s;

	if (key->port == 0)
		return NULL;
	pthread_mutex_lock(&tt->lock);
	s = find(tt, key);
	while (s != NULL && session == NULL && s->count > 0) {
		SSL_SESSION *last = s->sessions[s->count - 1];

		if (is_fresh(last) && !is_once(last)) {
			session = copy(last);
			break;
		}
		s->count--;
		if (is_fresh(last))
			session = last;
		else
			SSL_SESSION_free(last);
	}
	pthread_mutex_unlock(&tt->lock);
	return session;
}

void tls_tickets_forget(struct tls_tickets *tt, const struct tls_key *key)
{
	struct server *s;

	pthread_mutex_lock(&tt->lock);
	s = find(tt, key);
	if (s != NULL)
		clear(s);
	pthread_mutex_unlock(&tt->lock);
}
