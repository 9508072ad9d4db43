/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netwatch.h - tells when the network changes under the daemon: an address, a
 * link or a default route came or went, or the machine has slept
 */
#ifndef NETWATCH_H
#define NETWATCH_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct netwatch;

/* Changes come in showers: what follows within this time is told at once … */
#define NETWATCH_DEBOUNCE_MS 200
/* … and a shower that does not end is told in between. */
#define NETWATCH_PATIENCE_MS 1000

struct netwatch_event {
	uint64_t fingerprint; /* network.h, without the proxy */
	bool moved;           /* it is another one than told last */
	bool resumed;         /* the machine has slept */
	/* What can be sent from now, loopback included; borrowed. */
	const struct endpoint *addrs;
	size_t addr_count;
};

struct netwatch_opts {
	struct loop *loop;
	void (*on_change)(void *arg, const struct netwatch_event *event,
			  uint64_t now_ms);
	void *arg;
	/* For tests: all the time the machine has slept, milliseconds. NULL:
	 * as the kernel counts it. */
	uint64_t (*slept_ms)(void);
};

/* Needs no privilege. The network is known when this returns; on_change is
 * called for later changes only. NULL with errno: the kernel does not tell. */
struct netwatch *netwatch_new(const struct netwatch_opts *opts) MUST_CHECK;
void netwatch_free(struct netwatch *w);
uint64_t netwatch_fingerprint(const struct netwatch *w);

#endif
