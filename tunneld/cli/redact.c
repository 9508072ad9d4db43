/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redact.c - text without what is anybody's own
 *
 * Turns text into pieces between blanks, quotes and brackets. A piece that is
 * known to be a name, or looks like an address, a host, a URL or a path,
 * becomes a pseudonym; of any other, each word must be one that turnout says,
 * or it becomes one as well. So nothing has to be recognised as a secret to be
 * kept out: it would have to be recognised as harmless to get in.
 */
#include <config.h>

#include "redact_private.h"

#include <ctype.h>
#include <string.h>

#include <arpa/inet.h>

#define BETWEEN    " \t\r\n\"'`(),;{}[]<>|="
#define DIGITS_MAX 7

struct redacting {
	struct redact *r;
	bool numbers;
	FILE *to;
};

static void put_piece(struct redacting *x, struct piece p);

static struct piece cut(struct piece p, size_t from, size_t to)
{
	return (struct piece){ p.at + from, to - from };
}

static void copy(struct redacting *x, struct piece p)
{
	fwrite(p.at, 1, p.len, x->to);
}

static size_t span(struct piece p, int (*is)(int))
{
	size_t n = 0;

	while (n < p.len && is((unsigned char)p.at[n]))
		n++;
	return n;
}

/* Words */

/* "443", "12ms", "relay"; letters and digits only. */
static bool is_harmless(const struct redacting *x, struct piece word)
{
	size_t digits = span(word, isdigit);
	struct piece rest = cut(word, digits, word.len);

	if (digits > DIGITS_MAX && !x->numbers)
		return false;
	if (rest.len == 0)
		return true;
	return span(rest, isalpha) == rest.len &&
	       (digits == 0 || rest.len <= 3) && redact_word_is_ours(rest);
}

static bool are_harmless(const struct redacting *x, struct piece p)
{
	while (p.len > 0) {
		size_t n = span(p, isalnum);

		if (n > 0 ? !is_harmless(x, cut(p, 0, n))
			  : !isgraph((unsigned char)p.at[n++]))
			return false;
		p = cut(p, n, p.len);
	}
	return true;
}

/* All of it or nothing: half of a password is too much. */
static void put_words(struct redacting *x, struct piece p)
{
	if (are_harmless(x, p))
		copy(x, p);
	else
		redact_put(x->r, REDACT_WORD, p, x->to);
}

/* Times: "2026-11-28T06:00:00.123Z", as we write them */

static bool is_time(struct piece p)
{
	static const char form[] = "0000-00-00T00:00:00";
	size_t n = sizeof(form) - 1;

	if (p.len < n + 1 || p.at[p.len - 1] != 'Z')
		return false;
	for (size_t i = 0; i < n; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)p.at[i])
				   : p.at[i] != form[i])
			return false;
	if (p.len == n + 1)
		return true;
	return p.at[n] == '.' && p.len <= n + 5 &&
	       span(cut(p, n + 1, p.len - 1), isdigit) == p.len - n - 2;
}

/* Addresses and hosts */

static bool parse_ip(struct piece p, unsigned char ip[16], int *family)
{
	char text[64];

	if (p.len == 0 || p.len >= sizeof(text))
		return false;
	memcpy(text, p.at, p.len);
	text[p.len] = '\0';
	*family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(*family, text, ip) == 1;
}

/* This machine for itself tells nothing. */
static bool is_own_ip(const unsigned char ip[16], int family)
{
	static const unsigned char any[16], own[16] = { [15] = 1 };

	if (family == AF_INET)
		return ip[0] == 127 || memcmp(ip, any, 4) == 0;
	return memcmp(ip, any, 16) == 0 || memcmp(ip, own, 16) == 0;
}

/* "192.0.2.1", with ":443" or "/24" behind it; "2001:db8::1/64" */
static bool put_ip(struct redacting *x, struct piece p)
{
	unsigned char ip[16];
	size_t len = p.len;
	int family;

	if (!parse_ip(p, ip, &family)) {
		while (len > 0 && isdigit((unsigned char)p.at[len - 1]))
			len--;
		if (len == 0 || len == p.len ||
		    (p.at[len - 1] != ':' && p.at[len - 1] != '/') ||
		    !parse_ip(cut(p, 0, --len), ip, &family))
			return false;
	}
	if (is_own_ip(ip, family))
		copy(x, cut(p, 0, len));
	else
		redact_put(x->r, REDACT_ADDRESS, cut(p, 0, len), x->to);
	put_words(x, cut(p, len, p.len));
	return true;
}

static int is_host_char(int c)
{
	return isalnum(c) || c == '.' || c == '-' || c == '_' || c == '*' ||
	       (unsigned int)c >= 0x80;
}

/* "relay.example.com", ".example.com", "*.example:443": a dot, and letters
 * behind the last one. */
static bool put_host(struct redacting *x, struct piece p)
{
	size_t len = span(p, is_host_char), last = len;

	if (len < p.len && p.at[len] != ':')
		return false;
	while (last > 0 && p.at[last - 1] != '.')
		last--;
	if (last == 0 || last == len ||
	    span(cut(p, last, len), isdigit) == len - last)
		return false;
	if (redact_file_is_ours(cut(p, 0, len)))
		copy(x, cut(p, 0, len));
	else
		redact_put(x->r, REDACT_HOST, cut(p, 0, len), x->to);
	put_words(x, cut(p, len, p.len));
	return true;
}

/* A name that was expected to be a host is one, dots or not. */
static void put_authority(struct redacting *x, struct piece p)
{
	size_t len = 0;

	if (put_ip(x, p) || p.len == 0)
		return;
	while (len < p.len && p.at[len] != ':')
		len++;
	redact_put(x->r, REDACT_HOST, cut(p, 0, len), x->to);
	put_words(x, cut(p, len, p.len));
}

/* URLs: of "https://user:password@host:443/path?query" the scheme, the port,
 * and that there is more */
static bool put_url(struct redacting *x, struct piece p)
{
	size_t scheme = 0, begin, end;

	while (scheme + 3 <= p.len && memcmp(p.at + scheme, "://", 3) != 0)
		scheme++;
	if (scheme + 3 > p.len)
		return false;
	begin = end = scheme + 3;
	put_words(x, cut(p, 0, begin));
	while (end < p.len && strchr("/?#", p.at[end]) == NULL)
		end++;
	for (size_t i = begin; i < end; i++)
		if (p.at[i] == '@')
			begin = i + 1;
	put_authority(x, cut(p, begin, end));
	if (end < p.len)
		fputs("/...", x->to);
	return true;
}

/* RFC 7065: "turns:host:443?transport", and what is behind = is another piece
 */
static bool put_turn_uri(struct redacting *x, struct piece p)
{
	static const char *const schemes[] = { "turn:", "turns:", "stun:",
					       "stuns:" };
	size_t end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i]);

		if (p.len <= len || memcmp(p.at, schemes[i], len) != 0)
			continue;
		while (end < p.len && p.at[end] != '?')
			end++;
		copy(x, cut(p, 0, len));
		put_authority(x, cut(p, len, end));
		put_words(x, cut(p, end, p.len));
		return true;
	}
	return false;
}

/* Paths, with ":LINE" behind them */
static bool put_path(struct redacting *x, struct piece p)
{
	size_t len = p.len;

	if (p.at[0] != '/' && p.at[0] != '~')
		return false;
	while (len > 0 && isdigit((unsigned char)p.at[len - 1]))
		len--;
	if (len == 0 || p.at[len - 1] != ':')
		len = p.len;
	else
		len--;
	if (redact_path_is_ours(cut(p, 0, len)))
		copy(x, cut(p, 0, len));
	else
		redact_put(x->r, REDACT_PATH, cut(p, 0, len), x->to);
	put_words(x, cut(p, len, p.len));
	return true;
}

static void put_piece(struct redacting *x, struct piece p)
{
	const struct redact_entry *e;
	size_t at;

	if (p.len == 0 || put_url(x, p) || put_turn_uri(x, p))
		return;
	e = redact_find_known(x->r, p, &at);
	if (e != NULL) {
		put_piece(x, cut(p, 0, at));
		redact_put(x->r, e->kind, cut(p, at, at + e->len), x->to);
		put_piece(x, cut(p, at + e->len, p.len));
		return;
	}
	if (is_time(p))
		copy(x, p);
	else if (!put_ip(x, p) && !put_path(x, p) && !put_host(x, p))
		put_words(x, p);
}

void redact_text(struct redact *r, const char *text, size_t len, bool numbers,
		 FILE *to)
{
	struct redacting x = { .r = r, .numbers = numbers, .to = to };
	struct piece rest = { text, len };

	while (rest.len > 0) {
		size_t n = 0, end;

		while (n < rest.len && rest.at[n] != '\0' &&
		       strchr(BETWEEN, rest.at[n]) == NULL)
			n++;
		/* The end of a sentence is no part of a name. */
		for (end = n; end > 0 && strchr(".:!?", rest.at[end - 1]);)
			end--;
		put_piece(&x, cut(rest, 0, end));
		copy(&x, cut(rest, end, n));
		if (n < rest.len)
			putc(rest.at[n] != '\0' ? rest.at[n] : '?', to);
		rest = cut(rest, n + (n < rest.len), rest.len);
	}
}

bool redact_is_ours(const char *text, size_t len)
{
	struct piece p = { text, len };

	while (p.len > 0) {
		size_t n = span(p, isalnum);
		size_t digits = span(p, isdigit);

		if (n > 0 && digits < n &&
		    !redact_word_is_ours(cut(p, digits, n)))
			return false;
		if (n == 0 && p.at[n++] != '_' && p.at[0] != '-')
			return false;
		p = cut(p, n, p.len);
	}
	return len > 0;
}
