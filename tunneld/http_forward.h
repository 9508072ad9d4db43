/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_forward.h - connections to port 80 where the proxy refuses CONNECT: what
 * the app asks for is asked of the proxy itself, in absolute form
 *
 * Each connection has a thread, for as long as the app likes.
 */
#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct http_forwards;
struct proxy;
struct proxy_auth;
struct proxy_pump;

#define HTTP_FORWARDS_MAX 64
#define HTTP_FORWARD_PORT 80

struct http_forward_opts {
	int fd;              /* the other end of the app's socket; taken over */
	const char *host;    /* to which the app has connected */
	struct proxy *proxy; /* a reference of its own is taken */
	struct proxy_auth *auth; /* outlives all, as does */
	struct proxy_pump *pump; /* NULL: no https:// proxies */
};

struct http_forwards *http_forwards_new(void) MUST_CHECK;
/* Ends all, within a second. False: one is stuck in a library, and what it
 * uses must stay. */
bool http_forwards_free(struct http_forwards *f);

/* 0; -EAGAIN: too many are there; -ENOMEM. `fd` is closed then. */
int http_forward_start(struct http_forwards *f,
		       const struct http_forward_opts *opts) MUST_CHECK;
unsigned int http_forwards_count(struct http_forwards *f);

/* What a proxy has said to CONNECT host:80; true: it was no. */
bool http_forward_note(struct http_forwards *f, const struct proxy *proxy,
		       const char *host, long http_code, uint64_t now_ms);
/* Would it be vain to ask this proxy for CONNECT to port 80? */
bool http_forward_is_known(struct http_forwards *f, const struct proxy *proxy,
			   uint64_t now_ms);

#endif
