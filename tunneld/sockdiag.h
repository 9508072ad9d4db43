/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sockdiag.h - is the app's UDP socket still there? */
#ifndef SOCKDIAG_H
#define SOCKDIAG_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdint.h>

/* A netlink descriptor (close(2) it), non-blocking. Or -errno. */
int sockdiag_open(void) MUST_CHECK;

/* `app`: where the app's socket sends to us from, `flow`: our own end, which
 * is connect()ed to it; `cookie`: SO_COOKIE of the app's socket. 1: it lives,
 * 0: it is gone (closed, or another socket has its port), or -errno when the
 * kernel could not say. `drops` (may be NULL): what it has lost so far because
 * its receive buffer was full; unchanged if that is not known. No privilege is
 * needed; about 60 us. */
int sockdiag_udp_alive(int nl, const struct endpoint *app,
		       const struct endpoint *flow, uint64_t cookie,
		       uint32_t *drops) MUST_CHECK;

#endif
