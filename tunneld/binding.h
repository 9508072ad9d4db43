/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * binding.h - plain STUN Binding requests of apps, answered in place of the
 * server (RFC 8489, 2, 7 and 12)
 */
#ifndef BINDING_H
#define BINDING_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum binding_kind {
	BINDING_NONE = 0,   /* something else: an ICE check, media … */
	BINDING_REQUEST,    /* to a server: no USERNAME, no MESSAGE-INTEGRITY */
	BINDING_INDICATION, /* keeps a server's view of a NAT alive (RFC 8445,
			     * 11): there is none to keep, and no answer */
};

enum binding_kind binding_classify(const uint8_t *data, size_t len);

/* A success response with XOR-MAPPED-ADDRESS `mapped` and a FINGERPRINT, or,
 * to a client of RFC 3489, with MAPPED-ADDRESS. 0, or -ENOBUFS. */
int binding_answer(const uint8_t *request, size_t len,
		   const struct endpoint *mapped, struct buf *out) MUST_CHECK;

#endif
