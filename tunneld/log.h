/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.h - one line a message to stderr, with levels; thread-safe */
#ifndef LOG_H
#define LOG_H

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
void log_set_level(enum log_level level);
bool log_level_parse(const char *text, enum log_level *level);
/* "error", "warn", "info", "debug" */
const char *log_level_name(enum log_level level);
extern _Atomic(enum log_level) log_threshold; /* read by the macros only */
/* Control bytes in the text become '?', so that what came from outside cannot
 * forge a line. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_at(level, ...)                               \
	do {                                             \
		if ((level) <= log_threshold)            \
			log_write((level), __VA_ARGS__); \
	} while (0)
#define log_err(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

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
