/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_body.h - where the body of an HTTP/1.1 message ends, and what is in it
 */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_framing {
	HTTP_FRAMING_NONE = 0, /* no body */
	HTTP_FRAMING_LENGTH,
	HTTP_FRAMING_CHUNKED,
	HTTP_FRAMING_TO_END, /* of the connection; responses only */
};

enum http_body_state {
	HTTP_BODY_SIZE = 0, /* in a chunk's size */
	HTTP_BODY_EXTENSION,
	HTTP_BODY_DATA,
	HTTP_BODY_DATA_END, /* the line end after a chunk */
	HTTP_BODY_TRAILER,  /* at the start of a line */
	HTTP_BODY_TRAILER_LINE,
	HTTP_BODY_DONE,
};

struct http_body {
	enum http_framing framing;
	enum http_body_state state;
	uint64_t left;         /* of the body, or of the chunk */
	unsigned int digits;   /* of the chunk's size */
	size_t overhead_bytes; /* extensions or trailers so far */
	bool cr;
};

void http_body_init(struct http_body *b, enum http_framing framing,
		    uint64_t length);
bool http_body_is_done(const struct http_body *b);
/* Reads from `in` until it is empty, `out` is full or the body has ended:
 * `*used` bytes are of the body and its framing. Returns how many bytes of
 * content it has put into `out` (NULL: into nowhere, as many as there are), or
 * -EBADMSG. Trailers are skipped. */
int64_t http_body_read(struct http_body *b, const void *in, size_t len,
		       size_t *used, void *out, size_t max) MUST_CHECK;

#endif
