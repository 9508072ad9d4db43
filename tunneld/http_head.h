/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_head.h - the head of an HTTP/1.1 message, read strictly
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http_body.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX   65536
#define HTTP_FIELDS_MAX 256
#define HTTP_METHOD_MAX 31

/* Views of the text that was read. */
struct http_text {
	const char *at;
	size_t len;
};

struct http_field {
	struct http_text name;
	struct http_text value; /* without the blanks around it */
};

struct http_head {
	char method[HTTP_METHOD_MAX + 1]; /* of a request */
	struct http_text target;          /* "/path?query", or "*" */
	unsigned int minor;               /* of HTTP/1.x */
	unsigned int status;              /* of a response */
	struct http_text reason;
	struct http_text host; /* of a request; empty: it has none */
	struct http_field field[HTTP_FIELDS_MAX];
	size_t fields;
	enum http_framing framing;
	uint64_t length;
	bool close;      /* the sender will not use the connection again */
	bool keep_alive; /* … says that it will */
	bool upgrade;    /* wants another protocol */
	bool expects_continue;
	const char *why; /* not NULL: why it cannot be used, in few words */
};

/* How many bytes the head at the start of `text` has; 0: its end is not there
 * yet; -EBADMSG: this will never be a head that we take. `from`: how much of
 * it an earlier call has seen. */
int http_head_find(const char *text, size_t len, size_t from) MUST_CHECK;
/* `text` is one whole head; the views point into it. 0; or -EBADMSG, -EPROTO
 * (not HTTP/1.x) or -ENOTSUP (a transfer coding), and `why`. */
int http_head_parse_request(struct http_head *h, const char *text,
			    size_t len) MUST_CHECK;
/* `to_head`: it answers a HEAD request. */
int http_head_parse_response(struct http_head *h, const char *text, size_t len,
			     bool to_head) MUST_CHECK;

/* Is the field for the next hop alone, or of the framing? */
bool http_head_is_private(const struct http_head *h,
			  const struct http_field *f);
bool http_text_is(const struct http_text *t, const char *word);

#endif
