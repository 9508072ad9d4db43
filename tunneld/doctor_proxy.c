/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_proxy.c - the proxies of a way -> a line for each thing that one can
 * have against us
 *
 * The first hops are tried here, one by one, for what they show; what comes
 * behind them is judged by how the dial itself ended (tunnel.h).
 */
#include <config.h>

#include "addr.h"
#include "clock.h"
#include "dial.h"
#include "doctor_way.h"
#include "egress.h"
#include "hop.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_curl.h"
#include "proxy_ladder.h"
#include "proxy_seen.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SLOW_TCP_MS 400

/* The first hops */

static void look_up(struct doctor_way *w)
{
	struct endpoint ip;

	if (!addr_parse_ip(w->proxy->host, &ip))
		(void)doctor_way_look_up(w, DOCTOR_PROXY_NAME, w->proxy->host,
					 DOCTOR_CAUSE_PROXY_NAME);
}

/* A connected descriptor, or -1. */
static int connect_tcp(struct doctor_way *w)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_PROXY_TCP,
					     w->proxy_at);
	struct hop hop = {
		.host = w->proxy->host,
		.port = w->proxy->port,
		.socket = -1,
		.deadline_ms = doctor_deadline_ms(w->branch, DOCTOR_HOP_MS),
		.cancel = &w->branch->cancel,
	};
	uint64_t began = clock_now_ms(), took;
	bool refused;
	int fd;

	if (l == NULL)
		return -1;
	fd = hop_connect(&hop);
	took = clock_now_ms() - began;
	if (fd < 0) {
		refused = fd == -ECONNREFUSED;
		doctor_fail(w->branch, l, "%s",
			    fd == -ETIMEDOUT ? "no answer" : strerror(-fd));
		doctor_advise(l,
			      refused ? DOCTOR_CAUSE_PROXY_REFUSED
				      : DOCTOR_CAUSE_PROXY_SILENT,
			      &w->names);
		return -1;
	}
	doctor_figure(l, "%llu ms", (unsigned long long)took);
	doctor_value(l, "rtt_ms", (double)took);
	doctor_state(l, took > SLOW_TCP_MS ? DOCTOR_SLOW : DOCTOR_OK,
		     "%s proxy", proxy_kind_name(w->proxy->kind));
	return fd;
}

static enum doctor_cause tls_cause(const struct tls *tls)
{
	switch (tls_fault(tls)) {
	case TLS_FAULT_UNTRUSTED:
		return DOCTOR_CAUSE_PROXY_UNTRUSTED;
	case TLS_FAULT_HTTP:
		return DOCTOR_CAUSE_PROXY_NOT_TLS;
	case TLS_FAULT_CERT_WANTED:
		return DOCTOR_CAUSE_PROXY_CERT_WANTED;
	case TLS_FAULT_CERT_REFUSED:
		return DOCTOR_CAUSE_PROXY_CERT_REFUSED;
	default:
		return DOCTOR_CAUSE_PROXY_TLS;
	}
}

static void judge_tls(struct doctor_way *w, struct doctor_line *l,
		      struct tls *tls, int rc, uint64_t took_ms)
{
	struct tls_facts facts;

	if (rc < 0) {
		doctor_fail(w->branch, l, "%s", tls_error(tls));
		doctor_advise(l, tls_cause(tls), &w->names);
		return;
	}
	tls_look(tls, &facts);
	doctor_figure(l, "%llu ms", (unsigned long long)took_ms);
	doctor_value(l, "handshake_ms", (double)took_ms);
	doctor_evidence(l, "certificate for %s, signed by %s", facts.subject,
			facts.issuer);
	doctor_state(l, DOCTOR_OK, "%s, signed by %s", facts.version,
		     facts.issuer);
}

static void shake_hands(struct doctor_way *w, int fd)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_PROXY_TLS,
					     w->proxy_at);
	const struct tls_opts opts = { .name = w->proxy->host, .http = true };
	uint64_t began = clock_now_ms(), deadline;
	struct tls *tls;
	int rc = -ECANCELED;

	if (l == NULL)
		return;
	deadline = doctor_deadline_ms(w->branch, DOCTOR_HOP_MS);
	tls = tls_open(w->proxy->tls, fd, &opts);
	if (tls == NULL) {
		doctor_fail(w->branch, l, "%s", strerror(errno));
		doctor_advise(l, DOCTOR_CAUSE_LOCAL, &w->names);
		return;
	}
	cancel_watch(&w->branch->cancel, fd);
	if (!cancel_is_set(&w->branch->cancel) && deadline > began)
		rc = tls_handshake_wait(tls, (uint32_t)(deadline - began));
	cancel_watch(&w->branch->cancel, -1);
	judge_tls(w, l, tls, rc, clock_now_ms() - began);
	tls_free(tls);
}

/* Its lines; false: it cannot be used, and the branch has its root. */
static bool reach_one(struct doctor_way *w, struct proxy *proxy)
{
	int fd;

	proxy_put(w->proxy);
	w->proxy = proxy_get(proxy);
	dial_format_host(w->proxy_at, proxy->host, proxy->port);
	w->names.proxy = w->proxy_at;
	w->names.proxy_host = w->proxy->host;
	/* What follows a failure begins as a line that is skipped. */
	look_up(w);
	fd = connect_tcp(w);
	if (proxy->kind == PROXY_HTTPS)
		shake_hands(w, fd);
	if (fd >= 0)
		close(fd);
	return w->branch->root == NULL;
}

/* Another one stands behind it: calls go on, but not as they were meant to. */
static void forgive(struct doctor_branch *b)
{
	for (struct doctor_line *l = b->first; l != NULL; l = l->next)
		if (l == b->root)
			l->state = DOCTOR_SLOW;
	b->root = NULL;
}

static void reach_first(struct doctor_way *w, const struct egress_way *way)
{
	for (size_t i = 0; i < way->count; i++) {
		if (way->proxy[i] == NULL)
			return; /* directly, from here on */
		w->through = true;
		if (reach_one(w, way->proxy[i]) || i + 1 == way->count)
			return;
		forgive(w->branch);
		w->through = false;
	}
}

void doctor_proxy_reach(struct doctor_way *w)
{
	struct relay *r = w->branch->relay;
	struct egress_way way = { .count = 0 };
	struct doctor_line *l;
	char words[160];

	if (r->egress == NULL)
		return;
	if (egress_choose(r->egress, r->host, r->port,
			  doctor_deadline_ms(w->branch, DOCTOR_HOP_MS),
			  &w->branch->cancel, &way, words,
			  sizeof(words)) == 0) {
		reach_first(w, &way);
	} else {
		l = doctor_begin(w->branch, DOCTOR_PROXY_NAME,
				 egress_source(r->egress));
		if (l != NULL) {
			doctor_fail(w->branch, l, "%s", words);
			doctor_advise(l, DOCTOR_CAUSE_PAC, &w->names);
		}
	}
	egress_way_fini(&way);
}

/* Logging in */

static const struct tunnel_env *env_of(const struct doctor_way *w)
{
	return dial_tunnel_env(w->branch->env->pool);
}

static void name_schemes(uint8_t offered, char *out, size_t max)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned int s = PROXY_SCHEME_NEGOTIATE; s <= PROXY_SCHEME_BASIC;
	     s <<= 1)
		if ((offered & s) != 0 && used < max)
			used += (size_t)snprintf(
				out + used, max - used, "%s%s",
				used > 0 ? ", " : "",
				proxy_scheme_name((enum proxy_scheme)s));
}

static void tell_schemes(struct doctor_way *w,
			 const struct proxy_challenge *asked, bool known)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_PROXY_SCHEMES,
					     w->proxy_at);
	char names[48];

	if (l == NULL)
		return;
	if (!known) {
		doctor_state(l, DOCTOR_OK, "it asks for no login");
		return;
	}
	if (w->proxy->kind == PROXY_SOCKS5) {
		doctor_state(l, DOCTOR_INFO,
			     "user name and password, in the clear: SOCKS5 "
			     "has nothing else");
		return;
	}
	name_schemes(asked->offered, names, sizeof(names));
	doctor_state(l, asked->offered != 0 ? DOCTOR_OK : DOCTOR_INFO,
		     "%s%s%s%s",
		     names[0] != '\0' ? names : "none that is known here",
		     asked->realm[0] != '\0' ? ", for \"" : "", asked->realm,
		     asked->realm[0] != '\0' ? "\"" : "");
}

/* It takes a user name and a password, or nothing (RFC 1929). */
static enum doctor_cause socks_cause(const struct doctor_way *w)
{
	const struct proxy *p = w->proxy;

	if (p->creds == NULL)
		return DOCTOR_CAUSE_LOGIN_MISSING;
	return p->basic_over_http ? DOCTOR_CAUSE_LOGIN_REFUSED
				  : DOCTOR_CAUSE_BASIC_OVER_HTTP;
}

/* What we could have answered with, had it been there. */
static enum doctor_cause login_cause(const struct doctor_way *w,
				     const struct proxy_challenge *asked)
{
	const struct proxy *p = w->proxy;
	const char *words = w->tunnel.failure.words;
	struct endpoint ip;
	bool ticket = false;

	if (p->kind == PROXY_SOCKS5)
		return socks_cause(w);
	for (size_t i = 0; i < p->scheme_count; i++)
		ticket |= p->scheme[i] == PROXY_SCHEME_NEGOTIATE;
	ticket = ticket && (asked->offered & PROXY_SCHEME_NEGOTIATE) != 0;
	if (w->tunnel.failure.reason == DIAL_STUCK)
		return DOCTOR_CAUSE_KDC;
	if (asked->offered == 0)
		return DOCTOR_CAUSE_LOGIN_UNKNOWN;
	if (proxy_auth_is_locked_out(env_of(w)->auth, p))
		return DOCTOR_CAUSE_LOGIN_REFUSED;
	if (asked->offered == PROXY_SCHEME_NTLM &&
	    !proxy_curl_has(PROXY_SCHEME_NTLM))
		return DOCTOR_CAUSE_NTLM;
	if (p->creds != NULL && p->kind == PROXY_HTTP && !p->basic_over_http &&
	    (asked->offered & ~PROXY_SCHEME_NEGOTIATE) == PROXY_SCHEME_BASIC)
		return DOCTOR_CAUSE_BASIC_OVER_HTTP;
	if (ticket && strstr(words, PROXY_LADDER_TICKET_REFUSED) != NULL)
		return DOCTOR_CAUSE_TICKET_REFUSED;
	if (ticket)
		return addr_parse_ip(p->host, &ip) ? DOCTOR_CAUSE_TICKET_BY_IP
						   : DOCTOR_CAUSE_TICKET;
	return DOCTOR_CAUSE_LOGIN_MISSING;
}

static void tell_login(struct doctor_way *w,
		       const struct proxy_challenge *asked, bool failed)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_PROXY_LOGIN,
					     w->proxy_at);
	struct proxy_auth_facts facts;

	if (l == NULL)
		return;
	if (failed) {
		doctor_fail(w->branch, l, "%s", w->tunnel.failure.words);
		doctor_advise(l, login_cause(w, asked), &w->names);
		return;
	}
	proxy_auth_look(env_of(w)->auth, w->proxy, &facts);
	if (facts.known && facts.scheme != PROXY_SCHEME_NONE)
		doctor_state(l, DOCTOR_OK, "by %s",
			     proxy_scheme_name(facts.scheme));
	else
		doctor_state(l, DOCTOR_OK, "none is needed");
}

/* CONNECT */

static enum doctor_cause connect_cause(const struct doctor_way *w)
{
	switch (w->tunnel.failure.reason) {
	case DIAL_PROXY_DENIED:
		return w->proxy->kind == PROXY_SOCKS5
			       ? DOCTOR_CAUSE_SOCKS_DENIED
			       : DOCTOR_CAUSE_DENIED;
	case DIAL_CAPTIVE_PORTAL:
		return DOCTOR_CAUSE_PORTAL;
	case DIAL_PROXY_PROTOCOL:
		return DOCTOR_CAUSE_NOT_A_PROXY;
	case DIAL_PROXY_TIMEOUT:
	case DIAL_PROXY_RESET:
	case DIAL_PROXY_CLOSED:
		return DOCTOR_CAUSE_NO_CONNECT_ANSWER;
	case DIAL_PROXY_TLS:
		return DOCTOR_CAUSE_PROXY_CERT_WANTED;
	default:
		return DOCTOR_CAUSE_LOCAL;
	}
}

static bool is_target(enum dial_reason reason)
{
	return reason == DIAL_TARGET_UNREACH || reason == DIAL_TARGET_TIMEOUT ||
	       reason == DIAL_TARGET_REFUSED;
}

static void tell_connect(struct doctor_way *w)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_PROXY_CONNECT,
					     w->target);
	const struct dial_failure *f = &w->tunnel.failure;

	if (l == NULL)
		return;
	if (w->tunnel.http_code != 0)
		doctor_value(l, "status", (double)w->tunnel.http_code);
	if (w->fd >= 0 || is_target(f->reason)) {
		doctor_figure(l, "%u ms", w->open_ms);
		doctor_value(l, "ms", w->open_ms);
		doctor_state(l, DOCTOR_OK, "the proxy lets us ask for it");
		return;
	}
	doctor_fail(w->branch, l, "%s", f->words);
	doctor_advise(l, connect_cause(w), &w->names);
}

static void tell_relay(struct doctor_way *w)
{
	struct doctor_line *l;

	doctor_skip(w->branch, DOCTOR_RELAY_NAME, "the proxy looks it up");
	l = doctor_begin(w->branch, DOCTOR_RELAY_TCP, w->target);
	if (l == NULL)
		return;
	if (w->fd >= 0) {
		doctor_state(l, DOCTOR_OK, "connected through the proxy");
		return;
	}
	doctor_fail(w->branch, l, "%s", w->tunnel.failure.words);
	doctor_advise(l, DOCTOR_CAUSE_RELAY_UNREACHED, &w->names);
}

void doctor_proxy_judge(struct doctor_way *w)
{
	enum dial_reason reason = w->tunnel.failure.reason;
	struct proxy_challenge asked = { .offered = 0 };
	bool failed = w->fd < 0 &&
		      (reason == DIAL_PROXY_AUTH || reason == DIAL_STUCK);
	bool known = proxy_seen_offer(proxy_auth_seen(env_of(w)->auth),
				      w->proxy, &asked);

	tell_schemes(w, &asked, known || failed);
	tell_login(w, &asked, failed);
	tell_connect(w);
	tell_relay(w);
}
