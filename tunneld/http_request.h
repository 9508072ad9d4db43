/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_request.h - an app's request as libcurl shall make it at the proxy
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "proxy.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

struct cancel;
struct http_head;
struct http_request;
struct proxy_auth;
struct proxy_login_text;
struct proxy_pump;
struct proxy_try;

/* Where the requests of one connection go. */
struct http_upstream {
	char host[CONTROL_NAME_MAX +
		  1];        /* the app has connected to its port 80 */
	struct proxy *proxy; /* borrowed */
	struct proxy_auth *auth;
	struct proxy_pump *pump; /* for https:// proxies */
	struct cancel *cancel;   /* watches `app_fd` */
	int app_fd;
	int proxy_fd; /* libcurl's; -1: none now */
	void *multi; /* private: libcurl's, with the connections to the proxy */
};

/* 0 or -ENOMEM */
int http_upstream_open(struct http_upstream *up) MUST_CHECK;
void http_upstream_close(struct http_upstream *up);

/* Logging in by exactly this scheme. NULL: no memory. */
struct http_request *http_request_new(
	struct http_upstream *up, const struct http_head *head,
	enum proxy_scheme scheme,
	const struct proxy_login_text *login) MUST_CHECK;
void http_request_free(struct http_request *r);
void *http_request_curl(struct http_request *r); /* CURL *, borrowed */
/* Why there is no connection to the proxy; NULL: that was not the trouble. */
const char *http_request_why(const struct http_request *r);
/* What of the login has gone out. */
void http_request_note_login(const struct http_request *r,
			     struct proxy_try *try);

#endif
