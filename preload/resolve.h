/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.h - names: getaddrinfo() and its family ask tunneld first; what
 * policy calls direct goes to the real resolver
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>

#include <sys/socket.h>

int resolve_getaddrinfo(const char *node, const char *service,
			const struct addrinfo *hints, struct addrinfo **res);
int resolve_getnameinfo(const struct sockaddr *addr, socklen_t addrlen,
			char *host, socklen_t hostlen, char *serv,
			socklen_t servlen, int flags);
struct hostent *resolve_gethostbyname2(const char *name, int family,
				       int use_default_family);
int resolve_gethostbyname2_r(const char *name, int family,
			     int use_default_family, struct hostent *ret,
			     char *buf, size_t buflen, struct hostent **result,
			     int *h_errnop);
struct hostent *resolve_gethostbyaddr(const void *addr, socklen_t len,
				      int family);
int resolve_gethostbyaddr_r(const void *addr, socklen_t len, int family,
			    struct hostent *ret, char *buf, size_t buflen,
			    struct hostent **result, int *h_errnop);

/* res_query(), res_search(); res_nquery(), res_nsearch(). */
int resolve_query(const char *name, int class, int type, unsigned char *answer,
		  int max, bool search);
int resolve_nquery(res_state state, const char *name, int class, int type,
		   unsigned char *answer, int max, bool search);

#endif
