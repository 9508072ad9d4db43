/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_server.h - an HTTP server on 127.0.0.1 that says what it is told
 */
#ifndef FAKE_HTTP_SERVER_H
#define FAKE_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

/* The whole answer to `request` (header and body), or NULL: none, until the
 * client goes. Called in a thread of the server's. */
typedef const char *(http_server_fn)(void *arg, const char *request);

struct http_server;

struct http_server *http_server_new(http_server_fn *answer, void *arg);
void http_server_free(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
unsigned int http_server_requests(struct http_server *s);
void http_server_last_request(struct http_server *s, char *out, size_t max);

#endif
