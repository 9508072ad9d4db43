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
#include "log.h"
#include "proxy.h"
#include "proxy_health.h"
#include "tunnel_private.h"

#include <turnout/control.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void tunnel_drop(const struct tunnel *t, int *fd)
{
	if (*fd >= 0 && *fd != t->socket)
		close(*fd);
	*fd = -1;
}

static int directly(struct tunnel *t, const char *target)
{
	int fd = -1;

	if (!tunnel_reach_target(t, target, &fd))
		tunnel_drop(t, &fd);
	return fd;
}

static int through(struct tunnel *t, struct tunnel_try *try)
{
	bool may_forward = tunnel_may_forward(t, try);
	uint64_t now = clock_now_ms();
	int fd;

	try->deadline_ms = t->deadline_ms;
	if (try->others && t->deadline_ms > now)
		try->deadline_ms = now + (t->deadline_ms - now) / 2;
	t->http_code = 0;
	/* Where others stand behind it, CONNECT shows whether it is there. */
	if (may_forward && !try->others && tunnel_knows_refusal(t, try)) {
		fd = tunnel_forward(t, try);
		if (fd >= 0)
			return fd;
	}
	fd = try->proxy->kind == PROXY_SOCKS5 ? tunnel_by_socks(t, try)
					      : tunnel_by_http(t, try);
	if (may_forward && tunnel_note_answer(t, try) && fd < 0)
		fd = tunnel_forward(t, try);
	return fd;
}

/* Silence may be the target's, too. */
static bool is_silent(const struct tunnel *t)
{
	return t->failure.reason == DIAL_PROXY_TIMEOUT ||
	       t->failure.reason == DIAL_PROXY_RESET ||
	       t->failure.reason == DIAL_PROXY_CLOSED;
}

/* Was it the proxy itself that could not be reached? What it has answered is
 * an answer, and a login that is missing is nobody's failure but ours. True:
 * the next one may be tried. */
static bool judge(struct tunnel *t, const struct tunnel_try *try, int fd,
		  uint64_t since_ms)
{
	enum proxy_health_news news = PROXY_HEALTH_ANSWERED;
	uint64_t now = clock_now_ms();
	char url[PROXY_TEXT_MAX];

	if (fd < 0 && try->unreached && !try->answered)
		news = PROXY_HEALTH_UNREACHED;
	else if (fd < 0 && try->asked && !try->answered && is_silent(t))
		news = PROXY_HEALTH_SILENT;
	else if (!try->answered)
		return false;
	if (proxy_health_note(t->env->health, try->proxy, news, since_ms,
			      now) &&
	    try->others)
		log_event(LOG_LEVEL_WARN, LOG_EVENT_PROXY_UNREACHABLE,
			  LOG_ABOUT(.proxy = proxy_format(try->proxy, url),
				    .reason = dial_reason_name(
					    t->failure.reason)),
			  "%s; it is tried last for %d minutes",
			  t->failure.words, PROXY_HEALTH_REST_MS / 60000);
	return news != PROXY_HEALTH_ANSWERED;
}

static int try_ways(struct tunnel *t, struct egress_way *way,
		    const char *target)
{
	uint64_t since = clock_now_ms();

	proxy_health_order(t->env->health, way->proxy, way->count, since);
	for (size_t i = 0; i < way->count; i++) {
		struct tunnel_try try = { .proxy = way->proxy[i],
					  .target = target,
					  .others = i + 1 < way->count };
		int fd;

		if (try.proxy == NULL)
			return directly(t, target);
		fd = through(t, &try);
		if (!judge(t, &try, fd, since))
			return fd;
	}
	return -1;
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
