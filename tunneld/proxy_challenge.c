/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_challenge.c - what a proxy's 407 says about how to log in
 *
 * RFC 9110, 11.6.1 and 11.7.1: challenges and their parameters stand in one
 * list between commas, several fields or not. A word with `=` after it is a
 * parameter, one without begins a challenge; what else is found is passed over.
 */
#include <config.h>

#include "proxy_challenge.h"

#include "proxy.h"

#include <turnout/compiler.h>

#include <string.h>
#include <strings.h>

struct reader {
	const char *at, *end;
};

struct word {
	const char *text;
	size_t len;
};

/* RFC 9110, 5.6.2, and what a token68 (11.2) has beyond it. */
static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~/", c) != NULL);
}

static bool is(const struct word *w, const char *text)
{
	return w->len == strlen(text) &&
	       strncasecmp(w->text, text, w->len) == 0;
}

static void skip(struct reader *r, const char *set)
{
	while (r->at < r->end && *r->at != '\0' && strchr(set, *r->at) != NULL)
		r->at++;
}

static struct word read_word(struct reader *r)
{
	struct word w = { .text = r->at };

	while (r->at < r->end && is_word(*r->at))
		r->at++;
	w.len = (size_t)(r->at - w.text);
	return w;
}

/* A token or a quoted string, unquoted, printable and cut at `max`. */
static void read_value(struct reader *r, char *out, size_t max)
{
	bool quoted = r->at < r->end && *r->at == '"';
	size_t n = 0;

	if (quoted)
		r->at++;
	while (r->at < r->end && (quoted ? *r->at != '"' : is_word(*r->at))) {
		if (quoted && *r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		if (n + 1 < max)
			out[n++] = *r->at >= ' ' && *r->at <= '~' ? *r->at
								  : '?';
		r->at++;
	}
	if (quoted && r->at < r->end)
		r->at++;
	out[n] = '\0';
}

static void take_scheme(struct proxy_challenge *c, const struct word *w)
{
	static const struct {
		const char *name;
		enum proxy_scheme scheme;
	} known[] = {
		{ "Negotiate", PROXY_SCHEME_NEGOTIATE },
		{ "NTLM", PROXY_SCHEME_NTLM },
		{ "Digest", PROXY_SCHEME_DIGEST },
		{ "Basic", PROXY_SCHEME_BASIC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (is(w, known[i].name)) {
			c->offered |= (uint8_t)known[i].scheme;
			return;
		}
	c->other = true;
}

static void take_parameter(struct proxy_challenge *c, const struct word *name,
			   struct reader *r)
{
	char value[PROXY_REALM_MAX + 1];

	read_value(r, value, sizeof(value));
	if (is(name, "realm") && c->realm[0] == '\0')
		memcpy(c->realm, value, sizeof(c->realm));
	else if (is(name, "stale"))
		c->stale = strcasecmp(value, "true") == 0;
}

/* One item of the list; `w` is its first word. */
static void take_item(struct proxy_challenge *c, struct word w,
		      struct reader *r)
{
	const char *after;

	skip(r, " \t");
	if (r->at < r->end && *r->at == '=') {
		skip(r, "= \t"); /* more than one: the end of a token68 */
		take_parameter(c, &w, r);
		return;
	}
	take_scheme(c, &w);
	/* Its first parameter or its token68 stands in the same item. */
	w = read_word(r);
	after = r->at;
	skip(r, " \t");
	if (w.len > 0 && r->at < r->end && *r->at == '=') {
		skip(r, "= \t");
		take_parameter(c, &w, r);
	} else {
		r->at = after;
	}
}

void proxy_challenge_add(struct proxy_challenge *c, const char *value,
			 size_t len)
{
	struct reader r = { .at = value, .end = value + len };

	while (r.at < r.end) {
		struct word w;

		skip(&r, ", \t\r\n");
		w = read_word(&r);
		if (w.len > 0)
			take_item(c, w, &r);
		else if (r.at < r.end)
			r.at++; /* nothing that we know how to read */
	}
}
