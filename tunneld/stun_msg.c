/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_msg.c - STUN message view and builder
 *
 * Turns bytes from the relay into checked attributes, and attributes into
 * bytes for it (RFC 8489, 5 and 14; RFC 8656, 18).
 */
#include <config.h>

#include "stun_msg.h"

#include "buf.h"

#include <errno.h>
#include <string.h>

#define ATTR_HEADER_LEN 4
#define FAMILY_IPV4     0x01 /* RFC 8489, 14.1 */
#define FAMILY_IPV6     0x02

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* The class bits stand between the method bits (RFC 8489, 5, figure 3). */
static enum stun_class type_class(uint16_t type)
{
	return (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
}

static uint16_t type_method(uint16_t type)
{
	return (uint16_t)((type >> 2 & 0xf80) | (type >> 1 & 0x70) |
			  (type & 0x0f));
}

static uint16_t type_make(enum stun_class class, uint16_t method)
{
	return (uint16_t)((method & 0xf80) << 2 | (method & 0x70) << 1 |
			  (method & 0x0f) | (class & 2) << 7 |
			  (class & 1) << 4);
}

/* The attribute at `at`, if all of it is there. */
static bool attr_at(const struct stun_msg *m, size_t at, struct stun_attr *a)
{
	if (m->len - at < ATTR_HEADER_LEN)
		return false;
	a->type = be16_get(m->data + at);
	a->len = be16_get(m->data + at + 2);
	a->value = m->data + at + ATTR_HEADER_LEN;
	a->at = at;
	return padded(a->len) <= m->len - at - ATTR_HEADER_LEN;
}

static size_t attr_end(const struct stun_attr *a)
{
	return a->at + ATTR_HEADER_LEN + padded(a->len);
}

int stun_msg_parse(struct stun_msg *m, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct stun_attr a;

	if (len < STUN_HEADER_LEN || len % 4 != 0 || (p[0] & 0xc0) != 0 ||
	    be16_get(p + 2) != len - STUN_HEADER_LEN ||
	    be32_get(p + 4) != STUN_COOKIE)
		return -EBADMSG;
	*m = (struct stun_msg){
		.data = p,
		.len = len,
		.class = type_class(be16_get(p)),
		.method = type_method(be16_get(p)),
		.id = p + 8,
	};
	for (size_t at = STUN_HEADER_LEN; at < len; at = attr_end(&a))
		if (!attr_at(m, at, &a))
			return -EBADMSG;
	return 0;
}

static bool seals(uint16_t type)
{
	return type == STUN_ATTR_MESSAGE_INTEGRITY ||
	       type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
}

/* May an attribute stand behind that integrity (RFC 8489, 9)? */
static bool counts(uint16_t type, uint16_t seal)
{
	return seal == 0 || type == STUN_ATTR_FINGERPRINT ||
	       (type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256 &&
		seal == STUN_ATTR_MESSAGE_INTEGRITY);
}

bool stun_attr_next(const struct stun_msg *m, struct stun_attr *a)
{
	uint16_t seal = a->at != 0 && seals(a->type) ? a->type : a->seal;
	size_t at = a->at != 0 ? attr_end(a) : STUN_HEADER_LEN;

	for (; at < m->len; at = attr_end(a)) {
		if (!attr_at(m, at, a))
			return false;
		a->seal = seal;
		if (counts(a->type, seal))
			return true;
	}
	return false;
}

bool stun_attr_find(const struct stun_msg *m, enum stun_attr_type type,
		    struct stun_attr *a)
{
	*a = (struct stun_attr){ 0 };
	while (stun_attr_next(m, a))
		if (a->type == type)
			return true;
	return false;
}

static bool known(uint16_t type)
{
	switch (type) {
	case STUN_ATTR_MAPPED_ADDRESS:
	case STUN_ATTR_USERNAME:
	case STUN_ATTR_MESSAGE_INTEGRITY:
	case STUN_ATTR_ERROR_CODE:
	case STUN_ATTR_UNKNOWN_ATTRIBUTES:
	case STUN_ATTR_REALM:
	case STUN_ATTR_NONCE:
	case STUN_ATTR_MESSAGE_INTEGRITY_SHA256:
	case STUN_ATTR_PASSWORD_ALGORITHM:
	case STUN_ATTR_USERHASH:
	case STUN_ATTR_XOR_MAPPED_ADDRESS:
	case STUN_ATTR_CHANNEL_NUMBER:
	case STUN_ATTR_LIFETIME:
	case STUN_ATTR_XOR_PEER_ADDRESS:
	case STUN_ATTR_DATA:
	case STUN_ATTR_XOR_RELAYED_ADDRESS:
	case STUN_ATTR_REQUESTED_ADDRESS_FAMILY:
	case STUN_ATTR_REQUESTED_TRANSPORT:
		return true;
	default:
		return type >= 0x8000; /* RFC 8489, 14: may be ignored */
	}
}

uint16_t stun_msg_unknown(const struct stun_msg *m)
{
	struct stun_attr a = { 0 };

	while (stun_attr_next(m, &a))
		if (!known(a.type))
			return a.type;
	return 0;
}

bool stun_msg_u32(const struct stun_msg *m, enum stun_attr_type type,
		  uint32_t *v)
{
	struct stun_attr a;

	if (!stun_attr_find(m, type, &a) || a.len != 4)
		return false;
	*v = be32_get(a.value);
	return true;
}

/* Plain addresses are the exception (RFC 8489, 14.1 and 14.15). */
static bool is_xored(uint16_t type)
{
	return type != STUN_ATTR_MAPPED_ADDRESS &&
	       type != STUN_ATTR_ALTERNATE_SERVER;
}

bool stun_msg_address(const struct stun_msg *m, enum stun_attr_type type,
		      struct endpoint *e)
{
	/* RFC 8489, 14.2: the mask is the cookie and the transaction id as
	 * they stand in the header; the port takes its first two bytes. */
	const uint8_t *mask = m->data + 4;
	struct stun_attr a;
	size_t ip_len;

	memset(e, 0, sizeof(*e));
	if (!stun_attr_find(m, type, &a) || a.len < 8)
		return false;
	if (a.value[1] == FAMILY_IPV4 && a.len == 8) {
		e->family = ENDPOINT_IPV4;
		ip_len = 4;
	} else if (a.value[1] == FAMILY_IPV6 && a.len == 20) {
		e->family = ENDPOINT_IPV6;
		ip_len = 16;
	} else {
		return false;
	}
	memcpy(&e->port_be, a.value + 2, 2);
	memcpy(e->ip, a.value + 4, ip_len);
	if (is_xored(type)) {
		uint16_t port_mask;

		memcpy(&port_mask, mask, 2);
		e->port_be ^= port_mask;
		for (size_t i = 0; i < ip_len; i++)
			e->ip[i] ^= mask[i];
	}
	return true;
}

bool stun_msg_error(const struct stun_msg *m, unsigned int *code,
		    char reason[STUN_REASON_MAX])
{
	struct stun_attr a;
	size_t n = 0;

	reason[0] = '\0';
	if (!stun_attr_find(m, STUN_ATTR_ERROR_CODE, &a) || a.len < 4)
		return false;
	*code = (a.value[2] & 7) * 100u + a.value[3];
	if (*code < 300 || *code > 699 || a.value[3] > 99)
		return false;
	/* Some relays count NUL padding as part of the phrase; and it goes to
	 * a log, so nothing but printable ASCII stays. */
	for (size_t i = 4; i < a.len && a.value[i] != '\0'; i++) {
		if (n == STUN_REASON_MAX - 1)
			break;
		reason[n++] = a.value[i] >= 0x20 && a.value[i] < 0x7f
				      ? (char)a.value[i]
				      : '?';
	}
	while (n > 0 && reason[n - 1] == ' ')
		n--;
	reason[n] = '\0';
	return true;
}

void stun_build_begin(struct stun_build *b, struct buf *out,
		      enum stun_class class, uint16_t method,
		      const uint8_t id[STUN_ID_LEN])
{
	*b = (struct stun_build){ .out = out, .start = out->len };
	buf_put_u16(out, type_make(class, method));
	buf_put_u16(out, 0);
	buf_put_u32(out, STUN_COOKIE);
	buf_put(out, id, STUN_ID_LEN);
}

uint8_t *stun_build_attr(struct stun_build *b, uint16_t type, size_t len)
{
	size_t total = b->out->len - b->start + ATTR_HEADER_LEN + padded(len) -
		       STUN_HEADER_LEN;
	uint8_t *value;

	if (len > UINT16_MAX || total > UINT16_MAX) {
		b->out->failed = true;
		return NULL;
	}
	buf_put_u16(b->out, type);
	buf_put_u16(b->out, (uint16_t)len);
	value = buf_reserve(b->out, len);
	/* RFC 8489, 14: padding is zero when sent. */
	buf_put_zero(b->out, padded(len) - len);
	buf_set_u16(b->out, b->start + 2, (uint16_t)total);
	return b->out->failed ? NULL : value;
}

void stun_build_bytes(struct stun_build *b, uint16_t type, const void *value,
		      size_t len)
{
	uint8_t *p = stun_build_attr(b, type, len);

	if (p != NULL && len > 0)
		memcpy(p, value, len);
}

void stun_build_u32(struct stun_build *b, uint16_t type, uint32_t v)
{
	uint8_t *p = stun_build_attr(b, type, 4);

	if (p != NULL)
		be32_set(p, v);
}

void stun_build_address(struct stun_build *b, uint16_t type,
			const struct endpoint *e)
{
	size_t ip_len = e->family == ENDPOINT_IPV6 ? 16 : 4;
	uint8_t *p = stun_build_attr(b, type, 4 + ip_len);
	const uint8_t *mask;

	if (p == NULL)
		return;
	mask = b->out->data + b->start + 4;
	p[0] = 0;
	p[1] = ip_len == 16 ? FAMILY_IPV6 : FAMILY_IPV4;
	be16_set(p + 2, (uint16_t)(endpoint_port(e) ^ (STUN_COOKIE >> 16)));
	for (size_t i = 0; i < ip_len; i++)
		p[4 + i] = e->ip[i] ^ mask[i];
}
