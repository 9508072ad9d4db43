/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns.c - DNS queries read and answered
 *
 * Turns the datagram of a resolver inside an app into its one question, and a
 * verdict into the answer (RFC 1035, 4; RFC 3596, 2.5 for ip6.arpa). A query
 * with EDNS (RFC 6891) is answered with it; of its options we know none, and
 * our answers fit 512 bytes. They never claim to be authentic (AD, RFC 4035,
 * 3.2.3). ANY gets what there is (RFC 8482, 4.1).
 */
#include <config.h>

#include "dns.h"

#include "buf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEADER_BYTES   12
#define LABEL_MAX      63      /* RFC 1035, 2.3.4 */
#define WIRE_NAME_MAX  255     /* length bytes and root included */
#define POINTER        0xc000u /* RFC 1035, 4.1.4 */
#define IPV4_SUFFIX    ".in-addr.arpa"
#define IPV6_SUFFIX    ".ip6.arpa"
#define FLAG_RESPONSE  0x8000u
#define FLAG_OPCODE    0x7800u
#define FLAG_RECURSE   0x0100u /* RD, copied */
#define FLAG_RECURSION 0x0080u /* RA */
#define FLAG_UNCHECKED 0x0010u /* CD, copied: RFC 4035, 3.2.2 */
#define EDNS_DO        0x8000u /* RFC 3225, 3 */
#define RECORDS_MAX    16      /* behind the question: OPT, TSIG, … */

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* No compression: there is nothing before it to point at. Bytes that text
 * cannot show without ambiguity are refused. */
static bool get_name(struct buf_reader *r, char name[CONTROL_NAME_MAX + 1])
{
	size_t wire = 1, len = 0;
	const uint8_t *label;
	uint8_t n = 1;

	while (buf_get_u8(r, &n) && n != 0) {
		wire += 1u + n;
		if (n > LABEL_MAX || wire > WIRE_NAME_MAX ||
		    !buf_take(r, n, &label))
			return false;
		if (len > 0)
			name[len++] = '.';
		for (uint8_t i = 0; i < n; i++) {
			uint8_t c = fold(label[i]);

			if (c < ' ' || c == '.' || c == 0x7f)
				return false;
			name[len++] = (char)c;
		}
		n = 1; /* not the end yet */
	}
	name[len] = '\0';
	return n == 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "4.3.2.1" up to `end`: the address backwards. */
static bool reverse_ipv4(const char *text, const char *end, uint8_t ip[16])
{
	for (int i = 3; i >= 0; i--) {
		const char *start = text;
		unsigned int n = 0;

		while (text < end && *text >= '0' && *text <= '9' && n <= 255)
			n = n * 10 + (unsigned int)(*text++ - '0');
		if (text == start || n > 255 ||
		    (*start == '0' && text - start > 1))
			return false;
		ip[i] = (uint8_t)n;
		if (i > 0 && (text >= end || *text++ != '.'))
			return false;
	}
	return text == end;
}

/* RFC 3596, 2.5: 32 nibbles, the lowest first. */
static bool reverse_ipv6(const char *text, const char *end, uint8_t ip[16])
{
	if (end - text != 63)
		return false;
	for (int i = 0; i < 32; i++) {
		int nibble = hex(text[2 * i]);

		if (nibble < 0 || (i < 31 && text[2 * i + 1] != '.'))
			return false;
		ip[15 - i / 2] |= (uint8_t)(i % 2 ? nibble << 4 : nibble);
	}
	return true;
}

static const char *before_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && strcmp(name + n - s, suffix) == 0 ? name + n - s : NULL;
}

static void parse_reverse(const char *name, struct endpoint *reverse)
{
	struct endpoint e = { .family = ENDPOINT_NONE };
	const char *end;

	if ((end = before_suffix(name, IPV4_SUFFIX)) != NULL) {
		if (reverse_ipv4(name, end, e.ip))
			e.family = ENDPOINT_IPV4;
	} else if ((end = before_suffix(name, IPV6_SUFFIX)) != NULL) {
		if (reverse_ipv6(name, end, e.ip))
			e.family = ENDPOINT_IPV6;
	}
	if (e.family != ENDPOINT_NONE)
		*reverse = e;
}

/* The owner of a record, which may end in a pointer. */
static bool skip_name(struct buf_reader *r, bool *is_root)
{
	const uint8_t *label;
	uint8_t n, low;

	*is_root = true;
	while (buf_get_u8(r, &n) && n != 0) {
		*is_root = false;
		if ((n & 0xc0) == 0xc0)
			return buf_get_u8(r, &low);
		if (n > LABEL_MAX || !buf_take(r, n, &label))
			return false;
		n = 1; /* not the end yet */
	}
	return n == 0;
}

/* One record of the additional section (RFC 6891, 6.1.2). */
static bool parse_record(struct buf_reader *r, struct dns_query *q)
{
	uint16_t type, class, bytes;
	const uint8_t *data;
	uint32_t ttl;
	bool is_root;

	if (!skip_name(r, &is_root) || !buf_get_u16(r, &type) ||
	    !buf_get_u16(r, &class) || !buf_get_u32(r, &ttl) ||
	    !buf_get_u16(r, &bytes) || !buf_take(r, bytes, &data))
		return false;
	if (type != DNS_TYPE_OPT)
		return true;
	if (!is_root || q->edns != DNS_EDNS_NONE)
		return false;
	q->edns = (ttl >> 16 & 0xff) == 0 ? DNS_EDNS_GOOD : DNS_EDNS_VERSION;
	q->dnssec_ok = ttl & EDNS_DO;
	return true;
}

static void parse_additional(struct buf_reader *r, uint16_t records,
			     struct dns_query *q)
{
	if (records > RECORDS_MAX) {
		q->edns = DNS_EDNS_BAD;
		return;
	}
	for (uint16_t i = 0; i < records; i++) {
		if (!parse_record(r, q)) {
			q->edns = DNS_EDNS_BAD;
			return;
		}
	}
}

int dns_parse(const uint8_t *data, size_t len, struct dns_query *q)
{
	uint16_t questions, answers, authorities, additional;
	struct buf_reader r;

	memset(q, 0, sizeof(*q));
	buf_reader_init(&r, data, len);
	if (!buf_get_u16(&r, &q->id) || !buf_get_u16(&r, &q->flags) ||
	    !buf_get_u16(&r, &questions) || !buf_get_u16(&r, &answers) ||
	    !buf_get_u16(&r, &authorities) || !buf_get_u16(&r, &additional))
		return -EBADMSG;
	if ((q->flags & FLAG_RESPONSE) != 0)
		return -EBADMSG;
	if ((q->flags & FLAG_OPCODE) != 0)
		return -EOPNOTSUPP;
	if (questions != 1 || answers != 0 || authorities != 0)
		return -EBADMSG;
	if (!get_name(&r, q->name) || !buf_get_u16(&r, &q->type) ||
	    !buf_get_u16(&r, &q->class))
		return -EBADMSG;
	q->question_bytes = len - r.left;
	parse_additional(&r, additional, q);
	if (q->type == DNS_TYPE_PTR)
		parse_reverse(q->name, &q->reverse);
	return 0;
}

bool dns_type_is_address(uint16_t type)
{
	switch (type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
	case DNS_TYPE_SVCB:
	case DNS_TYPE_HTTPS:
	case DNS_TYPE_ANY:
		return true;
	default:
		return false;
	}
}

bool dns_type_is_dnssec(uint16_t type)
{
	switch (type) {
	case DNS_TYPE_DS:
	case DNS_TYPE_RRSIG:
	case DNS_TYPE_NSEC:
	case DNS_TYPE_DNSKEY:
	case DNS_TYPE_NSEC3:
	case DNS_TYPE_NSEC3PARAM:
		return true;
	default:
		return false;
	}
}

static bool put_name(struct buf *out, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > LABEL_MAX)
			return false;
		buf_put_u8(out, (uint8_t)n);
		buf_put(out, name, n);
		name += n + (name[n] == '.');
	}
	buf_put_u8(out, 0);
	return true;
}

static void put_record(struct buf *out, uint16_t type, uint32_t ttl_s)
{
	buf_put_u16(out, POINTER | HEADER_BYTES); /* the question's name */
	buf_put_u16(out, type);
	buf_put_u16(out, DNS_CLASS_IN);
	buf_put_u32(out, ttl_s);
}

static void put_address(struct buf *out, const struct endpoint *addr,
			uint32_t ttl_s)
{
	bool ipv4 = addr->family == ENDPOINT_IPV4;

	put_record(out, ipv4 ? DNS_TYPE_A : DNS_TYPE_AAAA, ttl_s);
	buf_put_u16(out, ipv4 ? 4 : 16);
	buf_put(out, addr->ip, ipv4 ? 4 : 16);
}

static bool put_pointer(struct buf *out, const char *name, uint32_t ttl_s)
{
	size_t at;

	put_record(out, DNS_TYPE_PTR, ttl_s);
	at = out->len;
	buf_put_u16(out, 0);
	if (!put_name(out, name))
		return false;
	if (!out->failed)
		buf_set_u16(out, at, (uint16_t)(out->len - at - 2));
	return true;
}

static bool asks_for(const struct dns_query *q, enum dns_type type)
{
	return q->type == type ||
	       (q->type == DNS_TYPE_ANY &&
		(type == DNS_TYPE_A || type == DNS_TYPE_AAAA));
}

/* RFC 6891, 6.1.3: what of the rcode has no room in the header; our version,
 * which is 0; DO as it was. */
static void put_opt(struct buf *out, const struct dns_query *q,
		    unsigned int rcode)
{
	buf_put_u8(out, 0);
	buf_put_u16(out, DNS_TYPE_OPT);
	buf_put_u16(out, DNS_UDP_BYTES);
	buf_put_u32(out,
		    (uint32_t)rcode >> 4 << 24 | (q->dnssec_ok ? EDNS_DO : 0));
	buf_put_u16(out, 0);
}

static unsigned int rcode_of(const struct dns_query *q,
			     const struct dns_reply *reply)
{
	if (q->edns == DNS_EDNS_BAD)
		return DNS_RCODE_FORMAT;
	return q->edns == DNS_EDNS_VERSION ? DNS_RCODE_BADVERS : reply->rcode;
}

int dns_answer(const struct dns_query *q, const uint8_t *query,
	       const struct dns_reply *reply, struct buf *out)
{
	uint16_t flags = q->flags & (FLAG_RECURSE | FLAG_UNCHECKED);
	bool opt = q->edns == DNS_EDNS_GOOD || q->edns == DNS_EDNS_VERSION;
	unsigned int rcode = rcode_of(q, reply);
	bool good = rcode == DNS_RCODE_OK;
	bool a = good && reply->ipv4 != NULL && asks_for(q, DNS_TYPE_A);
	bool aaaa = good && reply->ipv6 != NULL && asks_for(q, DNS_TYPE_AAAA);
	bool ptr = good && reply->name != NULL && q->type == DNS_TYPE_PTR;

	buf_put_u16(out, q->id);
	buf_put_u16(out, (uint16_t)(FLAG_RESPONSE | FLAG_RECURSION | flags |
				    (rcode & 0xf)));
	buf_put_u16(out, 1);
	buf_put_u16(out, (uint16_t)(a + aaaa + ptr));
	buf_put_u16(out, 0);
	buf_put_u16(out, opt);
	/* Byte for byte: some resolvers mix upper and lower case to make
	 * forged answers harder, and compare. */
	buf_put(out, query + HEADER_BYTES, q->question_bytes - HEADER_BYTES);
	if (a)
		put_address(out, reply->ipv4, reply->ttl_s);
	if (aaaa)
		put_address(out, reply->ipv6, reply->ttl_s);
	if (ptr && !put_pointer(out, reply->name, reply->ttl_s))
		return -EINVAL;
	if (opt)
		put_opt(out, q, rcode);
	return out->failed ? -ENOBUFS : 0;
}
