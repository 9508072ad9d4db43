/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names_file.h - the file that keeps names and their addresses over restarts
 */
#ifndef NAMES_FILE_H
#define NAMES_FILE_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stddef.h>
#include <stdint.h>

struct names_file;

#define NAMES_FILE_NOWHERE UINT32_MAX /* as an offset: it is not known */

struct names_record {
	char name[CONTROL_NAME_MAX + 1];
	uint8_t family;
	uint32_t offset;
	int64_t used_s; /* time(2) */
};

typedef void(names_file_fn)(void *arg, const struct names_record *record);

/* Of our own, mode 0600; made if need be. `each` gets what is in it; of two
 * records at one address the later one holds. NULL: errno (EPERM: it is
 * somebody else's, or no file). */
struct names_file *names_file_open(const char *path, names_file_fn *each,
				   void *arg) MUST_CHECK;
void names_file_close(struct names_file *f);

/* One record more. A full disk costs it, no more. */
void names_file_add(struct names_file *f, const struct names_record *record);
/* How many it has, old ones of the same names included. */
size_t names_file_records(const struct names_file *f);

/* All of it anew: begin, put each record, and end, which swaps it in whole or
 * leaves the old one. 0 or -errno. */
int names_file_begin(struct names_file *f) MUST_CHECK;
void names_file_put(struct names_file *f, const struct names_record *record);
int names_file_end(struct names_file *f) MUST_CHECK;

#endif
