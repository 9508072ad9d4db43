/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_serve.c - DNS queries into synthetic addresses, or passed on natively
 * (RFC 1035; type 65: RFC 9460)
 *
 * Our names have an A record and nothing else: an empty answer for type 65 or
 * AAAA makes a resolver go on with A at once, where silence would cost its
 * time-out.
 */
#include <config.h>

#include "dns_serve.h"

#include "buf.h"
#include "dns.h"
#include "loop.h"
#include "names.h"
#include "policy.h"
#include "stats.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

/* Name servers that one app socket may speak to natively: resolv.conf(5) has
 * three at most. */
#define FORWARDS_MAX 4
/* Short: a reload of the rules must reach the app soon. */
#define DNS_TTL_S        60
#define DNS_ANSWER_BYTES 1024
#define DNS_REPLY_BYTES  65535

struct dns_forward {
	struct dns_serve *serve;
	struct endpoint server;
	struct loop_fd watch;
	int fd;
};

struct dns_serve {
	struct loop *loop;
	struct names *names;
	struct worker_stats *stats;
	dns_reply_fn *reply;
	void *arg;
	struct dns_forward forward[FORWARDS_MAX];
	size_t forwards;
	dns_learn_fn *learn; /* NULL: none */
	void *learn_arg;
	struct dns_learn *learning;
};

struct dns_serve *dns_serve_new(struct loop *loop, struct names *names,
				struct worker_stats *stats, dns_reply_fn *reply,
				void *arg)
{
	struct dns_serve *s = calloc(1, sizeof(*s));

	if (s != NULL)
		*s = (struct dns_serve){
			.loop = loop,
			.names = names,
			.stats = stats,
			.reply = reply,
			.arg = arg,
		};
	return s;
}

void dns_serve_free(struct dns_serve *s)
{
	if (s == NULL)
		return;
	while (s->learning != NULL) {
		struct dns_learn *q = s->learning;

		s->learning = q->next;
		q->serve = NULL;
	}
	for (size_t i = 0; i < s->forwards; i++) {
		loop_fd_del(s->loop, &s->forward[i].watch);
		close(s->forward[i].fd);
	}
	free(s);
}

/* Passing on */

static void on_answer(void *arg, uint32_t events, uint64_t now_ms)
{
	struct dns_forward *f = arg;
	uint8_t data[DNS_REPLY_BYTES];
	ssize_t n;

	(void)events;
	/* A refusal (ECONNREFUSED) is taken off and means no answer, as it
	 * does to a resolver that never connected. */
	n = recv(f->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n > 0)
		f->serve->reply(f->serve->arg, &f->server, data, (size_t)n,
				now_ms);
}

static struct dns_forward *forward_open(struct dns_serve *s,
					const struct endpoint *server)
{
	int af = server->family == ENDPOINT_IPV6 ? AF_INET6 : AF_INET;
	struct dns_forward *f = &s->forward[s->forwards];
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(server, af, &sa);

	if (s->forwards == FORWARDS_MAX)
		return NULL;
	*f = (struct dns_forward){ .serve = s, .server = *server };
	f->fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->fd < 0)
		return NULL;
	if (connect(f->fd, (struct sockaddr *)&sa, len) < 0 ||
	    loop_fd_add(s->loop, &f->watch, f->fd, EPOLLIN, on_answer, f) < 0) {
		close(f->fd);
		return NULL;
	}
	s->forwards++;
	return f;
}

static bool pass_on(struct dns_serve *s, const struct endpoint *server,
		    const uint8_t *data, size_t len)
{
	struct dns_forward *f = NULL;

	for (size_t i = 0; i < s->forwards && f == NULL; i++) {
		if (endpoint_equal(&s->forward[i].server, server))
			f = &s->forward[i];
	}
	if (f == NULL)
		f = forward_open(s, server);
	if (f == NULL || send(f->fd, data, len, MSG_DONTWAIT) < 0)
		return false;
	stats_add(&s->stats->dns_forwarded, 1);
	return true;
}

/* Waiting until a name is learned */

void dns_serve_set_learn(struct dns_serve *s, dns_learn_fn *learn, void *arg)
{
	s->learn = learn;
	s->learn_arg = arg;
}

void dns_serve_learned(void *arg, uint64_t now_ms)
{
	struct dns_learn *q = arg;

	(void)now_ms;
	if (q->serve != NULL) {
		*q->prev = q->next;
		if (q->next != NULL)
			q->next->prev = q->prev;
		pass_on(q->serve, &q->server, q->data, q->len);
	}
	free(q);
}

/* False: nobody to learn it, or no memory; pass it on at once. */
static bool wait_for_name(struct dns_serve *s, const char *name,
			  const struct endpoint *server, const uint8_t *data,
			  size_t len)
{
	struct dns_learn *q;

	if (s->learn == NULL || len > sizeof(q->data))
		return false;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return false;
	strcpy(q->name, name);
	q->loop = s->loop;
	q->serve = s;
	q->server = *server;
	q->len = len;
	memcpy(q->data, data, len);
	q->next = s->learning;
	q->prev = &s->learning;
	if (q->next != NULL)
		q->next->prev = &q->next;
	s->learning = q;
	s->learn(s->learn_arg, q);
	return true;
}

/* Is the server itself one that may be reached directly? Port 53 has a rule of
 * its own, so its address is judged without a port. */
static bool server_is_direct(const struct policy *policy,
			     const struct endpoint *server)
{
	struct endpoint host = *server;

	host.port_be = 0;
	switch (policy_decide_ip(policy, POLICY_UDP, &host, NULL)) {
	case POLICY_DIRECT:
	case POLICY_PREFER_DIRECT:
		return true;
	default:
		return false;
	}
}

/* The real server answers; later, when apps must not be faster than the page.
 * False: it is out of reach. */
static bool forward(struct dns_serve *s, const struct policy *policy,
		    const char *name, const struct endpoint *server,
		    const uint8_t *data, size_t len)
{
	if (!server_is_direct(policy, server))
		return false;
	if (policy_must_learn(policy, name) &&
	    wait_for_name(s, name, server, data, len))
		return true;
	return pass_on(s, server, data, len);
}

/* Answering */

static void answer(struct dns_serve *s, const struct dns_query *q,
		   const struct endpoint *server, const uint8_t *query,
		   enum dns_rcode rcode, const struct endpoint *addr,
		   const char *name, uint64_t now_ms)
{
	uint8_t data[DNS_ANSWER_BYTES];
	struct buf out;

	buf_init(&out, data, sizeof(data));
	if (dns_answer(q, query, rcode, addr, name, DNS_TTL_S, &out) < 0)
		return;
	stats_add(&s->stats->dns_answered, 1);
	s->reply(s->arg, server, data, out.len, now_ms);
}

static void answer_ours(struct dns_serve *s, const struct dns_query *q,
			const struct endpoint *server, const uint8_t *query,
			uint64_t now_ms)
{
	struct endpoint addr;
	enum dns_rcode rcode = DNS_RCODE_OK;
	bool have = false;

	if (q->type == DNS_TYPE_A) {
		have = names_address(s->names, q->name, ENDPOINT_IPV4, &addr);
		rcode = have ? DNS_RCODE_OK : DNS_RCODE_SERVFAIL;
	}
	answer(s, q, server, query, rcode, have ? &addr : NULL, NULL, now_ms);
}

void dns_serve_query(struct dns_serve *s, const struct policy *policy,
		     const struct endpoint *server, const uint8_t *data,
		     size_t len, uint64_t now_ms)
{
	struct dns_query q;
	char name[CONTROL_NAME_MAX + 1];
	enum policy_action action;

	if (dns_parse(data, len, &q) < 0) {
		stats_add(&s->stats->drop_malformed, 1);
		return;
	}
	if (q.type == DNS_TYPE_PTR && q.reverse.family != ENDPOINT_NONE &&
	    names_is_synthetic(s->names, &q.reverse)) {
		bool known = names_lookup(s->names, &q.reverse, name);

		answer(s, &q, server, data,
		       known ? DNS_RCODE_OK : DNS_RCODE_NXDOMAIN, NULL,
		       known ? name : NULL, now_ms);
		return;
	}
	name[0] = '\0';
	action = q.type == DNS_TYPE_PTR || !names_normalise(q.name, name)
			 ? POLICY_DIRECT
			 : policy_decide_name(policy, s->names, name, 0,
					      POLICY_ANY, NULL);
	if (action == POLICY_BLOCK)
		answer(s, &q, server, data, DNS_RCODE_NXDOMAIN, NULL, NULL,
		       now_ms);
	else if (action != POLICY_DIRECT)
		answer_ours(s, &q, server, data, now_ms);
	else if (!forward(s, policy, name, server, data, len))
		answer(s, &q, server, data, DNS_RCODE_SERVFAIL, NULL, NULL,
		       now_ms);
}
