/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * framer.c - a byte stream cut into STUN messages and ChannelData
 *
 * Turns what was read from TCP or TLS into whole frames, in place
 * (RFC 8489, 5 and 6.2.2; RFC 8656, 12.4 and 12.5; RFC 7983, 7).
 *
 * Theory of operation: a frame is given as soon as its own bytes are there;
 * up to three bytes behind it are then the `gap`, which is padding, or not.
 * The first gap of a stream decides it for all others: in a padded stream no
 * header begins in it. Padding is zero or rubbish, so that a header that
 * does begin there must be more convincing than the one behind it. Bytes of a
 * gap that are still to come are never taken for a header.
 */
#include <config.h>

#include "framer.h"

#include "buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STUN_HEADER_LEN    20
#define STUN_COOKIE        0x2112a442u /* RFC 8489, 5 */
#define STUN_COOKIE_AT     4
#define CHANNEL_HEADER_LEN 4
#define CHANNEL_MIN        0x4000 /* RFC 8656, 12 */
#define CHANNEL_MAX        0x4fff
#define FRAME_MAX          (STUN_HEADER_LEN + 0xfffc) /* of both kinds */
#define GAP_MAX            3
#define READ_MIN           16384

_Static_assert(CHANNEL_HEADER_LEN + 0xffff <= FRAME_MAX, "longest frame");

int framer_init(struct framer *f)
{
	/* Never touched beyond what arrives, so most of it is address space
	 * only. */
	*f = (struct framer){ .max = GAP_MAX + FRAME_MAX + READ_MIN };
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

enum header {
	HEADER_NO = 0,
	HEADER_MAYBE, /* more bytes will tell */
	HEADER_STUN,
	HEADER_CHANNEL,
};

static enum header look(const uint8_t *p, size_t have)
{
	uint8_t cookie[4];

	if (have == 0)
		return HEADER_MAYBE;
	if (p[0] >= CHANNEL_MIN >> 8)
		return p[0] <= CHANNEL_MAX >> 8 ? HEADER_CHANNEL : HEADER_NO;
	if (have >= STUN_COOKIE_AT && p[3] % 4 != 0)
		return HEADER_NO; /* RFC 8489, 5 */
	be32_set(cookie, STUN_COOKIE);
	for (size_t i = 0; i < sizeof(cookie); i++) {
		if (have <= STUN_COOKIE_AT + i)
			return HEADER_MAYBE;
		if (p[STUN_COOKIE_AT + i] != cookie[i])
			return HEADER_NO;
	}
	return HEADER_STUN;
}

/* Does the stream have padding? FRAMER_PADDING_UNKNOWN: more bytes needed.
 * The answer must not depend on how many bytes too many are there. */
static enum framer_padding judge(const struct framer *f)
{
	const uint8_t *p = f->data + f->start;
	size_t have = f->end - f->start;
	enum header near, far;

	if (have <= f->gap)
		return FRAMER_PADDING_UNKNOWN;
	near = look(p, have);
	if (near == HEADER_NO)
		return FRAMER_PADDING_GIVEN;
	if (near == HEADER_MAYBE)
		return FRAMER_PADDING_UNKNOWN;
	if (near == HEADER_STUN || (have >= 2 && be16_get(p) == f->channel))
		return FRAMER_PADDING_LEFT_OUT; /* four or two bytes are right
						 */
	far = look(p + f->gap, have - f->gap);
	if (far == HEADER_NO)
		return FRAMER_PADDING_LEFT_OUT;
	return far == HEADER_MAYBE ? FRAMER_PADDING_UNKNOWN
				   : FRAMER_PADDING_GIVEN;
}

/* Get over the padding of the last frame; false when more bytes are needed. */
static bool close_gap(struct framer *f)
{
	if (f->gap == 0)
		return true;
	if (f->padding == FRAMER_PADDING_UNKNOWN)
		f->padding = judge(f);
	if (f->padding == FRAMER_PADDING_UNKNOWN ||
	    (f->padding == FRAMER_PADDING_GIVEN && f->end - f->start < f->gap))
		return false;
	if (f->padding == FRAMER_PADDING_GIVEN)
		f->start += f->gap;
	f->gap = 0;
	return true;
}

bool framer_met_http(const struct framer *f)
{
	static const char head[] = "HTTP/";

	return f->channel == 0 && f->end - f->start >= sizeof(head) - 1 &&
	       memcmp(f->data + f->start, head, sizeof(head) - 1) == 0;
}

int framer_next(struct framer *f, const uint8_t **frame)
{
	const uint8_t *p;
	size_t have, len;
	enum header kind;

	if (!close_gap(f))
		return 0;
	p = f->data + f->start;
	have = f->end - f->start;
	kind = look(p, have);
	/* As ChannelData it would be one of 21584 bytes, to be waited for. */
	if (kind == HEADER_NO || framer_met_http(f))
		return -EBADMSG;
	if (have < CHANNEL_HEADER_LEN)
		return 0;
	len = be16_get(p + 2);
	len += kind == HEADER_CHANNEL ? CHANNEL_HEADER_LEN : STUN_HEADER_LEN;
	if (have < len)
		return 0;
	f->start += len;
	/* RFC 8656, 12.5: the padding is part of the stream, though not of
	 * the length field. */
	f->gap = -len & GAP_MAX;
	f->channel = be16_get(p);
	*frame = p;
	return (int)len;
}
