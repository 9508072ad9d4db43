/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* binding.c - the answer that a STUN server would give, made here: with no
 * round trip, and where the server's name cannot even be resolved */
#include <config.h>

#include "binding.h"

#include "buf.h"
#include "stun_auth.h"
#include "stun_msg.h"

#include <errno.h>

#define BINDING_REQUEST_TYPE    0x0001
#define BINDING_INDICATION_TYPE 0x0011
#define BINDING_SUCCESS_TYPE    0x0101
#define MAPPED_IPV4             0x01
#define MAPPED_IPV6             0x02

/* RFC 7983: what cannot be STUN is told by its first bytes, before parsing. */
static bool may_be_binding(const uint8_t *data, size_t len)
{
	return len >= STUN_HEADER_LEN &&
	       (be16_get(data) == BINDING_REQUEST_TYPE ||
		be16_get(data) == BINDING_INDICATION_TYPE) &&
	       be16_get(data + 2) == len - STUN_HEADER_LEN;
}

/* The magic cookie is part of the transaction id in RFC 3489 (RFC 8489, 12),
 * which libnice still speaks to servers. */
static bool is_classic(const uint8_t *data)
{
	return be32_get(data + 4) != STUN_COOKIE;
}

/* A classic request with attributes of its own is none that we can answer. */
static enum binding_kind classify_classic(const uint8_t *data, size_t len)
{
	return be16_get(data) == BINDING_REQUEST_TYPE && len == STUN_HEADER_LEN
		       ? BINDING_REQUEST
		       : BINDING_NONE;
}

enum binding_kind binding_classify(const uint8_t *data, size_t len)
{
	struct stun_msg m;
	struct stun_attr a;

	if (!may_be_binding(data, len))
		return BINDING_NONE;
	if (is_classic(data))
		return classify_classic(data, len);
	if (stun_msg_parse(&m, data, len) < 0 ||
	    stun_attr_find(&m, STUN_ATTR_USERNAME, &a) ||
	    stun_attr_find(&m, STUN_ATTR_USERHASH, &a) ||
	    stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY, &a) ||
	    stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &a))
		return BINDING_NONE;
	return m.class == STUN_CLASS_REQUEST ? BINDING_REQUEST
					     : BINDING_INDICATION;
}

/* RFC 3489, 11.2.1: MAPPED-ADDRESS, in clear. */
static int answer_classic(const uint8_t *request, const struct endpoint *mapped,
			  struct buf *out)
{
	size_t ip_len = mapped->family == ENDPOINT_IPV6 ? 16 : 4;

	buf_put_u16(out, BINDING_SUCCESS_TYPE);
	buf_put_u16(out, (uint16_t)(8 + ip_len));
	buf_put(out, request + 4, 16);
	buf_put_u16(out, STUN_ATTR_MAPPED_ADDRESS);
	buf_put_u16(out, (uint16_t)(4 + ip_len));
	buf_put_u8(out, 0);
	buf_put_u8(out, ip_len == 16 ? MAPPED_IPV6 : MAPPED_IPV4);
	buf_put(out, &mapped->port_be, sizeof(mapped->port_be));
	buf_put(out, mapped->ip, ip_len);
	return out->failed ? -ENOBUFS : 0;
}

int binding_answer(const uint8_t *request, size_t len,
		   const struct endpoint *mapped, struct buf *out)
{
	struct stun_build b;
	struct stun_msg m;

	if (len >= STUN_HEADER_LEN && is_classic(request))
		return answer_classic(request, mapped, out);
	if (stun_msg_parse(&m, request, len) < 0)
		return -EBADMSG;
	stun_build_begin(&b, out, STUN_CLASS_SUCCESS, STUN_METHOD_BINDING,
			 m.id);
	stun_build_address(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, mapped);
	stun_auth_fingerprint(&b);
	return out->failed ? -ENOBUFS : 0;
}
