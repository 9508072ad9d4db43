/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_msg.h - STUN messages: a checked view with an attribute iterator, and
 * a builder (RFC 8489, 5 and 14; RFC 8656, 17 and 18)
 *
 *	 0                   1                   2                   3
 *	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *	|0 0|     STUN Message Type     |         Message Length        |
 *	|                         Magic Cookie                          |
 *	|                     Transaction ID (96 bits)                  |
 *	|          Attribute type       |        Value length           |
 *	|          Value, padded to a multiple of 4 bytes               |
 */
#ifndef STUN_MSG_H
#define STUN_MSG_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define STUN_HEADER_LEN 20
#define STUN_ID_LEN     12
#define STUN_COOKIE     0x2112a442u
#define STUN_REASON_MAX 128 /* bytes kept of a reason phrase, NUL included */

enum stun_class {
	STUN_CLASS_REQUEST = 0,
	STUN_CLASS_INDICATION = 1,
	STUN_CLASS_SUCCESS = 2,
	STUN_CLASS_ERROR = 3,
};

enum stun_method {
	STUN_METHOD_BINDING = 0x001,
	STUN_METHOD_ALLOCATE = 0x003, /* RFC 8656, 17 */
	STUN_METHOD_REFRESH = 0x004,
	STUN_METHOD_SEND = 0x006,
	STUN_METHOD_DATA = 0x007,
	STUN_METHOD_CREATE_PERMISSION = 0x008,
	STUN_METHOD_CHANNEL_BIND = 0x009,
};

enum stun_attr_type {
	/* RFC 8489, 18.3.1 */
	STUN_ATTR_MAPPED_ADDRESS = 0x0001,
	STUN_ATTR_USERNAME = 0x0006,
	STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
	STUN_ATTR_ERROR_CODE = 0x0009,
	STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_ATTR_REALM = 0x0014,
	STUN_ATTR_NONCE = 0x0015,
	STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_ATTR_PASSWORD_ALGORITHM = 0x001d,
	STUN_ATTR_USERHASH = 0x001e,
	STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_ATTR_PASSWORD_ALGORITHMS = 0x8002,
	STUN_ATTR_ALTERNATE_DOMAIN = 0x8003,
	STUN_ATTR_SOFTWARE = 0x8022,
	STUN_ATTR_ALTERNATE_SERVER = 0x8023,
	STUN_ATTR_FINGERPRINT = 0x8028,
	/* RFC 8656, 18 */
	STUN_ATTR_CHANNEL_NUMBER = 0x000c,
	STUN_ATTR_LIFETIME = 0x000d,
	STUN_ATTR_XOR_PEER_ADDRESS = 0x0012,
	STUN_ATTR_DATA = 0x0013,
	STUN_ATTR_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017,
	STUN_ATTR_REQUESTED_TRANSPORT = 0x0019,
	STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
	STUN_ATTR_ADDRESS_ERROR_CODE = 0x8001,
	STUN_ATTR_ICMP = 0x8004,
	STUN_ATTR_MOBILITY_TICKET = 0x8030, /* RFC 8016, 4 */
};

/* A view; valid as long as the bytes. */
struct stun_msg {
	const uint8_t *data;
	size_t len;
	enum stun_class class;
	uint16_t method;
	const uint8_t *id; /* STUN_ID_LEN bytes */
};

struct stun_attr {
	uint16_t type;
	uint16_t len;
	const uint8_t *value;
	size_t at;     /* of its header in the message */
	uint16_t seal; /* type of the integrity it stands behind, or 0 */
};

/* 0, or -EBADMSG when it is not one whole and well-formed message. */
int stun_msg_parse(struct stun_msg *m, const void *data, size_t len) MUST_CHECK;
/* Begin with a zeroed `a`. Leaves out what RFC 8489, 9 says to ignore: behind
 * MESSAGE-INTEGRITY all but MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, behind
 * MESSAGE-INTEGRITY-SHA256 all but FINGERPRINT. */
bool stun_attr_next(const struct stun_msg *m, struct stun_attr *a) MUST_CHECK;
/* The first of its type. */
bool stun_attr_find(const struct stun_msg *m, enum stun_attr_type type,
		    struct stun_attr *a) MUST_CHECK;
/* The type of the first attribute that must be understood and is not known
 * to this client (RFC 8489, 6.3), or 0. */
uint16_t stun_msg_unknown(const struct stun_msg *m);

/* Values; false when the attribute is missing or malformed. */
bool stun_msg_u32(const struct stun_msg *m, enum stun_attr_type type,
		  uint32_t *v) MUST_CHECK;
bool stun_msg_address(const struct stun_msg *m, enum stun_attr_type type,
		      struct endpoint *e) MUST_CHECK;
/* Code 300..699 and its reason, printable ASCII only. */
bool stun_msg_error(const struct stun_msg *m, unsigned int *code,
		    char reason[STUN_REASON_MAX]) MUST_CHECK;

/* Builder: appends to `out`, whose `failed` tells in the end whether all of
 * it did fit. The length field is right after each call. */
struct stun_build {
	struct buf *out;
	size_t start; /* of the message in `out` */
};

void stun_build_begin(struct stun_build *b, struct buf *out,
		      enum stun_class class, uint16_t method,
		      const uint8_t id[STUN_ID_LEN]);
/* The value's place, to be filled in; NULL when it does not fit. */
uint8_t *stun_build_attr(struct stun_build *b, uint16_t type, size_t len);
void stun_build_bytes(struct stun_build *b, uint16_t type, const void *value,
		      size_t len);
void stun_build_u32(struct stun_build *b, uint16_t type, uint32_t v);
/* An XOR-…-ADDRESS (RFC 8489, 14.2). */
void stun_build_address(struct stun_build *b, uint16_t type,
			const struct endpoint *e);

#endif
