/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * framer.h - a byte stream cut into STUN messages and ChannelData
 * (RFC 8489, 6.2.2; RFC 8656, 12.5: padded to 4 bytes over TCP and TLS)
 *
 * The caller reads straight into the framer's memory, so nothing is copied
 * but the tail of a frame that has not arrived whole. Servers that leave the
 * padding out are recognised by their first frames.
 */
#ifndef FRAMER_H
#define FRAMER_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framer_padding {
	FRAMER_PADDING_UNKNOWN = 0,
	FRAMER_PADDING_GIVEN, /* as RFC 8656 wants it */
	FRAMER_PADDING_LEFT_OUT,
};

struct framer {
	uint8_t *data;
	size_t start, end, max; /* unread bytes are data[start..end) */
	size_t gap;             /* of these, padding of the last frame */
	uint16_t channel;       /* of the last frame, while there is a gap */
	enum framer_padding padding;
};

/* 0 or -ENOMEM. */
int framer_init(struct framer *f) MUST_CHECK;
void framer_fini(struct framer *f);

/* Where to read to, at least 16 KiB; invalidates frames given before. */
uint8_t *framer_space(struct framer *f, size_t *room);
void framer_commit(struct framer *f, size_t n);

/* The next whole frame: > 0 its length without padding, `*frame` borrowed
 * until framer_space(); 0: more bytes needed; -EBADMSG: not STUN, not
 * ChannelData: the stream is lost. No frame waits for its own padding. */
int framer_next(struct framer *f, const uint8_t **frame) MUST_CHECK;
/* Is it an HTTP answer that has come, and nothing before it? */
bool framer_met_http(const struct framer *f);

#endif
