/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.c - getaddrinfo(), getnameinfo() and the gethostby*() family
 *
 * Turns a name that policy reaches by name into the synthetic address that
 * tunneld keeps for it, in the form of the call; all else is libc's (RFC 3493,
 * 6).
 */
#include <config.h>

#include "resolve.h"

#include "client.h"
#include "next.h"
#include "policy.h"
#include "resolve_ask.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

static int address_family(const struct endpoint *addr)
{
	return addr->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
}

/* The chain is built by libc, so that its freeaddrinfo() fits. */
static int answer_numeric(const char *name, const struct endpoint *addr,
			  const char *service, const struct addrinfo *hints,
			  struct addrinfo **res)
{
	struct addrinfo own = { .ai_flags = AI_V4MAPPED | AI_ADDRCONFIG };
	char text[INET6_ADDRSTRLEN];
	char *canonical;
	int err;

	if (hints != NULL)
		own = *hints;
	own.ai_flags = (own.ai_flags | AI_NUMERICHOST) & ~AI_ADDRCONFIG;
	if (inet_ntop(address_family(addr), addr->ip, text, sizeof(text)) ==
	    NULL)
		return EAI_FAIL;
	err = next.getaddrinfo(text, service, &own, res);
	if (err != 0 || !(own.ai_flags & AI_CANONNAME) || *res == NULL)
		return err;
	canonical = strndup(name, resolve_bare_length(name));
	if (canonical == NULL) {
		next.freeaddrinfo(*res);
		return EAI_MEMORY;
	}
	free((*res)->ai_canonname);
	(*res)->ai_canonname = canonical;
	return 0;
}

int resolve_getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **res)
{
	int family = hints != NULL ? hints->ai_family : AF_UNSPEC;
	int flags = hints != NULL ? hints->ai_flags : 0;
	enum control_resolve_verdict verdict;
	struct endpoint addr;
	uint8_t want = ENDPOINT_NONE;

	if (family == AF_INET)
		want = ENDPOINT_IPV4;
	else if (family == AF_INET6)
		want = ENDPOINT_IPV6;
	if (node == NULL || (flags & AI_NUMERICHOST) ||
	    (want == ENDPOINT_NONE && family != AF_UNSPEC) ||
	    !resolve_is_ours(node))
		return next.getaddrinfo(node, service, hints, res);
	verdict = resolve_ask(node, want, &addr);
	if (verdict == CONTROL_RESOLVE_NO_ADDRESS && want == ENDPOINT_IPV6 &&
	    (flags & AI_V4MAPPED))
		verdict = resolve_ask(node, ENDPOINT_IPV4, &addr);
	switch (verdict) {
	case CONTROL_RESOLVE_SYNTHETIC:
		return answer_numeric(node, &addr, service, hints, res);
	case CONTROL_RESOLVE_BLOCKED:
		return EAI_NONAME;
	case CONTROL_RESOLVE_NO_ADDRESS:
		return EAI_NODATA;
	default:
		return next.getaddrinfo(node, service, hints, res);
	}
}

/* tunneld knows the names of synthetic addresses; those are never reached
 * directly. Such an address without a name is no business of a name server. */
static enum control_reverse_found find_name(const struct sockaddr *addr,
					    socklen_t addrlen,
					    struct control_reversed *answer)
{
	struct control_reverse request;

	if (!client_active() ||
	    !endpoint_from_sockaddr(&request.addr, addr, addrlen) ||
	    policy_decide(POLICY_TCP, &request.addr) != POLICY_PROXY)
		return CONTROL_REVERSE_LIBC;
	request.addr.port_be = 0;
	if (client_ask(CONTROL_REVERSE, &request, sizeof(request), answer,
		       sizeof(*answer)) != 0)
		return CONTROL_REVERSE_LIBC;
	answer->name[sizeof(answer->name) - 1] = '\0';
	return (enum control_reverse_found)answer->found;
}

int resolve_getnameinfo(const struct sockaddr *addr, socklen_t addrlen,
			char *host, socklen_t hostlen, char *serv,
			socklen_t servlen, int flags)
{
	struct control_reversed found = { .found = CONTROL_REVERSE_LIBC };
	size_t size;

	if (host != NULL && hostlen > 0 && !(flags & NI_NUMERICHOST))
		found.found = find_name(addr, addrlen, &found);
	if (found.found == CONTROL_REVERSE_NOBODY) {
		if (flags & NI_NAMEREQD)
			return EAI_NONAME;
		flags |= NI_NUMERICHOST;
	}
	if (found.found != CONTROL_REVERSE_NAME)
		return next.getnameinfo(addr, addrlen, host, hostlen, serv,
					servlen, flags);
	size = strlen(found.name) + 1;
	if (size > hostlen)
		return EAI_OVERFLOW;
	memcpy(host, found.name, size);
	if (serv == NULL || servlen == 0)
		return 0;
	return next.getnameinfo(addr, addrlen, NULL, 0, serv, servlen,
				flags & ~NI_NAMEREQD);
}

/* What a hostent points to, in the caller's buffer. */
struct host_data {
	char *aliases[1];
	char *addresses[2];
	unsigned char address[16];
	char name[];
};

/* 0 or ERANGE. */
static int fill_hostent(const char *name, const struct endpoint *addr,
			struct hostent *ret, char *buf, size_t buflen)
{
	size_t pad = -(uintptr_t)buf % _Alignof(struct host_data);
	size_t len = resolve_bare_length(name);
	struct host_data *data;

	if (buflen < pad || buflen - pad < sizeof(*data) + len + 1)
		return ERANGE;
	data = (struct host_data *)(void *)(buf + pad);
	memcpy(data->name, name, len);
	data->name[len] = '\0';
	memcpy(data->address, addr->ip, sizeof(data->address));
	data->aliases[0] = NULL;
	data->addresses[0] = (char *)data->address;
	data->addresses[1] = NULL;
	*ret = (struct hostent){
		.h_name = data->name,
		.h_aliases = data->aliases,
		.h_addrtype = address_family(addr),
		.h_length = addr->family == ENDPOINT_IPV6 ? 16 : 4,
		.h_addr_list = data->addresses,
	};
	return 0;
}

static enum control_resolve_verdict ask_host(const char *name, int family,
					     struct endpoint *addr)
{
	if (name == NULL || (family != AF_INET && family != AF_INET6) ||
	    !resolve_is_ours(name))
		return CONTROL_RESOLVE_LIBC;
	return resolve_ask(
		name, family == AF_INET6 ? ENDPOINT_IPV6 : ENDPOINT_IPV4, addr);
}

static int host_error(enum control_resolve_verdict verdict)
{
	return verdict == CONTROL_RESOLVE_NO_ADDRESS ? NO_DATA : HOST_NOT_FOUND;
}

struct hostent *resolve_gethostbyname2(const char *name, int family,
				       int use_default_family)
{
	/* One answer for all threads: that is the call's contract. */
	static char buf[sizeof(struct host_data) + CONTROL_NAME_MAX + 16];
	static struct hostent host;
	enum control_resolve_verdict verdict;
	struct endpoint addr;

	verdict = ask_host(name, family, &addr);
	switch (verdict) {
	case CONTROL_RESOLVE_SYNTHETIC:
		if (fill_hostent(name, &addr, &host, buf, sizeof(buf)) == 0)
			return &host;
		h_errno = NETDB_INTERNAL;
		return NULL;
	case CONTROL_RESOLVE_BLOCKED:
	case CONTROL_RESOLVE_NO_ADDRESS:
		h_errno = host_error(verdict);
		return NULL;
	default:
		return use_default_family ? next.gethostbyname(name)
					  : next.gethostbyname2(name, family);
	}
}

/* Like glibc: a name that does not exist is 0 without a result. */
int resolve_gethostbyname2_r(const char *name, int family,
			     int use_default_family, struct hostent *ret,
			     char *buf, size_t buflen, struct hostent **result,
			     int *h_errnop)
{
	enum control_resolve_verdict verdict;
	struct endpoint addr;

	verdict = ask_host(name, family, &addr);
	switch (verdict) {
	case CONTROL_RESOLVE_SYNTHETIC:
		*result = NULL;
		if (fill_hostent(name, &addr, ret, buf, buflen) != 0) {
			*h_errnop = NETDB_INTERNAL;
			errno = ERANGE;
			return ERANGE;
		}
		*result = ret;
		return 0;
	case CONTROL_RESOLVE_BLOCKED:
	case CONTROL_RESOLVE_NO_ADDRESS:
		*result = NULL;
		*h_errnop = host_error(verdict);
		return 0;
	default:
		if (use_default_family)
			return next.gethostbyname_r(name, ret, buf, buflen,
						    result, h_errnop);
		return next.gethostbyname2_r(name, family, ret, buf, buflen,
					     result, h_errnop);
	}
}

/* The name and the endpoint of an address as gethostbyaddr() takes it. */
static enum control_reverse_found find_host(const void *addr, socklen_t len,
					    int family, struct endpoint *e,
					    struct control_reversed *found)
{
	struct sockaddr_storage sa;
	socklen_t salen;

	*e = (struct endpoint){ .family = family == AF_INET6 ? ENDPOINT_IPV6
							     : ENDPOINT_IPV4 };
	if (addr == NULL || !((family == AF_INET && len == 4) ||
			      (family == AF_INET6 && len == 16)))
		return CONTROL_REVERSE_LIBC;
	memcpy(e->ip, addr, len);
	salen = endpoint_to_sockaddr(e, family, &sa);
	return find_name((struct sockaddr *)&sa, salen, found);
}

struct hostent *resolve_gethostbyaddr(const void *addr, socklen_t len,
				      int family)
{
	static char buf[sizeof(struct host_data) + CONTROL_NAME_MAX + 16];
	static struct hostent host;
	struct control_reversed found;
	struct endpoint e;

	switch (find_host(addr, len, family, &e, &found)) {
	case CONTROL_REVERSE_NAME:
		break;
	case CONTROL_REVERSE_NOBODY:
		h_errno = HOST_NOT_FOUND;
		return NULL;
	default:
		return next.gethostbyaddr(addr, len, family);
	}
	if (fill_hostent(found.name, &e, &host, buf, sizeof(buf)) == 0)
		return &host;
	h_errno = NETDB_INTERNAL;
	return NULL;
}

int resolve_gethostbyaddr_r(const void *addr, socklen_t len, int family,
			    struct hostent *ret, char *buf, size_t buflen,
			    struct hostent **result, int *h_errnop)
{
	struct control_reversed found;
	struct endpoint e;

	switch (find_host(addr, len, family, &e, &found)) {
	case CONTROL_REVERSE_NAME:
		break;
	case CONTROL_REVERSE_NOBODY:
		*result = NULL;
		*h_errnop = HOST_NOT_FOUND;
		return 0;
	default:
		return next.gethostbyaddr_r(addr, len, family, ret, buf, buflen,
					    result, h_errnop);
	}
	*result = NULL;
	if (fill_hostent(found.name, &e, ret, buf, buflen) != 0) {
		*h_errnop = NETDB_INTERNAL;
		errno = ERANGE;
		return ERANGE;
	}
	*result = ret;
	return 0;
}
