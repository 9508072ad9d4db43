/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dns_server.c - a thread that answers from a table */
#include <config.h>

#include "dns_server.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define HEADER_BYTES  12
#define MESSAGE_BYTES 65535

static size_t put16(uint8_t *p, size_t at, unsigned int v)
{
	p[at] = (uint8_t)(v >> 8);
	p[at + 1] = (uint8_t)v;
	return at + 2;
}

/* "a.b" or "." in wire format */
static size_t put_name(uint8_t *p, size_t at, const char *name)
{
	while (*name != '\0' && strcmp(name, ".") != 0) {
		size_t len = strcspn(name, ".");

		p[at++] = (uint8_t)len;
		memcpy(p + at, name, len);
		at += len;
		name += name[len] == '.' ? len + 1 : len;
	}
	p[at++] = 0;
	return at;
}

static size_t put_string(uint8_t *p, size_t at, const char *text)
{
	p[at++] = (uint8_t)strlen(text);
	memcpy(p + at, text, strlen(text));
	return at + strlen(text);
}

static size_t put_record(uint8_t *out, size_t at,
			 const struct dns_server_record *r)
{
	at = put_name(out, at, r->name);
	at = put16(out, at, r->type);
	at = put16(out, at, ns_c_in);
	at = put16(out, at, r->ttl_s >> 16);
	at = put16(out, at, r->ttl_s & 0xffff);
	at = put16(out, at, (unsigned int)r->len);
	memcpy(out + at, r->rdata, r->len);
	return at + r->len;
}

/* The question's name as text, and the bytes of the question. */
static size_t read_question(const uint8_t *query, size_t len, char *name,
			    uint16_t *type)
{
	size_t at = HEADER_BYTES, n = 0;

	while (at < len && query[at] != 0 && at + query[at] < len && n < 250) {
		size_t label = query[at++];

		if (n > 0)
			name[n++] = '.';
		for (size_t i = 0; i < label; i++)
			name[n++] = (char)tolower(query[at + i]);
		at += label;
	}
	name[n] = '\0';
	if (at + 5 > len)
		return 0;
	*type = (uint16_t)(query[at + 1] << 8 | query[at + 2]);
	return at + 5 - HEADER_BYTES;
}

/* Aliases are followed, as a recursive server does. */
static size_t put_answers(struct dns_server *s, uint8_t *out, size_t at,
			  const char *name, uint16_t type, unsigned int *count,
			  bool *exists)
{
	const char *next = NULL;

	for (size_t i = 0; i < s->count; i++) {
		const struct dns_server_record *r = &s->record[i];

		if (strcmp(r->name, name) != 0)
			continue;
		*exists = true;
		if (r->type != type && r->type != ns_t_cname)
			continue;
		at = put_record(out, at, r);
		(*count)++;
		if (r->type == ns_t_cname)
			next = (const char *)r->rdata + r->len;
	}
	/* the target as text stands behind its wire format */
	if (next != NULL)
		at = put_answers(s, out, at, next, type, count, exists);
	return at;
}

static size_t answer(struct dns_server *s, const uint8_t *query, size_t len,
		     bool tcp, uint8_t *out)
{
	unsigned int rcode = atomic_load(&s->rcode), count = 0, flags = 0x8180;
	bool exists = false, cut = atomic_load(&s->truncate) && !tcp;
	char name[256];
	uint16_t type = 0;
	size_t question, at;

	if (len < HEADER_BYTES)
		return 0;
	question = read_question(query, len, name, &type);
	at = HEADER_BYTES + question;
	memcpy(out, query, at);
	pthread_mutex_lock(&s->lock);
	if (rcode == 0 && !cut)
		at = put_answers(s, out, at, name, type, &count, &exists);
	pthread_mutex_unlock(&s->lock);
	if (rcode == 0 && !cut && !exists)
		rcode = ns_r_nxdomain;
	put16(out, 2, flags | rcode | (cut ? 0x0200U : 0U));
	put16(out, 4, 1);
	put16(out, 6, count);
	put16(out, 8, 0);
	put16(out, 10, 0);
	return at;
}

static void serve_udp(struct dns_server *s, uint8_t *out)
{
	uint8_t query[1500];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(s->udp, query, sizeof(query), 0,
			     (struct sockaddr *)&from, &from_len);
	size_t len;

	if (n <= 0)
		return;
	atomic_fetch_add(&s->queries, 1);
	if (atomic_load(&s->silent))
		return;
	len = answer(s, query, (size_t)n, false, out);
	n = sendto(s->udp, out, len, 0, (struct sockaddr *)&from, from_len);
	(void)n;
}

static void serve_tcp(struct dns_server *s, uint8_t *out)
{
	uint8_t query[1500], size[2];
	int fd = accept4(s->tcp, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n;
	size_t len;

	if (fd < 0)
		return;
	atomic_fetch_add(&s->tcp_queries, 1);
	if (recv(fd, size, 2, MSG_WAITALL) == 2) {
		len = (size_t)(size[0] << 8 | size[1]);
		if (len <= sizeof(query) &&
		    recv(fd, query, len, MSG_WAITALL) == (ssize_t)len) {
			len = answer(s, query, len, true, out);
			put16(size, 0, (unsigned int)len);
			n = send(fd, size, 2, MSG_NOSIGNAL);
			n = send(fd, out, len, MSG_NOSIGNAL);
			(void)n;
		}
	}
	close(fd);
}

static void *serve(void *arg)
{
	static __thread uint8_t out[MESSAGE_BYTES];
	struct dns_server *s = arg;

	for (;;) {
		struct pollfd p[] = { { .fd = s->stop[0], .events = POLLIN },
				      { .fd = s->udp, .events = POLLIN },
				      { .fd = s->tcp, .events = POLLIN } };

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents != 0)
			return NULL;
		if (p[1].revents != 0)
			serve_udp(s, out);
		if (p[2].revents != 0)
			serve_tcp(s, out);
	}
}

/* UDP and TCP at the same port, which may be taken for one of them. */
static bool bind_both(struct dns_server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->tcp, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    getsockname(s->tcp, (struct sockaddr *)&a, &len) == 0 &&
	    bind(s->udp, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    listen(s->tcp, 8) == 0) {
		s->at = (struct endpoint){ .family = ENDPOINT_IPV4,
					   .ip = { 127, 0, 0, 1 },
					   .port_be = a.sin_port };
		return true;
	}
	close(s->udp);
	close(s->tcp);
	return false;
}

void dns_server_open(struct dns_server *s)
{
	int tries = 0;

	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	while (!bind_both(s))
		CU_ASSERT_FATAL(++tries < 20);
	CU_ASSERT_EQUAL_FATAL(pipe(s->stop), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, serve, s), 0);
}

void dns_server_close(struct dns_server *s)
{
	CU_ASSERT_EQUAL(write(s->stop[1], "", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->stop[1]);
	close(s->udp);
	close(s->tcp);
	pthread_mutex_destroy(&s->lock);
}

void dns_server_clear(struct dns_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->count = 0;
	pthread_mutex_unlock(&s->lock);
}

void dns_server_add(struct dns_server *s, const char *name, uint16_t type,
		    uint32_t ttl_s, const void *rdata, size_t len)
{
	struct dns_server_record *r;

	pthread_mutex_lock(&s->lock);
	CU_ASSERT_FATAL(s->count < DNS_SERVER_RECORDS_MAX);
	r = &s->record[s->count++];
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->type = type;
	r->ttl_s = ttl_s;
	memcpy(r->rdata, rdata, len);
	r->len = len;
	pthread_mutex_unlock(&s->lock);
}

void dns_server_add_srv(struct dns_server *s, const char *name, uint32_t ttl_s,
			uint16_t priority, uint16_t weight, uint16_t port,
			const char *target)
{
	uint8_t rdata[300];
	size_t at = put16(rdata, 0, priority);

	at = put16(rdata, at, weight);
	at = put16(rdata, at, port);
	at = put_name(rdata, at, target);
	dns_server_add(s, name, ns_t_srv, ttl_s, rdata, at);
}

void dns_server_add_naptr(struct dns_server *s, const char *name,
			  uint32_t ttl_s, uint16_t order, uint16_t preference,
			  const char *flags, const char *services,
			  const char *replacement)
{
	uint8_t rdata[600];
	size_t at = put16(rdata, 0, order);

	at = put16(rdata, at, preference);
	at = put_string(rdata, at, flags);
	at = put_string(rdata, at, services);
	at = put_string(rdata, at, "");
	at = put_name(rdata, at, replacement);
	dns_server_add(s, name, ns_t_naptr, ttl_s, rdata, at);
}

void dns_server_add_cname(struct dns_server *s, const char *name,
			  const char *target)
{
	uint8_t rdata[600];
	size_t at = put_name(rdata, 0, target);

	/* for put_answers(), behind what is sent */
	snprintf((char *)rdata + at, sizeof(rdata) - at, "%s", target);
	dns_server_add(s, name, ns_t_cname, 300, rdata,
		       at + strlen(target) + 1);
	s->record[s->count - 1].len = at;
}
