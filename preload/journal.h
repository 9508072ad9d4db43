/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.h - socket options that the app has set on a TCP socket: answered
 * while a placeholder stands for it, and set on the socket that replaces it
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

#define JOURNAL_MAX         20
#define JOURNAL_VALUE_BYTES 16 /* longer ones are not kept */

struct journal_entry {
	int level;
	int name;
	uint8_t bytes; /* of `value`; 0: end of the journal */
	bool pending;  /* set while the placeholder was in place */
	uint8_t value[JOURNAL_VALUE_BYTES];
};

struct journal {
	struct journal_entry entries[JOURNAL_MAX];
};

/* False: too long to be kept, or the journal is full. */
bool journal_set(struct journal *j, int level, int name, const void *value,
		 socklen_t len, bool pending);
const struct journal_entry *journal_find(const struct journal *j, int level,
					 int name);
/* Set on `fd` what was set while pending, or all of it on a new socket. Each
 * failure is ignored on its own. */
void journal_replay(struct journal *j, int fd, bool all);

#endif
