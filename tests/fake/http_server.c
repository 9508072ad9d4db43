/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* http_server.c - an HTTP server that says what it is told */
#include <config.h>

#include "http_server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define REQUEST_MAX     16384
#define CONNECTIONS_MAX 256

struct http_server {
	http_server_fn *answer;
	void *arg;
	int listen_fd;
	uint16_t port;
	pthread_t acceptor;
	pthread_mutex_t lock;
	unsigned int connections; /* of the acceptor alone, until the end */
	pthread_t threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	unsigned int requests;
	char last[REQUEST_MAX];
};

struct connection {
	struct http_server *server;
	int fd;
};

static size_t body_length(const char *request)
{
	const char *field = strcasestr(request, "\r\nContent-Length:");

	return field != NULL ? (size_t)atoi(field + 17) : 0;
}

static int read_request(int fd, char *text)
{
	size_t used = 0;

	for (;;) {
		ssize_t n = recv(fd, text + used, REQUEST_MAX - 1 - used, 0);
		const char *end;

		if (n <= 0)
			return -1;
		used += (size_t)n;
		text[used] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end != NULL && strlen(end + 4) >= body_length(text))
			return 0;
	}
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct http_server *s = c->server;
	char *request = malloc(REQUEST_MAX), one;
	const char *answer = NULL;

	if (request != NULL && read_request(c->fd, request) == 0) {
		pthread_mutex_lock(&s->lock);
		s->requests++;
		strcpy(s->last, request);
		pthread_mutex_unlock(&s->lock);
		answer = s->answer(s->arg, request);
	}
	if (answer != NULL) {
		(void)!send(c->fd, answer, strlen(answer), MSG_NOSIGNAL);
		shutdown(c->fd, SHUT_WR);
	}
	while (recv(c->fd, &one, 1, 0) > 0)
		;
	free(request);
	free(c);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct http_server *s = arg;
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = malloc(sizeof(*c));
		unsigned int i = s->connections++;

		if (c == NULL || i == CONNECTIONS_MAX)
			abort();
		*c = (struct connection){ .server = s, .fd = fd };
		s->fds[i] = fd;
		if (pthread_create(&s->threads[i], NULL, serve, c) != 0)
			abort();
	}
	return NULL;
}

struct http_server *http_server_new(http_server_fn *answer, void *arg)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct http_server *s = calloc(1, sizeof(*s));
	socklen_t len = sizeof(in);

	if (s == NULL)
		abort();
	s->answer = answer;
	s->arg = arg;
	pthread_mutex_init(&s->lock, NULL);
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listen_fd, (struct sockaddr *)&in, len) != 0 ||
	    listen(s->listen_fd, 64) != 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&in, &len) != 0 ||
	    pthread_create(&s->acceptor, NULL, accept_main, s) != 0)
		abort();
	s->port = ntohs(in.sin_port);
	return s;
}

void http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	shutdown(s->listen_fd, SHUT_RDWR); /* ends accept() */
	pthread_join(s->acceptor, NULL);
	for (unsigned int i = 0; i < s->connections; i++)
		shutdown(s->fds[i], SHUT_RDWR);
	for (unsigned int i = 0; i < s->connections; i++) {
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	close(s->listen_fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

unsigned int http_server_requests(struct http_server *s)
{
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->requests;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void http_server_last_request(struct http_server *s, char *out, size_t max)
{
	pthread_mutex_lock(&s->lock);
	snprintf(out, max, "%s", s->last);
	pthread_mutex_unlock(&s->lock);
}
