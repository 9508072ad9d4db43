/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.h - what turnout tells people on stderr: one line a message */
#ifndef SAY_H
#define SAY_H

#include <turnout/compiler.h>

/* "turnout: ..." and "turnout: warning: ...", newline added, written at once
 * so that lines of two programs do not mix. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
void say_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* 0, or -EIO when stdout took less than was printed: help and status. */
int say_flush_stdout(void) MUST_CHECK;

#endif
