/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.c - the thread that moves datagrams
 *
 * Other threads speak to it by tasks only (loop_post); what a task carries is
 * on the heap and changes hands with it.
 */
#include <config.h>

#include "worker.h"

#include "local.h"
#include "log.h"
#include "loop.h"
#include "policy.h"
#include "relay.h"
#include "sockdiag.h"
#include "stats.h"
#include "uplink.h"
#include "warm.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the kernel is asked for sockets that closed without a word. */
#define SWEEP_MS 5000
/* How often the control loop is told of a STUN server that apps ask. */
#define STUN_TELL_MS 2000

/* A flow and its place in the worker's list. */
struct entry {
	struct flow *flow;
	uint64_t secret;
	struct entry *next, **prev;
	struct loop_defer end;
	struct worker *worker;
};

struct worker {
	struct loop *loop;
	pthread_t thread;
	struct worker_stats stats;
	struct uplink_env uplink_env;
	struct warm *warm;
	struct flow_env flow_env;
	struct entry *entries;
	struct loop_timer sweep;
	void (*on_flow_gone)(void *arg, uint64_t cookie, uint64_t secret);
	void (*on_flow_known)(void *arg, const struct flow *flow);
	void (*on_stun)(void *arg, const struct endpoint *server);
	uint64_t stun_told_ms; /* when it was called last; 0: never */
	void *arg;
	bool halted;
	struct loop_task beat;
	_Atomic bool beat_asked; /* and not answered yet */
};

static void free_entry(struct entry *e)
{
	loop_defer_cancel(e->worker->loop, &e->end);
	*e->prev = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	flow_free(e->flow);
	free(e);
}

static void end_entry(void *arg, uint64_t now_ms)
{
	struct entry *e = arg;

	(void)now_ms;
	e->worker->on_flow_gone(e->worker->arg, flow_cookie(e->flow),
				e->secret);
	free_entry(e);
}

static void on_gone(void *arg, struct flow *flow)
{
	struct worker *w = arg;

	for (struct entry *e = w->entries; e != NULL; e = e->next) {
		if (e->flow != flow)
			continue;
		loop_defer(w->loop, &e->end, end_entry, e);
		return;
	}
}

static void on_known(void *arg, const struct flow *flow)
{
	struct worker *w = arg;

	if (w->on_flow_known != NULL)
		w->on_flow_known(w->arg, flow);
}

static void sweep_all(struct worker *w, uint64_t now_ms)
{
	for (struct entry *e = w->entries; e != NULL; e = e->next)
		flow_sweep(e->flow, now_ms);
}

static void run_sweep(void *arg, uint64_t now_ms)
{
	struct worker *w = arg;

	if (w->entries != NULL)
		warm_attach(w->warm, now_ms);
	sweep_all(w, now_ms);
	loop_timer_set(w->loop, &w->sweep, now_ms + SWEEP_MS, run_sweep, w);
}

/* Tasks from the control loop */

struct add_task {
	struct loop_task task;
	struct worker *worker;
	struct flow_seed seed;
	uint64_t cookie, secret; /* the seed is wiped */
};

static void run_add(void *arg, uint64_t now_ms)
{
	struct add_task *t = arg;
	struct worker *w = t->worker;
	struct entry *e = calloc(1, sizeof(*e));

	(void)now_ms;
	if (e != NULL)
		e->flow = flow_new(&w->flow_env, &t->seed);
	if (e == NULL || e->flow == NULL) {
		log_event(LOG_LEVEL_ERROR, LOG_EVENT_NONE,
			  LOG_ABOUT(.flow = t->cookie),
			  "a flow could not be opened: %s", strerror(errno));
		w->on_flow_gone(w->arg, t->cookie, t->secret);
		flow_seed_fini(&t->seed);
		free(e);
		free(t);
		return;
	}
	e->worker = w;
	e->secret = t->secret;
	e->next = w->entries;
	e->prev = &w->entries;
	if (e->next != NULL)
		e->next->prev = &e->next;
	w->entries = e;
	free(t);
}

void worker_add_flow(struct worker *w, struct flow_seed *seed)
{
	struct add_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		w->on_flow_gone(w->arg, seed->cookie, seed->secret);
		flow_seed_fini(seed);
		return;
	}
	t->worker = w;
	t->cookie = seed->cookie;
	t->secret = seed->secret;
	t->seed = *seed;
	loop_post(w->loop, &t->task, run_add, t);
}

struct reload_task {
	struct loop_task task;
	struct worker *worker;
	struct policy *policy;
	struct relay_set *relays;
};

static void run_reload(void *arg, uint64_t now_ms)
{
	struct reload_task *t = arg;
	struct worker *w = t->worker;

	policy_put(w->flow_env.policy);
	relay_set_put(w->uplink_env.relays);
	w->flow_env.policy = t->policy;
	w->flow_env.policy_count++;
	w->uplink_env.relays = t->relays;
	for (struct entry *e = w->entries; e != NULL; e = e->next)
		flow_reload(e->flow, now_ms);
	warm_reload(w->warm, t->relays, now_ms);
	free(t);
}

void worker_reload(struct worker *w, struct policy *policy,
		   struct relay_set *relays)
{
	struct reload_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return;
	t->worker = w;
	t->policy = policy_get(policy);
	t->relays = relay_set_get(relays);
	loop_post(w->loop, &t->task, run_reload, t);
}

struct network_task {
	struct loop_task task;
	struct worker *worker;
	size_t count;
	struct endpoint addrs[];
};

static void run_network_changed(void *arg, uint64_t now_ms)
{
	struct network_task *t = arg;

	for (struct entry *e = t->worker->entries; e != NULL; e = e->next)
		flow_network_changed(e->flow, t->addrs, t->count, now_ms);
	warm_renew(t->worker->warm, now_ms);
	free(t);
}

void worker_network_changed(struct worker *w, const struct endpoint *addrs,
			    size_t count)
{
	struct network_task *t = calloc(1, sizeof(*t) + count * sizeof(*addrs));

	if (t == NULL)
		return; /* what is broken shows by itself, later */
	t->worker = w;
	t->count = count;
	memcpy(t->addrs, addrs, count * sizeof(*addrs));
	loop_post(w->loop, &t->task, run_network_changed, t);
}

struct attach_task {
	struct loop_task task;
	struct worker *worker;
};

static void run_attach(void *arg, uint64_t now_ms)
{
	struct attach_task *t = arg;

	warm_attach(t->worker->warm, now_ms);
	free(t);
}

void worker_attach(struct worker *w)
{
	struct attach_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* the first flow will */
	t->worker = w;
	loop_post(w->loop, &t->task, run_attach, t);
}

struct sweep_task {
	struct loop_task task;
	struct worker *worker;
};

static void run_sweep_now(void *arg, uint64_t now_ms)
{
	struct sweep_task *t = arg;

	sweep_all(t->worker, now_ms);
	free(t);
}

void worker_sweep(struct worker *w)
{
	struct sweep_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return; /* the timer will */
	t->worker = w;
	loop_post(w->loop, &t->task, run_sweep_now, t);
}

/* Looking */

struct look_task {
	struct loop_task task;
	struct worker *worker;
	struct worker_look_opts opts;
	struct worker_look *look;
};

/* In the loop of whoever asked. */
static void run_looked(void *arg, uint64_t now_ms)
{
	struct look_task *t = arg;

	(void)now_ms;
	t->opts.done(t->opts.arg, t->look);
	free(t);
}

static bool is_wanted(const struct look_task *t, const struct entry *e)
{
	return t->opts.everybody || flow_uid(e->flow) == t->opts.uid;
}

static void run_look(void *arg, uint64_t now_ms)
{
	struct look_task *t = arg;
	struct worker_look *look;
	size_t count = 0, room;

	for (struct entry *e = t->worker->entries; e != NULL; e = e->next)
		count += is_wanted(t, e);
	room = count < t->opts.max ? count : t->opts.max;
	look = calloc(1, sizeof(*look) + room * sizeof(look->flow[0]));
	if (look == NULL) {
		room = 0;
	} else {
		look->left_out = count - room;
		t->look = look;
	}
	for (struct entry *e = t->worker->entries; room > 0; e = e->next) {
		if (!is_wanted(t, e))
			continue;
		flow_look(e->flow, now_ms, &look->flow[look->count++]);
		room--;
	}
	loop_post(t->opts.loop, &t->task, run_looked, t);
}

bool worker_look(struct worker *w, const struct worker_look_opts *opts)
{
	struct look_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return false;
	t->worker = w;
	t->opts = *opts;
	loop_post(w->loop, &t->task, run_look, t);
	return true;
}

static void run_beat(void *arg, uint64_t now_ms)
{
	struct worker *w = arg;

	(void)now_ms;
	atomic_store(&w->beat_asked, false);
}

bool worker_turned(struct worker *w)
{
	if (atomic_exchange(&w->beat_asked, true))
		return false;
	loop_post(w->loop, &w->beat, run_beat, w);
	return true;
}

/* Life */

static void close_flows(struct worker *w)
{
	while (w->entries != NULL)
		free_entry(w->entries);
}

static struct leg *take_warm(void *arg, uint8_t family, uint64_t now_ms)
{
	struct worker *w = arg;

	return warm_take(w->warm, family, now_ms);
}

static bool give_warm(void *arg, struct leg *leg, uint64_t now_ms)
{
	struct worker *w = arg;

	return warm_give(w->warm, leg, now_ms);
}

/* Allocations are given back as far as that goes without waiting: a relay with
 * mobility would hold them, and count them, for minutes. */
static void close_legs(struct worker *w)
{
	close_flows(w);
	warm_free(w->warm);
	w->warm = NULL;
	loop_drain(w->loop);
	leg_env_fini(&w->uplink_env.leg);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	int err = loop_run(w->loop);

	if (err < 0)
		log_err("a media worker ended: %s", strerror(-err));
	return NULL;
}

static void release(struct worker *w)
{
	close_legs(w);
	if (w->flow_env.sockdiag >= 0)
		close(w->flow_env.sockdiag);
	policy_put(w->flow_env.policy);
	relay_set_put(w->uplink_env.relays);
	local_free(w->flow_env.local);
	loop_free(w->loop);
	free(w);
}

static void on_stun(void *arg, const struct endpoint *server, uint64_t now_ms)
{
	struct worker *w = arg;

	if (w->on_stun == NULL ||
	    (w->stun_told_ms != 0 && now_ms - w->stun_told_ms < STUN_TELL_MS))
		return;
	w->stun_told_ms = now_ms;
	w->on_stun(w->arg, server);
}

static void wire_up(struct worker *w, const struct worker_opts *opts)
{
	w->on_flow_gone = opts->on_flow_gone;
	w->on_flow_known = opts->on_flow_known;
	w->on_stun = opts->on_stun;
	w->arg = opts->arg;
	w->uplink_env = (struct uplink_env){
		.leg = { .loop = w->loop,
			 .pool = opts->pool,
			 .stats = &w->stats,
			 .on_first = opts->on_relay,
			 .arg = opts->arg },
		.relays = relay_set_get(opts->relays),
		.warm_take = take_warm,
		.warm_give = give_warm,
		.arg = w,
	};
	w->warm = warm_new(&w->uplink_env.leg, opts->relays);
	w->flow_env = (struct flow_env){
		.loop = w->loop,
		.local = local_new(&w->stats),
		.pool = opts->pool,
		.names = opts->names,
		.policy = policy_get(opts->policy),
		.policy_count = 1,
		.uplink = &w->uplink_env,
		.stats = &w->stats,
		.sockdiag = sockdiag_open(),
		.learn = opts->learn,
		.learn_arg = opts->arg,
		.on_known = on_known,
		.on_stun = on_stun,
		.on_gone = on_gone,
		.arg = w,
	};
}

struct worker *worker_new(const struct worker_opts *opts)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (w == NULL)
		return NULL;
	w->loop = loop_new();
	if (w->loop == NULL) {
		free(w);
		return NULL;
	}
	wire_up(w, opts);
	err = w->flow_env.local == NULL || w->warm == NULL ? ENOMEM : 0;
	if (err == 0)
		err = -loop_timer_set(w->loop, &w->sweep,
				      loop_now_ms(w->loop) + SWEEP_MS,
				      run_sweep, w);
	if (err == 0)
		err = pthread_create(&w->thread, NULL, run, w);
	if (err == 0) /* for top -H */
		pthread_setname_np(w->thread, "tunneld-media");
	if (err != 0) {
		release(w);
		errno = err;
		return NULL;
	}
	return w;
}

void worker_halt(struct worker *w)
{
	if (w->halted)
		return;
	w->halted = true;
	loop_stop(w->loop);
	pthread_join(w->thread, NULL);
	loop_drain(w->loop); /* tasks hold what must be freed */
}

void worker_each_flow(struct worker *w,
		      void (*fn)(void *arg, struct flow *flow), void *arg)
{
	for (struct entry *e = w->entries; e != NULL; e = e->next)
		fn(arg, e->flow);
}

void worker_stop(struct worker *w)
{
	worker_halt(w);
	close_legs(w);
}

void worker_free(struct worker *w)
{
	if (w != NULL)
		release(w);
}

const struct worker_stats *worker_stats(const struct worker *w)
{
	return &w->stats;
}
