/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_metrics.c - any bytes as a scraper's request
 *
 * There is an answer or more is wanted; what comes behind a request that has an
 * answer changes nothing; and each answer has a head that ends.
 */
#include <config.h>

#include "../../tunneld/metrics_answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_answer(const struct metrics_request *r)
{
	char head[METRICS_HEAD_MAX];
	size_t len = metrics_answer_head(r, 12345, head);

	if (len >= sizeof(head) || memmem(head, len, "\r\n\r\n", 4) == NULL ||
	    strncmp(head, "HTTP/1.1 ", 9) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	size_t len = bytes > METRICS_REQUEST_MAX ? METRICS_REQUEST_MAX : bytes;
	struct metrics_request whole, part;
	const char *text = (const char *)data;

	for (int local = 0; local < 2; local++) {
		metrics_request_read(&whole, text, len, local);
		if (whole.status != 0)
			check_answer(&whole);
		for (size_t n = 0; n < len; n += 1 + len / 64) {
			metrics_request_read(&part, text, n, local);
			if (part.status != 0 && part.status != whole.status)
				abort();
		}
	}
	return 0;
}
