/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name_peer.h - the real addresses of peers that an app knows by a synthetic
 * one
 */
#ifndef NAME_PEER_H
#define NAME_PEER_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stddef.h>

struct dial_pool;
struct loop;
struct name_peers;
struct names;

struct name_peers *name_peers_new(struct loop *loop, struct dial_pool *pool,
				  struct names *names) MUST_CHECK;
void name_peers_free(struct name_peers *p);

/* The real address behind `synthetic`, or NULL: its look-up is under way, or
 * has failed. The first call begins the look-up. */
const struct endpoint *name_peers_real(struct name_peers *p,
				       const struct endpoint *synthetic,
				       uint64_t now_ms);
/* As the app knows `real`: itself, or the synthetic address that it used. */
const struct endpoint *name_peers_shown(const struct name_peers *p,
					const struct endpoint *real);

#endif
