/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_flows.c - open flows over a restart
 *
 * Theory of operation. While the daemon runs, what is promised to apps is
 * written shortly after each change, so that even one that is killed is
 * followed by one that knows the ports and secrets. At the end in peace it is
 * written once more, together with what continues the allocations; by then the
 * workers stand still. The next daemon takes everything up before anybody can
 * ask it anything. A private daemon has no successor and writes nothing.
 */
#include <config.h>

#include "buf.h"
#include "caller.h"
#include "control.h"
#include "daemon.h"
#include "fd_store.h"
#include "flow.h"
#include "flow_store.h"
#include "flow_table.h"
#include "log.h"
#include "options.h"
#include "sockdiag.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At most so long does a killed daemon's file lag behind. */
#define SAVE_MS 500

static const uint8_t flags[] = {
	[FLOW_STORE_IPV4] = FLOW_UPLINK_IPV4,
	[FLOW_STORE_IPV6] = FLOW_UPLINK_IPV6,
};
_Static_assert(ARRAY_SIZE(flags) == FLOW_STORE_FAMILIES, "one each");

/* Saving */

/* What is promised, for flow_store_free(). NULL: nothing, or no memory. */
static struct flow_saved *list_flows(const struct tunneld *d, size_t *count)
{
	const struct flow_table *t = control_flows(d->control);
	const struct flow_record *r = NULL;
	struct flow_saved *list = calloc(flow_table_count(t), sizeof(*list));

	*count = 0;
	while (list != NULL && (r = flow_table_next(t, r)) != NULL) {
		struct flow_saved *s = &list[(*count)++];

		*s = (struct flow_saved){ .cookie = r->cookie,
					  .secret = r->secret,
					  .uid = r->uid,
					  .bound = r->bound,
					  .app = r->app };
		if (r->program != NULL)
			s->program = strdup(r->program);
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			s->uplink[i].open = (r->uplinks & flags[i]) != 0;
	}
	return list;
}

static void save(struct tunneld *d, const struct flow_saved *list, size_t count)
{
	int err = 0;

	if (count == 0)
		unlink(d->flows_path);
	else
		err = flow_store_write(d->flows_path, list, count);
	if (err != 0 && err != d->flows_error)
		log_warn("%s: %s: calls will not survive a restart",
			 d->flows_path, strerror(-err));
	d->flows_error = err;
}

static void on_save(void *arg, uint64_t now_ms)
{
	struct tunneld *d = arg;
	struct flow_saved *list;
	size_t count;

	(void)now_ms;
	list = list_flows(d, &count);
	if (list != NULL || flow_table_count(control_flows(d->control)) == 0)
		save(d, list, count);
	flow_store_free(list, count);
	daemon_tell_status(d);
}

void daemon_flows_changed(void *arg)
{
	struct tunneld *d = arg;

	if (d->flows_path[0] != '\0' && d->save_flows.index == 0)
		loop_timer_set(d->loop, &d->save_flows,
			       loop_now_ms(d->loop) + SAVE_MS, on_save, d);
}

void daemon_flow_socket(void *arg, const struct endpoint *bound, int fd)
{
	struct tunneld *d = arg;

	if (d->store == NULL)
		return;
	if (fd >= 0)
		fd_store_keep(d->store, bound, fd);
	else
		fd_store_forget(d->store, bound);
}

static int by_secret(const void *a, const void *b)
{
	const struct flow_saved *x = a, *y = b;

	return x->secret < y->secret ? -1 : x->secret > y->secret;
}

struct export
{
	struct flow_saved *list;
	size_t count;
	uint64_t now_ms;
	uint8_t scratch[FLOW_STORE_RESUME_MAX];
};

static void export_uplink(struct export *x, struct flow *flow, int i,
			  struct flow_saved_uplink *saved)
{
	struct buf b;

	buf_init(&b, x->scratch, sizeof(x->scratch));
	if (flow_export(flow, flags[i], &b, x->now_ms) < 0 || b.failed)
		return;
	saved->resume = malloc(b.len);
	if (saved->resume == NULL)
		return;
	memcpy(saved->resume, b.data, b.len);
	saved->resume_len = b.len;
}

static void export_flow(void *arg, struct flow *flow)
{
	struct export *x = arg;
	struct flow_saved key = { .secret = flow_secret(flow) }, *found;

	found = bsearch(&key, x->list, x->count, sizeof(key), by_secret);
	for (int i = 0; found != NULL && i < FLOW_STORE_FAMILIES; i++)
		export_uplink(x, flow, i, &found->uplink[i]);
}

/* What continues the allocations. */
static void export_all(struct tunneld *d, struct flow_saved *list, size_t count)
{
	struct export *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return;
	x->list = list;
	x->count = count;
	x->now_ms = loop_now_ms(d->loop);
	qsort(list, count, sizeof(*list), by_secret);
	for (size_t i = 0; i < d->worker_count; i++)
		worker_each_flow(d->workers[i], export_flow, x);
	explicit_bzero(x, sizeof(*x));
	free(x);
}

void daemon_save_flows(struct tunneld *d)
{
	struct flow_saved *list;
	size_t count;

	if (d->loop != NULL)
		loop_timer_stop(d->loop, &d->save_flows);
	if (d->flows_path[0] == '\0' || d->control == NULL)
		return;
	list = list_flows(d, &count);
	if (list != NULL) {
		export_all(d, list, count);
		save(d, list, count);
	}
	flow_store_free(list, count);
}

/* Taking up */

/* The descriptor of `saved` to the worker. */
static int take_up(struct tunneld *d, struct flow_saved *saved, int diag)
{
	const struct policy_client client = { .uid = saved->uid,
					      .program = saved->program };
	struct flow_seed seed = { .fd = -1,
				  .bound = saved->bound,
				  .cookie = saved->cookie,
				  .secret = saved->secret,
				  .app = saved->app };
	bool is_held;
	int err;

	/* Ports are given again, cookies are not. */
	if (diag >= 0 && saved->app.family != ENDPOINT_NONE &&
	    sockdiag_udp_alive(diag, &saved->app, &saved->bound, saved->cookie,
			       NULL) == 0)
		return -ESTALE;
	seed.client = caller_keep(&client);
	if (seed.client == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct flow_saved_uplink *u = &saved->uplink[i];

		seed.uplinks |= u->open ? flags[i] : 0;
		seed.resume[i].data = u->resume;
		seed.resume[i].len = u->resume_len;
		u->resume = NULL;
		u->resume_len = 0;
	}
	/* With what has come in since; else its port, if nobody has it. */
	seed.fd = fd_store_take(d->store, &saved->bound);
	is_held = seed.fd >= 0;
	err = control_take_up(d->control, saved->uid, &seed);
	if (err < 0 && is_held)
		fd_store_forget(d->store, &saved->bound);
	return err;
}

void daemon_take_up_flows(struct tunneld *d)
{
	size_t count, taken = 0, lost = 0;
	struct flow_saved *list;
	int diag;

	if (d->flows_path[0] == '\0')
		return;
	count = flow_store_read(d->flows_path, &list);
	diag = sockdiag_open();
	for (size_t i = 0; i < count; i++) {
		int err = take_up(d, &list[i], diag);

		taken += err == 0;
		/* The app registers again with its next datagram. */
		lost += err != 0 && err != -ESTALE;
	}
	if (diag >= 0)
		close(diag);
	flow_store_free(list, count);
	fd_store_drop_rest(d->store);
	if (taken + lost > 0)
		log_info("%zu open flow(s) taken up again, %zu not", taken,
			 lost);
}
