/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_list.c - a list of proxies as text into hops, in its order
 *
 * There is no standard but what browsers do: kinds and names in any case,
 * blanks anywhere, a missing port is the kind's own. An entry that cannot be
 * used is left out, and the rest of the list counts.
 */
#include <config.h>

#include "pac_list.h"

#include "hostname.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

struct kind {
	const char *name;
	enum pac_hop_kind kind;
	uint16_t port;
};

/* SOCKS alone means version 4 to some and 5 to others; who speaks 4 only is
 * gone for good. */
static const struct kind pac_kinds[] = {
	{ "DIRECT", PAC_HOP_DIRECT, 0 },
	{ "PROXY", PAC_HOP_HTTP, 80 },
	{ "HTTP", PAC_HOP_HTTP, 80 },
	{ "HTTPS", PAC_HOP_HTTPS, 443 },
	{ "SOCKS", PAC_HOP_SOCKS5, 1080 },
	{ "SOCKS5", PAC_HOP_SOCKS5, 1080 },
	{ .name = NULL },
};

static const struct kind url_kinds[] = {
	{ "direct", PAC_HOP_DIRECT, 0 },    { "http", PAC_HOP_HTTP, 80 },
	{ "https", PAC_HOP_HTTPS, 443 },    { "socks", PAC_HOP_SOCKS5, 1080 },
	{ "socks5", PAC_HOP_SOCKS5, 1080 }, { .name = NULL },
};

struct span {
	const char *at;
	size_t len;
};

static struct span trimmed(struct span s)
{
	while (s.len > 0 && isspace((unsigned char)s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && isspace((unsigned char)s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Everything before any of `marks`; `rest` is what comes after it. */
static struct span upto(struct span s, const char *marks, struct span *rest)
{
	size_t n = 0;

	while (n < s.len && strchr(marks, s.at[n]) == NULL)
		n++;
	*rest = n < s.len ? (struct span){ s.at + n + 1, s.len - n - 1 }
			  : (struct span){ s.at + s.len, 0 };
	return (struct span){ s.at, n };
}

static const struct kind *find_kind(const struct kind *kinds, struct span name)
{
	for (; kinds->name != NULL; kinds++)
		if (strlen(kinds->name) == name.len &&
		    strncasecmp(kinds->name, name.at, name.len) == 0)
			return kinds;
	return NULL;
}

static bool parse_port(struct span s, uint16_t *port)
{
	unsigned int value = 0;

	if (s.len == 0 || s.len > 5)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!isdigit((unsigned char)s.at[i]))
			return false;
		value = value * 10 + (unsigned int)(s.at[i] - '0');
	}
	*port = (uint16_t)value;
	return value > 0 && value <= UINT16_MAX;
}

static bool parse_host(struct span s, bool v6, char out[CONTROL_NAME_MAX + 1])
{
	char text[CONTROL_NAME_MAX + 1];
	struct in6_addr ip;

	if (s.len == 0 || s.len >= sizeof(text) ||
	    memchr(s.at, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	if (!v6 && hostname_normalise(text, out))
		return true;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, &ip) != 1)
		return false;
	strcpy(out, text);
	return true;
}

/* "host", "host:port", "[v6]" or "[v6]:port". */
static bool parse_place(struct span s, struct pac_hop *hop)
{
	bool v6 = s.len > 0 && s.at[0] == '[';
	struct span host, rest;

	if (v6) {
		host = upto((struct span){ s.at + 1, s.len - 1 }, "]", &rest);
		if (host.at + host.len == s.at + s.len)
			return false; /* no bracket at its end */
		if (rest.len > 0 && rest.at[0] != ':')
			return false;
	} else {
		host = upto(s, ":", &rest);
		rest.at = host.at + host.len;
		rest.len = s.len - host.len;
	}
	if (rest.len > 0 &&
	    !parse_port((struct span){ rest.at + 1, rest.len - 1 }, &hop->port))
		return false;
	return parse_host(host, v6, hop->host);
}

static bool make_hop(const struct kind *kind, struct span place,
		     struct pac_hop *hop)
{
	if (kind == NULL)
		return false;
	memset(hop, 0, sizeof(*hop));
	hop->kind = kind->kind;
	hop->port = kind->port;
	if (kind->kind == PAC_HOP_DIRECT)
		return place.len == 0;
	return parse_place(place, hop);
}

static void skip(struct pac_list *list, struct span entry)
{
	size_t n = entry.len;

	if (list->skipped++ > 0)
		return;
	if (n >= sizeof(list->first_skipped))
		n = sizeof(list->first_skipped) - 1;
	for (size_t i = 0; i < n; i++)
		list->first_skipped[i] = isprint((unsigned char)entry.at[i])
						 ? entry.at[i]
						 : '?';
}

static void add(struct pac_list *list, const struct kind *kind,
		struct span place, struct span entry)
{
	struct pac_hop hop;

	if (list->count < PAC_HOPS_MAX && make_hop(kind, place, &hop))
		list->hop[list->count++] = hop;
	else
		skip(list, entry);
}

int pac_list_parse(const char *text, struct pac_list *list)
{
	struct span rest = { text, strlen(text) }, entry, name, place;

	memset(list, 0, sizeof(*list));
	if (rest.len > PAC_LIST_BYTES_MAX)
		return -E2BIG;
	while (rest.len > 0) {
		entry = trimmed(upto(rest, ";", &rest));
		if (entry.len == 0)
			continue;
		name = upto(entry, " \t", &place);
		add(list, find_kind(pac_kinds, name), trimmed(place), entry);
	}
	if (list->count == 0 &&
	    (list->skipped == 0 || strcasecmp(text, "null") == 0)) {
		memset(list, 0, sizeof(*list));
		list->count = 1; /* of zeros: DIRECT */
	}
	return list->count > 0 ? 0 : -EPROTO;
}

/* "scheme://[user[:password]@]place[/…]" */
static void add_url(struct pac_list *list, struct span url)
{
	struct span rest, place, name = upto(url, ":", &rest);
	const struct kind *kind = find_kind(url_kinds, name);
	struct span shown = { name.at, name.len }; /* no login in a log */
	const char *at;

	if (rest.len < 2 || memcmp(rest.at, "//", 2) != 0) {
		skip(list, shown);
		return;
	}
	place = upto((struct span){ rest.at + 2, rest.len - 2 }, "/", &rest);
	at = memrchr(place.at, '@', place.len);
	if (at != NULL)
		place = (struct span){ at + 1, place.len - (size_t)(at + 1 -
								    place.at) };
	add(list, kind, place, shown);
}

int pac_list_parse_urls(const char *text, struct pac_list *list)
{
	struct span rest = { text, strlen(text) }, url;

	memset(list, 0, sizeof(*list));
	if (rest.len > PAC_LIST_BYTES_MAX)
		return -E2BIG;
	while (rest.len > 0) {
		url = upto(rest, " \t\r\n", &rest);
		if (url.len > 0)
			add_url(list, url);
	}
	return list->count > 0 ? 0 : -EPROTO;
}

const char *pac_hop_kind_name(enum pac_hop_kind kind)
{
	static const char *const names[] = {
		[PAC_HOP_DIRECT] = "direct",
		[PAC_HOP_HTTP] = "http",
		[PAC_HOP_HTTPS] = "https",
		[PAC_HOP_SOCKS5] = "socks5",
	};

	_Static_assert(ARRAY_SIZE(names) == PAC_NUM_HOP_KINDS, "a name each");
	return kind < PAC_NUM_HOP_KINDS ? names[kind] : "?";
}
