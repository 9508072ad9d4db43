/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out_file.h - a file that was asked for, written whole or not at all */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include <turnout/compiler.h>

#include <stddef.h>

#include <sys/types.h>

/* Whoever reads it meanwhile has the old one. 0 or -errno. */
int out_file_write(const char *path, const char *data, size_t bytes,
		   mode_t mode) MUST_CHECK;

#endif
