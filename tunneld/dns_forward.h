/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_forward.h - queries passed on to real name servers, as datagrams
 */
#ifndef DNS_FORWARD_H
#define DNS_FORWARD_H

#include "loop.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name servers that one app socket may speak to natively: resolv.conf(5) has
 * three at most. */
#define DNS_FORWARDS_MAX 4

/* What comes from a name server; `data` is borrowed until return. */
typedef void(dns_reply_fn)(void *arg, const struct endpoint *server,
			   const uint8_t *data, size_t len, uint64_t now_ms);

struct dns_forward {
	struct loop *loop;
	dns_reply_fn *reply;
	void *arg;
	size_t count;
	struct dns_forward_server {
		struct dns_forward *forward;
		struct endpoint at;
		struct loop_fd watch;
		int fd;
	} server[DNS_FORWARDS_MAX];
};

void dns_forward_init(struct dns_forward *f, struct loop *loop,
		      dns_reply_fn *reply, void *arg);
void dns_forward_fini(struct dns_forward *f);
/* False: one server too many, or the network is not there. */
bool dns_forward_send(struct dns_forward *f, const struct endpoint *server,
		      const uint8_t *data, size_t len) MUST_CHECK;

#endif
