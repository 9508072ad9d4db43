/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_connect.h - CONNECT on a TCP connection to an HTTP proxy; with
 * http_get.c the only file that includes <curl/curl.h>
 *
 * Blocks, for pool threads only: libcurl never runs in an event loop.
 */
#ifndef PROXY_CONNECT_H
#define PROXY_CONNECT_H

#include "proxy_auth.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct cancel;

enum proxy_connect_end {
	PROXY_CONNECT_OK = 0,
	PROXY_CONNECT_STATUS,  /* a complete answer, not 2xx */
	PROXY_CONNECT_TIMEOUT, /* even when a 2xx line had come */
	PROXY_CONNECT_CANCELLED,
	PROXY_CONNECT_RESET,
	PROXY_CONNECT_CLOSED,
	PROXY_CONNECT_GARBAGE, /* what came is not HTTP */
	PROXY_CONNECT_KERNEL,  /* `os_error` */
	PROXY_CONNECT_INTERNAL,
};

struct proxy_connect {
	struct proxy_login proxy;    /* username "": none is sent */
	const struct endpoint *peer; /* where `fd` is connected to */
	int fd;                      /* borrowed; left non-blocking */
	const char *host; /* target as the proxy shall see it, no brackets */
	uint16_t port;
	bool alpn_header;
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	long http_code;
	time_t date; /* of the proxy's answer; 0: none */
	int os_error;
	char words[120]; /* "403 Forbidden (ERR_ACCESS_DENIED)"; printable */
};

void proxy_connect_init(void); /* once or more often, before the others */
/* After OK the next byte in `fd` is the first of the tunnel. */
enum proxy_connect_end proxy_connect(struct proxy_connect *pc) MUST_CHECK;

#endif
