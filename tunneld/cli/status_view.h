/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_view.h - the state of tunneld as people read it */
#ifndef STATUS_VIEW_H
#define STATUS_VIEW_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

struct view {
	FILE *to;
	size_t columns; /* lines are cut there */
	size_t rows;    /* no more are printed; 0: as many as there are */
	/* NULL, or the document of a moment ago: rates and losses are those
	 * since */
	const json_t *before;
};

/* tunneld, the way out, apps and their flows: one screen. */
void view_status(const struct view *v, const json_t *doc);
/* One line more. */
void view_line(const struct view *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* All that is known of each flow. */
void view_flows(const struct view *v, const json_t *doc);

#endif
