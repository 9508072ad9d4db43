/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* adopt.h - sockets that our socket() did not make, found when they are used */
#ifndef ADOPT_H
#define ADOPT_H

#include <sys/socket.h>

struct sock;

/* The descriptor is not tracked, and the app names an address to it. Inherited
 * over exec, received by SCM_RIGHTS, made by a raw system call: a TCP or UDP
 * socket is tracked from now on. NULL for everything else, and when `addr` is
 * not IPv4 or IPv6; then no system call is made. Preserves errno. */
struct sock *adopt_socket(int fd, const struct sockaddr *addr, socklen_t len);

#endif
