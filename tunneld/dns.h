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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_DS = 43, /* RFC 4034 */
	DNS_TYPE_RRSIG = 46,
	DNS_TYPE_NSEC = 47,
	DNS_TYPE_DNSKEY = 48,
	DNS_TYPE_NSEC3 = 50,
	DNS_TYPE_NSEC3PARAM = 51,
	DNS_TYPE_SVCB = 64,
	DNS_TYPE_HTTPS = 65,
	DNS_TYPE_ANY = 255,
};

#define DNS_CLASS_IN  1
#define DNS_CLASS_ANY 255
/* What our answers say that we take (RFC 9715: no fragments). */
#define DNS_UDP_BYTES 1232

enum dns_edns {
	DNS_EDNS_NONE = 0,
	DNS_EDNS_GOOD,
	DNS_EDNS_VERSION, /* one that we do not know */
	DNS_EDNS_BAD,     /* twice, or not to be read */
};

struct dns_query {
	uint16_t id;
	uint16_t flags;
	uint16_t type;
	uint16_t class;
	enum dns_edns edns;
	bool dnssec_ok;                  /* DO: the answer says it again */
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
	DNS_RCODE_BADVERS = 16, /* RFC 6891, 6.1.3 */
};

/* What there is to say. A query gets of it what its type asks for; the rest is
 * NODATA. */
struct dns_reply {
	enum dns_rcode rcode;
	const struct endpoint *ipv4, *ipv6; /* or NULL */
	const char *name;                   /* of a PTR, or NULL */
	uint32_t ttl_s;
};

/* One standard query with one question. 0; -EBADMSG; or -EOPNOTSUPP for a
 * request of another kind (UPDATE, NOTIFY, …), of which only id and flags are
 * read. */
int dns_parse(const uint8_t *data, size_t len, struct dns_query *q) MUST_CHECK;
/* `query` is the datagram that was parsed (for the echoed question). A query
 * whose EDNS is bad gets the error of that instead. 0, -EINVAL (a PTR's name is
 * none) or -ENOBUFS. */
int dns_answer(const struct dns_query *q, const uint8_t *query,
	       const struct dns_reply *reply, struct buf *out) MUST_CHECK;

/* About addresses, or where a service with addresses is. */
bool dns_type_is_address(uint16_t type);
/* About signatures: nobody but the zone's own servers can answer that. */
bool dns_type_is_dnssec(uint16_t type);

#endif
