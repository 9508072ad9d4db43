/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_dial.c - how a leg gets its connection
 *
 * Turns a relay, or the place that it has sent us to, into a request to the
 * pool, and the result into a stream. A dial outlives its leg when that is
 * freed meanwhile.
 */
#include <config.h>

#include "addr.h"
#include "dial.h"
#include "egress.h"
#include "leg_private.h"
#include "relay.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/socket.h>

/* For look-up, TCP, CONNECT and TLS together. */
#define DIAL_TIMEOUT_MS 20000

struct leg_dial {
	struct leg *leg; /* NULL: freed */
	struct dial_request *req;
};

static void learn_local(struct leg *l)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(l->stream.fd, (struct sockaddr *)&sa, &len) == 0)
		(void)endpoint_from_sockaddr(&l->local, &sa, len);
}

static void connected(struct leg *l, struct dial_request *req, uint64_t now_ms)
{
	bool datagram = relay_is_datagram(l->relay);

	if (req->session != NULL)
		relay_put_cert_end(l->relay, tls_cert_end_s(req->session));
	stream_open(&l->stream, req->fd, req->session, datagram);
	req->fd = -1;
	req->session = NULL;
	if (l->relay->egress == NULL)
		l->peer = req->peer;
	if (datagram && !relay_is_secure(l->relay) &&
	    req->address + 1 < req->addresses)
		l->more = req->address + 1;
	learn_local(l);
	leg_begin(l, now_ms);
}

static void drop(void *arg)
{
	free(arg);
}

static void on_dialed(void *arg, struct dial_request *req, uint64_t now_ms)
{
	struct leg_dial *d = arg;
	struct leg *l = d->leg;

	if (l != NULL) {
		l->dial = NULL;
		if (req->reason == DIAL_OK)
			connected(l, req, now_ms);
		else
			leg_fail(l, (uint32_t)req->reason, TURN_BLAME_PATH,
				 req->detail, now_ms);
	}
	dial_request_free(req);
	drop(d);
}

static void fill_target(const struct leg *l, struct dial_request *req)
{
	const struct relay *r = l->relay;
	const char *name = r->tls_name[0] != '\0' ? r->tls_name : r->host;

	if (l->place == NULL || l->place->address.family == ENDPOINT_NONE) {
		snprintf(req->host, sizeof(req->host), "%s", r->host);
		req->port = r->port;
		snprintf(req->tls_name, sizeof(req->tls_name), "%s",
			 r->tls_name);
		return;
	}
	/* RFC 8489, 10: over TLS it must prove to be who we asked for, or the
	 * domain that it gave. */
	addr_format_ip(&l->place->address, req->host);
	req->port = endpoint_port(&l->place->address);
	snprintf(req->tls_name, sizeof(req->tls_name), "%s",
		 l->place->domain[0] != '\0' ? l->place->domain : name);
}

static void fill_request(struct leg *l, struct dial_request *req,
			 unsigned int first)
{
	fill_target(l, req);
	req->first = first;
	if (relay_is_datagram(l->relay))
		req->kind = DIAL_DATAGRAM;
	else if (l->relay->egress != NULL)
		req->egress = egress_get(l->relay->egress);
	req->tls = l->relay->tls;
	req->timeout_ms = DIAL_TIMEOUT_MS;
	req->alpn_header = true;
	req->loop = l->env->loop;
	req->done = on_dialed;
	req->drop = drop;
}

int leg_dial_start(struct leg *l, unsigned int first)
{
	struct leg_dial *d = calloc(1, sizeof(*d));
	struct dial_request *req = dial_request_new();

	if (d == NULL || req == NULL) {
		free(d);
		dial_request_free(req);
		return -ENOMEM;
	}
	fill_request(l, req, first);
	*d = (struct leg_dial){ .leg = l, .req = req };
	req->arg = d;
	l->dial = d;
	dial_start(l->env->pool, req);
	return 0;
}

void leg_dial_cancel(struct leg *l)
{
	if (l->dial == NULL)
		return;
	l->dial->leg = NULL;
	dial_cancel(l->dial->req);
	l->dial = NULL;
}
