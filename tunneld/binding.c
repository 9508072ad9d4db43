/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* binding.c - the answer that a STUN server would give, made here: with no
 * round trip, and where the server's name cannot even be resolved */
#include <config.h>

#include "binding.h"

#include "buf.h"
#include "stun_auth.h"
#include "stun_msg.h"

#include <errno.h>

/* RFC 7983: what cannot be STUN is told by its first byte, before parsing. */
static bool may_be_request(const uint8_t *data, size_t len)
{
	return len >= STUN_HEADER_LEN && data[0] == 0 && data[1] == 1;
}

bool binding_is_plain(const uint8_t *data, size_t len)
{
	struct stun_msg m;
	struct stun_attr a;

	return may_be_request(data, len) &&
	       stun_msg_parse(&m, data, len) == 0 &&
	       m.class == STUN_CLASS_REQUEST &&
	       m.method == STUN_METHOD_BINDING &&
	       !stun_attr_find(&m, STUN_ATTR_USERNAME, &a) &&
	       !stun_attr_find(&m, STUN_ATTR_USERHASH, &a) &&
	       !stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY, &a) &&
	       !stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &a);
}

int binding_answer(const uint8_t *request, size_t len,
		   const struct endpoint *mapped, struct buf *out)
{
	struct stun_build b;
	struct stun_msg m;

	if (stun_msg_parse(&m, request, len) < 0)
		return -EBADMSG;
	stun_build_begin(&b, out, STUN_CLASS_SUCCESS, STUN_METHOD_BINDING,
			 m.id);
	stun_build_address(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, mapped);
	stun_auth_fingerprint(&b);
	return out->failed ? -ENOBUFS : 0;
}
