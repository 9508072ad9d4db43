/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_serve.h - the name server that a flow's app believes it talks to:
 * answers for names that policy reaches by name, the real server for others
 */
#ifndef DNS_SERVE_H
#define DNS_SERVE_H

#include "dns_forward.h"
#include "learn.h"
#include "loop.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_serve;
struct names;
struct policy;
struct policy_client;
struct worker_stats;

#define DNS_PORT 53

#define DNS_QUERY_BYTES 512 /* RFC 1035, 4.2.1; longer ones do not wait */

/* A query that waits: until the page knows the addresses of its name, because
 * the app may connect to one as soon as it has the answer; or until it is known
 * whether the name is one of the inside. On the heap; whoever has it gives it
 * back with dns_serve_learned() as a task of `loop`. */
struct dns_learn {
	char name[CONTROL_NAME_MAX + 1];
	bool judge;             /* is it of the inside? */
	bool records;           /* others than addresses are asked for */
	bool inside;            /* it is; for whoever has it to say */
	struct loop *loop;      /* of the flow */
	struct loop_task task;  /* for whoever has it */
	struct learn_wait wait; /* likewise */
	void *owner;            /* likewise */
	/* private to dns_serve.c */
	struct dns_serve *serve; /* NULL: gone meanwhile */
	struct dns_learn *next, **prev;
	struct endpoint server;
	bool direct; /* so is the server */
	size_t len;
	uint8_t data[DNS_QUERY_BYTES];
};
/* Have the name looked up, in whatever thread. */
typedef void(dns_learn_fn)(void *arg, struct dns_learn *query);
loop_fn dns_serve_learned; /* its argument is the query */

/* Pass a query on to the real server. False: that cannot be done. */
typedef bool(dns_pass_fn)(void *arg, const struct endpoint *server,
			  const uint8_t *data, size_t len);

struct dns_serve *dns_serve_new(struct loop *loop, struct names *names,
				struct worker_stats *stats, dns_reply_fn *reply,
				void *arg) MUST_CHECK;
/* Without it no query waits. */
void dns_serve_set_learn(struct dns_serve *s, dns_learn_fn *learn, void *arg);
/* Whose queries they are; borrowed. Without it: nobody's in particular. */
void dns_serve_set_client(struct dns_serve *s,
			  const struct policy_client *client);
/* Instead of datagrams of its own. */
void dns_serve_set_pass(struct dns_serve *s, dns_pass_fn *pass, void *arg);
void dns_serve_free(struct dns_serve *s);

/* One query that the app sent to `server`. Malformed ones are dropped, and so
 * are requests that are no queries, unless the server is direct. */
void dns_serve_query(struct dns_serve *s, const struct policy *policy,
		     const struct endpoint *server, const uint8_t *data,
		     size_t len, uint64_t now_ms);

#endif
