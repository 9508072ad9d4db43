/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_tasks.c - what workers ask of the control loop
 */
#include <config.h>

#include "control.h"
#include "daemon.h"
#include "dns_serve.h"
#include "flow.h"
#include "inside.h"
#include "learn.h"

#include <stdlib.h>
#include <string.h>

/* Flows end in a worker; what was promised for them lives in the control
 * loop. */
struct gone_task {
	struct loop_task task;
	struct tunneld *tunneld;
	uint64_t cookie, secret;
};

static void run_gone(void *arg, uint64_t now_ms)
{
	struct gone_task *t = arg;

	(void)now_ms;
	if (t->tunneld->control != NULL)
		control_flow_gone(t->tunneld->control, t->cookie, t->secret);
	free(t);
}

void daemon_flow_gone(void *arg, uint64_t cookie, uint64_t secret)
{
	struct tunneld *d = arg;
	struct gone_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* the record stays; the app finds a silent port */
	t->tunneld = d;
	t->cookie = cookie;
	t->secret = secret;
	loop_post(d->loop, &t->task, run_gone, t);
}

struct known_task {
	struct loop_task task;
	struct tunneld *tunneld;
	uint64_t cookie, secret;
	struct endpoint app;
	uint8_t uplinks;
	bool talks;
};

static void run_known(void *arg, uint64_t now_ms)
{
	struct known_task *t = arg;

	(void)now_ms;
	if (t->tunneld->control != NULL)
		control_flow_known(t->tunneld->control, t->cookie, t->secret,
				   &t->app, t->uplinks, t->talks);
	explicit_bzero(&t->secret, sizeof(t->secret));
	free(t);
}

void daemon_flow_known(void *arg, const struct flow *flow)
{
	struct tunneld *d = arg;
	struct known_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* a successor will know less */
	t->tunneld = d;
	t->cookie = flow_cookie(flow);
	t->secret = flow_secret(flow);
	t->app = *flow_app(flow);
	t->uplinks = flow_uplinks(flow);
	t->talks = flow_talks(flow);
	loop_post(d->loop, &t->task, run_known, t);
}

struct relay_task {
	struct loop_task task;
	struct tunneld *tunneld;
};

static void run_relay(void *arg, uint64_t now_ms)
{
	struct relay_task *t = arg;

	(void)now_ms;
	if (t->tunneld->control != NULL)
		control_news(t->tunneld->control);
	free(t);
}

void daemon_relay_found(void *arg)
{
	struct tunneld *d = arg;
	struct relay_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* who waits for it waits in vain */
	t->tunneld = d;
	loop_post(d->loop, &t->task, run_relay, t);
}

/* Resolvers inside apps ask in a worker; names are learned here. */
static void give_back(void *arg, uint64_t now_ms)
{
	struct dns_learn *query = arg;

	(void)now_ms;
	if (query->judge) {
		struct tunneld *d = query->owner;

		query->inside = query->records
					? inside_answers(d->inside)
					: inside_has(d->inside, d->policy,
						     query->name);
	}
	loop_post(query->loop, &query->task, dns_serve_learned, query);
}

struct want_task {
	struct loop_task task;
	struct tunneld *tunneld;
	struct dns_learn *query;
};

static void run_want(void *arg, uint64_t now_ms)
{
	struct want_task *t = arg;
	struct tunneld *d = t->tunneld;
	struct dns_learn *query = t->query;

	free(t);
	if (query->judge ? !inside_want(d->inside, d->policy, query->name,
					&query->wait, give_back, query)
			 : !learn_want(d->learn, query->name, &query->wait,
				       give_back, query))
		give_back(query, now_ms);
}

void daemon_want_name(void *arg, struct dns_learn *query)
{
	struct tunneld *d = arg;
	struct want_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		loop_post(query->loop, &query->task, dns_serve_learned, query);
		return;
	}
	t->tunneld = d;
	t->query = query;
	query->owner = d;
	loop_post(d->loop, &t->task, run_want, t);
}

struct stun_task {
	struct loop_task task;
	struct tunneld *tunneld;
	struct endpoint server;
};

static void run_stun(void *arg, uint64_t now_ms)
{
	struct stun_task *t = arg;

	(void)now_ms;
	daemon_media_stun(t->tunneld, &t->server);
	free(t);
}

void daemon_stun_asked(void *arg, const struct endpoint *server)
{
	struct tunneld *d = arg;
	struct stun_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* there will be another */
	t->tunneld = d;
	t->server = *server;
	loop_post(d->loop, &t->task, run_stun, t);
}
