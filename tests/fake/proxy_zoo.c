/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_zoo.c - the cage: a listener whose connections behave as an animal */
#include <config.h>

#include "proxy_zoo.h"

#include "black_hole.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 64
#define REQUEST_MAX     4096

struct proxy_zoo {
	const struct zoo_animal *animal;
	uint16_t forward_port;
	struct black_hole hole; /* deaf */
	int listen_fd;
	uint16_t port;
	pthread_t acceptor;
	pthread_t threads[CONNECTIONS_MAX];
	int fds[CONNECTIONS_MAX];
	atomic_uint connections;
	atomic_uint requests;
};

struct visitor {
	struct proxy_zoo *zoo;
	int fd;
};

static bool say(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static bool say_slowly(int fd, const char *text, size_t len, uint32_t byte_ms)
{
	if (byte_ms == 0)
		return say(fd, text, len);
	for (; len > 0; text++, len--) {
		if (!say(fd, text, 1))
			return false;
		(void)poll(NULL, 0, (int)byte_ms);
	}
	return true;
}

static bool speak(const struct zoo_animal *a, int fd)
{
	const char *says = a->says != NULL ? a->says : "";
	const char *ends = a->ends != NULL ? a->ends : "";
	size_t len = a->says_bytes != 0 ? a->says_bytes : strlen(says);
	uint32_t i;

	(void)poll(NULL, 0, (int)a->delay_ms);
	if (!say_slowly(fd, says, len, a->byte_ms))
		return false;
	for (i = 0; a->endless || i < a->fill_count; i++)
		if (!say_slowly(fd, a->fill, strlen(a->fill), a->byte_ms))
			return false;
	return say_slowly(fd, ends, strlen(ends), a->byte_ms);
}

static bool read_request(int fd, char text[REQUEST_MAX])
{
	size_t used = 0;

	while (used + 1 < REQUEST_MAX) {
		if (recv(fd, text + used, 1, 0) != 1)
			return false;
		text[++used] = '\0';
		if (used >= 4 && strcmp(text + used - 4, "\r\n\r\n") == 0)
			return true;
	}
	return false;
}

static bool has_field(const char *request, const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "\r\n%s:", name);
	return strcasestr(request, line) != NULL;
}

static bool has_login(const char *request, const char *login)
{
	unsigned char encoded[128];
	char line[200];

	EVP_EncodeBlock(encoded, (const unsigned char *)login,
			(int)strlen(login));
	snprintf(line, sizeof(line), "\r\nProxy-Authorization: Basic %s\r\n",
		 (char *)encoded);
	return strstr(request, line) != NULL;
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

/* How many bytes, at most `max`; 0: the end. */
static size_t copy(int from, int to, size_t max)
{
	char buf[16384];
	ssize_t n = recv(from, buf, max < sizeof(buf) ? max : sizeof(buf), 0);

	return n > 0 && say(to, buf, (size_t)n) ? (size_t)n : 0;
}

static void pump(const struct zoo_animal *a, int client, int target)
{
	struct pollfd p[2] = { { .fd = client, .events = POLLIN },
			       { .fd = target, .events = POLLIN } };
	size_t left = a->cut_bytes != 0 ? a->cut_bytes : SIZE_MAX;
	nfds_t count = client == target ? 1 : 2;
	int patience_ms = a->idle_ms != 0 ? (int)a->idle_ms : -1;

	while (left > 0 && poll(p, count, patience_ms) > 0) {
		int i = p[0].revents != 0 ? 0 : 1;
		size_t n = copy(p[i].fd, i == 0 ? target : client, left);

		if (n == 0)
			return;
		left -= n;
	}
}

static void tunnel(struct proxy_zoo *z, int fd)
{
	int target = z->forward_port != 0 ? connect_forward(z->forward_port)
					  : fd;

	pump(z->animal, fd, target);
	if (target != fd)
		close(target);
}

static void wait_end(int fd)
{
	char c[256];

	while (recv(fd, c, sizeof(c), 0) > 0)
		;
}

static void reset(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)connect(fd, &none, sizeof(none)); /* and `fd` stays ours */
}

/* What comes after the words. */
static void behave(struct proxy_zoo *z, int fd, bool spoken)
{
	switch (z->animal->after) {
	case ZOO_TUNNEL:
		if (spoken)
			tunnel(z, fd);
		break;
	case ZOO_HANG:
		wait_end(fd);
		break;
	case ZOO_RST:
		reset(fd);
		break;
	case ZOO_FIN:
		break;
	}
}

/* To one request. True: the next one is expected. */
static bool answer(struct proxy_zoo *z, int fd, const char *request)
{
	static const char no[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\n\r\n";
	const struct zoo_animal *a = z->animal;
	bool spoken;

	if (a->rejects != NULL && has_field(request, a->rejects)) {
		(void)say(fd, no, strlen(no));
		return false;
	}
	if (a->login != NULL && has_login(request, a->login)) {
		if (say(fd, ok, strlen(ok)))
			tunnel(z, fd);
		return false;
	}
	if (a->wrong != NULL && has_field(request, "Proxy-Authorization")) {
		(void)say(fd, a->wrong, strlen(a->wrong));
		return false;
	}
	spoken = speak(a, fd);
	if (a->login != NULL && a->after == ZOO_TUNNEL)
		return spoken;
	behave(z, fd, spoken);
	return false;
}

static void *serve(void *arg)
{
	struct visitor *v = arg;
	struct proxy_zoo *z = v->zoo;
	char request[REQUEST_MAX] = "";

	if (z->animal->unasked) {
		/* A client that has not even spoken might take the reset for
		 * a refused connect. */
		(void)poll(&(struct pollfd){ .fd = v->fd, .events = POLLIN }, 1,
			   -1);
		behave(z, v->fd, speak(z->animal, v->fd));
	}
	while (!z->animal->unasked && read_request(v->fd, request)) {
		atomic_fetch_add(&z->requests, 1);
		if (!answer(z, v->fd, request))
			break;
	}
	/* Closed by proxy_zoo_free(). */
	shutdown(v->fd, SHUT_WR);
	free(v);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct proxy_zoo *z = arg;
	int fd;

	while ((fd = accept4(z->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct visitor *v = malloc(sizeof(*v));
		unsigned int i = atomic_load(&z->connections);

		if (v == NULL || i == CONNECTIONS_MAX)
			abort();
		*v = (struct visitor){ .zoo = z, .fd = fd };
		z->fds[i] = fd;
		if (pthread_create(&z->threads[i], NULL, serve, v) != 0)
			abort();
		atomic_store(&z->connections, i + 1);
	}
	return NULL;
}

static const struct zoo_animal *find(const char *name)
{
	for (size_t i = 0; i < zoo_animals_count; i++)
		if (strcmp(zoo_animals[i].name, name) == 0)
			return &zoo_animals[i];
	abort();
}

static void open_cage(struct proxy_zoo *z)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);

	z->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(z->listen_fd, (struct sockaddr *)&in, len) != 0 ||
	    listen(z->listen_fd, CONNECTIONS_MAX) != 0 ||
	    getsockname(z->listen_fd, (struct sockaddr *)&in, &len) != 0 ||
	    pthread_create(&z->acceptor, NULL, accept_main, z) != 0)
		abort();
	z->port = ntohs(in.sin_port);
}

struct proxy_zoo *proxy_zoo_new(const char *name, uint16_t forward_port)
{
	struct proxy_zoo *z = calloc(1, sizeof(*z));

	if (z == NULL)
		abort();
	z->animal = find(name);
	z->forward_port = forward_port;
	if (z->animal->deaf) {
		black_hole_open(&z->hole,
				(struct endpoint){ .family = ENDPOINT_IPV4,
						   .ip = { 127, 0, 0, 1 } });
		z->port = endpoint_port(&z->hole.at);
	} else {
		open_cage(z);
	}
	return z;
}

void proxy_zoo_free(struct proxy_zoo *z)
{
	unsigned int i, count;

	if (z == NULL)
		return;
	if (z->animal->deaf) {
		black_hole_close(&z->hole);
		free(z);
		return;
	}
	shutdown(z->listen_fd, SHUT_RDWR); /* ends accept() */
	pthread_join(z->acceptor, NULL);
	count = atomic_load(&z->connections);
	for (i = 0; i < count; i++)
		shutdown(z->fds[i], SHUT_RDWR);
	for (i = 0; i < count; i++) {
		pthread_join(z->threads[i], NULL);
		close(z->fds[i]);
	}
	close(z->listen_fd);
	free(z);
}

uint16_t proxy_zoo_port(const struct proxy_zoo *z)
{
	return z->port;
}

unsigned int proxy_zoo_connections(struct proxy_zoo *z)
{
	return atomic_load(&z->connections);
}

unsigned int proxy_zoo_requests(struct proxy_zoo *z)
{
	return atomic_load(&z->requests);
}
