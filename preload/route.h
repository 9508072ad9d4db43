/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * route.h - the local address that the kernel would choose for a peer
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <turnout/endpoint.h>

#include <sys/socket.h>

struct sock;

/* What getsockname() would tell after a kernel connect() of `fd` to `peer`.
 * The socket gets its local port, as connect() would give it one. Apps find
 * their default address this way (they connect a UDP socket to a public
 * address and send nothing), so with IPv4 there is an answer even without a
 * route; with IPv6 there is not, or they would offer an address family that
 * does not work. 0 or -errno. */
int route_local(const struct sock *s, int fd, const struct endpoint *peer,
		struct sockaddr_storage *local, socklen_t *local_len);

#endif
