/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loopback.h - a TCP connection within this host, one end of which is the
 * app's own socket where that is possible; blocks, for pool threads only
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <turnout/compiler.h>

struct hop;

/* The near end as hop_connect() gives it; `h` has `socket`, `deadline_ms` and
 * `cancel`, and is then good for hop_undo() and hop_restore(). `*far` is the
 * other end, non-blocking and the caller's: nobody but the near end is at it.
 * It holds some `receive_bytes` that have not been read. Or -errno. */
int loopback_pair(struct hop *h, int receive_bytes, int *far) MUST_CHECK;

#endif
