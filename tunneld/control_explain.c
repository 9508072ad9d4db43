/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_explain.c - `turnout explain`, asked of a running tunneld
 *
 * A script or a resolver may have to be asked, so a thread of the pool does the
 * work with references of its own. The client may go meanwhile, and so may
 * everything else.
 */
#include <config.h>

#include "clock.h"
#include "control_conn.h"
#include "explain.h"
#include "inside.h"
#include "policy.h"
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct control_header) + sizeof(struct control_explain) <=
		       CONN_REQUEST_MAX,
	       "room for the request");

/* turnout waits a little longer. */
#define EXPLAIN_TIMEOUT_MS 8000

struct conn_explain {
	struct conn *conn; /* NULL: the client has gone */
	struct thread_job job;
	struct cancel cancel;
	struct control_explain body; /* as it came, terminated */
	struct explain_query query;
	struct explain_env env;
	char *text; /* the whole answer */
	size_t bytes;
};

static void free_explain(void *arg)
{
	struct conn_explain *e = arg;

	policy_put(e->env.policy);
	relay_set_put(e->env.relays);
	cancel_fini(&e->cancel);
	free(e->text);
	free(e);
}

static void work(void *arg)
{
	struct conn_explain *e = arg;
	struct control_words head = { .status = EXPLAIN_WRONG };
	FILE *to = open_memstream(&e->text, &e->bytes);
	char words[160];

	if (to == NULL)
		return;
	fwrite(&head, sizeof(head), 1, to);
	if (explain_target_parse(e->body.target, &e->query.target, words,
				 sizeof(words)) < 0)
		fprintf(to, "%s\n", words);
	else
		head.status = explain(&e->query, &e->env,
				      clock_now_ms() + EXPLAIN_TIMEOUT_MS,
				      &e->cancel, to);
	if (fclose(to) == 0)
		memcpy(e->text, &head, sizeof(head));
	else
		e->bytes = 0;
}

static void cancel_work(void *arg)
{
	struct conn_explain *e = arg;

	cancel_now(&e->cancel);
}

static void done(void *arg, uint64_t now_ms)
{
	struct conn_explain *e = arg;

	(void)now_ms;
	if (e->conn != NULL) {
		e->conn->explain = NULL;
		if (e->text != NULL)
			conn_answer(e->conn, e->text, e->bytes);
		else
			conn_close(e->conn);
	}
	free_explain(e);
}

void conn_explain_leave(struct conn_explain *e)
{
	if (e == NULL)
		return;
	e->conn = NULL;
	thread_pool_cancel(&e->job);
}

static void fill_env(struct conn_explain *e, const struct control_opts *opts)
{
	struct explain_target *t = &e->query.target;
	char words[160];

	e->env = (struct explain_env){
		.policy = policy_get(opts->policy),
		.relays = relay_set_get(opts->relays),
		.names = opts->names,
		.tunnel = dial_tunnel_env(opts->pool),
	};
	/* What is known of the inside belongs to this thread. */
	if (opts->inside != NULL &&
	    explain_target_parse(e->body.target, t, words, sizeof(words)) ==
		    0 &&
	    t->ip.family == ENDPOINT_NONE)
		e->env.inside = inside_has(opts->inside, opts->policy, t->host);
}

void conn_explain(struct conn *conn)
{
	const struct control_opts *opts = &conn->control->opts;
	struct conn_explain *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		conn_close(conn);
		return;
	}
	memcpy(&e->body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(e->body));
	e->body.target[sizeof(e->body.target) - 1] = '\0';
	e->body.program[sizeof(e->body.program) - 1] = '\0';
	e->query.json = e->body.flags & CONTROL_EXPLAIN_JSON;
	e->query.client.uid = e->body.flags & CONTROL_EXPLAIN_UID
				      ? e->body.uid
				      : conn->cred.uid;
	/* None is a program that no rule names. */
	e->query.client.program = e->body.program;
	cancel_init(&e->cancel);
	fill_env(e, opts);
	e->conn = conn;
	e->job = (struct thread_job){
		.work = work,
		.done = done,
		.cancel = cancel_work,
		.drop = free_explain,
		.arg = e,
		.loop = opts->loop,
	};
	conn->explain = e;
	conn->state = CONN_STATE_LEARNING;
	loop_fd_set(opts->loop, &conn->watch, EPOLLRDHUP);
	dial_run(opts->pool, &e->job);
}
