/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_service.c - tunneld and the service manager: what it hands over and
 * keeps, how it is told how we are, its watchdog
 *
 * Theory of operation of the watchdog. Each quarter of its time every worker is
 * asked to turn its loop once. Only when all have done so by the next quarter,
 * and this loop turns to see it, the manager hears that we are alive: a worker
 * that is stuck lets the time run out, and we are restarted.
 */
#include <config.h>

#include "activation.h"
#include "control.h"
#include "daemon.h"
#include "egress.h"
#include "fd_store.h"
#include "flow_table.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "plan.h"
#include "worker.h"

#include <errno.h>
#include <string.h>

#define WATCHDOG_PARTS 4

int daemon_take_over(struct tunneld *d)
{
	struct activation a;
	int err;

	d->listener = -1;
	if (d->opts->private_daemon) {
		/* It is started by apps, which may be services themselves. */
		notify_leave();
		return 0;
	}
	err = activation_init(&a);
	if (err < 0)
		log_warn("LISTEN_FDS is not as it should be: %s: nothing was "
			 "taken over",
			 strerror(-err));
	d->listener = activation_take_control(&a, d->socket, sizeof(d->socket));
	if (d->listener < 0 && d->listener != -ENOENT) {
		log_err("the socket named %s of the service manager is no "
			"Unix socket that listens at a path: %s",
			ACTIVATION_CONTROL, strerror(-d->listener));
		activation_fini(&a);
		return -1;
	}
	d->store = fd_store_new(&a, notify_store_max());
	activation_fini(&a);
	if (d->store != NULL)
		return 0;
	log_err("cannot start: %s", strerror(errno));
	return -1;
}

void daemon_tell_status(const struct tunneld *d)
{
	size_t flows = d->control == NULL
			       ? 0
			       : flow_table_count(control_flows(d->control));

	if (!d->ready_said || d->opts->private_daemon)
		return;
	notify_status("%zu flow(s); proxy %s; %zu relay(s)", flows,
		      d->snapshot.egress == NULL
			      ? "none"
			      : egress_words(d->snapshot.egress),
		      d->snapshot.plan->count);
}

static void on_watchdog(void *arg, uint64_t now_ms)
{
	struct tunneld *d = arg;
	bool turned = true;

	for (size_t i = 0; i < d->worker_count; i++)
		turned = worker_turned(d->workers[i]) && turned;
	if (turned)
		notify_watchdog();
	else if (!d->watchdog_late)
		log_warn("a media worker has not answered for %llu ms",
			 (unsigned long long)d->watchdog_ms);
	d->watchdog_late = !turned;
	loop_timer_set(d->loop, &d->watchdog, now_ms + d->watchdog_ms,
		       on_watchdog, d);
}

void daemon_watchdog(struct tunneld *d)
{
	d->watchdog_ms = notify_watchdog_ms() / WATCHDOG_PARTS;
	if (d->watchdog_ms > 0)
		on_watchdog(d, loop_now_ms(d->loop));
}
