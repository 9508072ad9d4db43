/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_doctor.c - CONTROL_DOCTOR: lines about what is looked at, then the
 * report
 *
 * A thread of the pool does the work, with references of its own, and tells the
 * loop how far it is: only the last word counts, so one is all that waits. One
 * run at a time: two would measure each other.
 */
#include <config.h>

#include "control_conn.h"
#include "doctor.h"
#include "json_clean.h"
#include "policy.h"
#include "relay.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct conn_doctor {
	struct conn *conn; /* NULL: the client has gone */
	struct control *control;
	struct doctor_env env;
	struct control_doctor body;
	struct doctor *doctor;
	struct thread_job job;
	json_t *report;
	pthread_mutex_t lock;
	struct loop_task task;
	json_t *news; /* that the loop has not written yet; NULL: none */
};

static void free_doctor(void *arg)
{
	struct conn_doctor *d = arg;

	doctor_free(d->doctor);
	policy_put(d->env.policy);
	relay_set_put(d->env.relays);
	json_decref(d->report);
	json_decref(d->news);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* Takes the reference. */
static void write_line(struct conn_doctor *d, json_t *value)
{
	char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;

	if (d->conn != NULL && text != NULL &&
	    conn_write(d->conn, text, strlen(text)) == 0)
		conn_write(d->conn, "\n", 1);
	free(text);
	json_decref(value);
}

/* In the loop. */
static void on_news(void *arg, uint64_t now_ms)
{
	struct conn_doctor *d = arg;
	json_t *news;

	(void)now_ms;
	pthread_mutex_lock(&d->lock);
	news = d->news;
	d->news = NULL;
	pthread_mutex_unlock(&d->lock);
	write_line(d, news);
}

/* In a thread of the doctor's. */
static void on_progress(void *arg, size_t done, size_t of, const char *doing)
{
	struct conn_doctor *d = arg;
	json_t *news = json_pack("{s:{s:I, s:I, s:o}}", "progress", "done",
				 (json_int_t)done, "of", (json_int_t)of,
				 "doing", json_clean(doing));
	json_t *old;

	pthread_mutex_lock(&d->lock);
	old = d->news;
	d->news = news;
	if (old == NULL && news != NULL)
		loop_post(d->job.loop, &d->task, on_news, d);
	pthread_mutex_unlock(&d->lock);
	json_decref(old);
}

static void work(void *arg)
{
	struct conn_doctor *d = arg;

	d->report = doctor_run(d->doctor, on_progress, d);
}

static void cancel_work(void *arg)
{
	struct conn_doctor *d = arg;

	doctor_cancel(d->doctor);
}

static void done(void *arg, uint64_t now_ms)
{
	struct conn_doctor *d = arg;
	json_t *report = d->report;

	(void)now_ms;
	d->report = NULL;
	d->control->doctor = NULL;
	if (report != NULL)
		write_line(d, json_pack("{s:o}", "report", report));
	if (d->conn != NULL)
		conn_finish(d->conn);
	free_doctor(d);
}

static void gone(void *arg)
{
	struct conn_doctor *d = arg;

	d->conn = NULL;
	thread_pool_cancel(&d->job);
}

static void refuse(struct conn *conn)
{
	static const char words[] =
		"{\"error\":\"somebody else is looking just now\"}\n";

	conn_stream(conn, NULL, NULL);
	conn_write(conn, words, sizeof(words) - 1);
	conn_finish(conn);
}

static struct conn_doctor *new_doctor(struct conn *conn)
{
	const struct control_opts *opts = &conn->control->opts;
	struct conn_doctor *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	d->conn = conn;
	d->control = conn->control;
	memcpy(&d->body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(d->body));
	d->body.relay[sizeof(d->body.relay) - 1] = '\0';
	d->env = (struct doctor_env){
		.policy = policy_get(opts->policy),
		.relays = relay_set_get(opts->relays),
		.names = opts->names,
		.pool = opts->pool,
		.relay = d->body.relay,
		.reload_failed = conn->control->reload_failed,
	};
	d->doctor = doctor_new(&d->env);
	if (d->doctor != NULL)
		return d;
	free_doctor(d);
	return NULL;
}

void conn_doctor(struct conn *conn)
{
	struct conn_doctor *d;

	if (conn->control->doctor != NULL) {
		refuse(conn);
		return;
	}
	d = new_doctor(conn);
	if (d == NULL) {
		conn_close(conn);
		return;
	}
	d->job = (struct thread_job){
		.work = work,
		.done = done,
		.cancel = cancel_work,
		.drop = free_doctor,
		.arg = d,
		.loop = conn->control->opts.loop,
	};
	conn->control->doctor = d;
	conn_stream(conn, gone, d);
	dial_run(conn->control->opts.pool, &d->job);
}
