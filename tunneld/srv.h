/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * srv.h - SRV (RFC 2782) and NAPTR (RFC 3403) records by the libc's resolver;
 * asking blocks, for pool threads only
 */
#ifndef SRV_H
#define SRV_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

#define SRV_MAX 16 /* records of an answer; more are left out */

struct srv_record {
	uint16_t priority, weight, port;
	/* normalised; empty: "." – the service is decidedly not there */
	char target[CONTROL_NAME_MAX + 1];
};

struct srv_naptr {
	uint16_t order, preference;
	char flag;         /* 's', 'a', or 0: not terminal */
	char services[64]; /* lower case, "relay:turn.udp:turn.tcp" */
	char replacement[CONTROL_NAME_MAX + 1];
};

/* Records of an answer in wire format, in its order; what is malformed or
 * means nothing to us is left out. `*ttl_s`: the shortest, if any. Returns how
 * many, or -EBADMSG when it is no DNS message at all. */
int srv_parse(const uint8_t *answer, size_t len, struct srv_record out[SRV_MAX],
	      uint32_t *ttl_s) MUST_CHECK;
int srv_parse_naptr(const uint8_t *answer, size_t len,
		    struct srv_naptr out[SRV_MAX], uint32_t *ttl_s) MUST_CHECK;

/* RFC 2782: by priority, and by weighted chance within one. `seed`: any number
 * as random as the order shall be. */
void srv_sort(struct srv_record *record, size_t count, uint32_t seed);
/* By order, then preference (RFC 3403, 4.1). */
void srv_sort_naptr(struct srv_naptr *record, size_t count);

struct srv_resolver;

/* `server`: ask this one (IPv4) instead of the system's; NULL. NULL with
 * errno. */
struct srv_resolver *srv_resolver_new(const struct endpoint *server) MUST_CHECK;
void srv_resolver_free(struct srv_resolver *r);
/* How many; 0: there are none (NXDOMAIN, NODATA); -EAGAIN: no answer. A
 * truncated answer is fetched over TCP. A server that is silent costs a
 * second. */
int srv_ask(struct srv_resolver *r, const char *name,
	    struct srv_record out[SRV_MAX], uint32_t *ttl_s) MUST_CHECK;
int srv_ask_naptr(struct srv_resolver *r, const char *name,
		  struct srv_naptr out[SRV_MAX], uint32_t *ttl_s) MUST_CHECK;

#endif
