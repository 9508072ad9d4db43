/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_connect_aside.c - a CONNECT in a thread that can be left behind
 *
 * Theory of operation
 *
 * gss_init_sec_context(3) looks for the Kerberos server by DNS and waits for
 * it, half a minute when nobody answers (measured: 27 s), and nothing ends it
 * sooner. So the exchange has a thread of its own, and everything that it needs
 * is in one object with two owners: whoever asked waits until its deadline and
 * then leaves; the last owner frees. When GSSAPI comes back after that, libcurl
 * would write to a socket that has been given back to the app: so the one who
 * leaves puts a dead socket under libcurl's descriptor (dup2(2)).
 */
#include <config.h>

#include "cancel.h"
#include "clock.h"
#include "proxy_connect_private.h"

#include <turnout/control.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

/* What Kerberos needs is more than a look-up does. */
#define STACK_BYTES ((size_t)1024 * 1024)
/* A dead server must not fill the machine with threads that wait for it. */
#define THREADS_MAX 32
/* libcurl's own deadline comes first, so that it says what was the matter. */
#define EARLIER_MS 100

/* Of the process: abandoned threads outlive whoever asked. */
static atomic_uint threads;

struct aside {
	pthread_mutex_t lock;
	pthread_cond_t over;
	unsigned int owners;
	bool done;
	struct proxy_connect pc;
	enum proxy_connect_end end;
	struct cancel cancel; /* set by the one who leaves */
	struct proxy_connect_hold hold;
	int dead; /* a socket that is connected to nothing */
	struct endpoint peer;
	char proxy_host[CONTROL_NAME_MAX + 1];
	char host[CONTROL_NAME_MAX + 1];
};

static void close_fds(struct aside *a)
{
	if (a->hold.own >= 0)
		close(a->hold.own);
	if (a->dead >= 0)
		close(a->dead);
	a->hold.own = -1;
	a->dead = -1;
}

static void put(struct aside *a)
{
	unsigned int owners;

	pthread_mutex_lock(&a->lock);
	owners = --a->owners;
	pthread_mutex_unlock(&a->lock);
	if (owners > 0)
		return;
	close_fds(a);
	cancel_fini(&a->cancel);
	pthread_mutex_destroy(&a->hold.lock);
	pthread_cond_destroy(&a->over);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void *aside_main(void *arg)
{
	struct aside *a = arg;
	struct proxy_connect pc = a->pc;
	enum proxy_connect_end end = proxy_connect_here(&pc, &a->hold);

	pthread_mutex_lock(&a->lock);
	a->pc = pc;
	a->end = end;
	/* Who waits may count descriptors. */
	close_fds(a);
	a->done = true;
	pthread_cond_signal(&a->over);
	pthread_mutex_unlock(&a->lock);
	put(a);
	atomic_fetch_sub(&threads, 1);
	return NULL;
}

static void init_sync(struct aside *a)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->hold.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->over, &attr);
	pthread_condattr_destroy(&attr);
	cancel_init(&a->cancel);
}

/* NULL with errno. */
static struct aside *aside_new(const struct proxy_connect *pc)
{
	struct aside *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	init_sync(a);
	a->owners = 1;
	a->peer = *pc->peer;
	snprintf(a->proxy_host, sizeof(a->proxy_host), "%s", pc->proxy_host);
	snprintf(a->host, sizeof(a->host), "%s", pc->host);
	a->pc = *pc;
	a->pc.peer = &a->peer;
	a->pc.proxy_host = a->proxy_host;
	a->pc.host = a->host;
	a->pc.login = NULL; /* a ticket is not ours to have */
	a->pc.reopen = NULL;
	a->pc.fd = -1;
	a->pc.cancel = &a->cancel;
	a->pc.deadline_ms -= EARLIER_MS;
	a->hold.curl = -1;
	a->hold.own = fcntl(pc->fd, F_DUPFD_CLOEXEC, 0);
	a->dead = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->hold.own >= 0 && a->dead >= 0)
		return a;
	put(a);
	errno = ENOBUFS;
	return NULL;
}

/* A detached thread with all signals blocked: they are the main thread's. */
static bool start_thread(struct aside *a)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	if (atomic_fetch_add(&threads, 1) >= THREADS_MAX) {
		atomic_fetch_sub(&threads, 1);
		return false;
	}
	a->owners++; /* nobody else knows it yet */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(&thread, &attr, aside_main, a) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!ok) {
		a->owners--;
		atomic_fetch_sub(&threads, 1);
	}
	return ok;
}

/* Locked. Whatever the thread does from now on, it does to nobody. */
static void leave(struct aside *a)
{
	struct proxy_connect_hold *hold = &a->hold;

	cancel_now(&a->cancel);
	pthread_mutex_lock(&hold->lock);
	if (hold->own >= 0)
		close(hold->own);
	hold->own = -1;
	if (hold->curl >= 0)
		(void)dup3(a->dead, hold->curl, O_CLOEXEC);
	pthread_mutex_unlock(&hold->lock);
}

/* Locked. False: it is not over. */
static bool wait_over(struct aside *a, const struct proxy_connect *pc)
{
	while (!a->done) {
		uint64_t now = clock_now_ms(), until = now + CANCEL_POLL_MS;
		struct timespec ts;

		if (now >= pc->deadline_ms || cancel_is_set(pc->cancel))
			return false;
		ts.tv_sec = (time_t)(until / 1000);
		ts.tv_nsec = (long)(until % 1000) * 1000000;
		pthread_cond_timedwait(&a->over, &a->lock, &ts);
	}
	return true;
}

static void take_results(struct proxy_connect *pc, const struct aside *a)
{
	const struct proxy_connect *from = &a->pc;

	pc->http_code = from->http_code;
	pc->date = from->date;
	pc->os_error = from->os_error;
	pc->asked = from->asked;
	pc->auth_sent = from->auth_sent;
	pc->login_sent = from->login_sent;
	memcpy(pc->ticket, from->ticket, sizeof(pc->ticket));
	memcpy(pc->words, from->words, sizeof(pc->words));
}

static enum proxy_connect_end fail(struct proxy_connect *pc, int error)
{
	pc->os_error = error;
	snprintf(pc->words, sizeof(pc->words), "%s", strerror(error));
	return PROXY_CONNECT_INTERNAL;
}

enum proxy_connect_end proxy_connect_aside(struct proxy_connect *pc)
{
	struct aside *a = aside_new(pc);
	enum proxy_connect_end end = PROXY_CONNECT_STUCK;
	bool over;

	if (a == NULL)
		return fail(pc, errno);
	if (!start_thread(a)) {
		put(a);
		return fail(pc, ENOBUFS);
	}
	pthread_mutex_lock(&a->lock);
	over = wait_over(a, pc);
	if (over) {
		take_results(pc, a);
		end = a->end;
	} else {
		leave(a);
	}
	pthread_mutex_unlock(&a->lock);
	put(a);
	if (cancel_is_set(pc->cancel))
		end = PROXY_CONNECT_CANCELLED;
	if (!over)
		snprintf(pc->words, sizeof(pc->words), "%s",
			 end == PROXY_CONNECT_STUCK
				 ? "Kerberos did not answer in time"
				 : "cancelled");
	return end;
}

unsigned int proxy_connect_left(void)
{
	return atomic_load(&threads);
}
