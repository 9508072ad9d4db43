/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel_private.h - for tunnel*.c alone */
#ifndef TUNNEL_PRIVATE_H
#define TUNNEL_PRIVATE_H

#include "tunnel.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct proxy;

/* One of the proxies that lead there. */
struct tunnel_try {
	struct proxy *proxy;
	const char *target; /* "T:t" */
	bool others;        /* it must leave time for those behind it */
	uint64_t deadline_ms;
	/* what came of it */
	bool unreached; /* it could not even be asked */
	bool asked;
	bool answered; /* whatever it said */
};

/* A connection on which the proxy speaks in the clear: TCP to it, with TLS
 * around it for https://. Again for each attempt; what was connected before is
 * undone. False, after dial_blame() on `hop`: not so. */
bool tunnel_reach_proxy(struct tunnel *t, struct tunnel_try *try,
			const char *hop, int *fd) MUST_CHECK;
bool tunnel_reach_target(struct tunnel *t, const char *hop, int *fd) MUST_CHECK;
/* The connection ended instead of an answer: TLS may know better. */
void tunnel_blame_tls(struct tunnel *t, struct tunnel_try *try,
		      const char *hop);
/* A descriptor that is nobody's any more; the app's own stays. */
void tunnel_drop(const struct tunnel *t, int *fd);

/* CONNECT at an HTTP proxy, logged in. -1: see t->failure. */
int tunnel_by_http(struct tunnel *t, struct tunnel_try *try);
/* The same at a SOCKS5 proxy. */
int tunnel_by_socks(struct tunnel *t, struct tunnel_try *try);

/* May what the app asks for be asked of the proxy itself, without a tunnel? */
bool tunnel_may_forward(const struct tunnel *t, const struct tunnel_try *try);
/* … and is it known that there will be no tunnel? */
bool tunnel_knows_refusal(const struct tunnel *t, const struct tunnel_try *try);
/* CONNECT was answered; true: it was a refusal of the kind that is meant. */
bool tunnel_note_answer(const struct tunnel *t, const struct tunnel_try *try);
/* -1: that is not possible either, and t->failure stays what it was. */
int tunnel_forward(struct tunnel *t, const struct tunnel_try *try) MUST_CHECK;

#endif
