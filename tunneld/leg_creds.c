/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_creds.c - how a leg gets its username and password
 *
 * While the connection is being made, credentials that must be fetched first
 * are, in a thread of the pool. A fetch outlives its leg when that is freed
 * meanwhile.
 */
#include <config.h>

#include "cancel.h"
#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "leg_private.h"
#include "relay.h"
#include "thread_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_MS 10000

struct leg_fetch {
	struct leg *leg; /* NULL: freed */
	struct dial_pool *pool;
	struct creds *creds; /* own reference */
	struct cancel cancel;
	uint64_t deadline_ms;
	int rc;
	char words[CREDS_WORDS_MAX];
	struct thread_job job;
};

/* What there is without waiting. */
static int make_pair(struct leg *l)
{
	int rc;

	if (l->pair == NULL)
		l->pair = calloc(1, sizeof(*l->pair));
	if (l->pair == NULL)
		return -ENOMEM;
	rc = creds_make(l->relay->creds, dial_time(l->env->pool), l->pair);
	if (rc < 0)
		leg_creds_wipe(l);
	return rc;
}

/* In a pool thread. */
static void work(void *arg)
{
	struct leg_fetch *f = arg;

	f->rc = creds_fetch(f->creds, f->pool, f->deadline_ms, &f->cancel,
			    f->words);
}

static void stop(void *arg)
{
	struct leg_fetch *f = arg;

	cancel_now(&f->cancel);
}

static void drop(void *arg)
{
	struct leg_fetch *f = arg;

	creds_put(f->creds);
	cancel_fini(&f->cancel);
	free(f);
}

static void on_fetched(void *arg, uint64_t now_ms)
{
	struct leg_fetch *f = arg;
	struct leg *l = f->leg;
	int rc = f->rc;

	if (l != NULL) {
		l->fetch = NULL;
		if (rc == 0)
			rc = make_pair(l);
		if (rc == 0)
			leg_begin(l, now_ms);
		else
			leg_fail(l, LEG_CAUSE_CREDS, TURN_BLAME_LOGIN,
				 f->words[0] != '\0' ? f->words
						     : "no credentials",
				 now_ms);
	}
	drop(f);
}

int leg_creds_start(struct leg *l)
{
	struct leg_fetch *f;
	int rc = make_pair(l);

	if (rc != -EAGAIN)
		return rc;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -ENOMEM;
	f->leg = l;
	f->pool = l->env->pool;
	f->creds = creds_get(l->relay->creds);
	f->deadline_ms = clock_now_ms() + FETCH_MS;
	f->rc = -EAGAIN; /* no thread could be made */
	cancel_init(&f->cancel);
	f->job = (struct thread_job){ .work = work,
				      .done = on_fetched,
				      .cancel = stop,
				      .drop = drop,
				      .arg = f,
				      .loop = l->env->loop,
				      .urgent = true };
	l->fetch = f;
	dial_run(l->env->pool, &f->job);
	return 0;
}

void leg_creds_cancel(struct leg *l)
{
	if (l->fetch == NULL)
		return;
	l->fetch->leg = NULL;
	cancel_now(&l->fetch->cancel);
	thread_pool_cancel(&l->fetch->job);
	l->fetch = NULL;
}

void leg_creds_wipe(struct leg *l)
{
	if (l->pair == NULL)
		return;
	creds_pair_wipe(l->pair);
	free(l->pair);
	l->pair = NULL;
}
