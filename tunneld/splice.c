/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * splice.c - bytes copied between a descriptor and a connection on loopback
 *
 * One thread each, for the short life of a request. It owns both descriptors
 * until it has ended; `wake` ends it. What it accepts must come from the port
 * that our own socket is bound to.
 */
#include <config.h>

#include "splice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define BUFFER_BYTES 16384
#define STACK_BYTES  ((size_t)128 * 1024)

/* One direction. */
struct flow {
	int from, to;
	size_t at, end; /* what is read and not written */
	bool read_over, over;
	char data[BUFFER_BYTES];
};

struct splice {
	pthread_t thread;
	int fd, listener, wake;
	uint16_t port;           /* of the listener */
	_Atomic uint16_t client; /* of the socket that may connect */
	struct flow out, in;
};

static int bound_socket(uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sa, &len) == 0) {
		*port = ntohs(sa.sin_port);
		return fd;
	}
	error = -errno;
	close(fd);
	return error;
}

/* False: woken, or out of order. */
static bool wait_for(const struct splice *s, struct pollfd *p, nfds_t n)
{
	p[0] = (struct pollfd){ .fd = s->wake, .events = POLLIN };
	while (poll(p, n, -1) < 0)
		if (errno != EINTR)
			return false;
	return p[0].revents == 0;
}

/* The one that may connect, or -1. */
static int accept_client(struct splice *s)
{
	struct pollfd p[2];

	for (;;) {
		struct sockaddr_in sa;
		socklen_t len = sizeof(sa);
		int fd;

		p[1] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
		if (!wait_for(s, p, 2))
			return -1;
		fd = accept4(s->listener, (struct sockaddr *)&sa, &len,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && ntohs(sa.sin_port) == s->client)
			return fd;
		if (fd >= 0)
			close(fd);
	}
}

static void end_flow(struct flow *f)
{
	shutdown(f->to, SHUT_WR);
	f->over = true;
}

static void push(struct flow *f)
{
	ssize_t n;

	if (f->end == 0 && !f->read_over) {
		n = recv(f->from, f->data, sizeof(f->data), MSG_DONTWAIT);
		if (n > 0)
			f->end = (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			f->read_over = true;
	}
	if (f->end > f->at) {
		n = send(f->to, f->data + f->at, f->end - f->at,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			f->at += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			f->read_over = true, f->at = f->end;
	}
	if (f->at == f->end)
		f->at = f->end = 0;
	if (f->read_over && f->end == 0 && !f->over)
		end_flow(f);
}

static void watch(struct pollfd *from, struct pollfd *to, const struct flow *f)
{
	if (f->end > 0)
		to->events |= POLLOUT;
	else if (!f->read_over)
		from->events |= POLLIN;
}

/* A descriptor that nobody waits on would wake poll() by its hang-up. */
static void hide_idle(struct pollfd *p)
{
	if (p->events == 0)
		p->fd = -1;
}

static void copy(struct splice *s, int client)
{
	struct pollfd p[3];

	s->out.from = s->in.to = client;
	s->out.to = s->in.from = s->fd;
	while (!s->out.over || !s->in.over) {
		p[1] = (struct pollfd){ .fd = client };
		p[2] = (struct pollfd){ .fd = s->fd };
		watch(&p[1], &p[2], &s->out);
		watch(&p[2], &p[1], &s->in);
		hide_idle(&p[1]);
		hide_idle(&p[2]);
		if (!wait_for(s, p, 3))
			return;
		push(&s->out);
		push(&s->in);
	}
}

static void *splice_main(void *arg)
{
	struct splice *s = arg;
	int client = accept_client(s);

	if (client >= 0) {
		copy(s, client);
		close(client);
	}
	return NULL;
}

static int start(struct splice *s)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	error = pthread_create(&s->thread, &attr, splice_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -error;
}

static void free_splice(struct splice *s)
{
	if (s->listener >= 0)
		close(s->listener);
	if (s->wake >= 0)
		close(s->wake);
	close(s->fd);
	/* It has carried what may be secret. */
	explicit_bzero(s, sizeof(*s));
	free(s);
}

struct splice *splice_open(int fd)
{
	struct splice *s = calloc(1, sizeof(*s));
	int error;

	if (s == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->fd = fd;
	s->listener = bound_socket(&s->port);
	s->wake = eventfd(0, EFD_CLOEXEC);
	error = s->listener < 0 ? s->listener : 0;
	if (error == 0 && (s->wake < 0 || listen(s->listener, 4) < 0))
		error = -errno;
	if (error == 0)
		error = start(s);
	if (error == 0)
		return s;
	free_splice(s);
	errno = -error;
	return NULL;
}

void splice_close(struct splice *s)
{
	uint64_t one = 1;
	ssize_t n;

	if (s == NULL)
		return;
	n = write(s->wake, &one, sizeof(one));
	(void)n; /* an eventfd takes it */
	pthread_join(s->thread, NULL);
	free_splice(s);
}

uint16_t splice_port(const struct splice *s)
{
	return s->port;
}

int splice_socket(struct splice *s)
{
	uint16_t port;
	int fd = bound_socket(&port);

	if (fd >= 0)
		s->client = port;
	return fd;
}
