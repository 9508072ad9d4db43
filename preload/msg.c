/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * msg.c - iovecs and control messages of a datagram that carries our header
 *
 * Turns what the app gives to sendmsg() into what goes over loopback, and what
 * came over loopback into what recvmsg() would have told. Control messages:
 * RFC 3542, 20.3 and 6; UDP_SEGMENT: udp(7).
 */
#include <config.h>

#include "msg.h"

#include <turnout/wire.h>

#include <errno.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define LOOPBACK_IFINDEX 1 /* fixed in each network namespace */

size_t msg_bytes(const struct iovec *iov, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > SIZE_MAX - sum)
			return SIZE_MAX;
		sum += iov[i].iov_len;
	}
	return sum;
}

/* Write `carry`, then the `used` bytes of `base`, into `base` of `size` bytes;
 * what no longer fits becomes the new carry. `used` is below `size` only in
 * the last buffer that received anything. Returns the carry's length. */
static size_t shift(unsigned char carry[WIRE_HEADER_BYTES], size_t carried,
		    unsigned char *base, size_t used, size_t size)
{
	unsigned char out[WIRE_HEADER_BYTES];
	size_t total = carried + used, left, from_base;

	if (total <= size) {
		memmove(base + carried, base, used);
		memcpy(base, carry, carried);
		return 0;
	}
	/* The last `left` bytes of carry and base together stay over. */
	left = total - size;
	from_base = left < used ? left : used;
	memcpy(out, carry + carried - (left - from_base), left - from_base);
	memcpy(out + (left - from_base), base + used - from_base, from_base);
	used -= from_base;
	carried -= left - from_base;
	memmove(base + carried, base, used);
	memcpy(base, carry, carried);
	memcpy(carry, out, left);
	return left;
}

void msg_close_gap(const void *header, const struct iovec *iov, size_t count,
		   size_t bytes)
{
	unsigned char carry[WIRE_HEADER_BYTES];
	size_t carried = bytes < sizeof(carry) ? bytes : sizeof(carry);
	size_t received = bytes - carried;

	memcpy(carry, header, carried);
	for (size_t i = 0; i < count && carried > 0; i++) {
		size_t size = iov[i].iov_len;
		size_t used = received < size ? received : size;

		received -= used;
		if (size > 0)
			carried = shift(carry, carried, iov[i].iov_base, used,
					size);
	}
}

size_t msg_slice(struct msg_cursor *at, size_t bytes, struct iovec *out,
		 size_t max)
{
	struct msg_cursor c = *at;
	size_t n = 0;

	if (max == 0)
		return 0;
	if (bytes == 0) {
		out[0] = (struct iovec){ .iov_base = NULL, .iov_len = 0 };
		return 1;
	}
	while (bytes > 0 && c.count > 0) {
		size_t have = c.iov->iov_len - c.offset;
		size_t take = have < bytes ? have : bytes;

		if (take > 0 && n == max)
			return 0;
		if (take > 0)
			out[n++] = (struct iovec){
				.iov_base = (char *)c.iov->iov_base + c.offset,
				.iov_len = take,
			};
		bytes -= take;
		c.offset += take;
		if (c.offset == c.iov->iov_len) {
			c.iov++;
			c.count--;
			c.offset = 0;
		}
	}
	*at = c;
	return n;
}

static bool is_segment(const struct cmsghdr *c)
{
	return c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT;
}

static bool is_pktinfo(const struct cmsghdr *c)
{
	return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) ||
	       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO);
}

/* The next control message that lies whole inside the buffer, or NULL. The
 * kernel refuses what does not (EINVAL). */
static struct cmsghdr *control_next(const struct msghdr *msg,
				    struct cmsghdr *last)
{
	struct msghdr *m = (struct msghdr *)(uintptr_t)msg;
	struct cmsghdr *c;
	size_t at;

	if (msg->msg_control == NULL)
		return NULL;
	c = last == NULL ? CMSG_FIRSTHDR(m) : CMSG_NXTHDR(m, last);
	if (c == NULL)
		return NULL;
	at = (size_t)((char *)c - (char *)msg->msg_control);
	if (c->cmsg_len < sizeof(*c) || c->cmsg_len > msg->msg_controllen - at)
		return NULL;
	return c;
}

uint16_t msg_segment_bytes(const struct msghdr *msg, uint16_t fallback)
{
	struct cmsghdr *c = NULL;
	uint16_t bytes = fallback;

	while ((c = control_next(msg, c)) != NULL)
		if (is_segment(c) && c->cmsg_len == CMSG_LEN(sizeof(bytes)))
			memcpy(&bytes, CMSG_DATA(c), sizeof(bytes));
	return bytes;
}

/* Append a control message. False: no room. */
static bool append(struct msghdr *out, size_t size, int level, int type,
		   const void *data, size_t len)
{
	struct cmsghdr header = {
		.cmsg_len = CMSG_LEN(len),
		.cmsg_level = level,
		.cmsg_type = type,
	};
	char *at = (char *)out->msg_control + out->msg_controllen;

	if (CMSG_SPACE(len) > size - out->msg_controllen)
		return false;
	memset(at, 0, CMSG_SPACE(len));
	memcpy(at, &header, sizeof(header));
	memcpy(at + CMSG_LEN(0), data, len);
	out->msg_controllen += CMSG_SPACE(len);
	return true;
}

static bool append_pin(struct msghdr *out, size_t size,
		       const struct msg_edit *edit)
{
	struct in_pktinfo info = { .ipi_ifindex = LOOPBACK_IFINDEX };
	struct in6_pktinfo info6 = { .ipi6_ifindex = LOOPBACK_IFINDEX };

	if (edit->flow_family == ENDPOINT_IPV6) {
		if (edit->source.family == ENDPOINT_IPV6)
			memcpy(&info6.ipi6_addr, edit->source.ip, 16);
		return append(out, size, IPPROTO_IPV6, IPV6_PKTINFO, &info6,
			      sizeof(info6));
	}
	if (edit->source.family == ENDPOINT_IPV4)
		memcpy(&info.ipi_spec_dst, edit->source.ip, 4);
	return append(out, size, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

int msg_edit_control(struct msghdr *out, const struct msghdr *app,
		     const struct msg_edit *edit, void *buf, size_t size)
{
	struct cmsghdr *c = NULL;
	bool change = edit->pin || edit->set_segment;

	while (!change && (c = control_next(app, c)) != NULL)
		change = is_pktinfo(c) || is_segment(c);
	if (!change) {
		out->msg_control = app->msg_control;
		out->msg_controllen = app->msg_controllen;
		return 0;
	}
	out->msg_control = buf;
	out->msg_controllen = 0;
	for (c = NULL; (c = control_next(app, c)) != NULL;) {
		if (is_pktinfo(c) || is_segment(c))
			continue;
		if (!append(out, size, c->cmsg_level, c->cmsg_type,
			    CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0)))
			return -ENOBUFS;
	}
	if (edit->pin && !append_pin(out, size, edit))
		return -ENOBUFS;
	if (edit->set_segment &&
	    !append(out, size, SOL_UDP, UDP_SEGMENT, &edit->segment_bytes,
		    sizeof(edit->segment_bytes)))
		return -ENOBUFS;
	if (out->msg_controllen == 0)
		out->msg_control = NULL;
	return 0;
}

void msg_put_name(void *name, socklen_t *len, const void *real,
		  socklen_t real_len)
{
	if (name == NULL)
		return;
	if (*len > 0)
		memcpy(name, real, *len < real_len ? *len : real_len);
	*len = real_len;
}
