/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hops.h - the addresses of the proxy and the relays, looked up once in the
 * background, so that apps which know them are not sent in a circle
 */
#ifndef HOPS_H
#define HOPS_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

struct dial_pool;
struct hops;
struct loop;

/* A host that tunneld connects to with no proxy in between: the proxy itself,
 * relays on a direct path. Apps that know it reach it directly too: no loops.
 */
struct hops_host {
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port;
};

/* In the loop, once, if any address was found. hops_free() may not be called
 * from it. */
typedef void(hops_fn)(void *arg, const struct endpoint *addrs, size_t count);

/* NULL when there is no memory for it. */
struct hops *hops_new(struct loop *loop, struct dial_pool *pool,
		      const struct hops_host *hop, size_t count, hops_fn *fn,
		      void *arg) MUST_CHECK;
/* `fn` does not run any more. */
void hops_free(struct hops *h);

#endif
