/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c - one line a message to stderr
 *
 * Turns a level and a format into one write(2), so that lines of different
 * threads never mix and a full pipe costs one line at most. Under systemd each
 * line starts with its priority, <3> to <7> (sd-daemon(3)).
 */
#include <config.h>

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const struct {
	const char *name, *prefix, *priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "tunneld: error: ", "<3>" },
	[LOG_LEVEL_WARN] = { "warn", "tunneld: warning: ", "<4>" },
	[LOG_LEVEL_INFO] = { "info", "tunneld: ", "<6>" },
	[LOG_LEVEL_DEBUG] = { "debug", "tunneld: debug: ", "<7>" },
};
_Static_assert(ARRAY_SIZE(levels) == LOG_NUM_LEVELS, "one row a level");

_Atomic(enum log_level) log_threshold = LOG_LEVEL_INFO;
static atomic_bool to_journal;

void log_open(enum log_level level, bool journal)
{
	to_journal = journal;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	log_threshold = level < LOG_NUM_LEVELS ? level : LOG_LEVEL_DEBUG;
}

const char *log_level_name(enum log_level level)
{
	return level < LOG_NUM_LEVELS ? levels[level].name : "unknown";
}

bool log_level_parse(const char *text, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i].name) != 0)
			continue;
		*level = (enum log_level)i;
		return true;
	}
	return false;
}

static void clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char cut[] = "...";
	char line[LINE_MAX_BYTES];
	size_t len, room;
	va_list ap;
	int n, saved = errno;

	if (level >= LOG_NUM_LEVELS)
		return;
	len = strlen(strcpy(line, to_journal ? levels[level].priority
					     : levels[level].prefix));
	room = sizeof(line) - len - 1; /* the newline */
	va_start(ap, fmt);
	n = vsnprintf(line + len, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		errno = saved;
		return;
	}
	if ((size_t)n >= room) {
		n = (int)room - 1;
		memcpy(line + len + room - sizeof(cut), cut, sizeof(cut) - 1);
	}
	clean(line + len, (size_t)n);
	len += (size_t)n;
	line[len++] = '\n';
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
	errno = saved;
}

bool log_limit_ok(struct log_limit *limit, uint64_t now_ms, uint32_t period_ms,
		  unsigned int *suppressed)
{
	if (now_ms < limit->next_ms) {
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ms = now_ms + period_ms;
	return true;
}
