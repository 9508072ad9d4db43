/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_get.h - fetch a small document from a web service, through the HTTP
 * proxy or directly
 *
 * Blocks, for pool threads only: libcurl never runs in an event loop.
 */
#ifndef HTTP_GET_H
#define HTTP_GET_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel;
struct dial_pool;
struct egress;

#define HTTP_GET_BYTES_MAX 65536 /* unless the caller says otherwise */
#define HTTP_GET_REDIRECTS 3

/* All of it borrowed. */
struct http_get {
	const char *url;       /* http:// or https://, no user in it */
	const char *headers;   /* "Name: value" lines, or NULL; secret */
	const char *body;      /* makes it a POST; or NULL */
	size_t body_bytes;     /* 0: it is text, JSON unless `headers` say */
	const char *ca_file;   /* trusted beside the system's store, or NULL */
	struct egress *egress; /* NULL: directly */
	/* knows how to log in at proxies, and hears of the Date; NULL will do
	 * without `egress` */
	struct dial_pool *pool;
	const char *accept; /* NULL: JSON */
	size_t bytes_max;   /* 0: HTTP_GET_BYTES_MAX */
	bool only_200;      /* no other 2xx is an answer */
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	char *data;      /* NUL-terminated; http_get_fini() wipes it */
	size_t len;      /* of 2xx only */
	char type[128];  /* its Content-Type; empty: none, or too long */
	long status;     /* of the last answer; 0: none */
	char words[200]; /* names the hop, never what stands behind the host */
};

/* A 2xx answer in `data`, after no more than HTTP_GET_REDIRECTS redirects. 0,
 * or -errno with words: -ECANCELED, -ETIMEDOUT, -EINVAL (the URL or a header),
 * -EACCES (401, 403, 407 or a refused proxy password), -E2BIG, -ECONNABORTED.
 */
int http_get(struct http_get *g) MUST_CHECK;
void http_get_fini(struct http_get *g);

#endif
