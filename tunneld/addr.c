/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * addr.c - endpoints and prefixes as text
 *
 * Turns text of the configuration into endpoints and endpoints into text for
 * logs (RFC 5952 by way of inet_ntop(3)), never asking a resolver.
 */
#include <config.h>

#include "addr.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#define IPV4_BITS   32
#define IPV6_BITS   128
#define MAPPED_BITS 96 /* ::ffff:0:0/96 (RFC 4291, 2.5.5.2) */

const char *addr_format_ip(const struct endpoint *e, char text[ADDR_TEXT_MAX])
{
	int family = e->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;

	if (e->family == ENDPOINT_NONE ||
	    inet_ntop(family, e->ip, text, ADDR_TEXT_MAX) == NULL)
		snprintf(text, ADDR_TEXT_MAX, "(none)");
	return text;
}

const char *addr_format(const struct endpoint *e, char text[ADDR_TEXT_MAX])
{
	char ip[INET6_ADDRSTRLEN];

	if (e->family == ENDPOINT_IPV6 &&
	    inet_ntop(AF_INET6, e->ip, ip, sizeof(ip)) != NULL)
		snprintf(text, ADDR_TEXT_MAX, "[%s]:%u", ip, endpoint_port(e));
	else if (e->family == ENDPOINT_IPV4 &&
		 inet_ntop(AF_INET, e->ip, ip, sizeof(ip)) != NULL)
		snprintf(text, ADDR_TEXT_MAX, "%s:%u", ip, endpoint_port(e));
	else
		snprintf(text, ADDR_TEXT_MAX, "(none)");
	return text;
}

/* `mapped` tells that the text was IPv6, which endpoints fold into IPv4. */
static bool parse_ip(const char *text, struct endpoint *e, bool *mapped)
{
	char plain[INET6_ADDRSTRLEN];
	size_t len = strlen(text);
	struct in6_addr in6;
	bool brackets;

	memset(e, 0, sizeof(*e));
	*mapped = false;
	if (inet_pton(AF_INET, text, e->ip) == 1) {
		e->family = ENDPOINT_IPV4;
		return true;
	}
	brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	if (brackets) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = '\0';
	if (inet_pton(AF_INET6, plain, &in6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		*mapped = true;
		e->family = ENDPOINT_IPV4;
		memcpy(e->ip, &in6.s6_addr[12], 4);
	} else {
		e->family = ENDPOINT_IPV6;
		memcpy(e->ip, &in6, 16);
	}
	return true;
}

bool addr_parse_ip(const char *text, struct endpoint *e)
{
	bool mapped;

	return parse_ip(text, e, &mapped);
}

/* Decimal digits only, no sign, no blanks, at most `max`. */
static bool parse_number(const char *text, unsigned int max, unsigned int *out)
{
	unsigned int n = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned int)(*text - '0');
		if (n > max)
			return false;
	}
	*out = n;
	return true;
}

static bool host_bits_zero(const struct endpoint *e, unsigned int bits)
{
	unsigned int max = e->family == ENDPOINT_IPV4 ? IPV4_BITS : IPV6_BITS;

	for (unsigned int i = bits; i < max; i++)
		if (e->ip[i / 8] & (0x80 >> i % 8))
			return false;
	return true;
}

/* Whatever stands behind the prefix. */
static bool parse_prefix(const char *text, struct endpoint *e, uint8_t *bits)
{
	const char *slash = strchr(text, '/');
	char ip[ADDR_TEXT_MAX];
	unsigned int n, max;
	bool mapped;

	if (slash == NULL) {
		if (!parse_ip(text, e, &mapped))
			return false;
		*bits = e->family == ENDPOINT_IPV4 ? IPV4_BITS : IPV6_BITS;
		return true;
	}
	if ((size_t)(slash - text) >= sizeof(ip))
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	ip[slash - text] = '\0';
	if (!parse_ip(ip, e, &mapped))
		return false;
	max = e->family == ENDPOINT_IPV4 && !mapped ? IPV4_BITS : IPV6_BITS;
	if (!parse_number(slash + 1, max, &n))
		return false;
	if (mapped) {
		if (n < MAPPED_BITS)
			return false;
		n -= MAPPED_BITS;
	}
	*bits = (uint8_t)n;
	return true;
}

bool addr_parse_prefix(const char *text, struct endpoint *e, uint8_t *bits)
{
	return parse_prefix(text, e, bits) && host_bits_zero(e, *bits);
}

bool addr_parse_network(const char *text, struct endpoint *e, uint8_t *bits)
{
	if (!parse_prefix(text, e, bits))
		return false;
	for (unsigned int i = *bits; i < IPV6_BITS; i++)
		e->ip[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return true;
}

bool addr_in_prefix(const struct endpoint *e, const struct endpoint *prefix,
		    uint8_t bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (e->family == ENDPOINT_NONE || e->family != prefix->family ||
	    bits > (e->family == ENDPOINT_IPV4 ? IPV4_BITS : IPV6_BITS))
		return false;
	if (memcmp(e->ip, prefix->ip, whole) != 0)
		return false;
	return rest == 0 ||
	       (e->ip[whole] ^ prefix->ip[whole]) >> (8 - rest) == 0;
}

bool addr_is_loopback(const struct endpoint *e)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (e->family == ENDPOINT_IPV4)
		return e->ip[0] == 127;
	return e->family == ENDPOINT_IPV6 && memcmp(e->ip, one, 16) == 0;
}

/* A name or literal that may stand in a CONNECT line or a log line: printable
 * ASCII without the delimiters of a URI (RFC 3986, 2.2). */
static bool host_copy(const char *text, size_t len, char *host, size_t host_max)
{
	if (len == 0 || len >= host_max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f ||
		    strchr("/?#@[]\\", text[i]) != NULL)
			return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

bool addr_split_host_port(const char *text, char *host, size_t host_max,
			  uint16_t *port)
{
	const char *end, *colon;
	unsigned int n;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strchr(text, ':');
		/* More than one colon: an IPv6 literal without brackets, which
		 * cannot carry a port. */
		if (colon != NULL && strchr(colon + 1, ':') != NULL)
			colon = NULL;
		end = colon != NULL ? colon : text + strlen(text);
	}
	if (colon != NULL) {
		if (!parse_number(colon + 1, UINT16_MAX, &n) || n == 0)
			return false;
	} else {
		n = *port;
	}
	if (!host_copy(text, (size_t)(end - text), host, host_max))
		return false;
	*port = (uint16_t)n;
	return true;
}
