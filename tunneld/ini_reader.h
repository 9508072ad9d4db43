/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ini_reader.h - a strict INI reader around inih: every line is what it looks
 * like, or an error with its number
 */
#ifndef INI_READER_H
#define INI_READER_H

#include <turnout/compiler.h>

#include <stddef.h>

struct stat;

/* All strings are valid during the call only. */
struct ini_reader_ops {
	void (*section)(void *arg, unsigned int line, const char *section);
	void (*entry)(void *arg, unsigned int line, const char *section,
		      const char *key, const char *value);
	void (*problem)(void *arg, unsigned int line, const char *words);
	/* The file as it was opened, before it is read; what is not 0 is
	 * returned. May be NULL. */
	int (*admit)(void *arg, const struct stat *st);
};

/* Reading goes on after a problem, so that all of them are told. 0, -EBADMSG
 * when problem() has been called, or -errno when the file cannot be read. */
int ini_reader_file(const char *path, const struct ini_reader_ops *ops,
		    void *arg) MUST_CHECK;
int ini_reader_text(const char *text, size_t bytes,
		    const struct ini_reader_ops *ops, void *arg) MUST_CHECK;

#endif
