/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * egress.h - how TCP leaves this network: which proxies lead to a destination,
 * in which order
 */
#ifndef EGRESS_H
#define EGRESS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel;
struct desktop;
struct egress;
struct pac;
struct proxy;

#define EGRESS_HOPS_MAX 8

/* The ways to one destination, best first; own references. */
struct egress_way {
	size_t count;
	struct proxy *proxy[EGRESS_HOPS_MAX]; /* NULL: directly */
};

struct egress_opts {
	struct proxy *const *proxy; /* in the order of preference */
	size_t count;
	struct proxy
		*plain; /* NULL, or: to port 80, and no other (http_proxy) */
	/* NULL, or who is asked instead: then `proxy` has one, which is what
	 * all that they name have in common, and `source` is for people */
	struct pac *pac;
	struct desktop *desktop;
	const char *source;
};

/* One reference; takes references of its own to the proxies. NULL with errno.
 */
struct egress *egress_new(const struct egress_opts *opts) MUST_CHECK;
struct egress *egress_get(struct egress *e);
void egress_put(struct egress *e);

/* Which ways lead to host:port? Blocks (a script may be asked), for pool
 * threads. 0, or -errno with words.
 * egress_way_fini() in any case. */
int egress_choose(struct egress *e, const char *host, uint16_t port,
		  uint64_t deadline_ms, struct cancel *cancel,
		  struct egress_way *way, char *words,
		  size_t words_max) MUST_CHECK;
void egress_way_fini(struct egress_way *way);

/* What was found out by asking does not count any more. */
void egress_network_changed(struct egress *e);

/* The proxies that are known beforehand; borrowed. */
size_t egress_proxies(const struct egress *e, struct proxy *const **proxy);
/* For logs and the fingerprint of a network: "http://a:3128, http://b:3128", or
 * who is asked. */
const char *egress_words(const struct egress *e);
/* Who is asked for each destination; NULL: nobody, the proxies are known. */
const char *egress_source(const struct egress *e);
/* Do both lead the same way? NULL: directly. */
bool egress_same(const struct egress *a, const struct egress *b);

#endif
