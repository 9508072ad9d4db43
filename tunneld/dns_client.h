/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_client.h - queries of our own, and the addresses in their answers (RFC
 * 1035); pure: bytes in, bytes out
 */
#ifndef DNS_CLIENT_H
#define DNS_CLIENT_H

#include "dns.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

struct buf;

/* A query for a (normalised) name. */
void dns_client_put(struct buf *out, uint16_t id, const char *name,
		    enum dns_type type);
/* The addresses in the answer to that query, ports 0. How many (> 0), or
 * -ENOENT (no such name), -ENODATA (none of that type), -EAGAIN (the server
 * failed, or the answer was cut), -EBADMSG (not the answer to this query). */
int dns_client_get(const uint8_t *data, size_t len, uint16_t id,
		   const char *name, enum dns_type type, struct endpoint *addrs,
		   size_t max) MUST_CHECK;

#endif
