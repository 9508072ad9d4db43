/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lookup.c - getaddrinfo(3) with a deadline: a name to addresses
 *
 * Theory of operation
 *
 * A resolver can block for half a minute and cannot be told to stop, so each
 * look-up of a name has a thread of its own. Whoever asked waits for it until
 * its deadline and then leaves: the look-up is shared by two owners, and the
 * last one to go frees it. Literal addresses need no thread.
 */
#include <config.h>

#include "lookup.h"

#include "cancel.h"
#include "clock.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#define STACK_BYTES ((size_t)256 * 1024)
/* A dead resolver must not fill the machine with threads that wait for it. */
#define THREADS_MAX 64

/* Of the process, not of a pool: abandoned threads outlive whoever asked. */
static atomic_uint threads;

struct lookup {
	pthread_mutex_t lock;
	pthread_cond_t over;
	unsigned int owners;
	bool done;
	int result; /* as lookup_host() */
	struct endpoint addrs[LOOKUP_MAX];
	uint8_t family;
	char host[];
};

static void put(struct lookup *l)
{
	unsigned int owners;

	pthread_mutex_lock(&l->lock);
	owners = --l->owners;
	pthread_mutex_unlock(&l->lock);
	if (owners > 0)
		return;
	pthread_cond_destroy(&l->over);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int gai_to_errno(int gai)
{
	switch (gai) {
	case EAI_NONAME:
	case EAI_FAIL:
		return -ENOENT;
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
	case EAI_FAMILY:
		return -ENODATA;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -EAGAIN;
	}
}

static int af_of(uint8_t family)
{
	if (family == ENDPOINT_IPV4)
		return AF_INET;
	return family == ENDPOINT_IPV6 ? AF_INET6 : AF_UNSPEC;
}

static int ask(const char *host, uint8_t family, int flags,
	       struct endpoint *addrs)
{
	struct addrinfo hints = { .ai_family = af_of(family),
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = flags };
	struct addrinfo *list = NULL, *ai;
	int gai = getaddrinfo(host, NULL, &hints, &list), n = 0;

	if (gai != 0)
		return gai_to_errno(gai);
	for (ai = list; ai != NULL && n < LOOKUP_MAX; ai = ai->ai_next)
		if (endpoint_from_sockaddr(&addrs[n], ai->ai_addr,
					   ai->ai_addrlen))
			n++;
	freeaddrinfo(list);
	return n > 0 ? n : -ENODATA;
}

static void *lookup_main(void *arg)
{
	struct lookup *l = arg;
	struct endpoint addrs[LOOKUP_MAX];
	int result = ask(l->host, l->family, 0, addrs);

	pthread_mutex_lock(&l->lock);
	l->result = result;
	if (result > 0)
		memcpy(l->addrs, addrs, (size_t)result * sizeof(*addrs));
	l->done = true;
	pthread_cond_signal(&l->over);
	pthread_mutex_unlock(&l->lock);
	put(l);
	atomic_fetch_sub(&threads, 1);
	return NULL;
}

static struct lookup *lookup_new(const char *host, uint8_t family)
{
	struct lookup *l = calloc(1, sizeof(*l) + strlen(host) + 1);
	pthread_condattr_t attr;

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->over, &attr);
	pthread_condattr_destroy(&attr);
	l->owners = 1;
	l->family = family;
	strcpy(l->host, host);
	return l;
}

/* A detached thread with all signals blocked: they are the main thread's. */
static bool start_thread(struct lookup *l)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	if (atomic_fetch_add(&threads, 1) >= THREADS_MAX) {
		atomic_fetch_sub(&threads, 1);
		return false;
	}
	l->owners++; /* nobody else knows it yet */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(&thread, &attr, lookup_main, l) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!ok) {
		l->owners--;
		atomic_fetch_sub(&threads, 1);
	}
	return ok;
}

static int wait_done(struct lookup *l, uint64_t deadline_ms,
		     struct cancel *cancel, struct endpoint *addrs)
{
	int result;

	pthread_mutex_lock(&l->lock);
	while (!l->done) {
		uint64_t now = clock_now_ms(), until = now + CANCEL_POLL_MS;
		struct timespec ts;

		if (now >= deadline_ms ||
		    (cancel != NULL && cancel_is_set(cancel)))
			break;
		if (until > deadline_ms || cancel == NULL)
			until = deadline_ms;
		ts.tv_sec = (time_t)(until / 1000);
		ts.tv_nsec = (long)(until % 1000) * 1000000;
		pthread_cond_timedwait(&l->over, &l->lock, &ts);
	}
	result = l->done ? l->result : -ETIMEDOUT;
	if (result > 0)
		memcpy(addrs, l->addrs, (size_t)result * sizeof(*addrs));
	pthread_mutex_unlock(&l->lock);
	if (cancel != NULL && cancel_is_set(cancel))
		return -ECANCELED;
	return result;
}

int lookup_host(const char *host, uint8_t family, uint64_t deadline_ms,
		struct cancel *cancel, struct endpoint addrs[LOOKUP_MAX])
{
	unsigned char ip[16];
	struct lookup *l;
	int result = -EAGAIN;

	if (host[0] == '\0')
		return -EINVAL;
	if (inet_pton(AF_INET, host, ip) == 1 ||
	    inet_pton(AF_INET6, host, ip) == 1)
		return ask(host, family, AI_NUMERICHOST, addrs);
	l = lookup_new(host, family);
	if (l == NULL)
		return -ENOMEM;
	if (start_thread(l))
		result = wait_done(l, deadline_ms, cancel, addrs);
	put(l);
	return result;
}

const char *lookup_words(int error)
{
	switch (error) {
	case -ENOENT:
		return "no such name";
	case -ENODATA:
		return "no address of a usable family";
	case -EAGAIN:
		return "the resolver failed";
	case -ETIMEDOUT:
		return "the resolver did not answer in time";
	case -ECANCELED:
		return "cancelled";
	case -EINVAL:
		return "not a host name";
	default:
		return "out of memory";
	}
}
