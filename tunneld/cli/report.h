/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report.h - the document turnout-doctor/1, from whoever has made it
 *
 * Nothing in it is trusted: what is missing or of another type reads as empty,
 * lists end at a bound, and texts are cleaned before they are shown.
 */
#ifndef REPORT_H
#define REPORT_H

#include "verb.h"

#include <turnout/compiler.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define REPORT_MAX_BYTES (1024u * 1024u)
#define REPORT_TEXT_MAX  1024 /* a text as it is shown, NUL included */
#define REPORT_LINES_MAX 512
#define REPORT_ITEMS_MAX 16 /* of evidence, of changes */
#define REPORT_STOPS_MAX 8  /* of the path */

enum report_state {
	REPORT_UNKNOWN = 0,
	REPORT_OK,
	REPORT_SLOW,
	REPORT_FAILED,
	REPORT_SKIPPED,
	REPORT_INFO,
	REPORT_NUM_STATES,
};

enum report_calls {
	REPORT_CALLS_GOOD = VERB_OK, /* doctor's exit status, too */
	REPORT_CALLS_POOR = 1,
	REPORT_CALLS_IMPOSSIBLE = 2,
};

/* A new reference; NULL: it is no such report. */
json_t *report_parse(const char *text, size_t bytes) MUST_CHECK;
/* No tunneld could be started with the configuration that there is. */
json_t *report_unstarted(void) MUST_CHECK;

enum report_calls report_calls(const json_t *report);
/* "Calls will be good" */
const char *report_calls_words(const json_t *report);
/* Of a line, or of a stop of the path. */
enum report_state report_state(const json_t *o);
const char *report_state_word(enum report_state state);
/* "IT", "the proxy's admin"; NULL: nobody has to act. */
const char *report_who(const json_t *line);
/* Is there something to do about it? */
bool report_is_owed(const json_t *line);
/* A member that is a text, cleaned; "" where it is none. Returns `out`. */
const char *report_text(const json_t *o, const char *member,
			char out[REPORT_TEXT_MAX]);
/* The elements of a list, so many at most. */
size_t report_count(const json_t *o, const char *member, size_t max);
/* One of them, which is a text, likewise cleaned. */
const char *report_item(const json_t *o, const char *member, size_t i,
			char out[REPORT_TEXT_MAX]);
/* A text as HTML: content, or an attribute's value in quotes. */
void report_escape(FILE *to, const char *text);

#endif
