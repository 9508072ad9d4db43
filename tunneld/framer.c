/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * framer.c - a byte stream cut into STUN messages and ChannelData
 *
 * Turns what was read from TCP or TLS into whole frames, in place
 * (RFC 8489, 5 and 6.2.2; RFC 8656, 12.4 and 12.5; RFC 7983, 7).
 */
#include <config.h>

#include "framer.h"

#include "buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STUN_HEADER_LEN    20
#define STUN_COOKIE        0x2112a442u /* RFC 8489, 5 */
#define CHANNEL_HEADER_LEN 4
#define CHANNEL_MIN        0x4000 /* RFC 8656, 12 */
#define CHANNEL_MAX        0x4fff
#define FRAME_MAX          (STUN_HEADER_LEN + 0xfffc) /* of both kinds */
#define READ_MIN           16384

_Static_assert(CHANNEL_HEADER_LEN + 0xffff + 1 <= FRAME_MAX, "longest frame");

int framer_init(struct framer *f)
{
	/* Never touched beyond what arrives, so most of it is address space
	 * only. */
	*f = (struct framer){ .max = FRAME_MAX + READ_MIN };
	f->data = malloc(f->max);
	return f->data != NULL ? 0 : -ENOMEM;
}

void framer_fini(struct framer *f)
{
	free(f->data);
	*f = (struct framer){ 0 };
}

uint8_t *framer_space(struct framer *f, size_t *room)
{
	size_t left = f->end - f->start;

	/* The tail moves once: while a frame grows, it starts at 0. */
	if (f->start > 0) {
		memmove(f->data, f->data + f->start, left);
		f->start = 0;
		f->end = left;
	}
	*room = f->max - f->end;
	return f->data + f->end;
}

void framer_commit(struct framer *f, size_t n)
{
	f->end += n;
}

int framer_next(struct framer *f, const uint8_t **frame)
{
	const uint8_t *p = f->data + f->start;
	size_t have = f->end - f->start, len, padded;
	uint16_t first;

	if (have < CHANNEL_HEADER_LEN)
		return 0;
	first = be16_get(p);
	if (first >= CHANNEL_MIN && first <= CHANNEL_MAX) {
		len = CHANNEL_HEADER_LEN + (size_t)be16_get(p + 2);
		/* RFC 8656, 12.5: the padding is part of the stream, though
		 * not of the length field. */
		padded = (len + 3) & ~(size_t)3;
	} else if (first < CHANNEL_MIN) {
		len = STUN_HEADER_LEN + (size_t)be16_get(p + 2);
		padded = len;
		if (len % 4 != 0)
			return -EBADMSG; /* RFC 8489, 5 */
		if (have >= 8 && be32_get(p + 4) != STUN_COOKIE)
			return -EBADMSG;
	} else {
		return -EBADMSG;
	}
	if (have < padded)
		return 0;
	f->start += padded;
	*frame = p;
	return (int)len;
}
