/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_ladder.c - which way to log in at a proxy: one after the other, until
 * it lets us through
 *
 * Theory of operation
 *
 * What worked last comes first. Where nothing is known, the first attempt has
 * no login: its 407 tells what the proxy offers. Then each scheme of the
 * proxy's list that is offered, and that we have something for, is a rung: one
 * attempt. A rung that ends in 407 leads to the next, anything else is the end.
 * A password goes out only between proxy_auth_begin() and proxy_auth_end(), and
 * one that the proxy refused by one scheme is not offered by another. `notes`
 * collect why each rung failed, for people.
 */
#include <config.h>

#include "proxy_ladder.h"

#include "addr.h"
#include "clock.h"
#include "proxy_curl.h"
#include "proxy_ladder_private.h"
#include "proxy_seen.h"

#include <turnout/endpoint.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

void proxy_ladder_note(struct climb *c, enum proxy_scheme scheme,
		       const char *fmt, ...)
{
	size_t used = strlen(c->notes);
	va_list ap;
	int n = snprintf(c->notes + used, sizeof(c->notes) - used,
			 "%s%s: ", used > 0 ? "; " : "",
			 proxy_scheme_name(scheme));

	if (n < 0 || (size_t)n >= sizeof(c->notes) - used)
		return;
	va_start(ap, fmt);
	vsnprintf(c->notes + used + n, sizeof(c->notes) - used - (size_t)n, fmt,
		  ap);
	va_end(ap);
}

enum step proxy_ladder_end(struct climb *c, int result, const char *fmt, ...)
{
	va_list ap;

	c->result = result;
	va_start(ap, fmt);
	vsnprintf(c->l->words, sizeof(c->l->words), fmt, ap);
	va_end(ap);
	return STEP_END;
}

enum step proxy_ladder_enter(struct climb *c)
{
	struct proxy_ladder *l = c->l;
	int rc = 0;

	if (!c->contacted)
		rc = proxy_seen_enter(proxy_auth_seen(l->auth), l->proxy,
				      l->deadline_ms, l->cancel);
	c->contacted = c->contacted || rc == 0;
	switch (rc) {
	case 0:
		return STEP_NEXT;
	case -EBUSY:
		return proxy_ladder_end(
			c, -EACCES,
			"the proxy has said 407 too often: it is asked "
			"again in a few seconds");
	case -ECANCELED:
		return proxy_ladder_end(c, rc, "cancelled");
	default:
		return proxy_ladder_end(
			c, rc,
			"too many dials wait for the proxy to let "
			"one of them through");
	}
}

/* Rungs */

/* What stands against a scheme, before anything is sent; NULL: nothing. */
static const char *obstacle(const struct proxy *p, enum proxy_scheme scheme)
{
	if (!proxy_curl_has(scheme))
		return scheme == PROXY_SCHEME_NTLM
			       ? "the libcurl of this machine has no NTLM: put "
				 "cntlm or px in between, see tunneld.conf(5)"
			       : "the libcurl of this machine has no Kerberos";
	if ((scheme & PASSWORD_SCHEMES) != 0 && p->creds == NULL)
		return "no user name and password are configured";
	if (scheme == PROXY_SCHEME_BASIC && p->kind == PROXY_HTTP &&
	    !p->basic_over_http)
		return "it would show the password to anybody on the way; "
		       "basic_over_http = yes allows that";
	return NULL;
}

#define KERBEROS_MS 8000

/* Where there is another way, Kerberos gets half of the time, and no more than
 * a user's patience: libkrb5 alone would wait for half a minute for servers
 * that do not answer. */
static uint64_t deadline_of(const struct climb *c, enum proxy_scheme scheme)
{
	const struct proxy_ladder *l = c->l;
	uint64_t now = clock_now_ms(), half_ms;
	bool other = false;

	if (scheme != PROXY_SCHEME_NEGOTIATE || l->deadline_ms <= now)
		return l->deadline_ms;
	for (size_t i = 0; i < l->proxy->scheme_count; i++) {
		enum proxy_scheme s = (enum proxy_scheme)l->proxy->scheme[i];

		other = other || ((c->asked.offered & s & ~c->tried) != 0 &&
				  obstacle(l->proxy, s) == NULL);
	}
	half_ms = (l->deadline_ms - now) / 2;
	if (half_ms > KERBEROS_MS)
		half_ms = KERBEROS_MS;
	return other ? now + half_ms : l->deadline_ms;
}

static void note_ticket(struct climb *c)
{
	const struct proxy_try *t = &c->try;
	struct endpoint ip;
	bool by_ip = addr_parse_ip(c->l->proxy->host, &ip);

	if (t->auth_sent)
		proxy_ladder_note(c, t->scheme, PROXY_LADDER_TICKET_REFUSED);
	else
		proxy_ladder_note(c, t->scheme,
				  "no valid Kerberos ticket: kinit%s%s%s%s",
				  t->ticket[0] != '\0' ? " (" : "", t->ticket,
				  t->ticket[0] != '\0' ? ")" : "",
				  by_ip ? "; Kerberos knows the proxy by its "
					  "name, not by "
					  "an address"
					: "");
}

/* The proxy let us through: with what? */
static void remember(struct climb *c)
{
	const struct proxy_try *t = &c->try;
	struct proxy_seen *seen = proxy_auth_seen(c->l->auth);
	char realm[PROXY_REALM_MAX + 1];
	enum proxy_scheme known;

	memcpy(realm, c->asked.realm, sizeof(realm));
	if (c->asked.offered == 0)
		(void)proxy_seen_scheme(seen, c->l->proxy, NULL, &known, realm);
	proxy_seen_worked(seen, c->l->proxy,
			  t->auth_sent ? t->scheme : PROXY_SCHEME_NONE, realm);
}

static enum step judge_try(struct climb *c)
{
	struct proxy_seen *seen = proxy_auth_seen(c->l->auth);
	const struct proxy_try *t = &c->try;

	switch (t->end) {
	case PROXY_TRY_PASSED:
		remember(c);
		return STEP_END;
	case PROXY_TRY_407:
		c->asked = t->asked;
		proxy_seen_failed(seen, c->l->proxy, t->scheme);
		proxy_seen_offered(seen, c->l->proxy, &t->asked);
		if (t->scheme == PROXY_SCHEME_NEGOTIATE)
			note_ticket(c);
		else if (t->scheme != PROXY_SCHEME_NONE && !c->no_login)
			proxy_ladder_note(c, t->scheme, "it came to nothing");
		return STEP_NEXT;
	case PROXY_TRY_STUCK:
		c->stuck = true;
		proxy_ladder_note(c, t->scheme, "Kerberos does not answer");
		return STEP_NEXT;
	case PROXY_TRY_OTHER:
	case PROXY_TRY_NUM_ENDS:
		break;
	}
	return STEP_END;
}

static void attempt(struct climb *c, enum proxy_scheme scheme)
{
	c->try = (struct proxy_try){
		.scheme = scheme,
		.login = (scheme & PASSWORD_SCHEMES) != 0 ? &c->text : NULL,
		.deadline_ms = deadline_of(c, scheme),
	};
	c->stuck = false;
	c->l->attempt(c->l->arg, &c->try);
}

static enum step rung(struct climb *c, enum proxy_scheme scheme)
{
	const char *why = obstacle(c->l->proxy, scheme);
	bool password = (scheme & PASSWORD_SCHEMES) != 0;

	c->tried |= (uint8_t)scheme;
	c->unfit = false;
	if (why != NULL) {
		proxy_ladder_note(c, scheme, "%s", why);
		return STEP_NEXT;
	}
	if (password && c->no_login)
		return STEP_NEXT; /* it was said why */
	if ((password ? proxy_ladder_prepare(c, scheme)
		      : proxy_ladder_enter(c)) == STEP_END)
		return STEP_END;
	if (password && (c->no_login || c->unfit))
		return STEP_NEXT;
	attempt(c, scheme);
	if (password)
		proxy_ladder_judge_login(c);
	return judge_try(c);
}

/* All that is offered, in our order; what worked in this realm first. */
static enum step rungs(struct climb *c)
{
	const struct proxy *p = c->l->proxy;
	enum proxy_scheme known;
	size_t i;

	if (proxy_seen_scheme(proxy_auth_seen(c->l->auth), p, c->asked.realm,
			      &known, NULL) &&
	    (c->asked.offered & known & ~c->tried) != 0 &&
	    rung(c, known) == STEP_END)
		return STEP_END;
	for (i = 0; i < p->scheme_count; i++)
		if ((c->asked.offered & p->scheme[i] & ~c->tried) != 0 &&
		    rung(c, (enum proxy_scheme)p->scheme[i]) == STEP_END)
			return STEP_END;
	return STEP_NEXT;
}

/* The first attempt: as it worked last, or to see what the proxy says. */
static enum step first(struct climb *c)
{
	struct proxy_seen *seen = proxy_auth_seen(c->l->auth);
	enum proxy_scheme scheme = PROXY_SCHEME_NONE;
	enum step step;

	bool hopeless = proxy_ladder_is_hopeless(c);

	if (!proxy_seen_scheme(seen, c->l->proxy, NULL, &scheme, NULL) &&
	    hopeless && proxy_seen_offer(seen, c->l->proxy, &c->asked))
		return STEP_NEXT;
	step = rung(c, scheme);
	if (step == STEP_END || c->contacted)
		return step;
	/* What we had to log in with is not there any more. */
	proxy_seen_failed(seen, c->l->proxy, scheme);
	if (proxy_seen_offer(seen, c->l->proxy, &c->asked))
		return STEP_NEXT;
	return rung(c, PROXY_SCHEME_NONE);
}

/* Words */

static void name_offers(const struct climb *c, char *out, size_t max)
{
	size_t used = 0;

	out[0] = '\0';
	for (uint8_t s = PROXY_SCHEME_NEGOTIATE; s <= PROXY_SCHEME_BASIC;
	     s = (uint8_t)(s << 1))
		if ((c->asked.offered & s) != 0 && used < max)
			used += (size_t)snprintf(
				out + used, max - used, "%s%s",
				used > 0 ? ", " : "",
				proxy_scheme_name((enum proxy_scheme)s));
}

static enum step fail(struct climb *c)
{
	const struct proxy_challenge *a = &c->asked;
	bool said = c->contacted && c->try.words[0] != '\0';
	bool realm = a->realm[0] != '\0';
	int result = c->stuck ? -ETIME : -EACCES;
	char offers[48];

	name_offers(c, offers, sizeof(offers));
	if (a->offered == 0)
		return proxy_ladder_end(
			c, result, "%s: the proxy offers %s", c->try.words,
			a->other ? "only ways to log in that are unknown "
				   "here"
				 : "no way to log in");
	return proxy_ladder_end(
		c, result, "%s%sthe proxy offers %s%s%s%s: %s",
		said ? c->try.words : "", said ? ": " : "", offers,
		realm ? " for \"" : "", a->realm, realm ? "\"" : "",
		c->notes[0] != '\0' ? c->notes : "`auth` has none of them");
}

static enum proxy_seen_end seen_end(const struct climb *c)
{
	if (c->try.end == PROXY_TRY_407)
		return PROXY_SEEN_407;
	return c->try.end == PROXY_TRY_PASSED ? PROXY_SEEN_PASSED
					      : PROXY_SEEN_UNKNOWN;
}

int proxy_ladder_climb(struct proxy_ladder *l)
{
	struct climb c = { .l = l };

	l->words[0] = '\0';
	if (first(&c) == STEP_NEXT && rungs(&c) == STEP_NEXT)
		fail(&c);
	if (c.contacted)
		proxy_seen_leave(proxy_auth_seen(l->auth), l->proxy,
				 seen_end(&c));
	OPENSSL_cleanse(&c.text, sizeof(c.text));
	return c.result;
}
