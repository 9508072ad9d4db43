/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_app.h - the app's end of a connection on which tunneld answers as an
 * HTTP server: what has been read and not used, what is to be written
 */
#ifndef HTTP_APP_H
#define HTTP_APP_H

#include "http_head.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel;

struct http_app {
	int fd; /* non-blocking */
	struct cancel *cancel;
	bool ended; /* it sends nothing more */
	size_t in_len;
	size_t out_at, out_len, out_max;
	char *out;
	char in[HTTP_HEAD_MAX];
};

void http_app_init(struct http_app *a, int fd, struct cancel *cancel);
void http_app_fini(struct http_app *a); /* the descriptor stays open */

/* More into `in`: how many bytes; 0: the end; -EAGAIN, or -errno. */
int http_app_read(struct http_app *a) MUST_CHECK;
void http_app_use(struct http_app *a, size_t n); /* of `in` */
/* Until the head of a request is there: its length; 0: the app has gone, or
 * says nothing for `idle_ms`; -EBADMSG: not HTTP. */
int http_app_wait_head(struct http_app *a, uint32_t idle_ms) MUST_CHECK;

/* To be written; false: no memory. */
bool http_app_put(struct http_app *a, const void *data, size_t n) MUST_CHECK;
bool http_app_is_empty(const struct http_app *a); /* all is written */
/* As much as goes at once. False: the app has gone. */
bool http_app_flush(struct http_app *a) MUST_CHECK;
/* All of it, however long it takes. */
bool http_app_flush_all(struct http_app *a) MUST_CHECK;

/* A whole answer of our own, after which the connection ends. */
bool http_app_say(struct http_app *a, unsigned int status, bool to_head,
		  const char *words) MUST_CHECK;
/* The end in peace: what is written arrives, even when the app still sends
 * what nobody reads. */
void http_app_linger(struct http_app *a);
/* The app must not take what it has for the whole. */
void http_app_reset(struct http_app *a);

#endif
