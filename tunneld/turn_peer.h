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
 * (RFC 8656, 9 and 12). Traffic renews neither. So much for peers that are
 * silent, whose channels may come to be used again. */
#define TURN_PEER_REFRESH_MS (240 * 1000)
/* But servers can be set to much less (coturn's permission-lifetime and
 * channel-lifetime; 20 s and 30 s have been seen), do not say so in any
 * answer, and drop what goes to a channel that has expired without a word: a
 * client cannot find out before the call has lost its voice. So a peer that
 * was heard or spoken to within the last minute is renewed every 10 s, which is
 * half of 20 s. A request is about 130 bytes with the names that coturn's
 * REST users have, its answer 80: 21 bytes a second both ways, where one
 * direction of the thinnest call (Opus, 20 ms, 24 kbit/s) is 5000 with RTP,
 * ChannelData, TCP and IP. */
#define TURN_PEER_ACTIVE_MS (60 * 1000)
#define TURN_PEER_RENEW_MS  (10 * 1000)
/* With many peers, ICE checks or a mesh, no more than two a second. */
#define TURN_PEER_RENEW_EACH_MS 500
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
	uint16_t channel;  /* 0: none was free */
	bool granted;      /* the relay has agreed, at some time */
	bool due;          /* the request waits to be written */
	uint8_t again;     /* how often it was put off in a row */
	uint64_t again_ms; /* ask again then; 0: not put off */
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
	uint64_t next_ms;  /* nothing to sweep before */
	uint64_t renew_ms; /* the time between requests of an active peer */
	uint64_t limit_ms; /* … and the most that the relay would stand */
	bool datagram;     /* requests may get lost */
	uint32_t rto_ms;   /* for these; 0: the default */
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
/* With a number that it has from an earlier connection; 0, or one that is
 * taken: in PERMISSION mode. */
struct turn_peer *turn_peers_restore(struct turn_peers *ps,
				     const struct endpoint *addr,
				     uint16_t channel) MUST_CHECK;
/* The relay has said how long it keeps a channel or a permission. */
void turn_peers_limit(struct turn_peers *ps, uint32_t lifetime_s);
/* Each, in no order; `fn` changes no table. */
void turn_peers_each(const struct turn_peers *ps,
		     void (*fn)(void *arg, struct turn_peer *p), void *arg);

/* Must the relay be asked before data can go? Forgives an old refusal. */
bool turn_peer_needs_ask(const struct turn_peers *ps, struct turn_peer *p,
			 uint64_t now_ms);
/* Begin the request that the mode calls for; `due` until it is written. 0 or
 * -EIO. */
int turn_peer_ask(struct turn_peers *ps, struct turn_peer *p,
		  uint64_t now_ms) MUST_CHECK;
/* The request has ended one way or the other. */
void turn_peer_settle(struct turn_peers *ps, struct turn_peer *p, bool granted,
		      uint64_t now_ms);
/* … with an error that may pass: ask again in a while. */
void turn_peer_postpone(struct turn_peers *ps, struct turn_peer *p,
			uint64_t wait_ms, uint64_t now_ms);
void turn_peer_refuse(struct turn_peers *ps, struct turn_peer *p,
		      uint64_t now_ms);
void turn_peer_used(struct turn_peers *ps, struct turn_peer *p,
		    uint64_t now_ms);

/* Ask again where it is time, forget what is old; sets next_ms. */
void turn_peers_sweep(struct turn_peers *ps, uint64_t now_ms);

#endif
