/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lookup.h - getaddrinfo(3) with a deadline; blocks, for pool threads only
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

#define LOOKUP_MAX 16 /* addresses; more are left out */

struct cancel;

/* Addresses of `host` (name or literal), in getaddrinfo's order, ports 0.
 * `family`: an endpoint_family, 0 for any. `cancel` may be NULL.
 * Returns how many (> 0), or -ENOENT (no such name), -ENODATA (no address of
 * that family), -EAGAIN (the resolver failed), -ETIMEDOUT, -ECANCELED,
 * -EINVAL (not a host name) or -ENOMEM. */
int lookup_host(const char *host, uint8_t family, uint64_t deadline_ms,
		struct cancel *cancel,
		struct endpoint addrs[LOOKUP_MAX]) MUST_CHECK;

/* "no such name" … for what lookup_host() returned. */
const char *lookup_words(int error);

#endif
