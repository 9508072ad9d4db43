/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace_print.h - what was traced, as lines for people or for programs */
#ifndef TRACE_PRINT_H
#define TRACE_PRINT_H

#include "trace_event.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdio.h>

struct trace_print;

struct trace_print_opts {
	const char *socket; /* of the tunneld that is asked for reasons */
	FILE *to;
	bool json; /* JSON Lines, schema turnout-trace/1 */
};

/* A thread of its own prints: a reason may take time, and those who are traced
 * shall not wait for it. All is copied but `to`. NULL with errno. */
struct trace_print *trace_print_new(const struct trace_print_opts *opts)
	MUST_CHECK;
/* Prints it if it is news: the same of the same process is only counted. */
void trace_print_event(void *print, const struct trace_event *event);
/* The rest, and a summary. 0, or -errno if it could not all be written. */
int trace_print_free(struct trace_print *print);

#endif
