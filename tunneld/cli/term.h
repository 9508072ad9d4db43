/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* term.h - text from outside, made fit to be shown; what a terminal can do */
#ifndef TERM_H
#define TERM_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* The text in `out`, cut at a character; what moves a cursor, changes the
 * direction of writing or is no UTF-8 becomes a question mark. Returns `out`.
 */
const char *term_clean(char *out, size_t max, const char *text);
/* Characters of a text that is clean. */
size_t term_columns(const char *text);
/* Is it a terminal that has not been told to stay black and white? */
bool term_has_colours(int fd);
/* `other` where `fd` is no terminal or does not know. */
size_t term_width(int fd, size_t other);

#endif
