/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp_pair.h - both ends of a TCP connection over loopback, as socketpair(2)
 * gives them for other families
 */
#ifndef TCP_PAIR_H
#define TCP_PAIR_H

#include <turnout/compiler.h>

/* `af`: AF_INET, or AF_INET6 for the first one (v4-mapped then). fd[0] blocks,
 * fd[1] does not; both belong to the caller. 0 or -errno. */
int tcp_pair_open(int af, int fd[2]) MUST_CHECK;

#endif
