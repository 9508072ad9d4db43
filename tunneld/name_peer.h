/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name_peer.h - the real addresses of peers that an app knows by a synthetic
 * one
 */
#ifndef NAME_PEER_H
#define NAME_PEER_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dial_pool;
struct loop;
struct name_peers;
struct names;
struct policy;

/* A datagram of our own to a name server, through the relay. */
typedef void(name_peers_send_fn)(void *arg, const struct endpoint *to,
				 const uint8_t *data, size_t len,
				 uint64_t now_ms);

struct name_peers_opts {
	struct loop *loop;
	struct dial_pool *pool;
	struct names *names;
	name_peers_send_fn *send;
	void *arg;
};

struct name_peers *name_peers_new(const struct name_peers_opts *opts)
	MUST_CHECK;
void name_peers_free(struct name_peers *p);

/* The real address behind `synthetic`, or NULL: its look-up is under way, or
 * has failed. The first call begins the look-up, in the ways that `policy`
 * gives it. */
const struct endpoint *name_peers_real(struct name_peers *p,
				       struct policy *policy,
				       const struct endpoint *synthetic,
				       uint64_t now_ms);
/* As the app knows `real`: itself, or the synthetic address that it used. */
const struct endpoint *name_peers_shown(const struct name_peers *p,
					const struct endpoint *real);
/* A datagram came through the relay. True: it is the name server's, and no
 * business of the app. */
bool name_peers_answer(struct name_peers *p, const struct endpoint *from,
		       const uint8_t *data, size_t len, uint64_t now_ms);

#endif
