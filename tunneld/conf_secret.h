/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_secret.h - files that hold a password or a shared secret */
#ifndef CONF_SECRET_H
#define CONF_SECRET_H

#include <turnout/compiler.h>

#include <stddef.h>

/* The first line of a secret file, without the newline. 0 or -errno; -EPERM
 * when group or others may read it, -ENODATA when it is empty. The caller
 * wipes `out`. */
int conf_read_secret(const char *path, char *out, size_t max) MUST_CHECK;
/* All of its lines, with the newlines: the same results. */
int conf_read_secret_text(const char *path, char *out, size_t max) MUST_CHECK;
/* What such a failure means, and what would be right. */
const char *conf_secret_words(int error);

#endif
