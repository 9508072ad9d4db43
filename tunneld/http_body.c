/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_body.c - a stream of bytes into the content of one HTTP/1.1 message
 *
 * RFC 9112, 6 and 7.1 (chunked). What does not parse is an error, never a
 * guess: two readers that disagree about the end of a body are what request
 * smuggling lives on. A line may end in LF alone.
 */
#include <config.h>

#include "http_body.h"

#include <errno.h>
#include <string.h>

/* 2^60 bytes, and no overflow. */
#define DIGITS_MAX 15
/* RFC 9112, 7.1.1: a limit on extensions; and on the trailers. */
#define OVERHEAD_MAX 65536

void http_body_init(struct http_body *b, enum http_framing framing,
		    uint64_t length)
{
	bool empty = framing == HTTP_FRAMING_NONE ||
		     (framing == HTTP_FRAMING_LENGTH && length == 0);

	*b = (struct http_body){ .framing = framing };
	if (framing == HTTP_FRAMING_LENGTH)
		b->left = length;
	if (framing == HTTP_FRAMING_TO_END)
		b->left = UINT64_MAX;
	if (framing != HTTP_FRAMING_CHUNKED)
		b->state = empty ? HTTP_BODY_DONE : HTTP_BODY_DATA;
}

bool http_body_is_done(const struct http_body *b)
{
	return b->state == HTTP_BODY_DONE;
}

static int hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The LF after a chunk's size. */
static void begin_chunk(struct http_body *b)
{
	b->state = b->left > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER;
	b->overhead_bytes = 0;
}

static int on_size(struct http_body *b, unsigned char c)
{
	int digit = hex(c);

	if (digit >= 0 && !b->cr) {
		b->left = b->left << 4 | (unsigned int)digit;
		return ++b->digits <= DIGITS_MAX ? 0 : -EBADMSG;
	}
	if (b->digits == 0)
		return -EBADMSG;
	if (c == '\n') {
		begin_chunk(b);
	} else if (c == ';' || c == ' ' || c == '\t') {
		b->state = HTTP_BODY_EXTENSION;
		return b->cr ? -EBADMSG : 0;
	} else if (c != '\r' || b->cr) {
		return -EBADMSG;
	}
	b->cr = c == '\r';
	return 0;
}

/* Of an extension or a trailer: one byte that is not LF. */
static int on_text(struct http_body *b, unsigned char c)
{
	if (b->cr || (c < 0x20 && c != '\t' && c != '\r') || c == 0x7f ||
	    ++b->overhead_bytes > OVERHEAD_MAX)
		return -EBADMSG;
	b->cr = c == '\r';
	return 0;
}

static int on_extension(struct http_body *b, unsigned char c)
{
	if (c != '\n')
		return on_text(b, c);
	b->cr = false;
	begin_chunk(b);
	return 0;
}

static int on_data_end(struct http_body *b, unsigned char c)
{
	if (c == '\r' && !b->cr) {
		b->cr = true;
		return 0;
	}
	if (c != '\n')
		return -EBADMSG;
	*b = (struct http_body){ .framing = b->framing };
	return 0;
}

static int on_trailer(struct http_body *b, unsigned char c)
{
	bool empty = b->state == HTTP_BODY_TRAILER;

	if (c == '\n') {
		b->cr = false;
		b->state = empty ? HTTP_BODY_DONE : HTTP_BODY_TRAILER;
		return 0;
	}
	if (c != '\r' || !empty)
		b->state = HTTP_BODY_TRAILER_LINE;
	return on_text(b, c);
}

/* One byte of the framing. */
static int on_byte(struct http_body *b, unsigned char c)
{
	switch (b->state) {
	case HTTP_BODY_SIZE:
		return on_size(b, c);
	case HTTP_BODY_EXTENSION:
		return on_extension(b, c);
	case HTTP_BODY_DATA_END:
		return on_data_end(b, c);
	case HTTP_BODY_TRAILER:
	case HTTP_BODY_TRAILER_LINE:
		return on_trailer(b, c);
	case HTTP_BODY_DATA:
	case HTTP_BODY_DONE:
		break;
	}
	return -EBADMSG;
}

static void on_data(struct http_body *b, size_t n)
{
	if (b->framing == HTTP_FRAMING_TO_END)
		return;
	b->left -= n;
	if (b->left == 0)
		b->state = b->framing == HTTP_FRAMING_CHUNKED
				   ? HTTP_BODY_DATA_END
				   : HTTP_BODY_DONE;
}

int64_t http_body_read(struct http_body *b, const void *in, size_t len,
		       size_t *used, void *out, size_t max)
{
	const unsigned char *from = in;
	size_t at = 0, got = 0;

	while (at < len && b->state != HTTP_BODY_DONE) {
		size_t n = len - at;

		*used = at;
		if (b->state != HTTP_BODY_DATA) {
			if (on_byte(b, from[at]) < 0)
				return -EBADMSG;
			at++;
			continue;
		}
		if (n > b->left)
			n = (size_t)b->left;
		if (out != NULL && n > max - got)
			n = max - got;
		if (n == 0)
			break;
		if (out != NULL)
			memcpy((unsigned char *)out + got, from + at, n);
		on_data(b, n);
		got += n;
		at += n;
	}
	*used = at;
	return (int64_t)got;
}
