/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bundle.h - a directory with documents, what is in it and what is not, and an
 * archive of it
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <turnout/compiler.h>

#include <limits.h>
#include <stddef.h>
#include <stdio.h>

struct bundle {
	char dir[PATH_MAX]; /* for our eyes only */
	FILE *manifest;
	int error; /* the first that has occurred; 0 */
};

/* At `path`, which must not exist. 0 or -errno. */
int bundle_begin(struct bundle *b, const char *path) MUST_CHECK;
/* One document, and what it is. */
void bundle_add(struct bundle *b, const char *name, const char *words,
		const char *data, size_t bytes);
/* Why something is not there. */
void bundle_leave_out(struct bundle *b, const char *what, const char *why);
/* The manifest is whole. 0, or -errno of anything that went wrong. */
int bundle_end(struct bundle *b) MUST_CHECK;
/* A .tar.gz at `path` of the directory, by tar(1); the directory is gone then.
 * 0 or -errno. */
int bundle_pack(struct bundle *b, const char *path) MUST_CHECK;
void bundle_remove(struct bundle *b);

#endif
