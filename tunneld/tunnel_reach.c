/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel_reach.c - the first hop: TCP to the target or to a proxy, and TLS */
#include <config.h>

#include "clock.h"
#include "hop.h"
#include "lookup.h"
#include "proxy.h"
#include "proxy_pump.h"
#include "tunnel_private.h"

#include <errno.h>
#include <string.h>

/* A proxy that does not answer at all, while others stand behind it. */
#define REACH_MS 5000

static bool is_internal(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	       error == -ENOBUFS || error == -EINVAL;
}

static bool blame(struct tunnel *t, const struct hop *h, const char *hop,
		  bool proxy, int error)
{
	struct dial_failure *f = &t->failure;

	if (error == -ECANCELED)
		dial_blame(f, DIAL_CANCELLED, 0, hop, "cancelled");
	else if (is_internal(error))
		dial_blame(f, DIAL_INTERNAL, -error, hop, "%s",
			   strerror(-error));
	else if (!h->looked_up)
		dial_blame(f, proxy ? DIAL_PROXY_DNS : DIAL_TARGET_DNS, 0, hop,
			   "name look-up: %s", lookup_words(error));
	else if (error == -ETIMEDOUT)
		dial_blame(f, proxy ? DIAL_PROXY_TIMEOUT : DIAL_TARGET_TIMEOUT,
			   0, hop, "connect: no answer in time");
	else
		dial_blame(f, proxy ? DIAL_PROXY_REFUSED : DIAL_TARGET_REFUSED,
			   -error, hop, "connect: %s", strerror(-error));
	return false;
}

static void renew_hop(struct tunnel *t, const char *host, uint16_t port,
		      uint64_t deadline_ms)
{
	tunnel_undo(t);
	t->hop = (struct hop){ .host = host,
			       .port = port,
			       .socket = t->socket,
			       .deadline_ms = deadline_ms,
			       .cancel = t->cancel };
	t->pair = 0;
}

bool tunnel_reach_target(struct tunnel *t, const char *hop, int *fd)
{
	renew_hop(t, t->host, t->port, t->deadline_ms);
	*fd = hop_connect(&t->hop);
	t->peer = t->hop.peer;
	return *fd >= 0 || blame(t, &t->hop, hop, false, *fd);
}

static bool blame_pump(struct tunnel *t, const struct proxy_pump_call *call,
		       const char *hop, int error)
{
	struct dial_failure *f = &t->failure;

	if (error == -ECANCELED)
		dial_blame(f, DIAL_CANCELLED, 0, hop, "cancelled");
	else if (call->secure || is_internal(error))
		dial_blame(f, DIAL_INTERNAL, -error, hop,
			   "connection within this host: %s", strerror(-error));
	else if (error == -ETIMEDOUT)
		dial_blame(f, DIAL_PROXY_TIMEOUT, 0, hop, "%s", call->words);
	else
		dial_blame(f, DIAL_PROXY_TLS, 0, hop, "%s", call->words);
	return false;
}

/* TCP from a socket of our own; the app's comes in behind TLS. */
static bool reach_https(struct tunnel *t, const struct proxy *p,
			const char *hop, uint64_t deadline_ms, int *fd)
{
	struct hop outer = { .host = p->host,
			     .port = p->port,
			     .socket = -1,
			     .deadline_ms = deadline_ms,
			     .cancel = t->cancel };
	struct proxy_pump_call call = { .host = p->host,
					.port = p->port,
					.tls = p->tls,
					.inner = &t->hop };

	renew_hop(t, NULL, 0, deadline_ms);
	call.outer = hop_connect(&outer);
	t->peer = outer.peer;
	if (call.outer < 0)
		return blame(t, &outer, hop, true, call.outer);
	*fd = proxy_pump_connect(t->env->pump, &call);
	t->pair = call.pair;
	return *fd >= 0 || blame_pump(t, &call, hop, *fd);
}

static bool reach_plain(struct tunnel *t, const struct proxy *p,
			const char *hop, uint64_t deadline_ms, int *fd)
{
	renew_hop(t, p->host, p->port, deadline_ms);
	*fd = hop_connect(&t->hop);
	t->peer = t->hop.peer;
	return *fd >= 0 || blame(t, &t->hop, hop, true, *fd);
}

bool tunnel_reach_proxy(struct tunnel *t, struct tunnel_try *try,
			const char *hop, int *fd)
{
	const struct proxy *p = try->proxy;
	uint64_t deadline = try->deadline_ms, now = clock_now_ms();
	bool reached;

	if (try->others && deadline > now + REACH_MS)
		deadline = now + REACH_MS;
	reached = p->kind == PROXY_HTTPS ? reach_https(t, p, hop, deadline, fd)
					 : reach_plain(t, p, hop, deadline, fd);
	try->unreached = !reached && t->failure.reason != DIAL_CANCELLED &&
			 t->failure.reason != DIAL_INTERNAL;
	return reached;
}

void tunnel_blame_tls(struct tunnel *t, struct tunnel_try *try, const char *hop)
{
	enum tls_fault fault = TLS_FAULT_NONE;
	char words[300];

	if (t->pair != 0)
		fault = proxy_pump_fault(t->env->pump, t->pair, words,
					 sizeof(words));
	if (fault == TLS_FAULT_NONE || fault == TLS_FAULT_OTHER)
		return;
	dial_blame(&t->failure, DIAL_PROXY_TLS, 0, hop, "%s", words);
	try->unreached = true;
}
