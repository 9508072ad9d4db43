/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream.h - a connected, non-blocking way to a relay: TLS, plain TCP, DTLS or
 * plain UDP
 *
 * On the last two each read gives the content of one datagram and each write
 * sends one; otherwise the four are alike.
 */
#ifndef STREAM_H
#define STREAM_H

#include "tls.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

struct stream {
	int fd;          /* -1: none */
	struct tls *tls; /* NULL: in the clear */
	bool datagram;
	int error;        /* errno of the last IO_FAIL without TLS */
	uint64_t dropped; /* see stream_dropped() */
};

/* Takes both, and sets what real-time media needs of the socket. */
void stream_open(struct stream *s, int fd, struct tls *tls, bool datagram);
void stream_close(struct stream *s);
bool stream_is_datagram(const struct stream *s);

/* A datagram that is longer than `max`, or empty, is dropped: IO_WANT_READ, and
 * the descriptor stays readable when there are more. IO_EOF does not occur on
 * plain UDP. A relay that does not listen shows as IO_FAIL ("Connection
 * refused"), here or in the next write. */
enum io stream_read(struct stream *s, void *data, size_t max,
		    size_t *n) MUST_CHECK;
/* Part of the bytes, or one datagram as a whole. One that is too big for the
 * way counts as written and is lost, as the network might have lost it. */
enum io stream_write(struct stream *s, const void *data, size_t len,
		     size_t *n) MUST_CHECK;
/* Plain UDP only: datagrams in one system call. `*sent` of them, the first
 * ones, are done with; more than STREAM_WRITE_MAX are left for the next. */
#define STREAM_WRITE_MAX 32
enum io stream_write_many(struct stream *s, const struct iovec *datagrams,
			  size_t count, size_t *sent) MUST_CHECK;
/* More to read without the descriptor being readable. */
size_t stream_pending(const struct stream *s);
/* Datagrams lost here for their size, in both directions. */
uint64_t stream_dropped(const struct stream *s);
/* Why the last call said IO_FAIL. Never NULL. */
const char *stream_error(const struct stream *s);

#endif
