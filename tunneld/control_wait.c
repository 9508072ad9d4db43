/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_wait.c - clients that wait until something is so (REPORT_WAIT)
 *
 * Each waits in a list. Whoever changes what they may wait for says so by
 * control_news(), and those for whom it is so now get their answer: the
 * document of REPORT_STATUS. Nothing is looked at in between.
 */
#include <config.h>

#include "control_conn.h"
#include "flow_table.h"
#include "stats.h"
#include "worker.h"

#include <stdlib.h>

/* Who waits for a relay needs one as an app does: workers keep connections
 * for a minute after they were told so. */
#define ATTACH_MS 30000

struct conn_waiter {
	struct conn *conn;
	enum control_wait what;
	struct loop_timer attach;
	struct conn_waiter *next, **prev;
};

static bool has_allocation(const struct control *c)
{
	for (size_t i = 0; i < c->opts.worker_count; i++)
		if (stats_get(&worker_stats(c->opts.workers[i])->allocations))
			return true;
	return false;
}

static bool talks(const struct conn *conn)
{
	const struct flow_table *t = conn->control->flows;

	for (const struct flow_record *r = flow_table_next(t, NULL); r != NULL;
	     r = flow_table_next(t, r))
		if (r->talks &&
		    (conn_may_command(conn) || r->uid == conn->cred.uid))
			return true;
	return false;
}

static bool holds(const struct conn *conn, enum control_wait what)
{
	switch (what) {
	case CONTROL_WAIT_READY:
		return conn->control->ready;
	case CONTROL_WAIT_RELAY:
		return has_allocation(conn->control);
	default:
		return talks(conn);
	}
}

static void free_waiter(struct conn_waiter *w)
{
	loop_timer_stop(w->conn->control->opts.loop, &w->attach);
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	free(w);
}

static void on_gone(void *arg)
{
	free_waiter(arg);
}

static void on_attach(void *arg, uint64_t now_ms)
{
	struct conn_waiter *w = arg;
	struct control *c = w->conn->control;

	for (size_t i = 0; i < c->opts.worker_count; i++)
		worker_attach(c->opts.workers[i]);
	loop_timer_set(c->opts.loop, &w->attach, now_ms + ATTACH_MS, on_attach,
		       w);
}

void control_news(struct control *c)
{
	struct conn_waiter *next;

	for (struct conn_waiter *w = c->waiters; w != NULL; w = next) {
		struct conn *conn = w->conn;

		next = w->next;
		if (!holds(conn, w->what))
			continue;
		free_waiter(w);
		conn_report_status(conn);
	}
}

void control_note_ready(struct control *c)
{
	c->ready = true;
	control_news(c);
}

void conn_report_wait(struct conn *conn, uint32_t what)
{
	struct control *c = conn->control;
	struct conn_waiter *w;

	if (what < CONTROL_WAIT_READY || what > CONTROL_WAIT_CALL) {
		conn_close(conn);
		return;
	}
	if (holds(conn, (enum control_wait)what)) {
		conn_report_status(conn);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		conn_close(conn);
		return;
	}
	w->conn = conn;
	w->what = (enum control_wait)what;
	w->next = c->waiters;
	w->prev = &c->waiters;
	if (w->next != NULL)
		w->next->prev = &w->next;
	c->waiters = w;
	conn_stream(conn, on_gone, w);
	if (what == CONTROL_WAIT_RELAY)
		on_attach(w, loop_now_ms(c->opts.loop));
}
