/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* daemon.h - the tunneld that runs already: where it listens, what it says */
#ifndef DAEMON_H
#define DAEMON_H

#include <turnout/compiler.h>
#include <turnout/paths.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control_explain;

/* The first socket that answers: $TURNOUT_SOCKET, the user's, the machine's.
 * 0, -ENOENT (no socket is there) or another -errno: the last refusal.
 * `*skipped`: $TURNOUT_SOCKET is set, but nothing answers there. */
int daemon_find(char *socket, size_t max, bool *skipped) MUST_CHECK;
/* Those sockets, whether they are there or not; how many. */
#define DAEMON_PLACES_MAX 3
size_t daemon_places(char place[DAEMON_PLACES_MAX][SOCKET_PATH_MAX + 1]);
/* Whether connect() to it works; 0 or -errno. */
int daemon_answers(const char *socket) MUST_CHECK;
/* The text of CONTROL_STATUS, NUL-terminated; the caller frees. 0/-errno. */
int daemon_status(const char *socket, char **text) MUST_CHECK;
/* The text of CONTROL_EXPLAIN and its status; likewise. */
int daemon_explain(const char *socket, const struct control_explain *what,
		   uint32_t *status, char **text) MUST_CHECK;
/* CONTROL_RELOAD; likewise. */
int daemon_reload(const char *socket, uint32_t *status, char **text) MUST_CHECK;
/* CONTROL_PROXY_RETRY: how many logins had been refused, or -errno. */
int daemon_proxy_retry(const char *socket) MUST_CHECK;

/* A line of a stream, without its end, NUL-terminated, changeable. Not 0: the
 * rest is not wanted. */
typedef int(daemon_line_fn)(void *arg, char *line, size_t bytes);

/* Set by a handler: the answer is not waited for any more, -EINTR. */
extern volatile sig_atomic_t daemon_interrupted;
/* Each line of the answer, as it comes. 0 at its end, what `on_line` has
 * returned, or -errno: -ETIMEDOUT (silent for `timeout_ms`, which may be 0: for
 * ever), -EMSGSIZE (no line is so long), -EPROTO (not a line: a tunneld that
 * does not know the request). */
int daemon_stream(const char *socket, uint16_t type, const void *body,
		  uint32_t bytes, daemon_line_fn *on_line, void *arg,
		  int timeout_ms) MUST_CHECK;
/* All of it, NUL-terminated; the caller frees. 0 or -errno, likewise. */
int daemon_document(const char *socket, uint16_t type, const void *body,
		    uint32_t bytes, int timeout_ms, char **text) MUST_CHECK;

#endif
