/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* relay.c - accept, feed bytes in, write bytes out */
#include <config.h>

#include "lib/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static void conn_end(struct relay_conn *c, bool reset)
{
	struct linger hard = { .l_onoff = 1 };

	loop_fd_del(c->relay->loop, &c->watch);
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c->fd);
	turn_server_close(c->turn);
	c->fd = -1;
}

static void on_bytes(void *arg, uint32_t events, uint64_t now_ms)
{
	struct relay_conn *c = arg;
	uint8_t data[16384];
	ssize_t n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT);
	size_t len;

	(void)events;
	if (n <= 0 || !turn_server_input(c->turn, data, (size_t)n, now_ms)) {
		conn_end(c, false);
		return;
	}
	while ((len = turn_server_output(c->turn, data, sizeof(data))) > 0)
		need(send(c->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len,
		     "the fake relay's send buffer");
}

static void on_listen(void *arg, uint32_t events, uint64_t now_ms)
{
	struct relay_fixture *r = arg;
	int fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC), on = 1;
	size_t i = 0;

	(void)events, (void)now_ms;
	if (fd < 0)
		return;
	while (i < RELAY_CONNS_MAX && r->conn[i].fd >= 0)
		i++;
	need(i < RELAY_CONNS_MAX, "too many connections");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	r->conn[i].fd = fd;
	r->conn[i].relay = r;
	r->conn[i].turn = turn_server_accept(r->server);
	r->accepted++;
	need(loop_fd_add(r->loop, &r->conn[i].watch, fd, EPOLLIN, on_bytes,
			 &r->conn[i]) == 0,
	     "epoll");
}

void relay_fixture_open(struct relay_fixture *r, struct loop *loop,
			uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int on = 1;

	memset(r, 0, sizeof(*r));
	r->loop = loop;
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++)
		r->conn[i].fd = -1;
	r->server = turn_server_new("alice", "secret", "lab.test");
	turn_server_knobs(r->server)->echo = true;
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	need(bind(r->fd, (struct sockaddr *)&in, len) == 0, "bind");
	need(listen(r->fd, SOMAXCONN) == 0, "listen");
	getsockname(r->fd, (struct sockaddr *)&in, &len);
	r->port = ntohs(in.sin_port);
	need(loop_fd_add(loop, &r->watch, r->fd, EPOLLIN, on_listen, r) == 0,
	     "epoll");
}

static void end_all(struct relay_fixture *r, bool reset)
{
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (r->conn[i].fd >= 0)
			conn_end(&r->conn[i], reset);
	}
}

void relay_fixture_cut(struct relay_fixture *r)
{
	end_all(r, true);
}

void relay_fixture_close(struct relay_fixture *r)
{
	end_all(r, false);
	loop_fd_del(r->loop, &r->watch);
	close(r->fd);
	turn_server_free(r->server);
}
