/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel_private.h - for tunnel*.c alone */
#ifndef TUNNEL_PRIVATE_H
#define TUNNEL_PRIVATE_H

#include "tunnel.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct proxy;

/* TCP to `host`, the proxy or the target; what was connected before is undone.
 * False, after dial_blame() on `hop`: not so. */
bool tunnel_reach(struct tunnel *t, const char *host, uint16_t port,
		  const char *hop, int *fd) MUST_CHECK;
/* A descriptor that is nobody's any more; the app's own stays. */
void tunnel_drop(const struct tunnel *t, int *fd);

/* CONNECT to `target` ("T:t") at an HTTP proxy, logged in. -1: see t->failure.
 */
int tunnel_by_http(struct tunnel *t, struct proxy *proxy, const char *target);

#endif
