/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_send.c - answers that do not fit a socket's buffer, or take their
 * time
 *
 * What the socket does not take now waits here, and leaves as the client reads.
 * A client that reads nothing for ten seconds, or lets too much pile up, is
 * closed; so is one that has gone. Whoever writes is told so by `gone`, from
 * the loop and never from within conn_write().
 */
#include <config.h>

#include "control_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#define STALL_MS      10000
#define WAITING_MAX   (1024u * 1024u)
#define WAITING_FIRST 4096u

static size_t waiting(const struct conn_out *out)
{
	return out->end - out->start;
}

/* Half of a connection may be shut by a client that still reads: only the end
 * of both ways, which epoll always tells, is its end. */
static void watch(struct conn *conn)
{
	loop_fd_set(conn->control->opts.loop, &conn->watch,
		    waiting(&conn->out) > 0 ? EPOLLOUT : EPOLLHUP);
}

static void on_doomed(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	conn_close(arg);
}

/* To be closed, but not under the feet of whoever writes. */
static int doom(struct conn *conn, int err)
{
	conn->out.broken = err;
	loop_defer(conn->control->opts.loop, &conn->out.doom, on_doomed, conn);
	return err;
}

static void on_stall(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	conn_close(arg);
}

static void expect_progress(struct conn *conn)
{
	struct loop *loop = conn->control->opts.loop;

	if (waiting(&conn->out) == 0)
		loop_timer_stop(loop, &conn->deadline);
	else if (loop_timer_set(loop, &conn->deadline,
				loop_now_ms(loop) + STALL_MS, on_stall,
				conn) < 0)
		doom(conn, -ENOMEM);
}

/* Room for `bytes` more behind what waits. */
static int make_room(struct conn_out *out, size_t bytes)
{
	size_t len = waiting(out), size = WAITING_FIRST;
	char *data;

	if (bytes > WAITING_MAX - len)
		return -ENOBUFS;
	if (out->start > 0)
		memmove(out->data, out->data + out->start, len);
	out->start = 0;
	out->end = len;
	if (out->size - len >= bytes)
		return 0;
	while (size < len + bytes)
		size *= 2;
	data = realloc(out->data, size);
	if (data == NULL)
		return -ENOMEM;
	out->data = data;
	out->size = size;
	return 0;
}

/* How much of it the socket takes now, or -errno. */
static ssize_t send_some(struct conn *conn, const char *data, size_t bytes)
{
	ssize_t n = send(conn->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n;
}

/* A stream may last; its memory need not. */
static void forget_sent(struct conn_out *out)
{
	if (waiting(out) > 0)
		return;
	free(out->data);
	out->data = NULL;
	out->start = out->end = out->size = 0;
}

void conn_stream(struct conn *conn, conn_gone_fn *gone, void *arg)
{
	conn->state = CONN_STATE_SENDING;
	conn->out.gone = gone;
	conn->out.arg = arg;
	watch(conn);
}

int conn_write(struct conn *conn, const void *data, size_t bytes)
{
	struct conn_out *out = &conn->out;
	ssize_t sent = 0;
	int err;

	if (out->broken < 0)
		return out->broken;
	if (waiting(out) == 0)
		sent = send_some(conn, data, bytes);
	if (sent < 0)
		return doom(conn, (int)sent);
	bytes -= (size_t)sent;
	if (bytes == 0)
		return 0;
	err = make_room(out, bytes);
	if (err < 0)
		return doom(conn, err);
	memcpy(out->data + out->end, (const char *)data + sent, bytes);
	out->end += bytes;
	if (!loop_timer_is_set(&conn->deadline))
		expect_progress(conn);
	watch(conn);
	return out->broken;
}

void conn_finish(struct conn *conn)
{
	struct conn_out *out = &conn->out;

	out->gone = NULL;
	out->finished = true;
	if (out->broken == 0 && waiting(out) == 0)
		conn_close(conn);
}

void conn_send_event(struct conn *conn, uint32_t events)
{
	struct conn_out *out = &conn->out;
	ssize_t n = 0;

	if (events & (EPOLLHUP | EPOLLERR)) {
		conn_close(conn);
		return;
	}
	if (waiting(out) > 0)
		n = send_some(conn, out->data + out->start, waiting(out));
	if (n < 0) {
		conn_close(conn);
		return;
	}
	out->start += (size_t)n;
	forget_sent(out);
	if (n > 0)
		expect_progress(conn);
	if (out->finished && waiting(out) == 0)
		conn_close(conn);
	else
		watch(conn);
}

void conn_out_fini(struct conn *conn)
{
	struct conn_out *out = &conn->out;

	loop_defer_cancel(conn->control->opts.loop, &out->doom);
	free(out->data);
	out->data = NULL;
	if (out->gone != NULL)
		out->gone(out->arg);
}
