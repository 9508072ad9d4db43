/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * buf.c - bounded byte writer and consume-or-fail reader
 *
 * Turns caller-owned memory into a sequence of checked, network-order reads
 * and writes.
 */
#include <config.h>

#include "buf.h"

#include <string.h>

uint16_t be16_get(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t be32_get(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

void be16_set(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

void be32_set(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}

void buf_init(struct buf *b, void *data, size_t max)
{
	*b = (struct buf){ .data = data, .max = max };
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	uint8_t *p;

	if (b->failed || n > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	p = b->data + b->len;
	b->len += n;
	return p;
}

void buf_put(struct buf *b, const void *src, size_t n)
{
	uint8_t *p = buf_reserve(b, n);

	/* memcpy(3) wants valid pointers for zero bytes too. */
	if (p != NULL && n > 0)
		memcpy(p, src, n);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	uint8_t *p = buf_reserve(b, 1);

	if (p != NULL)
		*p = v;
}

void buf_put_u16(struct buf *b, uint16_t v)
{
	uint8_t *p = buf_reserve(b, 2);

	if (p != NULL)
		be16_set(p, v);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t *p = buf_reserve(b, 4);

	if (p != NULL)
		be32_set(p, v);
}

void buf_put_zero(struct buf *b, size_t n)
{
	uint8_t *p = buf_reserve(b, n);

	if (p != NULL && n > 0)
		memset(p, 0, n);
}

void buf_set_u16(struct buf *b, size_t at, uint16_t v)
{
	if (b->failed || b->len < 2 || at > b->len - 2) {
		b->failed = true;
		return;
	}
	be16_set(b->data + at, v);
}

void buf_reader_init(struct buf_reader *r, const void *data, size_t n)
{
	*r = (struct buf_reader){ .data = data, .left = n };
}

bool buf_take(struct buf_reader *r, size_t n, const uint8_t **v)
{
	if (n > r->left)
		return false;
	*v = r->data;
	/* An empty view may have no memory behind it. */
	if (n > 0)
		r->data += n;
	r->left -= n;
	return true;
}

bool buf_get(struct buf_reader *r, void *dst, size_t n)
{
	const uint8_t *p;

	if (!buf_take(r, n, &p))
		return false;
	if (n > 0)
		memcpy(dst, p, n);
	return true;
}

bool buf_get_u8(struct buf_reader *r, uint8_t *v)
{
	const uint8_t *p;

	if (!buf_take(r, 1, &p))
		return false;
	*v = *p;
	return true;
}

bool buf_get_u16(struct buf_reader *r, uint16_t *v)
{
	const uint8_t *p;

	if (!buf_take(r, 2, &p))
		return false;
	*v = be16_get(p);
	return true;
}

bool buf_get_u32(struct buf_reader *r, uint32_t *v)
{
	const uint8_t *p;

	if (!buf_take(r, 4, &p))
		return false;
	*v = be32_get(p);
	return true;
}
