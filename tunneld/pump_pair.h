/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pump_pair.h - bytes between a plain TCP connection and a TLS session, both
 * ways, until both have ended
 */
#ifndef PUMP_PAIR_H
#define PUMP_PAIR_H

#include "loop.h"
#include "tls.h"

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

/* As much as a TLS record carries (RFC 8446, 5.1). */
#define PUMP_CHUNK_BYTES 16384

struct pump_pair;
/* At the end of a pair, in the loop's thread, before its descriptors are
 * closed; `tls` tells why when `broken`. The pair is gone afterwards. */
typedef void(pump_pair_fn)(void *arg, struct pump_pair *pair);

struct pump_pair_opts {
	struct loop *loop;
	int inner;       /* plain; non-blocking, owned */
	int outer;       /* below `tls`; non-blocking, owned */
	struct tls *tls; /* owned; the handshake is done */
	/* one for all pairs of the loop: PUMP_CHUNK_BYTES */
	uint8_t *scratch;
	/* no byte for so long while one direction has ended: the rest is given
	 * up */
	uint32_t half_idle_ms;
	pump_pair_fn *ended;
	void *arg;
};

/* NULL: no memory; nothing has been taken then. For any thread; the others are
 * for the loop's. */
struct pump_pair *pump_pair_new(const struct pump_pair_opts *opts) MUST_CHECK;
/* May end it at once. */
void pump_pair_start(struct pump_pair *p, uint64_t now_ms);
void pump_pair_free(struct pump_pair *p); /* RST on both sides; not `ended` */

/* Why TLS broke, or NULL. In `ended`. */
const struct tls *pump_pair_broken(const struct pump_pair *p);
uint64_t pump_pair_bytes(const struct pump_pair *p); /* both ways */

#endif
