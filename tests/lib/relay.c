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
	c->turn = NULL;
	c->fd = -1;
}

static void write_out(struct relay_conn *c)
{
	uint8_t data[16384];
	size_t len;

	while ((len = turn_server_output(c->turn, data, sizeof(data))) > 0)
		need(send(c->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len,
		     "the fake relay's send buffer");
}

static void on_bytes(void *arg, uint32_t events, uint64_t now_ms)
{
	struct relay_conn *c = arg;
	uint8_t data[16384];
	ssize_t n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT);
	bool goes_on;

	(void)events;
	if (n <= 0) {
		conn_end(c, false);
		return;
	}
	goes_on = turn_server_input(c->turn, data, (size_t)n, now_ms);
	write_out(c);
	if (!goes_on)
		conn_end(c, c->relay->reset);
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
	need(loop_fd_add(r->loop, &r->conn[i].watch, fd, r->deaf ? 0 : EPOLLIN,
			 on_bytes, &r->conn[i]) == 0,
	     "epoll");
	if (r->refused)
		conn_end(&r->conn[i], true);
}

/* Datagrams */

static struct relay_conn *udp_client(struct relay_fixture *r,
				     const struct sockaddr_in *from)
{
	struct relay_conn *empty = NULL;
	struct endpoint source = { .family = ENDPOINT_IPV4,
				   .port_be = from->sin_port };

	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		struct relay_conn *c = &r->udp[i];

		if (c->turn != NULL && c->from.sin_port == from->sin_port &&
		    c->from.sin_addr.s_addr == from->sin_addr.s_addr)
			return c;
		if (c->turn == NULL && empty == NULL)
			empty = c;
	}
	need(empty != NULL, "too many UDP clients");
	empty->relay = r;
	empty->from = *from;
	empty->turn = turn_server_accept_datagrams(r->server);
	memcpy(source.ip, &from->sin_addr, sizeof(from->sin_addr));
	turn_server_set_source(empty->turn, &source);
	r->udp_clients++;
	return empty;
}

static void send_datagrams(struct relay_conn *c)
{
	static uint8_t data[70000];
	size_t len;

	while ((len = turn_server_output(c->turn, data, sizeof(data))) > 0)
		(void)sendto(c->relay->udp_fd, data, len, MSG_DONTWAIT,
			     (struct sockaddr *)&c->from, sizeof(c->from));
}

static void on_datagram(void *arg, uint32_t events, uint64_t now_ms)
{
	struct relay_fixture *r = arg;
	static uint8_t data[70000];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	struct relay_conn *c;
	ssize_t n = recvfrom(r->udp_fd, data, sizeof(data), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);

	(void)events;
	if (n < 0 || r->deaf)
		return;
	c = udp_client(r, &from);
	(void)turn_server_input(c->turn, data, (size_t)n, now_ms);
	send_datagrams(c);
}

/* Open and close */

static int bound(int type, uint16_t *port, bool must)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(*port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(in);
	int on = 1, err;

	need(fd >= 0, "socket");
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	err = bind(fd, (struct sockaddr *)&in, len);
	if (err < 0 && !must) {
		in.sin_port = 0;
		err = bind(fd, (struct sockaddr *)&in, len);
	}
	need(err == 0, "bind");
	getsockname(fd, (struct sockaddr *)&in, &len);
	*port = ntohs(in.sin_port);
	return fd;
}

static void open_ports(struct relay_fixture *r, struct loop *loop,
		       uint16_t port)
{
	r->loop = loop;
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++)
		r->conn[i].fd = -1;
	r->port = port;
	r->fd = bound(SOCK_STREAM, &r->port, true);
	need(listen(r->fd, SOMAXCONN) == 0, "listen");
	r->udp_port = r->port;
	r->udp_fd = bound(SOCK_DGRAM, &r->udp_port, false);
	need(loop_fd_add(loop, &r->watch, r->fd, EPOLLIN, on_listen, r) == 0,
	     "epoll");
	need(loop_fd_add(loop, &r->udp_watch, r->udp_fd, EPOLLIN, on_datagram,
			 r) == 0,
	     "epoll");
}

void relay_fixture_open(struct relay_fixture *r, struct loop *loop,
			uint16_t port)
{
	memset(r, 0, sizeof(*r));
	r->server = turn_server_new("alice", "secret", "lab.test");
	turn_server_knobs(r->server)->echo = true;
	open_ports(r, loop, port);
}

void relay_fixture_open_shared(struct relay_fixture *r, struct loop *loop,
			       uint16_t port, struct relay_fixture *first)
{
	memset(r, 0, sizeof(*r));
	r->server = first->server;
	r->shared = true;
	open_ports(r, loop, port);
}

static void end_all(struct relay_fixture *r, bool reset)
{
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (r->conn[i].fd >= 0)
			conn_end(&r->conn[i], reset);
		turn_server_close(r->udp[i].turn);
		r->udp[i].turn = NULL;
	}
}

void relay_fixture_cut(struct relay_fixture *r)
{
	end_all(r, true);
}

void relay_fixture_stall(struct relay_fixture *r, bool stall)
{
	turn_server_knobs(r->server)->stall = stall;
	r->deaf = stall;
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (r->conn[i].fd >= 0) {
			loop_fd_set(r->loop, &r->conn[i].watch,
				    stall ? 0 : EPOLLIN);
			if (!stall)
				write_out(&r->conn[i]);
		}
		if (r->udp[i].turn != NULL && !stall)
			send_datagrams(&r->udp[i]);
	}
}

void relay_fixture_close(struct relay_fixture *r)
{
	end_all(r, false);
	loop_fd_del(r->loop, &r->watch);
	loop_fd_del(r->loop, &r->udp_watch);
	close(r->fd);
	close(r->udp_fd);
	if (!r->shared)
		turn_server_free(r->server);
}
