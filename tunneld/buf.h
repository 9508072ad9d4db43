/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * buf.h - bounded byte writer and consume-or-fail reader; the only code that
 * touches wire bytes
 *
 * A `struct buf` writes into the caller's memory and never past it: the first
 * write that does not fit sets `failed`, and later ones do nothing, so that a
 * message is built first and checked once.
 */
#ifndef BUF_H
#define BUF_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len; /* bytes written */
	size_t max;
	bool failed;
};

void buf_init(struct buf *b, void *data, size_t max);
void buf_put(struct buf *b, const void *src, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v); /* network order */
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_zero(struct buf *b, size_t n);
/* Room of `n` bytes to be written in place; NULL (and failed) if none. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_set_u16(struct buf *b, size_t at, uint16_t v);

/* Reader over borrowed memory. */
struct buf_reader {
	const uint8_t *data;
	size_t left;
};

void buf_reader_init(struct buf_reader *r, const void *data, size_t n);
/* All return false, and consume nothing, when there are not enough bytes. */
bool buf_get(struct buf_reader *r, void *dst, size_t n) MUST_CHECK;
bool buf_get_u8(struct buf_reader *r, uint8_t *v) MUST_CHECK;
bool buf_get_u16(struct buf_reader *r, uint16_t *v) MUST_CHECK;
bool buf_get_u32(struct buf_reader *r, uint32_t *v) MUST_CHECK;
/* A view of the next n bytes, which stays valid as long as the memory. */
bool buf_take(struct buf_reader *r, size_t n, const uint8_t **v) MUST_CHECK;

uint16_t be16_get(const void *p);
uint32_t be32_get(const void *p);
void be16_set(void *p, uint16_t v);
void be32_set(void *p, uint32_t v);

#endif
