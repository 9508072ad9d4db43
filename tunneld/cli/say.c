/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.c - what turnout tells people on stderr: one line a message */
#include <config.h>

#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SAY_LINE_MAX 2048

static PRINTF_LIKE(2, 0) void say_line(const char *prefix, const char *fmt,
				       va_list ap)
{
	char line[SAY_LINE_MAX];
	size_t len = strlen(prefix);
	int n;

	memcpy(line, prefix, len);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	if (n < 0)
		return;
	len = strlen(line);
	line[len++] = '\n';
	/* There is nobody left to tell when stderr is closed. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_line("turnout: ", fmt, ap);
	va_end(ap);
}

void say_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_line("turnout: warning: ", fmt, ap);
	va_end(ap);
}

int say_flush_stdout(void)
{
	int err = fflush(stdout) ? -errno : 0;

	if (err == 0 && !ferror(stdout))
		return 0;
	say("cannot write to stdout: %s", strerror(err ? -err : EIO));
	return -EIO;
}
