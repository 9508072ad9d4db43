/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.h - the system's addresses of a name, looked up in a pool thread
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

struct dial_pool;
struct loop;
struct resolve;

#define RESOLVE_MAX     16   /* addresses */
#define RESOLVE_WAIT_MS 8000 /* then it has failed */

/* `error`: 0, or the negative errno of lookup_host(): -ENOENT no such name,
 * -ENODATA no address of that family, -EAGAIN, -ETIMEDOUT … `addrs`: in the
 * order of preference, ports 0, valid until it returns. */
typedef void(resolve_fn)(void *arg, int error, const struct endpoint *addrs,
			 size_t count, uint64_t now_ms);

/* `family`: an endpoint_family, 0 for any. `done` runs in `loop`, never from
 * inside resolve_start(). NULL with errno. The result is only good for
 * resolve_cancel(), until `done` has run. */
struct resolve *resolve_start(struct dial_pool *pool, struct loop *loop,
			      const char *name, uint8_t family,
			      resolve_fn *done, void *arg) MUST_CHECK;
/* `done` will not run any more. */
void resolve_cancel(struct resolve *r);
/* For logs. */
const char *resolve_words(int error);

#endif
