/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report_svg.h - the drawings of a doctor's report */
#ifndef REPORT_SVG_H
#define REPORT_SVG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* app, tunneld, proxy, relay, world, with the state of each: side by side, or
 * for a phone one below the other. */
void report_svg_path(FILE *to, const json_t *report, bool upright);
/* The series of that name; nothing where there is none. */
void report_svg_plot(FILE *to, const json_t *report, const char *series,
		     const char *title, const char *unit);

#endif
