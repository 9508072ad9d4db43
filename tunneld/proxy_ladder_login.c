/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_ladder_login.c - the part of a climb that is about a password: where it
 * comes from, whether it may go out, and what the proxy thinks of it
 */
#include <config.h>

#include "proxy_ladder_private.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

/* By this login, which nobody must send. */
static void refused_before(struct climb *c, enum proxy_scheme scheme,
			   int64_t since_s)
{
	time_t since = (time_t)since_s;
	struct tm tm;
	char when[24] = "";

	if (since > 1 && localtime_r(&since, &tm) != NULL)
		(void)strftime(when, sizeof(when), " on %Y-%m-%d %H:%M", &tm);
	proxy_ladder_note(
		c, scheme,
		"the proxy refused this login%s; it is not sent again until it "
		"changes, or until `turnout proxy retry`",
		when);
	proxy_creds_refused(c->l->proxy->creds);
	c->no_login = true;
}

static struct proxy_login login_of(const struct proxy *p,
				   const struct proxy_login_text *text)
{
	return (struct proxy_login){ .host = p->host,
				     .port = p->port,
				     .username = text->username,
				     .password = text->password };
}

bool proxy_ladder_is_hopeless(struct climb *c)
{
	const struct proxy *p = c->l->proxy;
	struct proxy_login_text text = { .username = "" };
	bool refused = false;

	if (p->creds != NULL &&
	    proxy_creds_peek(p->creds, p->host, p->port, &text)) {
		struct proxy_login login = login_of(p, &text);

		proxy_auth_have(c->l->auth, p, &login);
		refused = proxy_auth_is_refused(c->l->auth, &login);
	}
	OPENSSL_cleanse(&text, sizeof(text));
	return refused;
}

/* Once a climb. Its failure is about the scheme that needed it. */
static enum step obtain(struct climb *c, enum proxy_scheme scheme)
{
	struct proxy_ladder *l = c->l;
	const struct proxy *p = l->proxy;
	char words[160];
	int rc;

	if (c->has_login)
		return STEP_NEXT;
	rc = proxy_creds_obtain(p->creds, p->host, p->port, l->deadline_ms,
				l->cancel, &c->text, words, sizeof(words));
	if (rc == -ECANCELED)
		return proxy_ladder_end(c, rc, "cancelled");
	c->no_login = rc < 0;
	c->has_login = rc == 0;
	if (rc < 0)
		proxy_ladder_note(c, scheme, "%s", words);
	c->login = login_of(p, &c->text);
	if (c->has_login)
		proxy_auth_have(l->auth, p, &c->login);
	return STEP_NEXT;
}

static enum step begin(struct climb *c, enum proxy_scheme scheme)
{
	struct proxy_ladder *l = c->l;
	int rc = proxy_auth_begin(l->auth, &c->login, l->deadline_ms,
				  l->cancel);

	if (rc == 0)
		return STEP_NEXT;
	if (rc == -ECANCELED)
		return proxy_ladder_end(c, rc, "cancelled");
	if (rc == -ETIMEDOUT)
		return proxy_ladder_end(c, rc,
					"no judgement on the login in time");
	if (rc != -EACCES)
		return proxy_ladder_end(c, rc, "%s", strerror(-rc));
	refused_before(c, scheme,
		       proxy_auth_refused_since_s(l->auth, &c->login));
	return STEP_NEXT;
}

static enum proxy_auth_outcome outcome_of(const struct proxy_try *t)
{
	/* It is the nonce that was too old (RFC 7616, 3.3). */
	bool stale = t->scheme == PROXY_SCHEME_DIGEST && t->asked.stale;

	if (!t->login_sent)
		return PROXY_AUTH_UNKNOWN;
	if (t->end == PROXY_TRY_407 && !stale)
		return PROXY_AUTH_REFUSED;
	return t->end == PROXY_TRY_PASSED ? PROXY_AUTH_ACCEPTED
					  : PROXY_AUTH_UNKNOWN;
}

void proxy_ladder_judge_login(struct climb *c)
{
	struct proxy_ladder *l = c->l;
	enum proxy_auth_outcome outcome = outcome_of(&c->try);

	proxy_auth_end(l->auth, &c->login, outcome);
	if (outcome != PROXY_AUTH_REFUSED)
		return;
	proxy_ladder_note(
		c, c->try.scheme,
		"the proxy refused this login; it is not sent again until it "
		"changes");
	proxy_creds_refused(l->proxy->creds);
	c->no_login = true;
}

enum step proxy_ladder_prepare(struct climb *c, enum proxy_scheme scheme)
{
	int64_t since_s;

	if (obtain(c, scheme) == STEP_END)
		return STEP_END;
	if (c->no_login)
		return STEP_NEXT;
	/* RFC 7617, 2: the name ends at the first colon. */
	if (scheme == PROXY_SCHEME_BASIC &&
	    strchr(c->text.username, ':') != NULL) {
		proxy_ladder_note(c, scheme,
				  "it cannot carry a user name with a colon");
		c->unfit = true;
		return STEP_NEXT;
	}
	since_s = proxy_auth_refused_since_s(c->l->auth, &c->login);
	if (since_s != 0) {
		refused_before(c, scheme, since_s);
		return STEP_NEXT;
	}
	return proxy_ladder_enter(c) == STEP_END ? STEP_END : begin(c, scheme);
}
