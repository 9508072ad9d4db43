/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_peer.h - the peers of one allocation: their channels and permissions,
 * and when these must be renewed (RFC 8656, 9 and 12)
 */
#ifndef TURN_PEER_H
#define TURN_PEER_H

#include "stun_txn.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TURN_CHANNEL_MIN 0x4000 /* RFC 8656, 12 */
#define TURN_CHANNEL_MAX 0x4fff
#define TURN_PEERS_MAX   8192

/* A permission lives 300 s, a channel 600 s, and binding again renews both
 * (RFC 8656, 9 and 12). Traffic renews neither. */
#define TURN_PEER_REFRESH_MS (240 * 1000)
/* Not renewed when nothing went either way for so long. */
#define TURN_PEER_IDLE_MS (600 * 1000)
/* A number must not go to another peer until its channel has expired and
 * five minutes more (RFC 8656, 12). */
#define TURN_PEER_HOLD_MS ((600 + 300) * 1000)
/* A refusal is believed for so long. */
#define TURN_PEER_REFUSED_MS (60 * 1000)

enum turn_peer_mode {
	TURN_PEER_CHANNEL = 0, /* ChannelBind, ChannelData */
	TURN_PEER_PERMISSION,  /* CreatePermission, Send indications */
	TURN_PEER_REFUSED,
};

struct turn_peer {
	struct endpoint addr;
	enum turn_peer_mode mode;
	uint16_t channel; /* 0: none was free */
	bool granted;     /* the relay has agreed, at some time */
	bool due;         /* the request waits to be written */
	struct stun_txn txn;
	uint64_t asked_ms;   /* last request */
	uint64_t granted_ms; /* the request that was agreed to */
	uint64_t used_ms;    /* last datagram either way */
	uint64_t refused_until_ms;
	struct turn_peer *next;                   /* in its bucket */
	struct turn_peer *pend_next, **pend_prev; /* while txn is active */
};

struct turn_peers {
	struct turn_peer **bucket;
	size_t buckets; /* a power of two, or 0 */
	size_t count;
	struct turn_peer **channel; /* by number - TURN_CHANNEL_MIN */
	size_t channels;            /* slots in it */
	size_t channel_cursor;
	size_t channels_used;
	struct turn_peer *pending; /* requests without an answer */
	uint64_t seed;
	uint64_t next_ms; /* nothing to sweep before */
};

/* 0 or -EIO (no randomness). */
int turn_peers_init(struct turn_peers *ps) MUST_CHECK;
void turn_peers_fini(struct turn_peers *ps);

struct turn_peer *turn_peers_find(const struct turn_peers *ps,
				  const struct endpoint *addr);
struct turn_peer *turn_peers_by_channel(const struct turn_peers *ps,
					uint16_t channel);
/* Its request to be answered is `m`'s, or NULL. */
struct turn_peer *turn_peers_by_id(const struct turn_peers *ps,
				   const uint8_t id[STUN_ID_LEN]);
/* With a channel number, or in PERMISSION mode when all are taken. NULL: the
 * table is full, or no memory. */
struct turn_peer *turn_peers_add(struct turn_peers *ps,
				 const struct endpoint *addr,
				 uint64_t now_ms) MUST_CHECK;

/* Must the relay be asked before data can go? Forgives an old refusal. */
bool turn_peer_needs_ask(struct turn_peer *p, uint64_t now_ms);
/* Begin the request that the mode calls for; `due` until it is written. 0 or
 * -EIO. */
int turn_peer_ask(struct turn_peers *ps, struct turn_peer *p,
		  uint64_t now_ms) MUST_CHECK;
/* The request has ended one way or the other. */
void turn_peer_settle(struct turn_peers *ps, struct turn_peer *p, bool granted,
		      uint64_t now_ms);
void turn_peer_refuse(struct turn_peers *ps, struct turn_peer *p,
		      uint64_t now_ms);
void turn_peer_used(struct turn_peers *ps, struct turn_peer *p,
		    uint64_t now_ms);

/* Ask again where it is time, forget what is old; sets next_ms. */
void turn_peers_sweep(struct turn_peers *ps, uint64_t now_ms);

#endif
