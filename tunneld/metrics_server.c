/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metrics_server.c - metrics for whoever scrapes them by HTTP
 *
 * Theory of operation. A connection reads until its request is whole, gets one
 * answer, and ends when the client has closed or its time is over, whichever is
 * first. So no client holds more than a descriptor and a few kilobytes, for
 * five seconds; those who come while all places are taken wait in the kernel.
 */
#include <config.h>

#include "metrics_server.h"

#include "addr.h"
#include "loop.h"
#include "metrics_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#define CLIENTS_MAX       8
#define CLIENT_TIMEOUT_MS 5000

enum client_state {
	CLIENT_STATE_READING = 0,
	CLIENT_STATE_WRITING,
	CLIENT_STATE_LEAVING, /* all is written; until the client closes */
};

struct client {
	struct metrics_server *server; /* NULL: the place is free */
	enum client_state state;
	int fd;
	struct loop_fd watch;
	struct loop_timer deadline;
	char request[METRICS_REQUEST_MAX];
	size_t have;
	char *answer; /* heap */
	size_t sent, bytes;
};

struct metrics_server {
	struct metrics_server_opts opts;
	int fd;
	struct endpoint at;
	struct loop_fd watch;
	size_t clients;
	struct client client[CLIENTS_MAX];
};

static void watch_listener(struct metrics_server *s)
{
	loop_fd_set(s->opts.loop, &s->watch,
		    s->clients < CLIENTS_MAX ? EPOLLIN : EPOLLHUP);
}

static void client_close(struct client *c)
{
	struct metrics_server *s = c->server;

	loop_fd_del(s->opts.loop, &c->watch);
	loop_timer_stop(s->opts.loop, &c->deadline);
	close(c->fd);
	free(c->answer);
	c->answer = NULL;
	c->server = NULL;
	s->clients--;
	watch_listener(s);
}

/* Head and body in one piece. False: no memory. */
static bool make_answer(struct client *c, struct metrics_request *r)
{
	const struct metrics_server_opts *opts = &c->server->opts;
	char head[METRICS_HEAD_MAX], *body = NULL;
	size_t body_bytes = 0, head_bytes;

	if (r->status == 200)
		body = opts->metrics(opts->arg, r->openmetrics, &body_bytes);
	if (r->status == 200 && body == NULL)
		r->status = 503;
	head_bytes = metrics_answer_head(r, body_bytes, head);
	if (r->head)
		body_bytes = 0;
	c->answer = malloc(head_bytes + body_bytes);
	if (c->answer != NULL) {
		memcpy(c->answer, head, head_bytes);
		if (body_bytes > 0)
			memcpy(c->answer + head_bytes, body, body_bytes);
		c->bytes = head_bytes + body_bytes;
	}
	free(body);
	return c->answer != NULL;
}

static void client_write(struct client *c)
{
	ssize_t n = 1;

	while (c->sent < c->bytes && n > 0) {
		n = send(c->fd, c->answer + c->sent, c->bytes - c->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			c->sent += (size_t)n;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_close(c);
		return;
	}
	if (c->sent == c->bytes) {
		/* A close now, with something unread, would be a reset, and
		 * that could overtake the answer. */
		shutdown(c->fd, SHUT_WR);
		c->state = CLIENT_STATE_LEAVING;
	}
	loop_fd_set(c->server->opts.loop, &c->watch,
		    c->sent < c->bytes ? EPOLLOUT : EPOLLIN);
}

static void client_read(struct client *c)
{
	struct metrics_request r;
	ssize_t n = recv(c->fd, c->request + c->have,
			 sizeof(c->request) - c->have, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->have += (size_t)n;
	metrics_request_read(&r, c->request, c->have,
			     addr_is_loopback(&c->server->at));
	if (r.status == 0)
		return;
	c->state = CLIENT_STATE_WRITING;
	if (make_answer(c, &r))
		client_write(c);
	else
		client_close(c);
}

static void client_leave(struct client *c)
{
	char rest[1024];
	ssize_t n = recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		client_close(c);
}

static void on_client(void *arg, uint32_t events, uint64_t now_ms)
{
	struct client *c = arg;

	(void)events, (void)now_ms;
	if (c->state == CLIENT_STATE_READING)
		client_read(c);
	else if (c->state == CLIENT_STATE_WRITING)
		client_write(c);
	else
		client_leave(c);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
	(void)now_ms;
	client_close(arg);
}

static void take_client(struct metrics_server *s, int fd, uint64_t now_ms)
{
	struct client *c = s->client;

	while (c->server != NULL)
		c++;
	*c = (struct client){ .server = s, .fd = fd };
	s->clients++;
	if (loop_fd_add(s->opts.loop, &c->watch, fd, EPOLLIN, on_client, c) <
		    0 ||
	    loop_timer_set(s->opts.loop, &c->deadline,
			   now_ms + CLIENT_TIMEOUT_MS, on_deadline, c) < 0)
		client_close(c);
	watch_listener(s);
}

static void on_listen(void *arg, uint32_t events, uint64_t now_ms)
{
	struct metrics_server *s = arg;

	(void)events;
	while (s->clients < CLIENTS_MAX) {
		int fd = accept4(s->fd, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		take_client(s, fd, now_ms);
	}
}

/* A descriptor, or -errno. */
static int listen_at(const struct endpoint *at)
{
	int family = at->family == ENDPOINT_IPV4 ? AF_INET : AF_INET6;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(at, family, &sa);
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, len) == 0 &&
	    listen(fd, CLIENTS_MAX) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int start(struct metrics_server *s)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	s->fd = listen_at(&s->opts.listen);
	if (s->fd < 0)
		return s->fd;
	if (getsockname(s->fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	if (!endpoint_from_sockaddr(&s->at, &sa, len))
		return -EAFNOSUPPORT;
	return loop_fd_add(s->opts.loop, &s->watch, s->fd, EPOLLIN, on_listen,
			   s);
}

struct metrics_server *metrics_server_new(
	const struct metrics_server_opts *opts)
{
	struct metrics_server *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return NULL;
	s->opts = *opts;
	err = start(s);
	if (err == 0)
		return s;
	metrics_server_free(s);
	errno = -err;
	return NULL;
}

void metrics_server_free(struct metrics_server *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (s->client[i].server != NULL)
			client_close(&s->client[i]);
	}
	loop_fd_del(s->opts.loop, &s->watch);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

const struct endpoint *metrics_server_at(const struct metrics_server *s)
{
	return &s->at;
}
