/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json_text.h - text as JSON strings (RFC 8259), for output */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stdio.h>

/* With its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_text_put(FILE *to, const char *text);
/* `"name": "text"`, or null for NULL. */
void json_text_member(FILE *to, const char *name, const char *text);

#endif
