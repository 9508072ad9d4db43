/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control_conn.h - one connection on the control socket; private to control*.c
 */
#ifndef CONTROL_CONN_H
#define CONTROL_CONN_H

#include "apps.h"
#include "caller.h"
#include "control.h"
#include "dial.h"
#include "learn.h"
#include "leg.h"
#include "log.h"
#include "loop.h"
#include "stats.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/types.h>

struct conn_doctor;
struct conn_explain;
struct conn_waiter;
struct control_logs;
struct dns_streams;
struct flow_table;

/* The longest request: names and some fields. */
#define CONN_REQUEST_MAX 1088

enum conn_state {
	CONN_STATE_READING = 0, /* header, then exactly the body */
	CONN_STATE_LEARNING,    /* something is found out; then the answer */
	CONN_STATE_CONNECTING,  /* a verdict is owed */
	CONN_STATE_DRAINING,    /* verdict given; until the client closes */
	CONN_STATE_SENDING,     /* a stream, by control_send.c */
};

/* The client has gone, or was closed; the connection with it. */
typedef void(conn_gone_fn)(void *arg);

/* What the client has not taken yet. */
struct conn_out {
	char *data;
	size_t start, end, size;
	struct loop_defer doom;
	int broken; /* -errno: it will be closed */
	bool finished;
	conn_gone_fn *gone;
	void *arg;
};

struct conn {
	struct control *control;
	enum conn_state state;
	int fd;
	int passed_fd; /* by SCM_RIGHTS; -1: none */
	struct loop_fd watch;
	struct loop_timer deadline; /* READING; SENDING while it is stuck */
	struct ucred cred;
	struct caller caller; /* as it was when it asked */
	size_t have;          /* bytes of `request` read */
	union {
		struct control_header header;
		uint8_t bytes[CONN_REQUEST_MAX];
	} request;
	struct dial_request *dial; /* CONNECTING */
	bool placeholder;
	struct learn_wait wait;       /* LEARNING */
	struct conn_explain *explain; /* LEARNING, too */
	struct conn_out out;          /* SENDING */
	struct conn *next, **prev;
};

struct control {
	struct control_opts opts;
	int fd;
	struct loop_fd watch;
	struct conn *conns;
	struct flow_table *flows;
	struct apps apps;
	struct conn_waiter *waiters;
	struct leg_env ping_env; /* of legs in this loop */
	unsigned int pings;
	bool ready;                 /* control_note_ready() */
	struct dns_streams *dns;    /* apps' connections to port 53 */
	struct conn_doctor *doctor; /* under way; NULL: none */
	struct control_logs *logs;  /* NULL: nobody has followed the log */
	struct worker_stats stats;  /* of what is served in this loop */
	size_t next_worker;
	uint64_t attached_ms; /* workers know of an app since; 0: not yet */
	uint64_t connects, connects_failed, lookups;
	size_t connecting;
	struct log_limit limit[DIAL_NUM_REASONS];
	/* For metrics alone. `failed`: of the connects that were dialed. */
	uint64_t failed[DIAL_NUM_REASONS], refused;
	struct stats_histogram connect_time; /* of those that worked */
	bool reload_failed;                  /* the last one */
	int64_t started_s, reloaded_s;       /* in seconds since 1970 */
};

/* Close and free; nothing may touch the connection afterwards. */
void conn_close(struct conn *conn);
/* A small answer, and the end. */
void conn_answer(struct conn *conn, const void *data, size_t len);

/* control_send.c: an answer as a stream. The end of the connection, whoever
 * causes it, is told by `gone` (may be NULL), once; it is not touched then. */
void conn_stream(struct conn *conn, conn_gone_fn *gone, void *arg);
/* All of it leaves, as the client reads. 0, or -errno: the connection will be
 * closed, and `gone` called, but not before the writer has returned. */
int conn_write(struct conn *conn, const void *data, size_t bytes);
/* No more comes: closed when all has left. `gone` is not called any more. */
void conn_finish(struct conn *conn);
/* Events of a connection in SENDING. */
void conn_send_event(struct conn *conn, uint32_t events);
/* Of conn_close(). */
void conn_out_fini(struct conn *conn);

/* control_ping.c: CONTROL_PING. */
void conn_ping(struct conn *conn);
/* control_report.c: CONTROL_REPORT. */
void conn_report(struct conn *conn);
/* control_report_status.c: of REPORT_STATUS; of a stream, too. */
void conn_report_status(struct conn *conn);
/* control_wait.c: of REPORT_WAIT. */
void conn_report_wait(struct conn *conn, uint32_t what);

/* control_log.c: REPORT_LOG. */
void conn_log(struct conn *conn, uint32_t flags);
/* After all connections. */
void control_logs_free(struct control_logs *logs);

/* control_proxy.c: CONTROL_PROXY_RETRY. */
void conn_proxy_retry(struct conn *conn);
/* control_names.c: CONTROL_RESOLVE and CONTROL_REVERSE. */
void conn_resolve(struct conn *conn);
void conn_reverse(struct conn *conn);

/* control_status.c: CONTROL_STATUS. */
void conn_status(struct conn *conn);

/* Root, and the user that tunneld runs as: those whom it serves only ask. */
bool conn_may_command(const struct conn *conn);

/* control_reload.c: CONTROL_RELOAD. */
void conn_reload(struct conn *conn);

/* control_explain.c: CONTROL_EXPLAIN; and the connection ends before. */
void conn_explain(struct conn *conn);
void conn_explain_leave(struct conn_explain *e);

/* control_doctor.c: CONTROL_DOCTOR. */
void conn_doctor(struct conn *conn);

/* control_connect.c: CONTROL_CONNECT, whose body is in the request. */
void conn_connect(struct conn *conn, const struct control_connect *body,
		  uint64_t now_ms);
/* Events of a connection in CONNECTING or DRAINING. */
void conn_connect_event(struct conn *conn, uint32_t events, uint64_t now_ms);

#endif
