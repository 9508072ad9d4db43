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

/* Bursts of key frames while the thread is busy; the kernel gives as much of it
 * as net.core.rmem_max allows. */
#define STREAM_RECEIVE_BYTES (4 << 20)

/* Each may be missing in some kernel or sandbox: then the connection is slower,
 * not wrong. */
static void set_int(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

void stream_open(struct stream *s, int fd, struct tls *tls, bool datagram)
{
	*s = (struct stream){ .fd = fd, .tls = tls, .datagram = datagram };
	if (datagram) {
		/* What is sent waits in our queue rather than in a bigger
		 * SO_SNDBUF. */
		set_int(fd, SOL_SOCKET, SO_RCVBUF, STREAM_RECEIVE_BYTES);
		return;
	}
	/* SO_SNDBUF stays: setting it ends autotuning. */
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, STREAM_NOTSENT_BYTES);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, STREAM_USER_TIMEOUT_MS);
}

void stream_close(struct stream *s)
{
	tls_free(s->tls);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct stream){ .fd = -1 };
}

bool stream_is_datagram(const struct stream *s)
{
	return s->datagram;
}

static enum io fail(struct stream *s)
{
	s->error = errno;
	return IO_FAIL;
}

static enum io read_datagram(struct stream *s, void *data, size_t max,
			     size_t *n)
{
	ssize_t got = recv(s->fd, data, max, MSG_TRUNC);

	if (got > 0 && (size_t)got <= max) {
		*n = (size_t)got;
		return IO_OK;
	}
	if (got > 0)
		s->dropped++;
	/* EMSGSIZE here is a router's word on a datagram that we have sent:
	 * the kernel cuts the next ones. */
	if (got >= 0 || errno == EAGAIN || errno == EINTR || errno == EMSGSIZE)
		return IO_WANT_READ;
	return fail(s);
}

enum io stream_read(struct stream *s, void *data, size_t max, size_t *n)
{
	ssize_t got;

	*n = 0;
	if (s->tls != NULL)
		return tls_read(s->tls, data, max, n);
	if (s->datagram)
		return read_datagram(s, data, max, n);
	got = recv(s->fd, data, max, 0);
	if (got > 0) {
		*n = (size_t)got;
		return IO_OK;
	}
	if (got == 0)
		return IO_EOF;
	return errno == EAGAIN || errno == EINTR ? IO_WANT_READ : fail(s);
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
	if (s->datagram && errno == EMSGSIZE) {
		s->dropped++;
		*n = len;
		return IO_OK;
	}
	if (errno == EAGAIN || errno == EINTR ||
	    (s->datagram && errno == ENOBUFS))
		return IO_WANT_WRITE;
	return fail(s);
}

enum io stream_write_many(struct stream *s, const struct iovec *datagrams,
			  size_t count, size_t *sent)
{
	struct mmsghdr msgs[STREAM_WRITE_MAX];
	size_t n;
	enum io io;
	int put;

	*sent = 0;
	if (count > STREAM_WRITE_MAX)
		count = STREAM_WRITE_MAX;
	for (size_t i = 0; i < count; i++) {
		msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = (struct iovec *)(uintptr_t)&datagrams[i],
			.msg_iovlen = 1,
		};
	}
	put = sendmmsg(s->fd, msgs, (unsigned int)count, MSG_NOSIGNAL);
	if (put > 0) {
		*sent = (size_t)put;
		return IO_OK;
	}
	/* What is wrong with the first one is told by itself. */
	io = stream_write(s, datagrams[0].iov_base, datagrams[0].iov_len, &n);
	*sent = io == IO_OK ? 1 : 0;
	return io;
}

size_t stream_pending(const struct stream *s)
{
	return s->tls != NULL ? tls_pending(s->tls) : 0;
}

uint64_t stream_dropped(const struct stream *s)
{
	return s->dropped + (s->tls != NULL ? tls_dropped(s->tls) : 0);
}

const char *stream_error(const struct stream *s)
{
	return s->tls != NULL ? tls_error(s->tls) : strerror(s->error);
}
