/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.c - reads and writes of a relay connection, with TLS or without */
#include <config.h>

#include "stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* What the kernel may hold unsent: the rest waits in our queue, where it can
 * still be reordered and dropped. The socket turns writable at half of it. */
#define STREAM_NOTSENT_BYTES 16384

/* A peer that acknowledges nothing for so long is gone. */
#define STREAM_USER_TIMEOUT_MS 15000

void stream_open(struct stream *s, int fd, struct tls *tls)
{
	int on = 1, lowat = STREAM_NOTSENT_BYTES;
	unsigned int timeout_ms = STREAM_USER_TIMEOUT_MS;

	*s = (struct stream){ .fd = fd, .tls = tls };
	/* Each may be missing in some kernel or sandbox: then the connection
	 * is slower, not wrong. SO_SNDBUF stays: setting it ends autotuning. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
		   sizeof(timeout_ms));
}

void stream_close(struct stream *s)
{
	tls_free(s->tls);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

enum io stream_read(struct stream *s, void *data, size_t max, size_t *n)
{
	ssize_t got;

	*n = 0;
	if (s->tls != NULL)
		return tls_read(s->tls, data, max, n);
	got = recv(s->fd, data, max, 0);
	if (got > 0) {
		*n = (size_t)got;
		return IO_OK;
	}
	if (got == 0)
		return IO_EOF;
	return errno == EAGAIN || errno == EINTR ? IO_WANT_READ : IO_FAIL;
}

enum io stream_write(struct stream *s, const void *data, size_t len, size_t *n)
{
	ssize_t put;

	*n = 0;
	if (s->tls != NULL)
		return tls_write(s->tls, data, len, n);
	put = send(s->fd, data, len, MSG_NOSIGNAL);
	if (put >= 0) {
		*n = (size_t)put;
		return IO_OK;
	}
	return errno == EAGAIN || errno == EINTR ? IO_WANT_WRITE : IO_FAIL;
}

size_t stream_pending(const struct stream *s)
{
	return s->tls != NULL ? tls_pending(s->tls) : 0;
}

const char *stream_error(const struct stream *s)
{
	return s->tls != NULL ? tls_error(s->tls) : strerror(errno);
}
