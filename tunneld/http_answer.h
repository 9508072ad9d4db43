/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_answer.h - the head of a server's answer, as its lines come in, and as
 * the app gets it
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http_head.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

struct http_app;

struct http_answer {
	char *text;
	size_t len;
	struct http_head head; /* of the last that was complete */
};

enum http_connection {
	HTTP_CONNECTION_CLOSE = 0,
	HTTP_CONNECTION_KEEP,     /* as HTTP/1.1 does unasked */
	HTTP_CONNECTION_KEEP_1_0, /* as HTTP/1.0 must be told */
};

void http_answer_fini(struct http_answer *a);
/* One line with its end; a status line begins a new head. 1: the head is
 * complete and parsed; 0: more will come; -EBADMSG with `head.why`, -ENOMEM. */
int http_answer_line(struct http_answer *a, const char *line, size_t len,
		     bool to_head) MUST_CHECK;
/* For the app: without what is between the server and us, and with what is
 * between the app and us. False: no memory. */
bool http_answer_put(const struct http_answer *a, struct http_app *app,
		     enum http_connection connection, bool chunked) MUST_CHECK;

#endif
