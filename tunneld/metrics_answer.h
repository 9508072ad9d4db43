/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metrics_answer.h - a request for metrics, and what is answered; no I/O */
#ifndef METRICS_ANSWER_H
#define METRICS_ANSWER_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* A scraper's request is some hundred bytes long. */
#define METRICS_REQUEST_MAX 8192

struct metrics_request {
	unsigned int status; /* of the answer; 0: there is more to read */
	bool head;           /* no body is wanted */
	bool openmetrics;
};

/* `text` is what has come so far. `local`: for this machine alone, so that a
 * name of somewhere else in the request means that a page in a browser was
 * made to ask. */
void metrics_request_read(struct metrics_request *r, const char *text,
			  size_t len, bool local);
/* The head of the answer and, of errors, its body, with a length for both. */
#define METRICS_HEAD_MAX 512
size_t metrics_answer_head(const struct metrics_request *r, size_t body_bytes,
			   char out[METRICS_HEAD_MAX]);

#endif
