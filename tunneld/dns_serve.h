/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_serve.h - the name server that a flow's app believes it talks to:
 * answers for names that policy reaches by name, the real server for others
 */
#ifndef DNS_SERVE_H
#define DNS_SERVE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

struct dns_serve;
struct loop;
struct names;
struct policy;
struct worker_stats;

#define DNS_PORT 53

/* `data` is borrowed until return. */
typedef void(dns_reply_fn)(void *arg, const struct endpoint *server,
			   const uint8_t *data, size_t len, uint64_t now_ms);

struct dns_serve *dns_serve_new(struct loop *loop, struct names *names,
				struct worker_stats *stats, dns_reply_fn *reply,
				void *arg) MUST_CHECK;
void dns_serve_free(struct dns_serve *s);

/* One query that the app sent to `server`. Malformed ones are dropped. */
void dns_serve_query(struct dns_serve *s, const struct policy *policy,
		     const struct endpoint *server, const uint8_t *data,
		     size_t len, uint64_t now_ms);

#endif
