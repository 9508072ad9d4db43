/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.h - one line a message, with levels; thread-safe
 *
 * To systemd's journal, where stderr leads there, else to stderr; the last ones
 * are kept in memory, too (log_ring.h).
 */
#ifndef LOG_H
#define LOG_H

#include "log_event.h"

#include <turnout/compiler.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 0,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO, /* something an operator would act on */
	LOG_LEVEL_DEBUG,
	LOG_NUM_LEVELS,
};

/* `journal`: prefix lines with <N> priorities (sd-daemon(3)) instead of
 * "tunneld: error: ". Before it is called: LOG_LEVEL_INFO, no journal. */
void log_open(enum log_level level, bool journal);
/* As above for $JOURNAL_STREAM; where that is stderr, lines go to the journal's
 * socket with their fields. */
void log_open_journal(enum log_level level, const char *stream);
/* Do they? */
bool log_is_in_journal(void);
void log_set_level(enum log_level level);
bool log_level_parse(const char *text, enum log_level *level);
/* "error", "warn", "info", "debug" */
const char *log_level_name(enum log_level level);
extern _Atomic(enum log_level) log_threshold; /* read by the macros only */

/* Where in the source. */
struct log_place {
	const char *file, *function;
	int line;
};
#define LOG_PLACE (&(const struct log_place){ __FILE__, __func__, __LINE__ })

/* What a line is about, as far as it is known, for programs: names as they are
 * configured, and the reason as one word. NULL: not known. Never a secret. */
struct log_about {
	const char *relay, *proxy, *reason;
	uint64_t flow; /* SO_COOKIE of the app's socket; 0: not known */
};
#define LOG_ABOUT(...) (&(const struct log_about){ __VA_ARGS__ })

/* Control bytes in the text become '?', so that what came from outside cannot
 * forge a line. `about` may be NULL. */
void log_write(const struct log_place *place, enum log_level level,
	       enum log_event event, const struct log_about *about,
	       const char *fmt, ...) PRINTF_LIKE(5, 6);

/* One of LOG_EVENT_*. */
#define log_event(level, event, about, ...)                             \
	do {                                                            \
		if ((level) <= log_threshold)                           \
			log_write(LOG_PLACE, (level), (event), (about), \
				  __VA_ARGS__);                         \
	} while (0)
#define log_at(level, ...) log_event(level, LOG_EVENT_NONE, NULL, __VA_ARGS__)
#define log_err(...)       log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)      log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)      log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)     log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Rate limit for what an app or a peer can trigger: at most one line every
 * `period_ms`; true when a line may be written now, `*suppressed` tells how
 * many were not since the last. Caller's storage, zero-initialised. */
struct log_limit {
	uint64_t next_ms;
	unsigned int suppressed;
};
bool log_limit_ok(struct log_limit *limit, uint64_t now_ms, uint32_t period_ms,
		  unsigned int *suppressed);

#endif
