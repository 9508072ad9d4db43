/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * endpoint.h - one IP address and port, the same bytes in both halves
 *
 * An endpoint is never v4-mapped: the conversion folds ::ffff:a.b.c.d into
 * IPv4, and endpoint_to_sockaddr() puts the mapping back for the sockets that
 * need it. Link-local scopes are not carried: such peers are never tunnelled.
 */
#ifndef TURNOUT_ENDPOINT_H
#define TURNOUT_ENDPOINT_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>

enum endpoint_family {
	ENDPOINT_NONE = 0,
	ENDPOINT_IPV4 = 4,
	ENDPOINT_IPV6 = 6,
};

struct endpoint {
	uint8_t family;   /* enum endpoint_family */
	uint8_t reserved; /* zero, so that memcmp() compares endpoints */
	uint16_t port_be;
	uint8_t ip[16]; /* IPv4 in the first 4 bytes, the others zero */
};
_Static_assert(sizeof(struct endpoint) == 20, "endpoint layout");

static inline bool endpoint_equal(const struct endpoint *a,
				  const struct endpoint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline uint16_t endpoint_port(const struct endpoint *e)
{
	return ntohs(e->port_be);
}

/* Fill `e` from an IPv4 or IPv6 socket address. False, and an empty `e`, for
 * any other family or a length that is too short for its family. */
static inline bool endpoint_from_sockaddr(struct endpoint *e, const void *sa,
					  socklen_t len)
{
	sa_family_t family = AF_UNSPEC;

	memset(e, 0, sizeof(*e));
	if (sa != NULL && len >= (socklen_t)sizeof(family))
		memcpy(&family, sa, sizeof(family));
	if (family == AF_INET && len >= (socklen_t)sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		e->family = ENDPOINT_IPV4;
		e->port_be = in.sin_port;
		memcpy(e->ip, &in.sin_addr, 4);
		return true;
	}
	/* The kernel accepts IPv6 addresses without the scope id (RFC 2133). */
	if (family == AF_INET6 &&
	    len >= (socklen_t)offsetof(struct sockaddr_in6, sin6_scope_id)) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, offsetof(struct sockaddr_in6, sin6_scope_id));
		e->port_be = in6.sin6_port;
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			e->family = ENDPOINT_IPV4;
			memcpy(e->ip, &in6.sin6_addr.s6_addr[12], 4);
		} else {
			e->family = ENDPOINT_IPV6;
			memcpy(e->ip, &in6.sin6_addr, 16);
		}
		return true;
	}
	return false;
}

/* Write `e` as a socket address for a socket of `family` (AF_INET or AF_INET6;
 * IPv4 becomes v4-mapped on AF_INET6). Returns the length, or 0 when an IPv6
 * endpoint cannot be told to an AF_INET socket. */
static inline socklen_t endpoint_to_sockaddr(const struct endpoint *e,
					     int family,
					     struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (family == AF_INET && e->family == ENDPOINT_IPV4) {
		in->sin_family = AF_INET;
		in->sin_port = e->port_be;
		memcpy(&in->sin_addr, e->ip, 4);
		return sizeof(*in);
	}
	if (family != AF_INET6 || e->family == ENDPOINT_NONE)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = e->port_be;
	if (e->family == ENDPOINT_IPV4) {
		in6->sin6_addr.s6_addr[10] = 0xff;
		in6->sin6_addr.s6_addr[11] = 0xff;
		memcpy(&in6->sin6_addr.s6_addr[12], e->ip, 4);
	} else {
		memcpy(&in6->sin6_addr, e->ip, 16);
	}
	return sizeof(*in6);
}

#endif
