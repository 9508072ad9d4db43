/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_framer.c - any stream, in any pieces, gives the same frames
 *
 * Input: one byte for the size of the pieces, then the stream.
 */
#include <config.h>

#include "../../tunneld/framer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	unsigned int frames;
	size_t bytes;
	uint32_t sum;
	bool lost;
};

static void take(struct framer *f, struct result *r)
{
	const uint8_t *frame;
	int n;

	while (!r->lost && (n = framer_next(f, &frame)) != 0) {
		if (n < 0) {
			r->lost = true;
			break;
		}
		r->frames++;
		r->bytes += (size_t)n;
		for (int i = 0; i < n; i++)
			r->sum = r->sum * 31 + frame[i];
	}
}

static struct result run(const uint8_t *data, size_t size, size_t piece)
{
	struct result r = { 0 };
	struct framer f;

	if (framer_init(&f) < 0)
		abort();
	while (size > 0 && !r.lost) {
		size_t room, n = size < piece ? size : piece;
		uint8_t *space = framer_space(&f, &room);

		if (room < 16384)
			abort();
		if (n > room)
			n = room;
		memcpy(space, data, n);
		framer_commit(&f, n);
		data += n;
		size -= n;
		take(&f, &r);
	}
	framer_fini(&f);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole, pieces;

	if (size < 1)
		return 0;
	whole = run(data + 1, size - 1, SIZE_MAX);
	pieces = run(data + 1, size - 1, 1u + data[0]);
	if (whole.frames != pieces.frames || whole.bytes != pieces.bytes ||
	    whole.sum != pieces.sum || whole.lost != pieces.lost)
		abort();
	return 0;
}
