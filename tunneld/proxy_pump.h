/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_pump.h - TLS to https:// proxies, behind plain TCP connections: who
 * speaks to the proxy has a descriptor as if it were an http:// one
 */
#ifndef PROXY_PUMP_H
#define PROXY_PUMP_H

#include "tls.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hop;
struct proxy_pump;

struct proxy_pump_stats {
	uint64_t pairs; /* connections that are being pumped now */
	uint64_t opened;
	uint64_t broken; /* of the ended ones: TLS, not one of the ends */
	uint64_t bytes;  /* of the ended ones, both ways */
};

/* NULL with errno. The thread comes with the first connection. */
struct proxy_pump *proxy_pump_new(void) MUST_CHECK;
/* Resets what is there. Nobody may be in proxy_pump_connect(). */
void proxy_pump_free(struct proxy_pump *pump);

struct proxy_pump_call {
	int outer;        /* connected to the proxy, non-blocking; taken */
	const char *host; /* of the proxy: what its certificate is for */
	uint16_t port;
	struct tls_ctx *tls;
	struct hop *inner; /* `socket`, `deadline_ms`, `cancel` */
	/* what came of it */
	bool secure;   /* false: a failure is that of the proxy's TLS */
	uint64_t pair; /* for proxy_pump_fault() */
	char words[300];
};

/* TLS on `outer`, then the plain connection: as loopback_pair() gives it, to
 * be had by `inner`'s rules. Blocks, for pool threads. -errno: -ETIMEDOUT,
 * -ECANCELED, -EPROTO or the kernel's; while !secure with words. */
int proxy_pump_connect(struct proxy_pump *pump,
		       struct proxy_pump_call *call) MUST_CHECK;

/* The plain connection has ended: did TLS break, as far as is remembered (the
 * last some dozens of failures)? With TLS 1.3 a proxy says no to a client
 * certificate only after the handshake. */
enum tls_fault proxy_pump_fault(struct proxy_pump *pump, uint64_t pair,
				char *words, size_t words_max);

void proxy_pump_stats(struct proxy_pump *pump, struct proxy_pump_stats *stats);

#endif
