/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metrics_file.h - a file replaced whole, for others to read */
#ifndef METRICS_FILE_H
#define METRICS_FILE_H

#include <turnout/compiler.h>

#include <stddef.h>

/* Everybody may read it. 0 or -errno: what was there before is there still. */
int metrics_file_write(const char *path, const char *text,
		       size_t bytes) MUST_CHECK;

#endif
