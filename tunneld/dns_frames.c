/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dns_frames.c - DNS messages on a TCP socket (RFC 1035, 4.2.2; RFC 7766) */
#include <config.h>

#include "dns_frames.h"

#include "buf.h"

#include <errno.h>
#include <string.h>

#include <sys/socket.h>

#define LENGTH_BYTES 2
/* Little, so that the answers to what was read have room where the caller has
 * seen to it that there is some. */
#define READ_BYTES 4096

void dns_frames_init(struct dns_frames *f, int fd)
{
	f->fd = fd;
	f->in_len = f->out_len = 0;
}

static void give_out(struct dns_frames *f, dns_frame_fn *each, void *arg,
		     uint64_t now_ms)
{
	size_t at = 0;

	while (f->in_len - at >= LENGTH_BYTES) {
		size_t len = be16_get(f->in + at);

		if (f->in_len - at - LENGTH_BYTES < len)
			break;
		each(arg, f->in + at + LENGTH_BYTES, len, now_ms);
		at += LENGTH_BYTES + len;
	}
	f->in_len -= at;
	memmove(f->in, f->in + at, f->in_len);
}

int dns_frames_read(struct dns_frames *f, dns_frame_fn *each, void *arg,
		    uint64_t now_ms)
{
	/* Never 0: a message that fills it has been given out. */
	size_t room = sizeof(f->in) - f->in_len;
	ssize_t n = recv(f->fd, f->in + f->in_len,
			 room < READ_BYTES ? room : READ_BYTES, MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -ENOTCONN;
	f->in_len += (size_t)n;
	give_out(f, each, arg, now_ms);
	return (int)n;
}

bool dns_frames_put(struct dns_frames *f, const uint8_t *data, size_t len)
{
	if (len > DNS_FRAME_BYTES ||
	    sizeof(f->out) - f->out_len < LENGTH_BYTES + len)
		return false;
	be16_set(f->out + f->out_len, (uint16_t)len);
	memcpy(f->out + f->out_len + LENGTH_BYTES, data, len);
	f->out_len += LENGTH_BYTES + len;
	return true;
}

int dns_frames_flush(struct dns_frames *f)
{
	ssize_t n;

	if (f->out_len == 0)
		return 0;
	n = send(f->fd, f->out, f->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	f->out_len -= (size_t)n;
	memmove(f->out, f->out + n, f->out_len);
	return 0;
}

bool dns_frames_has_room(const struct dns_frames *f)
{
	return sizeof(f->out) - f->out_len >= sizeof(f->in);
}
