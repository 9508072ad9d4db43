/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain_target.c - a destination as people write it
 *
 * Turns a URL (RFC 3986), host:port, or a STUN or TURN URI (RFC 7064, 7065)
 * into protocol, host and port.
 */
#include <config.h>

#include "explain_target.h"

#include "addr.h"
#include "hostname.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *scheme;
	uint16_t port; /* 0: has to be given */
	enum policy_protocol protocol;
} schemes[] = {
	{ "http", 80, POLICY_TCP },   { "https", 443, POLICY_TCP },
	{ "ws", 80, POLICY_TCP },     { "wss", 443, POLICY_TCP },
	{ "ftp", 21, POLICY_TCP },    { "ssh", 22, POLICY_TCP },
	{ "tcp", 0, POLICY_TCP },     { "udp", 0, POLICY_UDP },
	{ "stun", 3478, POLICY_UDP }, { "stuns", 5349, POLICY_TCP },
	{ "turn", 3478, POLICY_UDP }, { "turns", 5349, POLICY_TCP },
};

/* What the scheme says, and where the rest starts. `host:443` has none; one
 * that is not known is of TCP, with a port behind. */
static const char *take_scheme(const char *text, struct explain_target *t)
{
	const char *slashes;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i].scheme);
		bool opaque = strstr("stuns turns", schemes[i].scheme) != NULL;

		if (strncasecmp(text, schemes[i].scheme, len) != 0 ||
		    text[len] != ':')
			continue;
		if (strncmp(text + len, "://", 3) == 0)
			len += 3;
		else if (opaque && !isdigit((unsigned char)text[len + 1]))
			len += 1;
		else
			continue;
		t->protocol = schemes[i].protocol;
		t->port = schemes[i].port;
		return text + len;
	}
	slashes = strstr(text, "://");
	return slashes != NULL && strcspn(text, "/?#@") ==
					  (size_t)(slashes + 1 - text)
		       ? slashes + 3
		       : text;
}

/* RFC 7065, 3.1: ?transport= */
static void take_transport(const char *query, struct explain_target *t)
{
	if (strcasecmp(query, "?transport=tcp") == 0)
		t->protocol = POLICY_TCP;
	else if (strcasecmp(query, "?transport=udp") == 0)
		t->protocol = POLICY_UDP;
}

int explain_target_parse(const char *text, struct explain_target *target,
			 char *words, size_t words_max)
{
	const struct words w = { words, words_max };
	char authority[CONTROL_NAME_MAX + 16], host[CONTROL_NAME_MAX + 1];
	const char *start, *at;
	size_t len;

	*target = (struct explain_target){ .protocol = POLICY_TCP };
	start = take_scheme(text, target);
	len = strcspn(start, "/?#");
	take_transport(start + len, target);
	while ((at = memchr(start, '@', len)) != NULL) {
		len -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	if (len >= sizeof(authority))
		return words_wrong(&w, "the host is longer than any name");
	memcpy(authority, start, len);
	authority[len] = '\0';
	/* Without brackets an IPv6 address has no port. */
	if (addr_parse_ip(authority, &target->ip))
		strcpy(host, authority);
	else if (!addr_split_host_port(authority, host, sizeof(host),
				       &target->port))
		return words_wrong(&w, "not a destination: write a URL, "
				       "HOST:PORT, or udp://HOST:PORT");
	if (target->port == 0)
		return words_wrong(&w, "the port is missing: write HOST:PORT, "
				       "[ADDRESS]:PORT, or a URL");
	if (addr_parse_ip(host, &target->ip))
		addr_format_ip(&target->ip, target->host);
	else if (!hostname_normalise(host, target->host))
		return words_wrong(&w,
				   "`%s` is neither a host name nor an "
				   "address",
				   host);
	target->ip.port_be = htons(target->port);
	return 0;
}
