/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel.c - a host and port into a connected descriptor, or into the hop and
 * cause of the failure
 *
 * The egress says which proxies lead there. One after the other is tried until
 * one has judged the destination: a proxy that says no is not gone around.
 */
#include <config.h>

#include "tunnel.h"

#include "addr.h"
#include "cancel.h"
#include "clock.h"
#include "egress.h"
#include "hostname.h"
#include "lookup.h"
#include "proxy.h"
#include "tunnel_private.h"

#include <turnout/control.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool blame_hop(struct tunnel *t, const char *hop, bool proxy, int error)
{
	struct dial_failure *f = &t->failure;

	if (error == -ECANCELED)
		return dial_blame(f, DIAL_CANCELLED, 0, hop, "cancelled");
	if (error == -ENOMEM || error == -EMFILE || error == -ENFILE ||
	    error == -ENOBUFS || error == -EINVAL)
		return dial_blame(f, DIAL_INTERNAL, -error, hop, "%s",
				  strerror(-error));
	if (!t->hop.looked_up)
		return dial_blame(f, proxy ? DIAL_PROXY_DNS : DIAL_TARGET_DNS,
				  0, hop, "name look-up: %s",
				  lookup_words(error));
	if (error == -ETIMEDOUT)
		return dial_blame(
			f, proxy ? DIAL_PROXY_TIMEOUT : DIAL_TARGET_TIMEOUT, 0,
			hop, "connect: no answer in time");
	return dial_blame(f, proxy ? DIAL_PROXY_REFUSED : DIAL_TARGET_REFUSED,
			  -error, hop, "connect: %s", strerror(-error));
}

bool tunnel_reach(struct tunnel *t, const char *host, uint16_t port,
		  const char *hop, int *fd)
{
	bool proxy = host != t->host;

	tunnel_undo(t);
	t->hop = (struct hop){ .host = host,
			       .port = port,
			       .socket = t->socket,
			       .deadline_ms = t->deadline_ms,
			       .cancel = t->cancel };
	*fd = hop_connect(&t->hop);
	t->peer = t->hop.peer;
	return *fd >= 0 || blame_hop(t, hop, proxy, *fd);
}

void tunnel_drop(const struct tunnel *t, int *fd)
{
	if (*fd >= 0 && *fd != t->socket)
		close(*fd);
	*fd = -1;
}

static int directly(struct tunnel *t, const char *target)
{
	int fd = -1;

	if (!tunnel_reach(t, t->host, t->port, target, &fd))
		tunnel_drop(t, &fd);
	return fd;
}

/* Was it the proxy itself that could not be reached? What it has answered is
 * an answer. */
static bool is_unreached(const struct tunnel *t)
{
	switch (t->failure.reason) {
	case DIAL_PROXY_DNS:
	case DIAL_PROXY_REFUSED:
	case DIAL_PROXY_TIMEOUT:
	case DIAL_PROXY_RESET:
	case DIAL_PROXY_CLOSED:
	case DIAL_PROXY_TLS:
		return t->http_code == 0;
	default:
		return false;
	}
}

static int try_ways(struct tunnel *t, const struct egress_way *way,
		    const char *target)
{
	int fd = -1;

	for (size_t i = 0; i < way->count; i++) {
		struct proxy *p = way->proxy[i];

		t->http_code = 0;
		if (p == NULL)
			return directly(t, target);
		fd = tunnel_by_http(t, p, target);
		if (fd < 0 && is_unreached(t)) {
			egress_note(t->egress, p, false, clock_now_ms());
			continue;
		}
		if (t->failure.reason != DIAL_CANCELLED)
			egress_note(t->egress, p, true, clock_now_ms());
		break;
	}
	return fd;
}

bool tunnel_is_host(const char *host)
{
	char name[CONTROL_NAME_MAX + 1];
	struct endpoint ip;

	return host[0] != '[' &&
	       (addr_parse_ip(host, &ip) || hostname_normalise(host, name));
}

int tunnel_open(struct tunnel *t)
{
	struct egress_way way = { .count = 0 };
	char target[DIAL_HOST_PORT_MAX], words[160];
	int fd = -1, rc;

	t->hop = (struct hop){ .socket = t->socket };
	t->failure = (struct dial_failure){ .reason = DIAL_OK };
	t->http_code = 0;
	dial_format_host(target, t->host, t->port);
	if (!tunnel_is_host(t->host)) {
		dial_blame(&t->failure, DIAL_TARGET_DNS, 0, target,
			   "not a host name");
		return -1;
	}
	if (t->egress == NULL)
		return directly(t, target);
	rc = egress_choose(t->egress, t->host, t->port, t->deadline_ms,
			   t->cancel, &way, words, sizeof(words));
	if (rc == 0)
		fd = try_ways(t, &way, target);
	else
		dial_blame(&t->failure,
			   rc == -ECANCELED ? DIAL_CANCELLED
					    : DIAL_PROXY_CHOICE,
			   -rc, target, "%s", words);
	egress_way_fini(&way);
	return fd;
}

void tunnel_keep(struct tunnel *t, int fd)
{
	if (t->socket >= 0)
		hop_restore(&t->hop, fd);
}

void tunnel_undo(struct tunnel *t)
{
	hop_undo(&t->hop);
}
