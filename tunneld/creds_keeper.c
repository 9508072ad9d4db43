/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds_keeper.c - renews the credentials of all relays before they expire
 *
 * Theory of operation. One timer stands at the earliest creds_due_in_ms() of
 * all. What is due goes to a pool thread as a job of its own, which holds a
 * reference and outlives the keeper if it must; creds_fetch() itself sees to
 * it that a leg and the keeper do not ask twice, and that failures are retried
 * later and later.
 */
#include <config.h>

#include "creds_keeper.h"

#include "cancel.h"
#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define FETCH_MS 10000
/* In case that another thread's fetch has changed what is due. */
#define LOOK_MS 60000

struct job {
	struct creds_keeper *keeper; /* NULL: freed */
	struct creds *creds;
	struct dial_pool *pool;
	struct cancel cancel;
	int rc;
	struct thread_job thread;
};

struct entry {
	struct creds *creds;
	struct job *job; /* NULL: none runs */
};

struct creds_keeper {
	struct loop *loop;
	struct dial_pool *pool;
	creds_keeper_fn *renewed;
	void *arg;
	struct loop_timer timer;
	struct entry entry[CREDS_KEEPER_MAX];
	size_t count;
};

static void look(void *arg, uint64_t now_ms);

/* Jobs */

static void free_job(void *arg)
{
	struct job *j = arg;

	creds_put(j->creds);
	cancel_fini(&j->cancel);
	free(j);
}

/* In a pool thread. What went wrong is in the log. */
static void work(void *arg)
{
	char words[CREDS_WORDS_MAX];
	struct job *j = arg;

	j->rc = creds_fetch(j->creds, j->pool, clock_now_ms() + FETCH_MS,
			    &j->cancel, words);
}

static void stop(void *arg)
{
	struct job *j = arg;

	cancel_now(&j->cancel);
}

static void done(void *arg, uint64_t now_ms)
{
	struct job *j = arg;
	struct creds_keeper *k = j->keeper;

	if (k != NULL) {
		for (size_t i = 0; i < k->count; i++)
			if (k->entry[i].job == j)
				k->entry[i].job = NULL;
		if (j->rc == 0)
			k->renewed(k->arg, j->creds, now_ms);
		look(k, now_ms);
	}
	free_job(j);
}

static bool start_job(struct creds_keeper *k, struct entry *e)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return false;
	j->keeper = k;
	j->creds = creds_get(e->creds);
	j->pool = k->pool;
	j->rc = -EAGAIN;
	cancel_init(&j->cancel);
	j->thread = (struct thread_job){ .work = work,
					 .done = done,
					 .cancel = stop,
					 .drop = free_job,
					 .arg = j,
					 .loop = k->loop };
	e->job = j;
	dial_run(k->pool, &j->thread);
	return true;
}

/* The timer */

static void look(void *arg, uint64_t now_ms)
{
	struct creds_keeper *k = arg;
	uint64_t wait = k->count > 0 ? LOOK_MS : UINT64_MAX;

	for (size_t i = 0; i < k->count; i++) {
		struct entry *e = &k->entry[i];
		uint64_t due = creds_due_in_ms(e->creds);

		if (e->job != NULL || (due == 0 && start_job(k, e)))
			continue; /* done() looks again */
		/* a millisecond late rather than twice */
		due = due == 0 ? 1000 : due;
		wait = due < wait ? due + 1 : wait;
	}
	loop_timer_set(k->loop, &k->timer,
		       wait == UINT64_MAX ? CLOCK_NEVER : now_ms + wait, look,
		       k);
}

struct creds_keeper *creds_keeper_new(struct loop *loop, struct dial_pool *pool,
				      creds_keeper_fn *renewed, void *arg)
{
	struct creds_keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->loop = loop;
	k->pool = pool;
	k->renewed = renewed;
	k->arg = arg;
	return k;
}

static void forget_all(struct creds_keeper *k)
{
	for (size_t i = 0; i < k->count; i++) {
		if (k->entry[i].job != NULL)
			k->entry[i].job->keeper = NULL;
		creds_put(k->entry[i].creds);
	}
	k->count = 0;
}

void creds_keeper_free(struct creds_keeper *k)
{
	if (k == NULL)
		return;
	loop_timer_stop(k->loop, &k->timer);
	forget_all(k);
	free(k);
}

static bool is_in(const struct creds_keeper *k, const struct creds *c)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->entry[i].creds == c)
			return true;
	return false;
}

void creds_keeper_set(struct creds_keeper *k, struct creds *const *creds,
		      size_t count)
{
	/* taken before the old ones are given back: they may be the same */
	for (size_t i = 0; i < count; i++)
		creds_get(creds[i]);
	forget_all(k);
	for (size_t i = 0; i < count; i++) {
		if (k->count < CREDS_KEEPER_MAX && !is_in(k, creds[i]))
			k->entry[k->count++] =
				(struct entry){ .creds = creds[i] };
		else
			creds_put(creds[i]);
	}
	look(k, loop_now_ms(k->loop));
}

void creds_keeper_hurry(struct creds_keeper *k)
{
	for (size_t i = 0; i < k->count; i++)
		creds_hurry(k->entry[i].creds);
	look(k, loop_now_ms(k->loop));
}
