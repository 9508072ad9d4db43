/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel_http.c - a tunnel through an HTTP proxy: CONNECT by one scheme after
 * the other, each attempt on a connection of its own
 */
#include <config.h>

#include "clock_skew.h"
#include "proxy.h"
#include "proxy_connect.h"
#include "proxy_ladder.h"
#include "tunnel_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct climber {
	struct tunnel *t;
	struct tunnel_try *way;
	const struct proxy *proxy;
	int fd; /* of the last attempt; -1: none */
	char hop[DIAL_HOST_PORT_MAX + 16];
	char connect[2 * DIAL_HOST_PORT_MAX + 32];
};

/* The proxy's answer to CONNECT is complete, and not 2xx. */
static enum dial_reason reason_of(long http_code)
{
	if (http_code == 407)
		return DIAL_PROXY_AUTH;
	if (http_code == 504)
		return DIAL_TARGET_TIMEOUT;
	if (http_code < 400)
		return DIAL_CAPTIVE_PORTAL;
	/* 501: it knows no CONNECT, and has not even looked for the target. */
	return http_code < 500 || http_code == 501 ? DIAL_PROXY_DENIED
						   : DIAL_TARGET_UNREACH;
}

static bool blame_connect(struct climber *c, const struct proxy_connect *pc,
			  enum proxy_connect_end end)
{
	static const enum dial_reason by_end[] = {
		[PROXY_CONNECT_TIMEOUT] = DIAL_PROXY_TIMEOUT,
		[PROXY_CONNECT_STUCK] = DIAL_STUCK,
		[PROXY_CONNECT_CANCELLED] = DIAL_CANCELLED,
		[PROXY_CONNECT_RESET] = DIAL_PROXY_RESET,
		[PROXY_CONNECT_CLOSED] = DIAL_PROXY_CLOSED,
		[PROXY_CONNECT_GARBAGE] = DIAL_PROXY_PROTOCOL,
		[PROXY_CONNECT_KERNEL] = DIAL_PROXY_REFUSED,
		[PROXY_CONNECT_INTERNAL] = DIAL_INTERNAL,
	};
	enum dial_reason reason = end == PROXY_CONNECT_STATUS
					  ? reason_of(pc->http_code)
					  : by_end[end];

	return dial_blame(&c->t->failure, reason, pc->os_error, c->connect,
			  "%s%s", pc->words,
			  reason == DIAL_CAPTIVE_PORTAL ? "; " DIAL_PORTAL_WORDS
							: "");
}

/* A new connection in the place of the last one. */
static bool connect_proxy(struct climber *c)
{
	tunnel_drop(c->t, &c->fd);
	return tunnel_reach_proxy(c->t, c->way, c->hop, &c->fd);
}

static int on_reopen(void *arg)
{
	struct climber *c = arg;

	return connect_proxy(c) ? c->fd : -ECONNABORTED;
}

/* What the answer says about who we are. A 403 may come before the proxy has
 * looked at that. */
static enum proxy_try_end try_end(const struct proxy_connect *pc,
				  enum proxy_connect_end end)
{
	/* tinyproxy's way to refuse a login. */
	bool refused = pc->http_code == 407 ||
		       (pc->http_code == 401 && pc->login_sent);

	if (end == PROXY_CONNECT_OK)
		return PROXY_TRY_PASSED;
	if (end == PROXY_CONNECT_STUCK)
		return PROXY_TRY_STUCK;
	if (end != PROXY_CONNECT_STATUS)
		return PROXY_TRY_OTHER;
	if (refused)
		return PROXY_TRY_407;
	return pc->http_code >= 500 ? PROXY_TRY_PASSED : PROXY_TRY_OTHER;
}

static void on_try(void *arg, struct proxy_try *try)
{
	struct climber *c = arg;
	struct tunnel *t = c->t;
	struct proxy_connect pc = {
		.proxy_host = c->proxy->host,
		.proxy_port = c->proxy->port,
		.peer = &t->peer,
		.reopen = on_reopen,
		.arg = c,
		.host = t->host,
		.port = t->port,
		.scheme = try->scheme,
		.login = try->login,
		.alpn_header = t->alpn_header && c->proxy->alpn_header,
		.deadline_ms = try->deadline_ms,
		.cancel = t->cancel,
	};
	enum proxy_connect_end end;

	t->http_code = 0;
	if (!connect_proxy(c))
		return;
	pc.fd = c->fd;
	c->way->asked = true;
	end = proxy_connect(&pc);
	t->http_code = pc.http_code;
	c->way->answered = c->way->answered || pc.http_code != 0;
	if (pc.date > 0)
		clock_skew_note(t->env->skew, pc.date, time(NULL),
				c->proxy->host, false);
	if (end != PROXY_CONNECT_OK) {
		blame_connect(c, &pc, end);
		tunnel_drop(t, &c->fd);
		if (pc.http_code == 0)
			tunnel_blame_tls(t, c->way, c->hop);
	}
	try->end = try_end(&pc, end);
	try->asked = pc.asked;
	if (pc.http_code == 401)
		try->asked.offered = (uint8_t)try->scheme;
	try->auth_sent = pc.auth_sent;
	try->login_sent = pc.login_sent;
	memcpy(try->ticket, pc.ticket, sizeof(try->ticket));
	memcpy(try->words, pc.words, sizeof(try->words));
}

_Static_assert(sizeof(((struct proxy_try *)NULL)->ticket) ==
			       sizeof(((struct proxy_connect *)NULL)->ticket) &&
		       sizeof(((struct proxy_try *)NULL)->words) ==
			       sizeof(((struct proxy_connect *)NULL)->words),
	       "the same words");

static void blame_ladder(struct climber *c, const struct proxy_ladder *l,
			 int error)
{
	enum dial_reason reason = DIAL_INTERNAL;

	if (error == -EACCES)
		reason = DIAL_PROXY_AUTH;
	else if (error == -ETIME)
		reason = DIAL_STUCK;
	else if (error == -ETIMEDOUT)
		reason = DIAL_PROXY_TIMEOUT;
	else if (error == -ECANCELED)
		reason = DIAL_CANCELLED;
	dial_blame(&c->t->failure, reason, -error,
		   c->t->http_code != 0 ? c->connect : c->hop, "%s", l->words);
}

int tunnel_by_http(struct tunnel *t, struct tunnel_try *try)
{
	const struct proxy *proxy = try->proxy;
	struct climber c = { .t = t, .way = try, .proxy = proxy, .fd = -1 };
	struct proxy_ladder l = { .auth = t->env->auth,
				  .proxy = proxy,
				  .deadline_ms = try->deadline_ms,
				  .cancel = t->cancel,
				  .attempt = on_try,
				  .arg = &c };
	char at[DIAL_HOST_PORT_MAX];
	int rc;

	dial_format_host(at, proxy->host, proxy->port);
	snprintf(c.hop, sizeof(c.hop), "proxy %s", at);
	snprintf(c.connect, sizeof(c.connect), "%s: CONNECT %s", c.hop,
		 try->target);
	rc = proxy_ladder_climb(&l);
	if (rc == 0)
		return c.fd;
	blame_ladder(&c, &l, rc);
	tunnel_drop(t, &c.fd);
	return -1;
}
