/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_creds_parse.c - a login out of what a command or a file says
 *
 * git-credential(1): `key=value` a line. netrc, as ftp(1) and curl read it:
 * words between blanks, or in double quotes with backslashes; a `#` that
 * begins a line makes it a comment; a macro ends with an empty line.
 */
#include <config.h>

#include "proxy_creds_parse.h"

#include "proxy_creds.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

/* Of a word in a netrc file. */
#define WORD_MAX 256

_Static_assert(WORD_MAX > PROXY_USERNAME_MAX && WORD_MAX > PROXY_PASSWORD_MAX,
	       "what fits into a login fits into a word");

static int wrong(const char **words, int error, const char *text)
{
	*words = text;
	return error;
}

/* False: too long. */
static bool put(char *out, size_t max, const char *text, size_t len)
{
	if (len >= max)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* git-credential */

static bool take_line(const char *line, size_t len,
		      struct proxy_login_text *out)
{
	static const char username[] = "username=", password[] = "password=";
	const size_t skip = sizeof(username) - 1;

	if (len < skip)
		return true;
	if (memcmp(line, username, skip) == 0)
		return put(out->username, sizeof(out->username), line + skip,
			   len - skip);
	if (memcmp(line, password, skip) == 0)
		return put(out->password, sizeof(out->password), line + skip,
			   len - skip);
	return true;
}

int proxy_creds_parse_git(const char *text, struct proxy_login_text *out,
			  const char **words)
{
	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		size_t used = len;

		if (used > 0 && line[used - 1] == '\r')
			used--;
		if (used == 6 && memcmp(line, "quit=1", used) == 0)
			return wrong(words, -EACCES, "it says quit=1");
		if (!take_line(line, used, out))
			return wrong(words, -E2BIG,
				     "the username or the password is longer "
				     "than 255 bytes");
		line += len + (line[len] == '\n');
	}
	if (out->username[0] == '\0')
		return wrong(words, -ENODATA, "it prints no line username=");
	if (out->password[0] == '\0')
		return wrong(words, -ENODATA, "it prints no line password=");
	return 0;
}

/* netrc */

struct netrc {
	const char *text, *at;
	char word[WORD_MAX];
	bool too_long;
};

static void add(struct netrc *n, size_t *len, char c)
{
	if (*len + 1 < WORD_MAX)
		n->word[(*len)++] = c;
	else
		n->too_long = true;
}

static char escaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

static void read_quoted(struct netrc *n, size_t *len)
{
	for (n->at++; *n->at != '\0' && *n->at != '"'; n->at++) {
		char c = *n->at;

		if (c == '\\' && n->at[1] != '\0')
			c = escaped(*++n->at);
		add(n, len, c);
	}
	if (*n->at == '"')
		n->at++;
}

static void skip_blanks(struct netrc *n)
{
	for (;;) {
		size_t blanks = strspn(n->at, " \t\r\n");
		bool new_line = n->at == n->text ||
				memchr(n->at, '\n', blanks) != NULL;

		n->at += blanks;
		if (*n->at != '#' || !new_line)
			return;
		n->at += strcspn(n->at, "\n");
	}
}

/* The next word; false at the end. */
static bool next(struct netrc *n)
{
	size_t len = 0;

	skip_blanks(n);
	if (*n->at == '\0')
		return false;
	if (*n->at == '"')
		read_quoted(n, &len);
	else
		for (; *n->at != '\0' && strchr(" \t\r\n", *n->at) == NULL;
		     n->at++)
			add(n, &len, *n->at);
	n->word[len] = '\0';
	return true;
}

static void skip_macro(struct netrc *n)
{
	const char *end = strstr(n->at, "\n\n");

	n->at = end != NULL ? end + 2 : n->at + strlen(n->at);
}

static bool is(const struct netrc *n, const char *keyword)
{
	return strcasecmp(n->word, keyword) == 0;
}

/* An entry, as far as it has been read. */
struct entry {
	bool ours; /* of our host */
	struct proxy_login_text login;
};

static bool fits(const struct entry *e, const struct proxy_login_text *wanted)
{
	return e->ours && e->login.password[0] != '\0' &&
	       (wanted->username[0] == '\0' || e->login.username[0] == '\0' ||
		strcmp(e->login.username, wanted->username) == 0);
}

/* The value of a keyword in an entry. */
static void take_value(struct netrc *n, char *out, size_t max)
{
	if (next(n) && !n->too_long)
		(void)put(out, max, n->word, strlen(n->word));
}

/* Up to the end of the first entry that fits, or of the file. */
static void find_entry(struct netrc *n, const char *host,
		       const struct proxy_login_text *wanted, struct entry *e)
{
	while (!n->too_long && next(n)) {
		bool machine = is(n, "machine");

		if (machine || is(n, "default")) {
			if (fits(e, wanted))
				return;
			*e = (struct entry){ .ours = !machine };
			if (machine && next(n))
				e->ours = strcasecmp(n->word, host) == 0;
		} else if (is(n, "login")) {
			take_value(n, e->login.username,
				   sizeof(e->login.username));
		} else if (is(n, "password")) {
			take_value(n, e->login.password,
				   sizeof(e->login.password));
		} else if (is(n, "account")) {
			(void)next(n);
		} else if (is(n, "macdef")) {
			skip_macro(n);
		}
	}
}

int proxy_creds_parse_netrc(const char *text, const char *host,
			    struct proxy_login_text *out, const char **words)
{
	struct netrc n = { .text = text, .at = text };
	struct entry e = { .ours = false };
	bool found, too_long;

	find_entry(&n, host, out, &e);
	too_long = n.too_long;
	found = !too_long && fits(&e, out) &&
		(e.login.username[0] != '\0' || out->username[0] != '\0');
	if (found) {
		if (e.login.username[0] != '\0')
			memcpy(out->username, e.login.username,
			       sizeof(out->username));
		memcpy(out->password, e.login.password, sizeof(out->password));
	}
	OPENSSL_cleanse(&n, sizeof(n));
	OPENSSL_cleanse(&e, sizeof(e));
	if (found)
		return 0;
	if (too_long)
		return wrong(words, -E2BIG, "a word is longer than 255 bytes");
	return wrong(words, -ENODATA,
		     "it has no entry with login and password for this host");
}
