/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel_forward.c - an app's connection to port 80, where the proxy refuses
 * CONNECT to it: to a web server of our own, which asks the proxy
 */
#include <config.h>

#include "clock.h"
#include "http_forward.h"
#include "loopback.h"
#include "proxy.h"
#include "tunnel_private.h"

#include <unistd.h>

/* What the app may send before anybody reads it. */
#define RECEIVE_BYTES (128 * 1024)

bool tunnel_may_forward(const struct tunnel *t, const struct tunnel_try *try)
{
	return t->socket >= 0 && t->port == HTTP_FORWARD_PORT &&
	       t->env->forwards != NULL && try->proxy->kind != PROXY_SOCKS5;
}

bool tunnel_knows_refusal(const struct tunnel *t, const struct tunnel_try *try)
{
	return http_forward_is_known(t->env->forwards, try->proxy,
				     clock_now_ms());
}

bool tunnel_note_answer(const struct tunnel *t, const struct tunnel_try *try)
{
	return http_forward_note(t->env->forwards, try->proxy, t->host,
				 t->http_code, clock_now_ms());
}

int tunnel_forward(struct tunnel *t, const struct tunnel_try *try)
{
	struct http_forward_opts opts = { .host = t->host,
					  .proxy = try->proxy,
					  .auth = t->env->auth,
					  .pump = t->env->pump };
	int near;

	tunnel_undo(t);
	t->hop = (struct hop){ .socket = t->socket,
			       .deadline_ms = t->deadline_ms,
			       .cancel = t->cancel };
	t->pair = 0;
	near = loopback_pair(&t->hop, RECEIVE_BYTES, &opts.fd);
	if (near < 0)
		return -1;
	if (http_forward_start(t->env->forwards, &opts) == 0)
		return near;
	tunnel_drop(t, &near);
	return -1;
}
