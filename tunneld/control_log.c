/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_log.c - the last lines of the log, and those to come
 *
 * Turns the ring of the log into lines of text. Followers hear of a new line by
 * an eventfd, for it may come from any thread; each has a place of its own in
 * the ring, and one that reads too slowly is closed as any client is
 * (control_send.c).
 */
#include <config.h>

#include "control_conn.h"
#include "log_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/eventfd.h>

#define FOLLOWERS_MAX 16
/* Of a time, a level and a line. */
#define TEXT_MAX (LOG_RING_LINE_BYTES + 64)

struct conn_log {
	struct control_logs *logs; /* NULL: the place is free */
	struct conn *conn;
	uint64_t number; /* of the next line */
	enum log_level level;
};

struct control_logs {
	struct loop *loop;
	int fd;
	struct loop_fd watch;
	size_t count;
	struct conn_log follower[FOLLOWERS_MAX];
};

/* "2026-11-28T06:00:00.123Z warn: text" */
static int format(const struct log_ring_line *line, char out[TEXT_MAX])
{
	time_t at_s = (time_t)(line->at_ms / 1000);
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&at_s, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(out, TEXT_MAX, "%s.%03dZ %s: %s\n", when,
			(int)(line->at_ms % 1000), log_level_name(line->level),
			line->text);
}

/* All that is there; 0 or -errno of conn_write(). */
static int pump(struct conn_log *l)
{
	struct log_ring_line line;
	char text[TEXT_MAX];
	int err = 0;

	while (err == 0 && log_ring_read(&l->number, &line)) {
		if (line.level <= l->level)
			err = conn_write(l->conn, text,
					 (size_t)format(&line, text));
	}
	return err;
}

static void on_lines(void *arg, uint32_t events, uint64_t now_ms)
{
	struct control_logs *logs = arg;
	uint64_t lines;

	(void)events, (void)now_ms;
	if (read(logs->fd, &lines, sizeof(lines)) != sizeof(lines))
		return;
	for (size_t i = 0; i < FOLLOWERS_MAX; i++)
		if (logs->follower[i].logs != NULL)
			(void)pump(&logs->follower[i]);
}

static void on_gone(void *arg)
{
	struct conn_log *l = arg;

	if (--l->logs->count == 0)
		log_ring_wake(-1);
	l->logs = NULL;
}

static struct control_logs *logs_new(struct loop *loop)
{
	struct control_logs *logs = calloc(1, sizeof(*logs));

	if (logs == NULL)
		return NULL;
	logs->loop = loop;
	logs->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (logs->fd >= 0 && loop_fd_add(loop, &logs->watch, logs->fd, EPOLLIN,
					 on_lines, logs) == 0)
		return logs;
	control_logs_free(logs);
	return NULL;
}

void control_logs_free(struct control_logs *logs)
{
	if (logs == NULL)
		return;
	log_ring_wake(-1);
	loop_fd_del(logs->loop, &logs->watch);
	if (logs->fd >= 0)
		close(logs->fd);
	free(logs);
}

static struct conn_log *take_place(struct control *c)
{
	struct conn_log *l;

	if (c->logs == NULL)
		c->logs = logs_new(c->opts.loop);
	if (c->logs == NULL || c->logs->count == FOLLOWERS_MAX)
		return NULL;
	l = c->logs->follower;
	while (l->logs != NULL)
		l++;
	l->logs = c->logs;
	c->logs->count++;
	return l;
}

static void refuse(struct conn *conn, const char *words)
{
	conn_stream(conn, NULL, NULL);
	conn_write(conn, words, strlen(words));
	conn_finish(conn);
}

static void follow(struct conn *conn, const struct conn_log *from)
{
	struct conn_log *l = take_place(conn->control);

	if (l == NULL) {
		refuse(conn, "too many follow the log already\n");
		return;
	}
	l->conn = conn;
	l->number = from->number;
	l->level = from->level;
	log_ring_wake(l->logs->fd);
	conn_stream(conn, on_gone, l);
	if (conn_write(conn, REPORT_LOG_HEAD, strlen(REPORT_LOG_HEAD)) == 0)
		(void)pump(l);
}

void conn_log(struct conn *conn, uint32_t flags)
{
	unsigned int level = flags >> 4 & 0xf, lines = flags >> 16;
	struct conn_log once = {
		.conn = conn,
		.level = level < LOG_NUM_LEVELS ? (enum log_level)level
						: LOG_LEVEL_DEBUG,
	};

	if (!conn_may_command(conn)) {
		refuse(conn, "only root, or the user that tunneld runs as, may "
			     "see its log\n");
		return;
	}
	once.number = log_ring_tail(once.level, lines);
	if (flags & REPORT_LOG_FOLLOW) {
		follow(conn, &once);
		return;
	}
	conn_stream(conn, NULL, NULL);
	if (conn_write(conn, REPORT_LOG_HEAD, strlen(REPORT_LOG_HEAD)) == 0)
		(void)pump(&once);
	conn_finish(conn);
}
