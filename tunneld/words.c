/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* words.c - a parser's refusal, as a sentence */
#include <config.h>

#include "words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int words_wrong(const struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text, w->max, fmt, ap);
	va_end(ap);
	return -EINVAL;
}
