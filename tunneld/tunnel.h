/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel.h - one TCP connection to a host, through the proxies that lead there
 * or directly; blocks, for pool threads only
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include "dial_reason.h"
#include "hop.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;
struct clock_skew;
struct egress;
struct http_forwards;
struct proxy_auth;
struct proxy_health;
struct proxy_pump;

/* What all tunnels of a process share; thread-safe. */
struct tunnel_env {
	struct proxy_auth *auth;
	struct clock_skew *skew;
	struct proxy_health *health;
	struct proxy_pump *pump;
	struct http_forwards *forwards; /* NULL: nothing is forwarded */
};

struct tunnel {
	const struct tunnel_env *env;
	const char *host; /* name or IP literal, no brackets */
	uint16_t port;
	struct egress *egress; /* NULL: directly; borrowed */
	int socket;       /* the app's TCP socket, or -1; stays the caller's */
	bool alpn_header; /* RFC 7639 on CONNECT, "stun.turn" */
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	struct dial_failure failure; /* when it has failed */
	long http_code;              /* of the last CONNECT; 0: none came */
	struct endpoint peer; /* connected to, or tried last: host or proxy */
	struct hop hop;       /* how the app's socket was used */
	uint64_t pair;        /* behind which of the pump's it is; 0: none */
};

/* A host name or an address, without brackets: it ends in a request line. */
bool tunnel_is_host(const char *host);
/* A connected, non-blocking descriptor: the app's own where that was possible,
 * else a new one that the caller owns. -1: see `failure`. The caller ends it
 * by tunnel_keep() or tunnel_undo(). */
int tunnel_open(struct tunnel *t) MUST_CHECK;
/* Give `fd` the options that the app had set. */
void tunnel_keep(struct tunnel *t, int fd);
/* The app's socket as it was. */
void tunnel_undo(struct tunnel *t);

#endif
