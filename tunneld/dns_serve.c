/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_serve.c - DNS queries into synthetic addresses, or passed on natively
 * (RFC 1035; types 64 and 65: RFC 9460)
 *
 * Our names have an A and an AAAA record and nothing else: an empty answer for
 * type 65 makes a resolver go on with these at once, where silence would cost
 * its time-out. What DNSSEC asks about a zone is passed on: we cannot sign, but
 * an app that validates hears of the real zone what it would have heard.
 */
#include <config.h>

#include "dns_serve.h"

#include "buf.h"
#include "dns.h"
#include "dns_forward.h"
#include "loop.h"
#include "name_way.h"
#include "names.h"
#include "policy.h"
#include "stats.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Short: a reload of the rules must reach the app soon. */
#define DNS_TTL_S        60
#define DNS_ANSWER_BYTES 1024

struct dns_serve {
	struct loop *loop;
	struct names *names;
	struct worker_stats *stats;
	dns_reply_fn *reply;
	void *arg;
	const struct policy_client *client;
	struct dns_forward forward;
	dns_learn_fn *learn; /* NULL: none */
	void *learn_arg;
	struct dns_learn *learning;
	dns_pass_fn *pass; /* NULL: by `forward` */
	void *pass_arg;
};

struct dns_serve *dns_serve_new(struct loop *loop, struct names *names,
				struct worker_stats *stats, dns_reply_fn *reply,
				void *arg)
{
	struct dns_serve *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct dns_serve){
		.loop = loop,
		.names = names,
		.stats = stats,
		.reply = reply,
		.arg = arg,
	};
	dns_forward_init(&s->forward, loop, reply, arg);
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
	dns_forward_fini(&s->forward);
	free(s);
}

/* Passing on */

void dns_serve_set_client(struct dns_serve *s,
			  const struct policy_client *client)
{
	s->client = client;
}

void dns_serve_set_pass(struct dns_serve *s, dns_pass_fn *pass, void *arg)
{
	s->pass = pass;
	s->pass_arg = arg;
}

static bool pass_on(struct dns_serve *s, const struct endpoint *server,
		    const uint8_t *data, size_t len)
{
	bool passed = s->pass != NULL ? s->pass(s->pass_arg, server, data, len)
				      : dns_forward_send(&s->forward, server,
							 data, len);

	if (passed)
		stats_add(&s->stats->dns_forwarded, 1);
	return passed;
}

/* Is the server itself one that may be reached directly? Port 53 has a rule of
 * its own, so its address is judged without a port. */
static bool server_is_direct(const struct dns_serve *s,
			     const struct policy *policy,
			     const struct endpoint *server)
{
	struct endpoint host = *server;

	host.port_be = 0;
	switch (policy_decide_ip(policy, POLICY_UDP, &host, s->client)) {
	case POLICY_DIRECT:
	case POLICY_PREFER_DIRECT:
		return true;
	default:
		return false;
	}
}

/* Answering */

/* A query as it came. */
struct packet {
	const struct endpoint *server; /* that it was sent to */
	bool direct;                   /* it may be asked */
	const uint8_t *data;
	size_t len;
};

static void answer(struct dns_serve *s, const struct dns_query *q,
		   const struct packet *p, struct dns_reply *reply,
		   uint64_t now_ms)
{
	uint8_t data[DNS_ANSWER_BYTES];
	struct buf out;

	reply->ttl_s = DNS_TTL_S;
	buf_init(&out, data, sizeof(data));
	if (dns_answer(q, p->data, reply, &out) < 0)
		return;
	stats_add(&s->stats->dns_answered, 1);
	s->reply(s->arg, p->server, data, out.len, now_ms);
}

static void answer_code(struct dns_serve *s, const struct dns_query *q,
			const struct packet *p, enum dns_rcode rcode,
			uint64_t now_ms)
{
	struct dns_reply reply = { .rcode = rcode };

	answer(s, q, p, &reply, now_ms);
}

static bool wants(const struct dns_query *q, enum dns_type type)
{
	return q->type == type || q->type == DNS_TYPE_ANY;
}

/* A family without a pool is NODATA; a pool that is full is our failure. */
static const struct endpoint *address(struct dns_serve *s,
				      const struct dns_query *q, uint8_t family,
				      struct endpoint *addr,
				      struct dns_reply *reply)
{
	if (!wants(q, family == ENDPOINT_IPV4 ? DNS_TYPE_A : DNS_TYPE_AAAA) ||
	    !names_has_pool(s->names, family))
		return NULL;
	if (names_address(s->names, q->name, family, addr))
		return addr;
	reply->rcode = DNS_RCODE_SERVFAIL;
	return NULL;
}

static void answer_ours(struct dns_serve *s, const struct dns_query *q,
			const struct packet *p, uint64_t now_ms)
{
	struct dns_reply reply = { .rcode = DNS_RCODE_OK };
	struct endpoint ipv4, ipv6;

	reply.ipv4 = address(s, q, ENDPOINT_IPV4, &ipv4, &reply);
	reply.ipv6 = address(s, q, ENDPOINT_IPV6, &ipv6, &reply);
	answer(s, q, p, &reply, now_ms);
}

/* Of the inside: the real server knows it. Else, and when that is out of
 * reach, it is ours. */
static void go_on(const struct dns_learn *l, uint64_t now_ms)
{
	const struct packet p = { .server = &l->server,
				  .direct = l->direct,
				  .data = l->data,
				  .len = l->len };
	struct dns_query q;

	if (!l->judge || l->inside) {
		if (pass_on(l->serve, p.server, p.data, p.len))
			return;
	}
	if (l->judge && dns_parse(p.data, p.len, &q) == 0)
		answer_ours(l->serve, &q, &p, now_ms);
}

/* Waiting for what the control loop finds out */

void dns_serve_set_learn(struct dns_serve *s, dns_learn_fn *learn, void *arg)
{
	s->learn = learn;
	s->learn_arg = arg;
}

void dns_serve_learned(void *arg, uint64_t now_ms)
{
	struct dns_learn *q = arg;

	if (q->serve != NULL) {
		*q->prev = q->next;
		if (q->next != NULL)
			q->next->prev = q->prev;
		go_on(q, now_ms);
	}
	free(q);
}

enum wait_why {
	WAIT_LEARN = 0, /* its addresses, which are direct */
	WAIT_ADDRESSES, /* are there any inside? */
	WAIT_RECORDS,   /* is there anybody inside who would know? */
};

/* False: nobody to find it out, or no memory. */
static bool wait_for_name(struct dns_serve *s, const char *name,
			  enum wait_why why, const struct packet *p)
{
	struct dns_learn *q;

	if (s->learn == NULL || p->len > sizeof(q->data))
		return false;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return false;
	strcpy(q->name, name);
	q->judge = why != WAIT_LEARN;
	q->records = why == WAIT_RECORDS;
	q->loop = s->loop;
	q->serve = s;
	q->server = *p->server;
	q->direct = p->direct;
	q->len = p->len;
	memcpy(q->data, p->data, p->len);
	q->next = s->learning;
	q->prev = &s->learning;
	if (q->next != NULL)
		q->next->prev = &q->next;
	s->learning = q;
	s->learn(s->learn_arg, q);
	return true;
}

/* The query */

/* The real server answers; later, when apps must not be faster than the page.
 * False: it is out of reach. */
static bool forward(struct dns_serve *s, const struct policy *policy,
		    const char *name, const struct packet *p)
{
	if (!p->direct)
		return false;
	if (name[0] != '\0' && policy_must_learn(policy, name) &&
	    wait_for_name(s, name, WAIT_LEARN, p))
		return true;
	return pass_on(s, p->server, p->data, p->len);
}

static bool serve_pointer(struct dns_serve *s, const struct dns_query *q,
			  const struct packet *p, uint64_t now_ms)
{
	struct dns_reply reply = { .rcode = DNS_RCODE_NXDOMAIN };
	char name[CONTROL_NAME_MAX + 1];

	if (q->type != DNS_TYPE_PTR || q->reverse.family == ENDPOINT_NONE ||
	    !names_is_synthetic(s->names, &q->reverse))
		return false;
	if (names_lookup(s->names, &q->reverse, name)) {
		reply.rcode = DNS_RCODE_OK;
		reply.name = name;
	}
	answer(s, q, p, &reply, now_ms);
	return true;
}

static enum name_way way_of(const struct dns_serve *s,
			    const struct policy *policy,
			    const struct dns_query *q,
			    char name[CONTROL_NAME_MAX + 1])
{
	name[0] = '\0';
	if (q->type == DNS_TYPE_PTR ||
	    (q->class != DNS_CLASS_IN && q->class != DNS_CLASS_ANY) ||
	    !names_normalise(q->name, name))
		return NAME_WAY_SYSTEM;
	return name_way(policy, s->names, name, s->client);
}

static void serve_ours(struct dns_serve *s, const struct dns_query *q,
		       const char *name, bool judge, const struct packet *p,
		       uint64_t now_ms)
{
	if (dns_type_is_dnssec(q->type) && p->direct &&
	    pass_on(s, p->server, p->data, p->len))
		return;
	/* Only a server that would be asked can make a difference. */
	if (!judge || !p->direct ||
	    !wait_for_name(s, name,
			   dns_type_is_address(q->type) ? WAIT_ADDRESSES
							: WAIT_RECORDS,
			   p))
		answer_ours(s, q, p, now_ms);
}

void dns_serve_query(struct dns_serve *s, const struct policy *policy,
		     const struct endpoint *server, const uint8_t *data,
		     size_t len, uint64_t now_ms)
{
	const struct packet p = { .server = server,
				  .direct = server_is_direct(s, policy, server),
				  .data = data,
				  .len = len };
	char name[CONTROL_NAME_MAX + 1];
	struct dns_query q;
	enum name_way way;
	int err = dns_parse(data, len, &q);

	if (err == -EOPNOTSUPP && p.direct && pass_on(s, server, data, len))
		return;
	if (err < 0) {
		stats_add(&s->stats->drop_malformed, 1);
		return;
	}
	if (serve_pointer(s, &q, &p, now_ms))
		return;
	way = way_of(s, policy, &q, name);
	switch (way) {
	case NAME_WAY_NONE:
		answer_code(s, &q, &p, DNS_RCODE_NXDOMAIN, now_ms);
		break;
	case NAME_WAY_EMPTY:
		answer_code(s, &q, &p, DNS_RCODE_OK, now_ms);
		break;
	case NAME_WAY_INSIDE:
	case NAME_WAY_OURS:
		serve_ours(s, &q, name, way == NAME_WAY_INSIDE, &p, now_ms);
		break;
	default:
		if (!forward(s, policy, name, &p))
			answer_code(s, &q, &p, DNS_RCODE_SERVFAIL, now_ms);
		break;
	}
}
