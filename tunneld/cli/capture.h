/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.h - what a program prints, within bounds */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <turnout/compiler.h>

#include <stddef.h>

#define CAPTURE_MAX (4u << 20)

struct capture {
	const char *const *argv; /* NULL-terminated; found in PATH */
	int timeout_ms;          /* then it is killed */
};

/* What it has written to stdout, NUL-terminated, for the caller to free; what
 * it says on stderr goes nowhere, and it reads nothing. Its exit status, or
 * -errno: -ENOENT, -ETIMEDOUT, -EMSGSIZE, -EINTR (ended by a signal). */
int capture(const struct capture *c, char **text, size_t *bytes) MUST_CHECK;

#endif
