/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_http.c - any bytes as an app's requests, and as an answer
 *
 * What is taken stays within the text, and a body reads the same whole and in
 * pieces.
 */
#include <config.h>

#include "../../tunneld/http_body.h"
#include "../../tunneld/http_head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_view(const struct http_text *t, const char *text, size_t len)
{
	if (t->len > len ||
	    (t->len > 0 && (t->at < text || t->at + t->len > text + len)))
		abort();
}

static void check_head(const struct http_head *h, const char *text, size_t len)
{
	check_view(&h->target, text, len);
	check_view(&h->host, text, len);
	check_view(&h->reason, text, len);
	for (size_t i = 0; i < h->fields; i++) {
		const struct http_field *f = &h->field[i];

		check_view(&f->name, text, len);
		check_view(&f->value, text, len);
		if (f->name.len == 0 ||
		    memchr(f->value.at, '\n', f->value.len) != NULL ||
		    memchr(f->value.at, '\0', f->value.len) != NULL)
			abort();
		(void)http_head_is_private(h, f);
	}
}

static void check_body(const struct http_head *h, const char *text, size_t len)
{
	struct http_body whole, pieces;
	size_t used = 0, at = 0, n;
	int64_t a, b = 0, got = 0;

	http_body_init(&whole, h->framing, h->length);
	http_body_init(&pieces, h->framing, h->length);
	a = http_body_read(&whole, text, len, &used, NULL, 0);
	while (b >= 0 && at < len && !http_body_is_done(&pieces)) {
		char out[3];
		size_t step = len - at < 7 ? len - at : 7;

		b = http_body_read(&pieces, text + at, step, &n, out,
				   sizeof(out));
		got += b;
		at += n;
	}
	if ((a < 0) != (b < 0) ||
	    (a >= 0 &&
	     (got != a || at != used ||
	      http_body_is_done(&whole) != http_body_is_done(&pieces))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct http_head h;
	const char *text = (const char *)data;
	int len;

	if (bytes == 0)
		return 0;
	len = http_head_find(text, bytes, 0);
	if (len > 0 && (size_t)len > bytes)
		abort();
	if (len <= 0)
		return 0;
	if (http_head_parse_request(&h, text, (size_t)len) == 0) {
		check_head(&h, text, (size_t)len);
		check_body(&h, text + len, bytes - (size_t)len);
	}
	if (http_head_parse_response(&h, text, (size_t)len, false) == 0) {
		check_head(&h, text, (size_t)len);
		check_body(&h, text + len, bytes - (size_t)len);
	}
	return 0;
}
