/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socks_server.c - a SOCKS5 proxy that answers as it is told */
#include <config.h>

#include "socks_server.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 64

struct socks_server {
	struct socks_server_opts opts;
	int listen_fd;
	uint16_t port;
	pthread_t acceptor;
	pthread_t threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	pthread_mutex_t lock;
	unsigned int connections, logins;
	char target[300];
};

struct connection {
	struct socks_server *server;
	int fd;
};

static bool get(int fd, void *data, size_t len)
{
	return len == 0 || recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static bool put(int fd, const void *data, size_t len)
{
	return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool get_text(int fd, char text[256])
{
	uint8_t len;

	if (!get(fd, &len, 1) || !get(fd, text, len))
		return false;
	text[len] = '\0';
	return true;
}

/* RFC 1929. */
static bool check_login(struct socks_server *s, int fd)
{
	char user[256], password[256], both[520];
	uint8_t version, answer[2] = { 1, 0 };

	if (!put(fd, "\x05\x02", 2) || !get(fd, &version, 1) ||
	    !get_text(fd, user) || !get_text(fd, password))
		return false;
	pthread_mutex_lock(&s->lock);
	s->logins++;
	pthread_mutex_unlock(&s->lock);
	snprintf(both, sizeof(both), "%s:%s", user, password);
	answer[1] = strcmp(both, s->opts.login) != 0;
	return put(fd, answer, sizeof(answer)) && answer[1] == 0;
}

static bool greet(struct socks_server *s, int fd)
{
	uint8_t head[2], methods[256], choice[2] = { 5, s->opts.method };

	if (!get(fd, head, sizeof(head)) || !get(fd, methods, head[1]))
		return false;
	if (s->opts.way == SOCKS_SERVER_GARBAGE) {
		(void)put(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
		return false;
	}
	if (s->opts.login == NULL)
		return put(fd, choice, sizeof(choice)) && choice[1] == 0;
	if (memchr(methods, 2, head[1]) != NULL)
		return check_login(s, fd);
	(void)put(fd, "\x05\xff", 2);
	return false;
}

static bool get_target(struct socks_server *s, int fd)
{
	static const char *const kinds[] = { "", "ipv4", "", "name", "ipv6" };
	char host[256], text[INET6_ADDRSTRLEN];
	uint8_t head[4], ip[16], port[2];

	if (!get(fd, head, sizeof(head)) || head[1] != 1 || head[3] > 4)
		return false;
	if (head[3] == 3) {
		if (!get_text(fd, host))
			return false;
	} else {
		if (!get(fd, ip, head[3] == 1 ? 4 : 16))
			return false;
		inet_ntop(head[3] == 1 ? AF_INET : AF_INET6, ip, text,
			  sizeof(text));
		strcpy(host, text);
	}
	if (!get(fd, port, sizeof(port)))
		return false;
	pthread_mutex_lock(&s->lock);
	snprintf(s->target, sizeof(s->target), "%s %s:%u", kinds[head[3]], host,
		 (unsigned int)(port[0] << 8 | port[1]));
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* The reply, and what the target says at once, in one segment. */
static bool reply(const struct socks_server_opts *o, int fd)
{
	uint8_t out[512] = { 5, o->reply, 0, o->atyp != 0 ? o->atyp : 1 };
	size_t len = 4;

	if (out[3] == 3) {
		out[len++] = 11;
		memcpy(out + len, "exit.xample", 11);
		len += 11;
	} else {
		len += out[3] == 1 ? 4 : 16;
	}
	len += 2;
	if (o->early != NULL) {
		memcpy(out + len, o->early, strlen(o->early));
		len += strlen(o->early);
	}
	return put(fd, out, len);
}

static bool copy(int from, int to)
{
	char buf[16384];
	ssize_t n = recv(from, buf, sizeof(buf), 0);

	return n > 0 && put(to, buf, (size_t)n);
}

static void tunnel(const struct socks_server_opts *o, int fd)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(o->forward_port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };
	int count = 1;

	if (o->forward_port != 0) {
		count = 2;
		p[1].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(p[1].fd, (struct sockaddr *)&in, sizeof(in)) != 0)
			abort();
	}
	while (poll(p, (nfds_t)count, -1) > 0) {
		if (p[0].revents != 0 && !copy(fd, p[1].fd))
			break;
		if (count == 2 && p[1].revents != 0 && !copy(p[1].fd, fd))
			break;
	}
	if (count == 2)
		close(p[1].fd);
}

static void talk(struct socks_server *s, int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	char c;

	if (!greet(s, fd) || !get_target(s, fd))
		return;
	switch (s->opts.way) {
	case SOCKS_SERVER_TUNNEL:
	case SOCKS_SERVER_GARBAGE:
		if (reply(&s->opts, fd) && s->opts.reply == 0)
			tunnel(&s->opts, fd);
		break;
	case SOCKS_SERVER_SILENT:
		(void)get(fd, &c, 1);
		break;
	case SOCKS_SERVER_RST:
		connect(fd, &none, sizeof(none));
		break;
	case SOCKS_SERVER_FIN:
		break;
	}
}

static void *serve(void *arg)
{
	struct connection *c = arg;

	talk(c->server, c->fd);
	/* Closed by socks_server_free(). */
	shutdown(c->fd, SHUT_WR);
	free(c);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct socks_server *s = arg;
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = malloc(sizeof(*c));
		unsigned int i = s->connections;

		if (c == NULL || i == CONNECTIONS_MAX)
			abort();
		*c = (struct connection){ .server = s, .fd = fd };
		s->fds[i] = fd;
		pthread_mutex_lock(&s->lock);
		s->connections++;
		pthread_mutex_unlock(&s->lock);
		if (pthread_create(&s->threads[i], NULL, serve, c) != 0)
			abort();
	}
	return NULL;
}

struct socks_server *socks_server_new(const struct socks_server_opts *opts)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct socks_server *s = calloc(1, sizeof(*s));
	socklen_t len = sizeof(in);

	if (s == NULL)
		abort();
	s->opts = *opts;
	pthread_mutex_init(&s->lock, NULL);
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listen_fd, (struct sockaddr *)&in, len) != 0 ||
	    listen(s->listen_fd, CONNECTIONS_MAX) != 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&in, &len) != 0 ||
	    pthread_create(&s->acceptor, NULL, accept_main, s) != 0)
		abort();
	s->port = ntohs(in.sin_port);
	return s;
}

void socks_server_free(struct socks_server *s)
{
	unsigned int i;

	if (s == NULL)
		return;
	shutdown(s->listen_fd, SHUT_RDWR); /* ends accept() */
	pthread_join(s->acceptor, NULL);
	for (i = 0; i < s->connections; i++)
		shutdown(s->fds[i], SHUT_RDWR);
	for (i = 0; i < s->connections; i++) {
		pthread_join(s->threads[i], NULL);
		close(s->fds[i]);
	}
	close(s->listen_fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint16_t socks_server_port(const struct socks_server *s)
{
	return s->port;
}

unsigned int socks_server_connections(struct socks_server *s)
{
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->connections;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned int socks_server_logins(struct socks_server *s)
{
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->logins;
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* Not written any more once the reply is there; the lock shows it to this
 * thread. */
const char *socks_server_target(struct socks_server *s)
{
	(void)socks_server_connections(s);
	return s->target;
}
