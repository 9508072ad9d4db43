/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * discover.c - DNS and web services asked where the relays are
 *
 * Theory of operation. Each relay that waits for an answer (no port and a
 * name: RFC 5928; no URI: it comes with the credentials) has an inquiry: a job
 * in the pool, and a timer for the next one. A job holds references of its own,
 * so that it may outlive the discover. What came out is compared with what is
 * in force; when it differs, there is a new set. DNS that does not answer
 * within LOCATE_WAIT_MS is taken to know nothing better than the host itself,
 * until it does answer.
 */
#include <config.h>

#include "discover.h"

#include "cancel.h"
#include "clock.h"
#include "creds.h"
#include "creds_keeper.h"
#include "dial.h"
#include "locate.h"
#include "log.h"
#include "loop.h"
#include "plan.h"
#include "relay.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

/* How long an answer is good for, whatever its TTL. */
#define AGAIN_MIN_MS 60000
#define AGAIN_MAX_MS 3600000
/* … and after none: doubled up to AGAIN_MIN_MS. */
#define RETRY_MS 2000
/* A web service that gives URIs (creds_fetch() knows the same limit). */
#define FETCH_WAIT_MS 10000

struct inquiry {
	struct discover *discover;
	size_t index;                 /* of the relay in the plan */
	struct plan_targets *targets; /* what is in force; NULL: nothing */
	struct asking *asking;        /* under way; NULL: not */
	struct loop_timer again, patience;
	unsigned int failures; /* in a row */
};

struct discover {
	struct loop *loop;
	struct dial_pool *pool;
	struct plan *plan;
	struct relay_set *relays;
	struct endpoint server;
	bool have_server;
	struct creds_keeper *keeper;
	discover_fn *on_set;
	void *arg;
	size_t count;
	struct inquiry inquiry[];
};

/* A job. */
struct asking {
	struct thread_job job;
	struct cancel cancel;
	struct inquiry *inquiry; /* NULL: nobody waits; of the loop's thread */
	struct plan *plan;
	size_t index;
	struct dial_pool *pool;
	struct endpoint server;
	bool have_server;
	/* the result */
	int error;
	uint32_t ttl_s;
	struct plan_targets targets;
	char words[CREDS_WORDS_MAX];
};

/* In a pool thread */

static void find(struct asking *a, const struct conf_uri *uri)
{
	const struct plan_relay *r = &a->plan->relay[a->index];
	struct locate_opts opts = {
		.server = a->have_server ? &a->server : NULL,
		.deadline_ms = clock_now_ms() + LOCATE_WAIT_MS,
		.cancel = &a->cancel,
	};
	struct locate_target target[LOCATE_MAX];
	uint32_t ttl_s = UINT32_MAX;
	int n;

	if (getrandom(&opts.seed, sizeof(opts.seed), GRND_NONBLOCK) < 0)
		opts.seed = (uint32_t)opts.deadline_ms;
	if (plan_needs_dns(a->plan, r, uri))
		n = locate(uri, &opts, target, &ttl_s);
	else
		n = (int)locate_plain(uri, target);
	if (n < 0) {
		a->error = n;
		snprintf(a->words, sizeof(a->words),
			 "the name server does not tell where %.200s is",
			 uri->host);
		return;
	}
	plan_add_targets(&a->targets, uri, target, (size_t)n);
	if (ttl_s < a->ttl_s)
		a->ttl_s = ttl_s;
}

/* The URIs that come with the credentials; those that are no relays', or not
 * well formed, are left out. */
static void find_listed(struct asking *a, struct creds *creds)
{
	char(*uris)[CREDS_URI_MAX] = calloc(CREDS_URIS_MAX, sizeof(*uris));
	struct conf_uri uri;
	char words[256];
	size_t n;

	a->error = uris == NULL ? -ENOMEM
				: creds_fetch(creds, a->pool,
					      clock_now_ms() + FETCH_WAIT_MS,
					      &a->cancel, a->words);
	n = a->error == 0 ? creds_uris(creds, uris, CREDS_URIS_MAX) : 0;
	for (size_t i = 0; i < n; i++) {
		if (conf_uri_turn(uris[i], &uri, words, sizeof(words)) == 0)
			find(a, &uri);
		else
			log_debug("relay %s: %s: %s",
				  a->plan->relay[a->index].name, uris[i],
				  words);
	}
	free(uris);
	if (a->targets.count > 0)
		a->error = 0; /* some were found, which is enough */
	if (a->error < 0 || a->targets.count > 0) {
		plan_sort_targets(&a->targets);
		return;
	}
	a->error = -ENOENT;
	snprintf(a->words, sizeof(a->words),
		 "no relay's URI came with the credentials");
}

static void ask(void *arg)
{
	struct asking *a = arg;
	const struct plan_relay *r = &a->plan->relay[a->index];

	a->error = 0;
	if (r->uri.host[0] != '\0')
		find(a, &r->uri);
	else
		find_listed(a, r->creds);
}

/* In the loop */

static void asking_free(void *arg)
{
	struct asking *a = arg;

	cancel_fini(&a->cancel);
	plan_put(a->plan);
	free(a);
}

static void stop_asking(void *arg)
{
	struct asking *a = arg;

	cancel_now(&a->cancel);
}

static void start(void *arg, uint64_t now_ms);

static void publish(struct discover *d, uint64_t now_ms)
{
	struct plan_targets **found = calloc(d->plan->count + 1,
					     sizeof(struct plan_targets *));
	struct relay_set *set = NULL;

	for (size_t i = 0; found != NULL && i < d->count; i++)
		found[d->inquiry[i].index] = d->inquiry[i].targets;
	if (found != NULL)
		set = plan_relays(d->plan, found);
	free(found);
	if (set == NULL) {
		log_err("relays: %s", strerror(ENOMEM));
		return;
	}
	relay_set_inherit(set, d->relays, true);
	relay_set_put(d->relays);
	d->relays = relay_set_get(set);
	d->on_set(d->arg, set, now_ms);
}

/* SRV records of one priority come in another order each time: that alone is
 * no better set. */
static bool same_places(const struct plan_targets *a,
			const struct plan_targets *b)
{
	size_t found = 0;

	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			found += a->target[i].at.port == b->target[j].at.port &&
				 a->target[i].at.transport ==
					 b->target[j].at.transport &&
				 strcmp(a->target[i].at.host,
					b->target[j].at.host) == 0 &&
				 strcmp(a->target[i].name, b->target[j].name) ==
					 0;
	return a->count == b->count && found == a->count;
}

static void put_in_force(struct inquiry *q, const struct plan_targets *targets,
			 uint64_t now_ms)
{
	struct discover *d = q->discover;

	if (q->targets == NULL)
		q->targets = calloc(1, sizeof(*q->targets));
	else if (same_places(q->targets, targets))
		return;
	if (q->targets == NULL)
		return;
	*q->targets = *targets;
	if (targets->count == 0)
		log_warn("relay %s: DNS says that there is none at %s",
			 d->plan->relay[q->index].name,
			 d->plan->relay[q->index].uri.host);
	publish(d, now_ms);
}

/* Nobody has told it better yet. */
static void use_plain(struct inquiry *q, uint64_t now_ms)
{
	const struct conf_uri *uri = &q->discover->plan->relay[q->index].uri;
	struct locate_target plain[LOCATE_MAX];
	struct plan_targets *targets;

	if (q->targets != NULL || uri->host[0] == '\0')
		return;
	targets = calloc(1, sizeof(*targets));
	if (targets == NULL)
		return;
	plan_add_targets(targets, uri, plain, locate_plain(uri, plain));
	put_in_force(q, targets, now_ms);
	free(targets);
}

static void run_patience(void *arg, uint64_t now_ms)
{
	use_plain(arg, now_ms);
}

/* When to ask next, by what the last answer was. */
static uint64_t wait_of(const struct inquiry *q, uint32_t ttl_s)
{
	uint64_t wait_ms = ttl_s == UINT32_MAX ? AGAIN_MAX_MS
					       : ttl_s * UINT64_C(1000);

	if (q->failures > 0) {
		unsigned int doublings = q->failures < 6 ? q->failures - 1 : 5;

		wait_ms = (uint64_t)RETRY_MS << doublings;
		return wait_ms < AGAIN_MIN_MS ? wait_ms : AGAIN_MIN_MS;
	}
	if (wait_ms < AGAIN_MIN_MS)
		return AGAIN_MIN_MS;
	return wait_ms < AGAIN_MAX_MS ? wait_ms : AGAIN_MAX_MS;
}

static void take_answer(struct inquiry *q, const struct asking *a,
			uint64_t now_ms)
{
	const char *name = q->discover->plan->relay[q->index].name;

	q->asking = NULL;
	loop_timer_stop(q->discover->loop, &q->patience);
	if (a->error == 0) {
		q->failures = 0;
		put_in_force(q, &a->targets, now_ms);
	} else {
		/* What was known stays. */
		log_at(q->failures == 0 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
		       "relay %s: %s", name, a->words);
		q->failures++;
		use_plain(q, now_ms);
	}
	loop_timer_set(q->discover->loop, &q->again,
		       now_ms + wait_of(q, a->ttl_s), start, q);
}

static void deliver(void *arg, uint64_t now_ms)
{
	struct asking *a = arg;

	if (a->inquiry != NULL)
		take_answer(a->inquiry, a, now_ms);
	asking_free(a);
}

static void start(void *arg, uint64_t now_ms)
{
	struct inquiry *q = arg;
	struct discover *d = q->discover;
	const struct conf_uri *uri = &d->plan->relay[q->index].uri;
	struct asking *a;

	if (q->asking != NULL)
		return;
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		loop_timer_set(d->loop, &q->again, now_ms + AGAIN_MIN_MS, start,
			       q);
		return;
	}
	cancel_init(&a->cancel);
	a->inquiry = q;
	a->plan = plan_get(d->plan);
	a->index = q->index;
	a->pool = d->pool;
	a->server = d->server;
	a->have_server = d->have_server;
	a->error = -EAGAIN; /* stays when no thread can be made */
	a->ttl_s = UINT32_MAX;
	snprintf(a->words, sizeof(a->words), "no thread to look it up");
	a->job = (struct thread_job){ .work = ask,
				      .done = deliver,
				      .cancel = stop_asking,
				      .drop = asking_free,
				      .arg = a,
				      .loop = d->loop,
				      .urgent = uri->host[0] != '\0' };
	q->asking = a;
	loop_timer_set(d->loop, &q->patience, now_ms + LOCATE_WAIT_MS,
		       run_patience, q);
	dial_run(d->pool, &a->job);
}

/* New credentials may come with other URIs. */
static void on_renewed(void *arg, struct creds *creds, uint64_t now_ms)
{
	struct discover *d = arg;

	for (size_t i = 0; i < d->count; i++) {
		struct inquiry *q = &d->inquiry[i];
		const struct plan_relay *r = &d->plan->relay[q->index];

		if (r->uri.host[0] == '\0' && r->creds == creds)
			start(q, now_ms);
	}
}

static bool keep_credentials(struct discover *d)
{
	struct creds *creds[CREDS_KEEPER_MAX];
	size_t n = 0;

	d->keeper = creds_keeper_new(d->loop, d->pool, on_renewed, d);
	for (size_t i = 0; i < d->plan->count && n < ARRAY_SIZE(creds); i++)
		if (d->plan->relay[i].creds != NULL)
			creds[n++] = d->plan->relay[i].creds;
	if (d->keeper != NULL)
		creds_keeper_set(d->keeper, creds, n);
	return d->keeper != NULL;
}

struct discover *discover_new(const struct discover_opts *opts)
{
	struct plan *plan = opts->plan;
	struct discover *d = calloc(
		1, sizeof(*d) + plan->count * sizeof(d->inquiry[0]));
	uint64_t now_ms = loop_now_ms(opts->loop);

	if (d == NULL)
		return NULL;
	d->loop = opts->loop;
	d->pool = opts->pool;
	d->plan = plan_get(plan);
	d->relays = relay_set_get(opts->relays);
	d->have_server = opts->server != NULL;
	if (d->have_server)
		d->server = *opts->server;
	d->on_set = opts->on_set;
	d->arg = opts->arg;
	for (size_t i = 0; i < plan->count; i++) {
		struct inquiry *q = &d->inquiry[d->count];

		if (!plan_waits(plan, &plan->relay[i]))
			continue;
		d->count++;
		q->discover = d;
		q->index = i;
		start(q, now_ms);
	}
	if (keep_credentials(d))
		return d;
	discover_free(d);
	errno = ENOMEM;
	return NULL;
}

void discover_free(struct discover *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++) {
		struct inquiry *q = &d->inquiry[i];

		loop_timer_stop(d->loop, &q->again);
		loop_timer_stop(d->loop, &q->patience);
		if (q->asking != NULL) {
			q->asking->inquiry = NULL;
			cancel_now(&q->asking->cancel);
			thread_pool_cancel(&q->asking->job);
		}
		free(q->targets);
	}
	creds_keeper_free(d->keeper);
	plan_put(d->plan);
	relay_set_put(d->relays);
	free(d);
}

void discover_refresh(struct discover *d, uint64_t now_ms)
{
	if (d != NULL)
		creds_keeper_hurry(d->keeper);
	for (size_t i = 0; d != NULL && i < d->count; i++)
		start(&d->inquiry[i], now_ms);
}
