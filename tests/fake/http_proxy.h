/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_proxy.h - an HTTP proxy on 127.0.0.1 that answers CONNECT as it is
 * told, well or badly
 */
#ifndef FAKE_HTTP_PROXY_H
#define FAKE_HTTP_PROXY_H

#include "proxy_login.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_proxy_way {
	HTTP_PROXY_TUNNEL = 0, /* 200, then echo, or to `forward_port` */
	HTTP_PROXY_EARLY,      /* 200 and "early" in one segment, then echo */
	HTTP_PROXY_SAY,        /* `answer`, then the end of file */
	HTTP_PROXY_RST,
	HTTP_PROXY_FIN,
	HTTP_PROXY_SILENT,
	HTTP_PROXY_DRIP,    /* a byte of 200 every 20 ms, never complete */
	HTTP_PROXY_UNENDED, /* 200, no end of its headers */
	HTTP_PROXY_DEAF,    /* does not even accept */
};

struct http_proxy_opts {
	enum http_proxy_way way;
	const char *answer; /* SAY, or TUNNEL instead of a plain 200 */
	const char *login;  /* "user:password", by Basic; otherwise 407 */
	struct proxy_login_opts asks; /* or in other ways */
	const char *ip;               /* NULL: 127.0.0.1 */
	uint32_t delay_ms;            /* before the answer */
	uint16_t forward_port;        /* on 127.0.0.1 */
};

struct http_proxy;

struct http_proxy *http_proxy_new(const struct http_proxy_opts *opts);
void http_proxy_free(struct http_proxy *p);
uint16_t http_proxy_port(const struct http_proxy *p);
unsigned int http_proxy_connections(struct http_proxy *p);
/* Requests that a password can be judged by, right or not. */
unsigned int http_proxy_logins(struct http_proxy *p);
unsigned int http_proxy_requests(struct http_proxy *p);
void http_proxy_last_request(struct http_proxy *p, char *out, size_t max);
/* The client's port on the last connection. */
uint16_t http_proxy_last_port(struct http_proxy *p);

#endif
