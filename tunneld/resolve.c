/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.c - the system's addresses of a name
 *
 * The real resolver of the machine, so only for names that are to be found
 * inside: what policy sends through the proxy goes there by name.
 */
#include <config.h>

#include "resolve.h"

#include "cancel.h"
#include "clock.h"
#include "dial.h"
#include "lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(RESOLVE_MAX == LOOKUP_MAX, "one limit");

struct resolve {
	struct thread_job job;
	struct cancel cancel;
	resolve_fn *done; /* NULL: cancelled; of the loop's thread */
	void *arg;
	uint8_t family;
	uint64_t deadline_ms;
	int result; /* of lookup_host() */
	struct endpoint addrs[LOOKUP_MAX];
	char name[];
};

static void resolve_free(void *arg)
{
	struct resolve *r = arg;

	cancel_fini(&r->cancel);
	free(r);
}

/* In a pool thread. */
static void look_up(void *arg)
{
	struct resolve *r = arg;

	r->result = lookup_host(r->name, r->family, r->deadline_ms, &r->cancel,
				r->addrs);
}

static void stop(void *arg)
{
	struct resolve *r = arg;

	cancel_now(&r->cancel);
}

static void deliver(void *arg, uint64_t now_ms)
{
	struct resolve *r = arg;
	size_t count = r->result > 0 ? (size_t)r->result : 0;

	if (r->done != NULL)
		r->done(r->arg, r->result < 0 ? r->result : 0, r->addrs, count,
			now_ms);
	resolve_free(r);
}

struct resolve *resolve_start(struct dial_pool *pool, struct loop *loop,
			      const char *name, uint8_t family,
			      resolve_fn *done, void *arg)
{
	struct resolve *r = calloc(1, sizeof(*r) + strlen(name) + 1);

	if (r == NULL)
		return NULL;
	cancel_init(&r->cancel);
	strcpy(r->name, name);
	r->family = family;
	r->done = done;
	r->arg = arg;
	r->deadline_ms = clock_now_ms() + RESOLVE_WAIT_MS;
	r->result = -EAGAIN; /* stays when no thread can be made */
	r->job = (struct thread_job){ .work = look_up,
				      .done = deliver,
				      .cancel = stop,
				      .drop = resolve_free,
				      .arg = r,
				      .loop = loop,
				      .urgent = true };
	dial_run(pool, &r->job);
	return r;
}

void resolve_cancel(struct resolve *r)
{
	r->done = NULL;
	cancel_now(&r->cancel);
	thread_pool_cancel(&r->job);
}

const char *resolve_words(int error)
{
	return lookup_words(error);
}
