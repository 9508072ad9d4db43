/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_frames.h - DNS messages on a TCP socket: a length of two bytes before
 * each (RFC 1035, 4.2.2); whole ones come in and go out, within bounds
 */
#ifndef DNS_FRAMES_H
#define DNS_FRAMES_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_FRAME_BYTES 65535
/* What waits until it can be written; more is a peer that does not read. */
#define DNS_FRAMES_OUT_BYTES (2 * (DNS_FRAME_BYTES + 2))

/* On the heap: its buffers are large. */
struct dns_frames {
	int fd; /* non-blocking; the caller's */
	size_t in_len, out_len;
	uint8_t in[DNS_FRAME_BYTES + 2];
	uint8_t out[DNS_FRAMES_OUT_BYTES];
};

/* Of one message; `data` is borrowed until return. */
typedef void(dns_frame_fn)(void *arg, const uint8_t *data, size_t len,
			   uint64_t now_ms);

void dns_frames_init(struct dns_frames *f, int fd);
/* Read once, and give out each message that is whole. How many bytes came
 * (> 0), -EAGAIN, -ENOTCONN at the end, or another -errno. */
int dns_frames_read(struct dns_frames *f, dns_frame_fn *each, void *arg,
		    uint64_t now_ms) MUST_CHECK;
/* Append a message. False: it does not fit. */
bool dns_frames_put(struct dns_frames *f, const uint8_t *data,
		    size_t len) MUST_CHECK;
/* Write what there is. 0 (also when some is left) or -errno. */
int dns_frames_flush(struct dns_frames *f) MUST_CHECK;
/* Is there room for the answers to one more read? */
bool dns_frames_has_room(const struct dns_frames *f);

#endif
