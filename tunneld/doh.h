/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doh.h - addresses of a name by DNS over HTTPS (RFC 8484)
 */
#ifndef DOH_H
#define DOH_H

#include "resolve.h"

#include <turnout/compiler.h>

struct dial_pool;
struct doh;
struct egress;
struct loop;

/* Ask the service at `uri`, reached by `egress` (NULL: directly). As
 * resolve_start(): IPv4 addresses, or IPv6 ones if there are none. */
struct doh *doh_start(struct dial_pool *pool, struct loop *loop,
		      const char *uri, struct egress *egress, const char *name,
		      resolve_fn *done, void *arg) MUST_CHECK;
/* `done` will not run any more. */
void doh_cancel(struct doh *d);

#endif
