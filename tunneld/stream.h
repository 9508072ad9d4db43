/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.h - a connected, non-blocking byte stream: TLS, or plain TCP */
#ifndef STREAM_H
#define STREAM_H

#include "tls.h"

#include <turnout/compiler.h>

#include <stddef.h>

struct stream {
	int fd;          /* -1: none */
	struct tls *tls; /* NULL: plain */
};

/* Takes both, and sets what real-time media needs of the TCP connection. */
void stream_open(struct stream *s, int fd, struct tls *tls);
void stream_close(struct stream *s);

enum io stream_read(struct stream *s, void *data, size_t max,
		    size_t *n) MUST_CHECK;
enum io stream_write(struct stream *s, const void *data, size_t len,
		     size_t *n) MUST_CHECK;
/* More to read without the descriptor being readable. */
size_t stream_pending(const struct stream *s);
/* Why the last call said IO_FAIL. Never NULL. */
const char *stream_error(const struct stream *s);

#endif
