/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inside.c - names asked of the system's resolver, within a budget of time
 *
 * Theory of operation. An app's look-up waits no longer than patience.c says,
 * and then the name counts as one of the outside; the look-up itself goes on,
 * so that a late answer is there for the next one, and teaches patience. What
 * is known is used while it is asked anew. A resolver that was given up is
 * asked by one look-up at a time. Look-ups hold threads: few run at once, the
 * others queue, their budget running.
 */
#include <config.h>

#include "inside.h"

#include "log.h"
#include "nameservers.h"
#include "patience.h"
#include "policy.h"
#include "resolve.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define NAMES_MAX   512
#define RUNNING_MAX 8
#define ADDRS_MAX   8
/* As long as resolvers commonly cache; a failure is asked again sooner. */
#define FRESH_MS 60000
#define RETRY_MS 5000

struct lookup {
	struct inside *inside;
	char name[CONTROL_NAME_MAX + 1];
	bool known;  /* there was an answer once */
	bool queued; /* for a place among those that run */
	uint64_t began_ms, fresh_until_ms;
	struct resolve *resolve;
	struct loop_timer budget;
	struct learn_wait *waiting;
	size_t count;
	struct endpoint addr[ADDRS_MAX];
};

struct inside {
	struct loop *loop;
	struct dial_pool *pool;
	struct patience patience;
	struct nameservers servers;
	size_t running;
	size_t lookups, next; /* next: the place to use when all are taken */
	struct lookup lookup[NAMES_MAX];
};

struct inside *inside_new(struct loop *loop, struct dial_pool *pool)
{
	struct inside *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->loop = loop;
	in->pool = pool;
	patience_init(&in->patience);
	nameservers_init(&in->servers, RESOLV_CONF);
	return in;
}

void inside_set_resolv_conf(struct inside *in, const char *path)
{
	nameservers_fini(&in->servers);
	nameservers_init(&in->servers, path);
}

static void tell(struct lookup *k, uint64_t now_ms)
{
	loop_timer_stop(k->inside->loop, &k->budget);
	while (k->waiting != NULL) {
		struct learn_wait *wait = k->waiting;

		learn_cancel(wait);
		wait->done(wait->arg, now_ms);
	}
}

static void stop(struct lookup *k)
{
	k->queued = false;
	if (k->resolve == NULL)
		return;
	resolve_cancel(k->resolve);
	k->resolve = NULL;
	k->inside->running--;
}

void inside_free(struct inside *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; i < in->lookups; i++) {
		struct lookup *k = &in->lookup[i];

		stop(k);
		loop_timer_stop(in->loop, &k->budget);
		while (k->waiting != NULL)
			learn_cancel(k->waiting);
	}
	nameservers_fini(&in->servers);
	free(in);
}

void inside_forget(struct inside *in)
{
	for (size_t i = 0; i < in->lookups; i++) {
		stop(&in->lookup[i]);
		tell(&in->lookup[i], loop_now_ms(in->loop));
	}
	in->lookups = in->next = 0;
	patience_init(&in->patience);
}

static void run_queued(struct inside *in);

/* -ENOENT and -ENODATA are answers; a resolver that is out of reach, or whose
 * own time is over, has given none. */
static void on_resolved(void *arg, int error, const struct endpoint *addrs,
			size_t count, uint64_t now_ms)
{
	struct lookup *k = arg;
	bool answered = count > 0 || error == -ENOENT || error == -ENODATA;

	k->resolve = NULL;
	k->inside->running--;
	k->fresh_until_ms = now_ms + (answered ? FRESH_MS : RETRY_MS);
	if (answered) {
		patience_answered(&k->inside->patience, now_ms - k->began_ms);
		k->known = true;
		k->count = count < ADDRS_MAX ? count : ADDRS_MAX;
		memcpy(k->addr, addrs, k->count * sizeof(*addrs));
	} else {
		log_debug("%s: %s", k->name, resolve_words(error));
	}
	tell(k, now_ms);
	run_queued(k->inside);
}

static void run(struct lookup *k)
{
	struct inside *in = k->inside;

	k->queued = in->running >= RUNNING_MAX;
	if (k->queued)
		return;
	k->began_ms = loop_now_ms(in->loop);
	k->resolve = resolve_start(in->pool, in->loop, k->name, ENDPOINT_NONE,
				   on_resolved, k);
	in->running += k->resolve != NULL;
}

static void run_queued(struct inside *in)
{
	for (size_t i = 0; i < in->lookups && in->running < RUNNING_MAX; i++) {
		if (in->lookup[i].queued)
			run(&in->lookup[i]);
	}
}

/* A resolver is given up: the threads that wait for it are of better use. One
 * stays, to hear the answer that comes late. */
static void stop_others(struct inside *in, const struct lookup *one)
{
	log_info("the system's resolver does not answer: names are reached "
		 "without it");
	for (size_t i = 0; i < in->lookups; i++) {
		if (&in->lookup[i] != one)
			stop(&in->lookup[i]);
	}
}

static void on_budget(void *arg, uint64_t now_ms)
{
	struct lookup *k = arg;
	struct inside *in = k->inside;

	if (k->resolve != NULL && patience_ms(&in->patience) > 0) {
		patience_silent(&in->patience, now_ms);
		if (patience_ms(&in->patience) == 0)
			stop_others(in, k);
	}
	tell(k, now_ms);
}

static struct lookup *find(struct inside *in, const char *name)
{
	for (size_t i = 0; i < in->lookups; i++) {
		if (strcmp(in->lookup[i].name, name) == 0)
			return &in->lookup[i];
	}
	return NULL;
}

static struct lookup *make(struct inside *in, const char *name)
{
	struct lookup *k;

	if (in->lookups < NAMES_MAX) {
		k = &in->lookup[in->lookups++];
	} else {
		k = &in->lookup[in->next++ % NAMES_MAX];
		stop(k);
		tell(k, loop_now_ms(in->loop));
	}
	*k = (struct lookup){ .inside = in };
	snprintf(k->name, sizeof(k->name), "%s", name);
	return k;
}

static bool is_direct(const struct policy *policy,
		      enum policy_protocol protocol, const struct endpoint *ip)
{
	switch (policy_decide_ip(policy, protocol, ip, NULL)) {
	case POLICY_DIRECT:
	case POLICY_PREFER_DIRECT:
		return true;
	default:
		return false;
	}
}

/* What asks them is libc in this process, past the policy of apps. */
static bool may_ask(struct inside *in, const struct policy *policy)
{
	if (nameservers_refresh(&in->servers))
		inside_forget(in); /* other servers, other answers */
	for (size_t i = 0; i < in->servers.count; i++)
		if (!is_direct(policy, POLICY_UDP, &in->servers.at[i]))
			return false;
	return true;
}

bool inside_want(struct inside *in, const struct policy *policy,
		 const char *name, struct learn_wait *wait, loop_fn *done,
		 void *arg)
{
	uint64_t now_ms = loop_now_ms(in->loop);
	struct lookup *k;
	uint32_t budget_ms;

	if (!may_ask(in, policy))
		return false;
	k = find(in, name);
	if (k == NULL)
		k = make(in, name);
	if (k->resolve == NULL && !k->queued) {
		if (now_ms < k->fresh_until_ms ||
		    !patience_may_ask(&in->patience, now_ms))
			return false;
		budget_ms = patience_ms(&in->patience);
		run(k);
		/* What is known is good until it is known better. */
		if (k->known || budget_ms == 0 ||
		    (k->resolve == NULL && !k->queued) ||
		    loop_timer_set(in->loop, &k->budget, now_ms + budget_ms,
				   on_budget, k) < 0)
			return false;
	} else if (k->waiting == NULL) {
		return false; /* its budget is over */
	}
	*wait = (struct learn_wait){ .done = done,
				     .arg = arg,
				     .next = k->waiting,
				     .prev = &k->waiting };
	if (wait->next != NULL)
		wait->next->prev = &wait->next;
	k->waiting = wait;
	return true;
}

/* A name at no address of this world ("0.0.0.0") is one that a filter has
 * taken out, or one of the outside. */
static bool is_inside(const struct policy *policy, const struct endpoint *addr)
{
	static const struct endpoint nowhere;

	if (memcmp(addr->ip, nowhere.ip, sizeof(addr->ip)) == 0)
		return false;
	return is_direct(policy, POLICY_TCP, addr) &&
	       is_direct(policy, POLICY_UDP, addr);
}

bool inside_has(struct inside *in, const struct policy *policy,
		const char *name)
{
	const struct lookup *k = find(in, name);
	bool inside = k != NULL && k->count > 0;

	for (size_t i = 0; inside && i < k->count; i++)
		inside = is_inside(policy, &k->addr[i]);
	return inside;
}

bool inside_answers(const struct inside *in)
{
	return patience_knows(&in->patience) && patience_ms(&in->patience) > 0;
}
