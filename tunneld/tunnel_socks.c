/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel_socks.c - a tunnel through a SOCKS5 proxy: one attempt, with the login
 * that there is
 *
 * RFC 1929 sends the password in the clear, so it goes out only where Basic may
 * be sent over http:// too.
 */
#include <config.h>

#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_creds.h"
#include "proxy_socks.h"
#include "tunnel_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

struct visit {
	struct tunnel *t;
	struct tunnel_try *way;
	bool has_login;
	struct proxy_login_text text;
	struct proxy_login login;
	char hop[DIAL_HOST_PORT_MAX + 16];
	char connect[2 * DIAL_HOST_PORT_MAX + 32];
};

static bool blame_refused(struct visit *v)
{
	return dial_blame(&v->t->failure, DIAL_PROXY_AUTH, 0, v->hop,
			  "the proxy refused this login before; it is not "
			  "sent again until it changes, or until `turnout "
			  "proxy retry`");
}

static bool obtain_login(struct visit *v)
{
	const struct proxy *p = v->way->proxy;
	struct tunnel *t = v->t;
	char words[160];
	int rc;

	if (p->creds == NULL || !p->basic_over_http)
		return true;
	rc = proxy_creds_obtain(p->creds, p->host, p->port, v->way->deadline_ms,
				t->cancel, &v->text, words, sizeof(words));
	if (rc < 0)
		return dial_blame(&t->failure,
				  rc == -ECANCELED ? DIAL_CANCELLED
						   : DIAL_PROXY_AUTH,
				  0, v->hop, "%s", words);
	v->login = (struct proxy_login){ .host = p->host,
					 .port = p->port,
					 .username = v->text.username,
					 .password = v->text.password };
	v->has_login = true;
	proxy_auth_have(t->env->auth, p, &v->login);
	/* No need to trouble the proxy. */
	return !proxy_auth_is_refused(t->env->auth, &v->login) ||
	       blame_refused(v);
}

/* False, after dial_blame(): it must not be sent now. */
static bool begin_login(struct visit *v)
{
	struct dial_failure *f = &v->t->failure;
	int rc = 0;

	if (v->has_login)
		rc = proxy_auth_begin(v->t->env->auth, &v->login,
				      v->way->deadline_ms, v->t->cancel);
	if (rc == 0)
		return true;
	if (rc == -EACCES)
		return blame_refused(v);
	if (rc == -ECANCELED)
		return dial_blame(f, DIAL_CANCELLED, 0, v->hop, "cancelled");
	if (rc == -ETIMEDOUT)
		return dial_blame(f, DIAL_PROXY_TIMEOUT, 0, v->hop,
				  "no judgement on the login in time");
	return dial_blame(f, DIAL_INTERNAL, -rc, v->hop, "%s", strerror(-rc));
}

static bool has_answered(enum proxy_socks_end end)
{
	return end == PROXY_SOCKS_OK || end == PROXY_SOCKS_DENIED ||
	       end == PROXY_SOCKS_UNREACHABLE || end == PROXY_SOCKS_REFUSED ||
	       end == PROXY_SOCKS_LOGIN_WANTED ||
	       end == PROXY_SOCKS_LOGIN_REFUSED;
}

static void end_login(struct visit *v, enum proxy_socks_end end)
{
	enum proxy_auth_outcome outcome = PROXY_AUTH_UNKNOWN;

	if (!v->has_login)
		return;
	if (end == PROXY_SOCKS_LOGIN_REFUSED)
		outcome = PROXY_AUTH_REFUSED;
	else if (has_answered(end) && end != PROXY_SOCKS_LOGIN_WANTED)
		outcome = PROXY_AUTH_ACCEPTED;
	proxy_auth_end(v->t->env->auth, &v->login, outcome);
	if (outcome == PROXY_AUTH_REFUSED)
		proxy_creds_refused(v->way->proxy->creds);
}

static const char *why_no_login(const struct visit *v)
{
	if (v->has_login)
		return "; it takes no user name and password";
	return v->way->proxy->creds != NULL
		       ? "; SOCKS would show the password to anybody on the "
			 "way: basic_over_http = yes allows that"
		       : "; no user name and password are configured";
}

static bool blame_socks(struct visit *v, const struct proxy_socks *ps,
			enum proxy_socks_end end)
{
	static const enum dial_reason by_end[] = {
		[PROXY_SOCKS_DENIED] = DIAL_PROXY_DENIED,
		[PROXY_SOCKS_UNREACHABLE] = DIAL_TARGET_UNREACH,
		[PROXY_SOCKS_REFUSED] = DIAL_TARGET_REFUSED,
		[PROXY_SOCKS_LOGIN_WANTED] = DIAL_PROXY_AUTH,
		[PROXY_SOCKS_LOGIN_REFUSED] = DIAL_PROXY_AUTH,
		[PROXY_SOCKS_TIMEOUT] = DIAL_PROXY_TIMEOUT,
		[PROXY_SOCKS_CANCELLED] = DIAL_CANCELLED,
		[PROXY_SOCKS_RESET] = DIAL_PROXY_RESET,
		[PROXY_SOCKS_CLOSED] = DIAL_PROXY_CLOSED,
		[PROXY_SOCKS_GARBAGE] = DIAL_PROXY_PROTOCOL,
		[PROXY_SOCKS_INTERNAL] = DIAL_INTERNAL,
	};
	int error = end == PROXY_SOCKS_REFUSED ? ECONNREFUSED : ps->os_error;

	_Static_assert(ARRAY_SIZE(by_end) == PROXY_SOCKS_NUM_ENDS,
		       "a reason an end");
	return dial_blame(&v->t->failure, by_end[end], error, v->connect,
			  "%s%s", ps->words,
			  end == PROXY_SOCKS_LOGIN_WANTED ? why_no_login(v)
							  : "");
}

static bool ask(struct visit *v, int fd)
{
	const struct proxy *p = v->way->proxy;
	struct tunnel *t = v->t;
	struct proxy_socks ps = {
		.proxy_host = p->host,
		.proxy_port = p->port,
		.peer = &t->peer,
		.fd = fd,
		.host = t->host,
		.port = t->port,
		.login = v->has_login ? &v->text : NULL,
		.deadline_ms = v->way->deadline_ms,
		.cancel = t->cancel,
	};
	enum proxy_socks_end end;

	if (!begin_login(v))
		return false;
	v->way->asked = true;
	end = proxy_socks(&ps);
	v->way->answered = has_answered(end);
	end_login(v, end);
	return end == PROXY_SOCKS_OK || blame_socks(v, &ps, end);
}

int tunnel_by_socks(struct tunnel *t, struct tunnel_try *try)
{
	struct visit v = { .t = t, .way = try };
	char at[DIAL_HOST_PORT_MAX];
	int fd = -1;

	dial_format_host(at, try->proxy->host, try->proxy->port);
	snprintf(v.hop, sizeof(v.hop), "proxy %s", at);
	snprintf(v.connect, sizeof(v.connect), "%s: CONNECT %s", v.hop,
		 try->target);
	if (!obtain_login(&v) || !tunnel_reach_proxy(t, try, v.hop, &fd) ||
	    !ask(&v, fd))
		tunnel_drop(t, &fd);
	OPENSSL_cleanse(&v.text, sizeof(v.text));
	return fd;
}
