/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * msg.h - iovecs and control messages of a datagram that carries our header
 *
 * Pure: no system call, no allocation, no global.
 */
#ifndef MSG_H
#define MSG_H

#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/uio.h>

/* Sum of the lengths; SIZE_MAX when it would overflow. */
size_t msg_bytes(const struct iovec *iov, size_t count);

/* A datagram was read as [header of WIRE_HEADER_BYTES][iov], but it is not one
 * of ours: move the payload forward, so that `iov` holds its beginning.
 * `bytes` is the whole length on the wire, which may exceed what fits. */
void msg_close_gap(const void *header, const struct iovec *iov, size_t count,
		   size_t bytes);

/* A place in an iovec array. */
struct msg_cursor {
	const struct iovec *iov;
	size_t count;
	size_t offset; /* into iov[0] */
};

/* Describe the next `bytes` bytes by at most `max` entries of `out` and move
 * on. Returns the entries, or 0 when `max` is too few (nothing moved). A
 * `bytes` of 0 gives one empty entry. */
size_t msg_slice(struct msg_cursor *at, size_t bytes, struct iovec *out,
		 size_t max);

/* The segment size that UDP_SEGMENT in the control data asks for, or
 * `fallback` when it is not there. */
uint16_t msg_segment_bytes(const struct msghdr *msg, uint16_t fallback);

/* How the control data of a tunnelled datagram differs from the app's. */
struct msg_edit {
	bool pin;               /* to lo, by (IPV6_)PKTINFO … */
	struct endpoint source; /* … from this address; empty: any */
	int flow_family;        /* 4 or 6 */
	bool set_segment;       /* an UDP_SEGMENT of our own … */
	uint16_t segment_bytes; /* … of this size; 0: none */
};

#define MSG_CONTROL_MAX 512

/* Put the app's control data into `out` (a msghdr with its control fields
 * empty): PKTINFO and UDP_SEGMENT left out, ours added. `buf` holds a changed
 * copy; without a change the app's own buffer is borrowed. 0 or -ENOBUFS. */
int msg_edit_control(struct msghdr *out, const struct msghdr *app,
		     const struct msg_edit *edit, void *buf, size_t size);

/* Tell the caller of recvfrom() and the like an address: cut to `*len`, which
 * becomes the true length (recvmsg(2)). NULL `name`: nothing. */
void msg_put_name(void *name, socklen_t *len, const void *real,
		  socklen_t real_len);

#endif
