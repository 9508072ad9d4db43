/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_uri.c - the addresses of proxies and relays as URIs
 *
 * Turns the URL of an HTTP proxy (RFC 3986, 3) and the URI of a TURN relay
 * (RFC 7065, 3) into host, port and what else they say, or into words that say
 * what is wrong and what would be right.
 */
#include <config.h>

#include "conf_uri.h"

#include "addr.h"
#include "hostname.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HTTP_PORT  80
#define HTTPS_PORT 443
#define SOCKS_PORT 1080 /* RFC 1928, 3 */
#define TURN_PORT  3478 /* RFC 7065, 3.2 */
#define TURNS_PORT 5349

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986, 2.1. False: malformed, too long, or a control byte. */
static bool percent_decode(const char *text, size_t len, char *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			if (len - i < 3 || hex(text[i + 1]) < 0 ||
			    hex(text[i + 2]) < 0)
				return false;
			c = hex(text[i + 1]) << 4 | hex(text[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= max)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT. */
static int parse_host(const char *text, uint16_t default_port,
		      struct conf_uri *uri, const struct words *w)
{
	char host[CONTROL_NAME_MAX + 1], ip[ADDR_TEXT_MAX];
	struct endpoint e;

	uri->port = default_port;
	if (*text != '[' && strchr(text, ':') != strrchr(text, ':'))
		return words_wrong(
			w,
			"`%s`: write an IPv6 address in brackets, as in "
			"[2001:db8::1]:443",
			text);
	if (*text == '\0' || *text == ':')
		return words_wrong(w, "the host is missing");
	if (!addr_split_host_port(text, host, sizeof(host), &uri->port))
		return words_wrong(
			w,
			"`%s` is not HOST or HOST:PORT with a port of 1 "
			"to 65535",
			text);
	if (addr_parse_ip(host, &e) &&
	    (*text == '[') == (e.family == ENDPOINT_IPV6)) {
		strcpy(uri->host, addr_format_ip(&e, ip));
		return 0;
	}
	if (*text == '[' || !hostname_normalise(host, uri->host))
		return words_wrong(
			w, "`%s` is neither a host name nor an address", host);
	return 0;
}

static int parse_user(const char *text, size_t len, struct conf_uri *uri,
		      const struct words *w)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon ? (size_t)(colon - text) : len;

	uri->has_user = true;
	if (percent_decode(text, user_len, uri->username,
			   sizeof(uri->username)) &&
	    (colon == NULL ||
	     percent_decode(colon + 1, len - user_len - 1, uri->password,
			    sizeof(uri->password))))
		return 0;
	return words_wrong(w,
			   "the user name or password before the @ is not well "
			   "formed (percent-encoded, at most 255 characters)");
}

static int parse_scheme(const char *text, size_t len, struct conf_uri *uri,
			const struct words *w)
{
	static const struct {
		const char *name;
		enum conf_proxy_kind kind;
		uint16_t port;
	} schemes[] = {
		{ "http", CONF_PROXY_HTTP, HTTP_PORT },
		{ "https", CONF_PROXY_HTTPS, HTTPS_PORT },
		{ "socks5", CONF_PROXY_SOCKS5, SOCKS_PORT },
		/* The proxy resolves names in any case. */
		{ "socks5h", CONF_PROXY_SOCKS5, SOCKS_PORT },
		{ "socks", CONF_PROXY_SOCKS5, SOCKS_PORT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strlen(schemes[i].name) != len ||
		    strncasecmp(text, schemes[i].name, len) != 0)
			continue;
		uri->kind = schemes[i].kind;
		uri->port = schemes[i].port;
		return 0;
	}
	if (len >= 5 && strncasecmp(text, "socks", 5) == 0)
		return words_wrong(w, "of SOCKS only version 5 is known: write "
				      "socks5://HOST:PORT");
	return words_wrong(w, "not the URL of a proxy: write http://HOST:PORT, "
			      "https://HOST:PORT or socks5://HOST:PORT");
}

int conf_uri_proxy(const char *text, bool credentials, struct conf_uri *uri,
		   char *words, size_t words_max)
{
	const struct words w = { words, words_max };
	const char *scheme_end = strstr(text, "://"), *at;
	char authority[CONTROL_NAME_MAX + 16];
	size_t len;

	memset(uri, 0, sizeof(*uri));
	uri->port = HTTP_PORT;
	if (scheme_end != NULL) {
		if (parse_scheme(text, (size_t)(scheme_end - text), uri, &w) <
		    0)
			return -EINVAL;
		text = scheme_end + 3;
	} else if (!credentials) {
		return parse_scheme("", 0, uri, &w);
	}
	at = strrchr(text, '@');
	if (at != NULL && !credentials)
		return words_wrong(&w, "secrets never stand in the file: write "
				       "http://HOST:PORT, and username and "
				       "password_file");
	if (at != NULL) {
		if (parse_user(text, (size_t)(at - text), uri, &w) < 0)
			return -EINVAL;
		text = at + 1;
	}
	len = strcspn(text, "/?#");
	if (text[len] != '\0' && strcmp(text + len, "/") != 0)
		return words_wrong(
			&w, "a proxy has no path: write http://HOST:PORT");
	if (len >= sizeof(authority))
		return words_wrong(&w, "the host is longer than any name");
	memcpy(authority, text, len);
	authority[len] = '\0';
	return parse_host(authority, uri->port, uri, &w);
}

/* RFC 7065, 3.1: `?transport=` is all that may follow. */
static int parse_transport(const char *query, struct conf_uri *uri,
			   const struct words *w)
{
	static const char key[] = "transport=";

	if (query == NULL)
		return 0;
	if (strncasecmp(query, key, sizeof(key) - 1) != 0)
		return words_wrong(w, "only ?transport=tcp or ?transport=udp "
				      "may follow the host");
	query += sizeof(key) - 1;
	if (strcasecmp(query, "tcp") == 0)
		uri->transport = CONF_TRANSPORT_TCP;
	else if (strcasecmp(query, "udp") == 0)
		uri->transport = CONF_TRANSPORT_UDP;
	else
		return words_wrong(w,
				   "transport `%s` is unknown: write "
				   "?transport=tcp or ?transport=udp",
				   query);
	return 0;
}

static int check_turn_scheme(const char *text, struct conf_uri *uri,
			     const struct words *w)
{
	uri->tls = strncasecmp(text, "turns:", 6) == 0;
	if (!uri->tls && strncasecmp(text, "turn:", 5) != 0)
		return words_wrong(w, "not the URI of a relay: write "
				      "turns:HOST:443?transport=tcp");
	text = strchr(text, ':') + 1;
	if (strncmp(text, "//", 2) == 0)
		return words_wrong(w, "no // in the URI of a relay: write "
				      "turns:HOST:443?transport=tcp");
	if (strchr(text, '@') != NULL)
		return words_wrong(w, "no user in the URI of a relay: write "
				      "username, and password_file or "
				      "secret_file");
	return 0;
}

/* The host may be percent-encoded (RFC 7065, 3.1: host of RFC 3986), and the
 * digits of the port may be left out behind their colon. */
static int parse_turn_host(const char *text, size_t len, struct conf_uri *uri,
			   const struct words *w)
{
	char authority[CONTROL_NAME_MAX + 16];

	if (len > 0 && text[0] == '[' && memchr(text, '%', len) != NULL)
		return words_wrong(w, "an address in brackets has no zone");
	if (!percent_decode(text, len, authority, sizeof(authority)))
		return words_wrong(w, "the host is longer than any name, or "
				      "not well formed");
	len = strlen(authority);
	if (len > 1 && authority[len - 1] == ':' &&
	    (strchr(authority, ':') == authority + len - 1 ||
	     authority[len - 2] == ']'))
		authority[len - 1] = '\0';
	if (parse_host(authority, 0, uri, w) < 0)
		return -EINVAL;
	uri->has_port = uri->port != 0;
	if (!uri->has_port)
		uri->port = uri->tls ? TURNS_PORT : TURN_PORT;
	return 0;
}

int conf_uri_turn(const char *text, struct conf_uri *uri, char *words,
		  size_t words_max)
{
	const struct words w = { words, words_max };
	const char *query;
	size_t len;

	memset(uri, 0, sizeof(*uri));
	if (check_turn_scheme(text, uri, &w) < 0)
		return -EINVAL;
	text = strchr(text, ':') + 1;
	len = strcspn(text, "?/#");
	if (text[len] != '\0' && text[len] != '?')
		return words_wrong(&w, "only ?transport=tcp or ?transport=udp "
				       "may follow the host");
	query = text[len] == '?' ? text + len + 1 : NULL;
	if (parse_turn_host(text, len, uri, &w) < 0)
		return -EINVAL;
	return parse_transport(query, uri, &w);
}
