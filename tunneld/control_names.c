/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_names.c - an app's look-ups: getaddrinfo() and its family
 *
 * An answer may have to wait. A name that is direct by name waits until the
 * page knows its addresses, because the app's next call may be a connect() to
 * one; one that may be of the inside, until the system's resolver has said so
 * or its budget is over.
 */
#include <config.h>

#include "control_conn.h"
#include "inside.h"
#include "name_way.h"
#include "names.h"
#include "policy.h"

#include <string.h>

static void get_question(const struct conn *conn, struct control_resolve *body)
{
	memcpy(body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(*body));
	body->name[CONTROL_NAME_MAX] = '\0';
}

/* Records that we have none of are those of the inside, or of nobody: whoever
 * answers at all is asked for them. */
static bool is_inside(const struct control *c, const char *name, bool records)
{
	if (c->opts.inside == NULL)
		return false;
	return records ? inside_answers(c->opts.inside)
		       : inside_has(c->opts.inside, c->opts.policy, name);
}

static enum control_resolve_verdict make(struct control *c, const char *name,
					 const struct control_resolve *body,
					 struct endpoint *addr)
{
	struct names *names = c->opts.names;
	uint8_t family = body->family;

	if (body->records)
		return CONTROL_RESOLVE_NO_ADDRESS;
	if (family != ENDPOINT_IPV4 && family != ENDPOINT_IPV6)
		family = names_has_pool(names, ENDPOINT_IPV4) ? ENDPOINT_IPV4
							      : ENDPOINT_IPV6;
	return names_address(names, name, family, addr)
		       ? CONTROL_RESOLVE_SYNTHETIC
		       : CONTROL_RESOLVE_NO_ADDRESS;
}

static enum control_resolve_verdict resolve(const struct conn *conn,
					    const struct control_resolve *body,
					    struct endpoint *addr)
{
	struct control *c = conn->control;
	char name[CONTROL_NAME_MAX + 1];

	if (!names_normalise(body->name, name))
		return CONTROL_RESOLVE_LIBC;
	switch (name_way(c->opts.policy, c->opts.names, name,
			 &conn->caller.client)) {
	case NAME_WAY_NONE:
		return CONTROL_RESOLVE_BLOCKED;
	case NAME_WAY_EMPTY:
		return CONTROL_RESOLVE_NO_ADDRESS;
	case NAME_WAY_INSIDE:
		return is_inside(c, name, body->records)
			       ? CONTROL_RESOLVE_LIBC
			       : make(c, name, body, addr);
	case NAME_WAY_OURS:
		return make(c, name, body, addr);
	default:
		return CONTROL_RESOLVE_LIBC;
	}
}

static void answer_resolve(struct conn *conn)
{
	struct control_resolve body;
	struct control_resolved out = { 0 };

	get_question(conn, &body);
	out.verdict = resolve(conn, &body, &out.addr);
	conn_answer(conn, &out, sizeof(out));
}

static void on_found(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	answer_resolve(arg);
}

static bool must_wait(struct conn *conn)
{
	const struct control_opts *opts = &conn->control->opts;
	struct control_resolve body;
	char name[CONTROL_NAME_MAX + 1];

	get_question(conn, &body);
	if (!names_normalise(body.name, name))
		return false;
	if (opts->learn != NULL && policy_must_learn(opts->policy, name))
		return learn_want(opts->learn, name, &conn->wait, on_found,
				  conn);
	return opts->inside != NULL &&
	       name_way(opts->policy, opts->names, name,
			&conn->caller.client) == NAME_WAY_INSIDE &&
	       inside_want(opts->inside, opts->policy, name, &conn->wait,
			   on_found, conn);
}

void conn_resolve(struct conn *conn)
{
	conn->control->lookups++;
	if (!must_wait(conn)) {
		answer_resolve(conn);
		return;
	}
	conn->state = CONN_STATE_LEARNING;
	loop_fd_set(conn->control->opts.loop, &conn->watch, EPOLLRDHUP);
}

void conn_reverse(struct conn *conn)
{
	struct names *names = conn->control->opts.names;
	struct control_reverse body;
	struct control_reversed out = { .found = CONTROL_REVERSE_LIBC };

	memcpy(&body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(body));
	if (names_is_synthetic(names, &body.addr))
		out.found = names_lookup(names, &body.addr, out.name)
				    ? CONTROL_REVERSE_NAME
				    : CONTROL_REVERSE_NOBODY;
	conn_answer(conn, &out, sizeof(out));
}
