/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz_stun_msg.c - any message is read without a crash, and what is read can
 * be built again to mean the same */
#include <config.h>

#include "../../tunneld/buf.h"
#include "../../tunneld/stun_auth.h"
#include "../../tunneld/stun_msg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t address_types[] = {
	STUN_ATTR_MAPPED_ADDRESS,   STUN_ATTR_XOR_MAPPED_ADDRESS,
	STUN_ATTR_XOR_PEER_ADDRESS, STUN_ATTR_XOR_RELAYED_ADDRESS,
	STUN_ATTR_ALTERNATE_SERVER,
};

static void read_values(const struct stun_msg *m)
{
	char reason[STUN_REASON_MAX];
	struct endpoint e;
	unsigned int code;
	uint32_t v;

	for (size_t i = 0; i < ARRAY_SIZE(address_types); i++)
		if (stun_msg_address(m, address_types[i], &e) &&
		    e.family != ENDPOINT_IPV4 && e.family != ENDPOINT_IPV6)
			abort();
	if (stun_msg_error(m, &code, reason)) {
		if (code < 300 || code > 699)
			abort();
		for (const char *p = reason; *p != '\0'; p++)
			if (*p < 0x20 || *p >= 0x7f)
				abort();
	}
	if (stun_msg_u32(m, STUN_ATTR_LIFETIME, &v) && v == 0)
		(void)stun_msg_unknown(m);
}

/* The attributes that are seen, built again and sealed, verify. */
static void rebuild(const struct stun_msg *m)
{
	static uint8_t out[0x20000];
	struct stun_attr a = { 0 }, b = { 0 };
	struct stun_build build;
	struct stun_msg again;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&build, &buf, m->class, m->method, m->id);
	while (stun_attr_next(m, &a)) {
		if (a.type == STUN_ATTR_MESSAGE_INTEGRITY ||
		    a.type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256)
			break;
		stun_build_bytes(&build, a.type, a.value, a.len);
	}
	stun_auth_sign(&build, "key", 3);
	if (buf.failed)
		return; /* longer than a message may be */
	if (stun_msg_parse(&again, out, buf.len) < 0 ||
	    again.class != m->class || again.method != m->method ||
	    stun_auth_verify(&again, "key", 3) != STUN_AUTH_GOOD)
		abort();
	a = (struct stun_attr){ 0 };
	while (stun_attr_next(&again, &b) &&
	       b.type != STUN_ATTR_MESSAGE_INTEGRITY)
		if (!stun_attr_next(m, &a) || a.type != b.type ||
		    a.len != b.len || memcmp(a.value, b.value, a.len) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stun_msg m;

	if (stun_msg_parse(&m, data, size) < 0)
		return 0;
	read_values(&m);
	(void)stun_auth_check_fingerprint(&m);
	(void)stun_auth_verify(&m, "key", 3);
	rebuild(&m);
	return 0;
}
