/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log_journal.h - one line to systemd's journal, with fields */
#ifndef LOG_JOURNAL_H
#define LOG_JOURNAL_H

#include "log.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

struct log_line {
	enum log_level level;
	enum log_event event;
	const struct log_place *place;
	const struct log_about *about; /* NULL: nothing in particular */
	const char *text;              /* clean: no control bytes */
	size_t len;
};

/* Is `stream` ($JOURNAL_STREAM, systemd.exec(5): "DEVICE:INODE") what `fd`
 * writes to? `stream` may be NULL. */
bool log_journal_is(const char *stream, int fd);
/* The entry as the journal's native protocol has it. The length; 0: it does not
 * fit. */
#define LOG_JOURNAL_MAX 4096
size_t log_journal_format(const struct log_line *line,
			  char out[LOG_JOURNAL_MAX]);
/* For log_journal_send(); -1: there is none. */
int log_journal_open(void) MUST_CHECK;
/* False: it did not go; say it in another way. */
bool log_journal_send(int fd, const char *path,
		      const struct log_line *line) MUST_CHECK;

#endif
