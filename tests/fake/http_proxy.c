/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* http_proxy.c - an HTTP proxy that answers CONNECT as it is told */
#include <config.h>

#include "http_proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 1024
#define REQUEST_MAX     4096

struct http_proxy {
	struct http_proxy_opts opts;
	int listen_fd;
	int filler[8]; /* DEAF: connections that fill the backlog */
	uint16_t port;
	pthread_t acceptor;
	pthread_t threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	pthread_mutex_t lock;
	unsigned int connections;
	unsigned int logins, requests;
	uint16_t last_port;
	char last_request[REQUEST_MAX];
};

struct connection {
	struct http_proxy *proxy;
	int fd;
};

static bool send_text(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) ==
	       (ssize_t)strlen(text);
}

static void wait_end(int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) > 0)
		;
}

static bool read_request(int fd, char *text)
{
	size_t used = 0;

	for (;;) {
		ssize_t n = recv(fd, text + used, 1, 0);

		if (n <= 0 || used + 2 > REQUEST_MAX)
			return false;
		text[++used] = '\0';
		if (used >= 4 && strcmp(text + used - 4, "\r\n\r\n") == 0)
			return true;
	}
}

static int connect_forward(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
		abort();
	return fd;
}

static bool copy(int from, int to)
{
	char buf[16384];
	ssize_t n = recv(from, buf, sizeof(buf), 0), done = 0;

	while (done < n) {
		ssize_t sent = send(to, buf + done, (size_t)(n - done),
				    MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		done += sent;
	}
	return n > 0;
}

static void pump(int client, int target)
{
	struct pollfd p[2] = { { .fd = client, .events = POLLIN },
			       { .fd = target, .events = POLLIN } };

	while (poll(p, client == target ? 1 : 2, -1) > 0) {
		if (p[0].revents != 0 && !copy(client, target))
			return;
		if (client != target && p[1].revents != 0 &&
		    !copy(target, client))
			return;
	}
}

static void tunnel(struct http_proxy *p, int fd)
{
	int target = fd;

	if (p->opts.forward_port != 0)
		target = connect_forward(p->opts.forward_port);
	if (send_text(fd, p->opts.answer != NULL ? p->opts.answer
						 : "HTTP/1.1 200 OK\r\n\r\n"))
		pump(fd, target);
	if (target != fd)
		close(target);
}

static void reset(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect(fd, &none, sizeof(none)); /* RST, and `fd` stays ours */
}

static void drip(int fd)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX-Slow: ";
	const char *c;

	for (c = text; send(fd, *c ? c : "z", 1, MSG_NOSIGNAL) == 1;
	     c += *c ? 1 : 0)
		poll(NULL, 0, 20);
}

static void answer(struct http_proxy *p, int fd)
{
	switch (p->opts.way) {
	case HTTP_PROXY_TUNNEL:
		tunnel(p, fd);
		break;
	case HTTP_PROXY_EARLY:
		if (send_text(fd, "HTTP/1.1 200 OK\r\nVia: x\r\n\r\nearly"))
			pump(fd, fd);
		break;
	case HTTP_PROXY_SAY:
		send_text(fd, p->opts.answer);
		break;
	case HTTP_PROXY_RST:
		reset(fd);
		break;
	case HTTP_PROXY_DRIP:
		drip(fd);
		break;
	case HTTP_PROXY_UNENDED:
		send_text(fd, "HTTP/1.1 200 OK\r\n");
		wait_end(fd);
		break;
	case HTTP_PROXY_SILENT:
		wait_end(fd);
		break;
	case HTTP_PROXY_FIN:
	case HTTP_PROXY_DEAF:
		break;
	}
}

static void count(struct http_proxy *p, const char *request)
{
	pthread_mutex_lock(&p->lock);
	snprintf(p->last_request, sizeof(p->last_request), "%s", request);
	p->requests++;
	if (proxy_login_is_sent(request))
		p->logins++;
	pthread_mutex_unlock(&p->lock);
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct http_proxy *p = c->proxy;
	struct proxy_login_state state = { .nonce = 0 };
	char request[REQUEST_MAX] = "", refusal[1024];

	while (read_request(c->fd, request)) {
		count(p, request);
		poll(NULL, 0, (int)p->opts.delay_ms);
		if (proxy_login_check(&p->opts.asks, &state, request, refusal,
				      sizeof(refusal))) {
			answer(p, c->fd);
			break;
		}
		if (!send_text(c->fd, refusal) || p->opts.asks.close)
			break;
	}
	/* Closed by http_proxy_free(). */
	shutdown(c->fd, SHUT_WR);
	free(c);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct http_proxy *p = arg;
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int fd;

	while ((fd = accept4(p->listen_fd, (struct sockaddr *)&in, &len,
			     SOCK_CLOEXEC)) >= 0) {
		struct connection *c = malloc(sizeof(*c));
		unsigned int i = p->connections;

		if (c == NULL || i == CONNECTIONS_MAX)
			abort();
		*c = (struct connection){ .proxy = p, .fd = fd };
		p->fds[i] = fd;
		pthread_mutex_lock(&p->lock);
		p->connections++;
		p->last_port = ntohs(in.sin_port);
		pthread_mutex_unlock(&p->lock);
		if (pthread_create(&p->threads[i], NULL, serve, c) != 0)
			abort();
	}
	return NULL;
}

/* A full backlog drops further SYNs: to the client the host is a black hole. */
static void fill_backlog(struct http_proxy *p, const struct sockaddr_in *in)
{
	size_t i;

	for (i = 0; i < sizeof(p->filler) / sizeof(p->filler[0]); i++) {
		p->filler[i] = socket(
			AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(p->filler[i], (const struct sockaddr *)in,
			      sizeof(*in));
	}
	poll(NULL, 0, 20);
}

struct http_proxy *http_proxy_new(const struct http_proxy_opts *opts)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct http_proxy *p = calloc(1, sizeof(*p));
	socklen_t len = sizeof(in);
	bool deaf = opts->way == HTTP_PROXY_DEAF;

	if (p == NULL)
		abort();
	p->opts = *opts;
	if (opts->login != NULL)
		p->opts.asks.login = opts->login;
	pthread_mutex_init(&p->lock, NULL);
	inet_pton(AF_INET, opts->ip != NULL ? opts->ip : "127.0.0.1",
		  &in.sin_addr);
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(p->listen_fd, (struct sockaddr *)&in, len) != 0 ||
	    listen(p->listen_fd, deaf ? 0 : CONNECTIONS_MAX) != 0 ||
	    getsockname(p->listen_fd, (struct sockaddr *)&in, &len) != 0)
		abort();
	p->port = ntohs(in.sin_port);
	if (deaf)
		fill_backlog(p, &in);
	else if (pthread_create(&p->acceptor, NULL, accept_main, p) != 0)
		abort();
	return p;
}

static void free_deaf(struct http_proxy *p)
{
	size_t i;

	for (i = 0; i < sizeof(p->filler) / sizeof(p->filler[0]); i++)
		close(p->filler[i]);
}

void http_proxy_free(struct http_proxy *p)
{
	unsigned int i;

	if (p == NULL)
		return;
	shutdown(p->listen_fd, SHUT_RDWR); /* ends accept() */
	if (p->opts.way == HTTP_PROXY_DEAF)
		free_deaf(p);
	else
		pthread_join(p->acceptor, NULL);
	for (i = 0; i < p->connections; i++)
		shutdown(p->fds[i], SHUT_RDWR);
	for (i = 0; i < p->connections; i++) {
		pthread_join(p->threads[i], NULL);
		close(p->fds[i]);
	}
	close(p->listen_fd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

uint16_t http_proxy_port(const struct http_proxy *p)
{
	return p->port;
}

unsigned int http_proxy_connections(struct http_proxy *p)
{
	unsigned int n;

	pthread_mutex_lock(&p->lock);
	n = p->connections;
	pthread_mutex_unlock(&p->lock);
	return n;
}

unsigned int http_proxy_logins(struct http_proxy *p)
{
	unsigned int n;

	pthread_mutex_lock(&p->lock);
	n = p->logins;
	pthread_mutex_unlock(&p->lock);
	return n;
}

unsigned int http_proxy_requests(struct http_proxy *p)
{
	unsigned int n;

	pthread_mutex_lock(&p->lock);
	n = p->requests;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void http_proxy_last_request(struct http_proxy *p, char *out, size_t max)
{
	pthread_mutex_lock(&p->lock);
	snprintf(out, max, "%s", p->last_request);
	pthread_mutex_unlock(&p->lock);
}

uint16_t http_proxy_last_port(struct http_proxy *p)
{
	uint16_t port;

	pthread_mutex_lock(&p->lock);
	port = p->last_port;
	pthread_mutex_unlock(&p->lock);
	return port;
}
