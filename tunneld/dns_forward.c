/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_forward.c - queries passed on to real name servers, as datagrams
 *
 * Turns one app socket's queries to several servers into a connected socket
 * for each, so that nobody else can answer.
 */
#include <config.h>

#include "dns_forward.h"

#include <unistd.h>

#include <sys/socket.h>

#define ANSWER_BYTES 65535

void dns_forward_init(struct dns_forward *f, struct loop *loop,
		      dns_reply_fn *reply, void *arg)
{
	*f = (struct dns_forward){ .loop = loop, .reply = reply, .arg = arg };
}

void dns_forward_fini(struct dns_forward *f)
{
	for (size_t i = 0; i < f->count; i++) {
		loop_fd_del(f->loop, &f->server[i].watch);
		close(f->server[i].fd);
	}
	f->count = 0;
}

static void on_answer(void *arg, uint32_t events, uint64_t now_ms)
{
	struct dns_forward_server *s = arg;
	uint8_t data[ANSWER_BYTES];
	ssize_t n;

	(void)events;
	/* A refusal (ECONNREFUSED) is taken off and means no answer, as it
	 * does to a resolver that never connected. */
	n = recv(s->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n > 0)
		s->forward->reply(s->forward->arg, &s->at, data, (size_t)n,
				  now_ms);
}

static struct dns_forward_server *server_open(struct dns_forward *f,
					      const struct endpoint *at)
{
	int af = at->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct dns_forward_server *s = &f->server[f->count];
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(at, af, &sa);

	if (f->count == DNS_FORWARDS_MAX)
		return NULL;
	*s = (struct dns_forward_server){ .forward = f, .at = *at };
	s->fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return NULL;
	if (connect(s->fd, (struct sockaddr *)&sa, len) < 0 ||
	    loop_fd_add(f->loop, &s->watch, s->fd, EPOLLIN, on_answer, s) < 0) {
		close(s->fd);
		return NULL;
	}
	f->count++;
	return s;
}

bool dns_forward_send(struct dns_forward *f, const struct endpoint *server,
		      const uint8_t *data, size_t len)
{
	struct dns_forward_server *s = NULL;

	for (size_t i = 0; i < f->count && s == NULL; i++) {
		if (endpoint_equal(&f->server[i].at, server))
			s = &f->server[i];
	}
	if (s == NULL)
		s = server_open(f, server);
	return s != NULL && send(s->fd, data, len, MSG_DONTWAIT) >= 0;
}
