/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_connect.h - one CONNECT on a TCP connection to an HTTP proxy, with one
 * way to log in
 *
 * Blocks, for pool threads only: libcurl never runs in an event loop.
 */
#ifndef PROXY_CONNECT_H
#define PROXY_CONNECT_H

#include "proxy.h"
#include "proxy_challenge.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct cancel;
struct proxy_login_text;

enum proxy_connect_end {
	PROXY_CONNECT_OK = 0,
	PROXY_CONNECT_STATUS,  /* a complete answer, not 2xx */
	PROXY_CONNECT_TIMEOUT, /* even when a 2xx line had come */
	PROXY_CONNECT_STUCK,   /* a library did not come back in time */
	PROXY_CONNECT_CANCELLED,
	PROXY_CONNECT_RESET,
	PROXY_CONNECT_CLOSED,
	PROXY_CONNECT_GARBAGE, /* what came is not HTTP */
	PROXY_CONNECT_KERNEL,  /* `os_error` */
	PROXY_CONNECT_INTERNAL,
};

/* A proxy that closes in the middle of a handshake wants another connection:
 * the last one, or -errno. Each attempt may do so a few times. */
typedef int(proxy_connect_reopen_fn)(void *arg);

struct proxy_connect {
	const char *proxy_host;
	uint16_t proxy_port;
	const struct endpoint *peer;     /* where `fd` is connected to */
	int fd;                          /* borrowed; left non-blocking */
	proxy_connect_reopen_fn *reopen; /* NULL: not possible */
	void *arg;                       /* of it */
	const char *host; /* target as the proxy shall see it, no brackets */
	uint16_t port;
	enum proxy_scheme scheme;
	const struct proxy_login_text *login; /* NULL where it needs none */
	bool alpn_header;
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	long http_code;
	time_t date; /* of the proxy's answer; 0: none */
	int os_error;
	struct proxy_challenge asked; /* 407: what it wants */
	bool auth_sent;               /* there was something to log in with */
	bool login_sent;              /* the password has gone out */
	char ticket[96];              /* Kerberos: why there is no ticket */
	char words[120]; /* "403 Forbidden (ERR_ACCESS_DENIED)"; printable */
};

void proxy_connect_init(void); /* once or more often, before the others */
/* After OK the next byte in `fd` is the first of the tunnel. */
enum proxy_connect_end proxy_connect(struct proxy_connect *pc) MUST_CHECK;

/* Threads that are in Kerberos' library, or stuck there: with one left, a
 * process must end by _exit(2), for exit(3) takes the library from under it. */
unsigned int proxy_connect_left(void);

#endif
