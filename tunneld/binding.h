/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * binding.h - plain STUN Binding requests of apps, answered in place of the
 * server (RFC 8489, 2 and 7)
 */
#ifndef BINDING_H
#define BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

struct buf;

/* A Binding request to a server, not an ICE check: no USERNAME, no
 * MESSAGE-INTEGRITY. */
bool binding_is_plain(const uint8_t *data, size_t len);

/* A success response with XOR-MAPPED-ADDRESS `mapped` (and a FINGERPRINT).
 * 0, or -ENOBUFS. */
int binding_answer(const uint8_t *request, size_t len,
		   const struct endpoint *mapped, struct buf *out) MUST_CHECK;

#endif
