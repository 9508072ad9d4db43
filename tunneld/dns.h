/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns.h - answers to the DNS queries of resolvers inside apps (RFC 1035);
 * pure: bytes in, bytes out
 */
#ifndef DNS_H
#define DNS_H

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

struct buf;

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_HTTPS = 65,
};

struct dns_query {
	uint16_t id;
	uint16_t flags;
	uint16_t type;
	uint16_t class;
	char name[CONTROL_NAME_MAX + 1]; /* lower case, no trailing dot */
	size_t question_bytes;           /* header + question, to echo */
	struct endpoint reverse; /* PTR: the address; family 0 if malformed */
};

enum dns_rcode {
	DNS_RCODE_OK = 0,
	DNS_RCODE_FORMAT = 1,
	DNS_RCODE_SERVFAIL = 2,
	DNS_RCODE_NXDOMAIN = 3,
	DNS_RCODE_NOTIMP = 4,
	DNS_RCODE_REFUSED = 5,
};

/* One standard query with one question. 0 or -EBADMSG. */
int dns_parse(const uint8_t *data, size_t len, struct dns_query *q) MUST_CHECK;
/* NULL/0 answers: NODATA, or `rcode`. An A/AAAA answer with `addr`, or a PTR
 * answer with `name`. TTL in seconds. `query` is the datagram that was parsed
 * (for the echoed question). 0 or -ENOBUFS. */
int dns_answer(const struct dns_query *q, const uint8_t *query,
	       enum dns_rcode rcode, const struct endpoint *addr,
	       const char *name, uint32_t ttl_s, struct buf *out) MUST_CHECK;

#endif
