/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_doc.h - the document turnout-status/1, asked for and read */
#ifndef STATUS_DOC_H
#define STATUS_DOC_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The document, a new reference; NULL when what is wrong was said. */
json_t *status_fetch(const char *socket) MUST_CHECK;
/* Nothing is said: 0 or -errno. */
int status_ask(const char *socket, int timeout_ms, json_t **doc) MUST_CHECK;
/* What came instead of it. */
json_t *status_parse(const char *text) MUST_CHECK;

/* The member at "a.b.c"; NULL: there is none such. Borrowed. */
json_t *doc_at(const json_t *doc, const char *path);
/* 0, false, "" or the other one where it is null, missing or something else. */
int64_t doc_int(const json_t *doc, const char *path);
double doc_real(const json_t *doc, const char *path);
bool doc_true(const json_t *doc, const char *path);
bool doc_is_null(const json_t *doc, const char *path); /* or missing */
const char *doc_text(const json_t *doc, const char *path, const char *other);

/* The whole of it, for programs. */
int doc_print(const json_t *doc) MUST_CHECK;

#endif
