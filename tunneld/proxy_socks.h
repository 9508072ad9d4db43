/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_socks.h - one CONNECT request on a TCP connection to a SOCKS5 proxy,
 * which looks the target's name up
 *
 * Blocks, for pool threads only: libcurl never runs in an event loop.
 */
#ifndef PROXY_SOCKS_H
#define PROXY_SOCKS_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdint.h>

struct cancel;
struct proxy_login_text;

enum proxy_socks_end {
	PROXY_SOCKS_OK = 0,
	PROXY_SOCKS_DENIED,        /* by the proxy's rules, or it cannot */
	PROXY_SOCKS_UNREACHABLE,   /* the target, for the proxy */
	PROXY_SOCKS_REFUSED,       /* by the target */
	PROXY_SOCKS_LOGIN_WANTED,  /* no way to log in that both know */
	PROXY_SOCKS_LOGIN_REFUSED, /* this username and password */
	PROXY_SOCKS_TIMEOUT,
	PROXY_SOCKS_CANCELLED,
	PROXY_SOCKS_RESET,
	PROXY_SOCKS_CLOSED,
	PROXY_SOCKS_GARBAGE, /* what came is not SOCKS5 */
	PROXY_SOCKS_INTERNAL,
	PROXY_SOCKS_NUM_ENDS,
};

struct proxy_socks {
	const char *proxy_host;
	uint16_t proxy_port;
	const struct endpoint *peer; /* where `fd` is connected to */
	int fd;                      /* borrowed; left non-blocking */
	const char *host; /* target as the proxy shall see it, no brackets */
	uint16_t port;
	const struct proxy_login_text *login; /* NULL: none is offered */
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	int os_error;
	char words[120];
};

/* After OK the next byte in `fd` is the first of the tunnel. */
enum proxy_socks_end proxy_socks(struct proxy_socks *ps) MUST_CHECK;

#endif
