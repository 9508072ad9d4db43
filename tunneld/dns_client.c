/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_client.c - queries of our own, and their answers
 *
 * The server that is asked resolves for us, so its chain of CNAMEs is not
 * followed but believed: each address in the answer is one of the name
 * (RFC 1034, 3.6.2).
 */
#include <config.h>

#include "dns_client.h"

#include "buf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LABEL_MAX      63
#define FLAG_RESPONSE  0x8000u
#define FLAG_TRUNCATED 0x0200u
#define FLAG_RECURSE   0x0100u
#define RCODE_MASK     0x000fu

static void put_name(struct buf *out, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		buf_put_u8(out, (uint8_t)n);
		buf_put(out, name, n);
		name += n + (name[n] == '.');
	}
	buf_put_u8(out, 0);
}

void dns_client_put(struct buf *out, uint16_t id, const char *name,
		    enum dns_type type)
{
	buf_put_u16(out, id);
	buf_put_u16(out, FLAG_RECURSE);
	buf_put_u16(out, 1);
	buf_put_zero(out, 6);
	put_name(out, name);
	buf_put_u16(out, (uint16_t)type);
	buf_put_u16(out, DNS_CLASS_IN);
}

/* Over a name of any form: labels, a pointer at their end. */
static bool skip_name(struct buf_reader *r)
{
	const uint8_t *label;
	uint8_t n, low;

	while (buf_get_u8(r, &n) && n != 0) {
		if ((n & 0xc0) == 0xc0)
			return buf_get_u8(r, &low);
		if (n > LABEL_MAX || !buf_take(r, n, &label))
			return false;
		n = 1; /* not the end yet */
	}
	return n == 0;
}

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Is the question of the answer ours? */
static bool is_question(struct buf_reader *r, const char *name,
			enum dns_type type)
{
	uint8_t wire[CONTROL_NAME_MAX + 2 + 4];
	const uint8_t *found;
	struct buf b;

	buf_init(&b, wire, sizeof(wire));
	put_name(&b, name);
	buf_put_u16(&b, (uint16_t)type);
	buf_put_u16(&b, DNS_CLASS_IN);
	if (b.failed || !buf_take(r, b.len, &found))
		return false;
	for (size_t i = 0; i < b.len; i++)
		if (fold(found[i]) != fold(wire[i]))
			return false;
	return true;
}

/* True: a record was read; an address in it is added. */
static bool get_record(struct buf_reader *r, enum dns_type type,
		       struct endpoint *addr, bool *is_address)
{
	uint16_t found, class, bytes;
	const uint8_t *data;
	uint32_t ttl;

	*is_address = false;
	if (!skip_name(r) || !buf_get_u16(r, &found) ||
	    !buf_get_u16(r, &class) || !buf_get_u32(r, &ttl) ||
	    !buf_get_u16(r, &bytes) || !buf_take(r, bytes, &data))
		return false;
	if (found != type || class != DNS_CLASS_IN ||
	    bytes != (type == DNS_TYPE_A ? 4 : 16))
		return true;
	*addr = (struct endpoint){ .family = type == DNS_TYPE_A
						     ? ENDPOINT_IPV4
						     : ENDPOINT_IPV6 };
	memcpy(addr->ip, data, bytes);
	*is_address = true;
	return true;
}

static int get_addresses(struct buf_reader *r, uint16_t records,
			 enum dns_type type, struct endpoint *addrs, size_t max)
{
	struct endpoint addr;
	bool is_address;
	int n = 0;

	while (records-- > 0 && (size_t)n < max) {
		if (!get_record(r, type, &addr, &is_address))
			return -EBADMSG;
		if (is_address)
			addrs[n++] = addr;
	}
	return n > 0 ? n : -ENODATA;
}

int dns_client_get(const uint8_t *data, size_t len, uint16_t id,
		   const char *name, enum dns_type type, struct endpoint *addrs,
		   size_t max)
{
	uint16_t found, flags, questions, answers, authorities, additional;
	struct buf_reader r;

	buf_reader_init(&r, data, len);
	if (!buf_get_u16(&r, &found) || !buf_get_u16(&r, &flags) ||
	    !buf_get_u16(&r, &questions) || !buf_get_u16(&r, &answers) ||
	    !buf_get_u16(&r, &authorities) || !buf_get_u16(&r, &additional))
		return -EBADMSG;
	if (found != id || (flags & FLAG_RESPONSE) == 0 || questions != 1 ||
	    !is_question(&r, name, type))
		return -EBADMSG;
	if ((flags & RCODE_MASK) == DNS_RCODE_NXDOMAIN)
		return -ENOENT;
	if ((flags & RCODE_MASK) != DNS_RCODE_OK || (flags & FLAG_TRUNCATED))
		return -EAGAIN;
	return get_addresses(&r, answers, type, addrs, max);
}
