/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_stream.h - DNS over TCP: apps' connections to port 53, answered by
 * tunneld
 */
#ifndef DNS_STREAM_H
#define DNS_STREAM_H

#include "dns_serve.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

struct dns_streams;
struct loop;
struct names;
struct policy;
struct policy_client;
struct worker_stats;

/* All borrowed. */
struct dns_streams_opts {
	struct loop *loop;
	struct names *names;
	struct policy *policy;
	struct worker_stats *stats;
	dns_learn_fn *learn; /* NULL: no query waits */
	void *arg;
};

struct dns_streams *dns_streams_new(const struct dns_streams_opts *opts)
	MUST_CHECK;
/* Closes all connections. */
void dns_streams_free(struct dns_streams *all);
void dns_streams_reload(struct dns_streams *all, struct policy *policy);

/* The app's end of a new connection to `server`, whose other end is served
 * here: a TCP socket of the family `af` that the caller owns. `client` is
 * copied. -errno: EMFILE, -ECONNREFUSED when there are too many, … */
int dns_streams_open(struct dns_streams *all, int af,
		     const struct endpoint *server,
		     const struct policy_client *client) MUST_CHECK;

#endif
