/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns.c - DNS queries read and answered
 *
 * Turns the datagram of a resolver inside an app into its one question, and a
 * verdict into the answer (RFC 1035, 4; RFC 3596, 2.5 for ip6.arpa). Other
 * sections of a query, EDNS (RFC 6891) among them, are left out of account: a
 * server that does not know them may do so, and our answers fit 512 bytes.
 */
#include <config.h>

#include "dns.h"

#include "buf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEADER_BYTES   12
#define LABEL_MAX      63  /* RFC 1035, 2.3.4 */
#define WIRE_NAME_MAX  255 /* length bytes and root included */
#define CLASS_IN       1
#define POINTER        0xc000u /* RFC 1035, 4.1.4 */
#define IPV4_SUFFIX    ".in-addr.arpa"
#define IPV6_SUFFIX    ".ip6.arpa"
#define FLAG_RESPONSE  0x8000u
#define FLAG_OPCODE    0x7800u
#define FLAG_RECURSE   0x0100u /* RD, copied */
#define FLAG_RECURSION 0x0080u /* RA */
#define FLAG_UNCHECKED 0x0010u /* CD, copied: RFC 4035, 3.2.2 */

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
	if ((q->flags & (FLAG_RESPONSE | FLAG_OPCODE)) != 0 || questions != 1 ||
	    answers != 0 || authorities != 0)
		return -EBADMSG;
	if (!get_name(&r, q->name) || !buf_get_u16(&r, &q->type) ||
	    !buf_get_u16(&r, &q->class))
		return -EBADMSG;
	q->question_bytes = len - r.left;
	if (q->type == DNS_TYPE_PTR)
		parse_reverse(q->name, &q->reverse);
	return 0;
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

/* The record's data, and its length before it. */
static bool put_data(const struct dns_query *q, const struct endpoint *addr,
		     const char *name, struct buf *out)
{
	size_t at = out->len;

	buf_put_u16(out, 0);
	if (q->type == DNS_TYPE_PTR) {
		if (!put_name(out, name))
			return false;
	} else {
		buf_put(out, addr->ip, q->type == DNS_TYPE_A ? 4 : 16);
	}
	if (!out->failed)
		buf_set_u16(out, at, (uint16_t)(out->len - at - 2));
	return true;
}

static bool has_answer(const struct dns_query *q, enum dns_rcode rcode,
		       const struct endpoint *addr, const char *name)
{
	if (rcode != DNS_RCODE_OK)
		return false;
	if (q->type == DNS_TYPE_A)
		return addr != NULL && addr->family == ENDPOINT_IPV4;
	if (q->type == DNS_TYPE_AAAA)
		return addr != NULL && addr->family == ENDPOINT_IPV6;
	return q->type == DNS_TYPE_PTR && name != NULL;
}

int dns_answer(const struct dns_query *q, const uint8_t *query,
	       enum dns_rcode rcode, const struct endpoint *addr,
	       const char *name, uint32_t ttl_s, struct buf *out)
{
	bool answer = has_answer(q, rcode, addr, name);
	uint16_t flags = q->flags & (FLAG_RECURSE | FLAG_UNCHECKED);

	buf_put_u16(out, q->id);
	buf_put_u16(out, (uint16_t)(FLAG_RESPONSE | FLAG_RECURSION | flags |
				    (unsigned int)rcode));
	buf_put_u16(out, 1);
	buf_put_u16(out, answer);
	buf_put_u16(out, 0);
	buf_put_u16(out, 0);
	/* Byte for byte: some resolvers mix upper and lower case to make
	 * forged answers harder, and compare. */
	buf_put(out, query + HEADER_BYTES, q->question_bytes - HEADER_BYTES);
	if (answer) {
		buf_put_u16(out, POINTER | HEADER_BYTES);
		buf_put_u16(out, q->type);
		buf_put_u16(out, CLASS_IN);
		buf_put_u32(out, ttl_s);
		if (!put_data(q, addr, name, out))
			return -EINVAL;
	}
	return out->failed ? -ENOBUFS : 0;
}
