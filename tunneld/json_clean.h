/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json_clean.h - text from outside as a JSON string that any terminal and any
 * reader can bear
 */
#ifndef JSON_CLEAN_H
#define JSON_CLEAN_H

#include <turnout/compiler.h>

#include <jansson.h>

/* Bytes that are not UTF-8, and control characters, become U+FFFD. `null` for
 * NULL. A new reference; NULL: no memory. */
json_t *json_clean(const char *text) MUST_CHECK;

#endif
