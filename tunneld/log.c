/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c - one line a message
 *
 * Turns a level and a format into one datagram to the journal or one write(2)
 * to stderr, so that lines of different threads never mix and a full pipe costs
 * one line at most. Where stderr is a pipe to somebody else than the journal,
 * but under systemd, each line starts with its priority, <3> to <7>
 * (sd-daemon(3)).
 */
#include <config.h>

#include "log.h"

#include "log_journal.h"
#include "log_ring.h"

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
static atomic_bool with_priority;
static atomic_int journal_fd = -1;

void log_open(enum log_level level, bool journal)
{
	with_priority = journal;
	log_set_level(level);
}

void log_open_journal(enum log_level level, const char *stream)
{
	log_open(level, stream != NULL);
	if (log_journal_is(stream, STDERR_FILENO) && journal_fd < 0)
		journal_fd = log_journal_open();
}

bool log_is_in_journal(void)
{
	return journal_fd >= 0;
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

/* One line; the prefix and the text together are cut to LINE_MAX_BYTES. */
static void write_stderr(enum log_level level, const char *text, size_t len)
{
	char line[LINE_MAX_BYTES];
	size_t at = strlen(strcpy(line, with_priority ? levels[level].priority
						      : levels[level].prefix));
	size_t room = sizeof(line) - at - 1; /* the newline */

	if (len > room)
		len = room;
	memcpy(line + at, text, len);
	at += len;
	line[at++] = '\n';
	while (write(STDERR_FILENO, line, at) < 0 && errno == EINTR)
		;
}

/* How many bytes; cut, and marked so, to what fits behind any prefix. */
static size_t format(enum log_level level, char text[LINE_MAX_BYTES],
		     const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

static size_t format(enum log_level level, char text[LINE_MAX_BYTES],
		     const char *fmt, va_list ap)
{
	static const char cut[] = "...";
	size_t prefix = strlen(with_priority ? levels[level].priority
					     : levels[level].prefix);
	size_t room = LINE_MAX_BYTES - prefix - 1;
	int n = vsnprintf(text, room, fmt, ap);

	if (n < 0)
		return 0;
	if ((size_t)n >= room) {
		n = (int)room - 1;
		memcpy(text + room - sizeof(cut), cut, sizeof(cut) - 1);
	}
	clean(text, (size_t)n);
	return (size_t)n;
}

void log_write(const struct log_place *place, enum log_level level,
	       enum log_event event, const struct log_about *about,
	       const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	struct log_line line = { .level = level,
				 .event = event,
				 .place = place,
				 .about = about,
				 .text = text };
	int saved = errno;
	va_list ap;

	if (level >= LOG_NUM_LEVELS)
		return;
	va_start(ap, fmt);
	line.len = format(level, text, fmt, ap);
	va_end(ap);
	log_ring_add(level, text, line.len);
	if (!log_journal_send(journal_fd, LOG_JOURNAL_SOCKET, &line))
		write_stderr(level, text, line.len);
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
