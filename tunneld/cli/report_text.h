/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report_text.h - a doctor's report as lines for people, and as a ticket */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct report_text {
	FILE *to;
	size_t columns; /* lines are broken there; at least 40 */
	bool colours;
};

void report_text_lines(const struct report_text *t, const json_t *report);
/* What IT needs to act, and nothing else. */
void report_text_ticket(FILE *to, const json_t *report);

#endif
