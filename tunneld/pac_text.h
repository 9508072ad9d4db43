/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pac_text.h - a script's bytes, as a server sends them, into UTF-8; pure */
#ifndef PAC_TEXT_H
#define PAC_TEXT_H

#include <turnout/compiler.h>

#include <stddef.h>

/* `content_type`: "text/plain; charset=utf-8", or NULL. A byte order mark says
 * more than it; without both it is ISO-8859-1, and so is a charset that we do
 * not know: what counts in a script is ASCII. `out` is on the heap,
 * NUL-terminated; 0, -ENOMEM, or -EBADMSG: it is no text (a NUL in it, half a
 * character of UTF-16, nothing). */
int pac_text_decode(const char *content_type, const char *bytes, size_t len,
		    char **out, size_t *out_len) MUST_CHECK;

#endif
