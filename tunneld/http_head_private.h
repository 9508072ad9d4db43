/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* http_head_private.h - what the parts of http_head.c share */
#ifndef HTTP_HEAD_PRIVATE_H
#define HTTP_HEAD_PRIVATE_H

#include "http_head.h"

struct http_text http_text_trim(struct http_text t);
/* Notes why; returns `error`. */
int http_head_bad(struct http_head *h, int error, const char *why);
/* What one field says about the message and the connection. */
int http_head_know(struct http_head *h, const struct http_field *f) MUST_CHECK;

#endif
