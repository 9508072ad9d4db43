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
#include "clock_skew.h"
#include "egress.h"
#include "hostname.h"
#include "lookup.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_connect.h"
#include "proxy_creds.h"

#include <turnout/control.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* One proxy on the way, and the login for it. */
struct attempt {
	struct tunnel *t;
	struct proxy *proxy;
	bool has_login;
	struct proxy_login_text text;
	struct proxy_login login;
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

static bool blame_connect(struct attempt *a, const struct proxy_connect *pc,
			  enum proxy_connect_end end)
{
	static const enum dial_reason by_end[] = {
		[PROXY_CONNECT_TIMEOUT] = DIAL_PROXY_TIMEOUT,
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

	return dial_blame(&a->t->failure, reason, pc->os_error, a->connect,
			  "%s", pc->words);
}

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

/* TCP to `host`, the proxy or the target. */
static bool reach(struct tunnel *t, const char *host, uint16_t port,
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

/* Logins */

static bool blame_refused(struct attempt *a)
{
	return dial_blame(&a->t->failure, DIAL_PROXY_AUTH, 0, a->hop,
			  "the proxy has refused this login before; it is not "
			  "sent again until it changes");
}

static bool obtain_login(struct attempt *a)
{
	const struct tunnel *t = a->t;
	char words[160];
	int rc;

	if (a->proxy->creds == NULL)
		return true;
	rc = proxy_creds_obtain(a->proxy->creds, a->proxy->host, a->proxy->port,
				t->deadline_ms, t->cancel, &a->text, words,
				sizeof(words));
	if (rc < 0)
		return dial_blame(&a->t->failure, DIAL_PROXY_AUTH, -rc, a->hop,
				  "%s", words);
	a->has_login = a->text.username[0] != '\0';
	a->login = (struct proxy_login){ .host = a->proxy->host,
					 .port = a->proxy->port,
					 .username = a->text.username,
					 .password = a->text.password };
	/* No need to trouble the proxy. */
	return !a->has_login ||
	       !proxy_auth_is_refused(t->env->auth, &a->login) ||
	       blame_refused(a);
}

/* False, after dial_blame(), when the login must not be sent now. */
static bool login_begin(struct attempt *a)
{
	struct tunnel *t = a->t;
	int rc = proxy_auth_begin(t->env->auth, &a->login, t->deadline_ms,
				  t->cancel);

	if (rc == 0)
		return true;
	if (rc == -EACCES)
		return blame_refused(a);
	if (rc == -ECANCELED)
		return dial_blame(&t->failure, DIAL_CANCELLED, 0, a->hop,
				  "cancelled");
	if (rc == -ETIMEDOUT)
		return dial_blame(&t->failure, DIAL_PROXY_TIMEOUT, 0, a->hop,
				  "no judgement on the login in time");
	return dial_blame(&t->failure, DIAL_INTERNAL, -rc, a->hop, "%s",
			  strerror(-rc));
}

static void login_end(struct attempt *a)
{
	enum proxy_auth_outcome outcome = PROXY_AUTH_UNKNOWN;
	long code = a->t->http_code;

	if (code == 407)
		outcome = PROXY_AUTH_REFUSED;
	/* A 403 may come before the proxy has looked at the login. */
	else if ((code >= 200 && code < 300) || code >= 500)
		outcome = PROXY_AUTH_ACCEPTED;
	proxy_auth_end(a->t->env->auth, &a->login, outcome);
	if (outcome == PROXY_AUTH_REFUSED)
		proxy_creds_refused(a->proxy->creds);
}

/* CONNECT at the proxy that `fd` leads to. */
static bool ask(struct attempt *a, int fd)
{
	struct tunnel *t = a->t;
	struct proxy_connect pc = {
		.proxy = { .host = a->proxy->host,
			   .port = a->proxy->port,
			   .username = a->text.username,
			   .password = a->text.password },
		.peer = &t->peer,
		.fd = fd,
		.host = t->host,
		.port = t->port,
		.alpn_header = t->alpn_header && a->proxy->alpn_header,
		.deadline_ms = t->deadline_ms,
		.cancel = t->cancel,
	};
	enum proxy_connect_end end;

	if (a->has_login && !login_begin(a))
		return false;
	end = proxy_connect(&pc);
	t->http_code = pc.http_code;
	if (pc.date > 0)
		clock_skew_note(t->env->skew, pc.date, time(NULL),
				a->proxy->host, false);
	if (a->has_login)
		login_end(a);
	return end == PROXY_CONNECT_OK || blame_connect(a, &pc, end);
}

/* A descriptor that is nobody's any more; the app's own stays. */
static void drop(const struct tunnel *t, int *fd)
{
	if (*fd >= 0 && *fd != t->socket)
		close(*fd);
	*fd = -1;
}

static int through(struct tunnel *t, struct proxy *proxy, const char *target)
{
	struct attempt a = { .t = t, .proxy = proxy };
	char at[DIAL_HOST_PORT_MAX];
	int fd = -1;

	dial_format_host(at, proxy->host, proxy->port);
	snprintf(a.hop, sizeof(a.hop), "proxy %s", at);
	snprintf(a.connect, sizeof(a.connect), "%s: CONNECT %s", a.hop, target);
	if (!obtain_login(&a) ||
	    !reach(t, proxy->host, proxy->port, a.hop, &fd) || !ask(&a, fd))
		drop(t, &fd);
	OPENSSL_cleanse(&a.text, sizeof(a.text));
	return fd;
}

static int directly(struct tunnel *t, const char *target)
{
	int fd = -1;

	if (!reach(t, t->host, t->port, target, &fd))
		drop(t, &fd);
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
		fd = through(t, p, target);
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
