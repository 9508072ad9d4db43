/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn.h - a TURN client, over streams and datagrams, as a machine
 * (RFC 8656; RFC 8489 with long-term credentials; RFC 8016 mobility)
 *
 * No descriptor, no clock, no I/O. The owner feeds frames and the time,
 * writes what turn_output() and turn_wrap() give to the stream in that order,
 * and calls turn_tick() at turn_deadline_ms(). Nothing is sent before
 * Allocate has succeeded: the relay looks credentials up asynchronously and
 * would let later requests overtake.
 */
#ifndef TURN_H
#define TURN_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct turn;

/* What exported peers and secrets need at most. */
#define TURN_EXPORT_MAX 32768

enum turn_state {
	TURN_STATE_IDLE = 0,
	TURN_STATE_ALLOCATING,
	TURN_STATE_READY,
	TURN_STATE_FAILED, /* see turn_error(); open a new connection */
	TURN_NUM_STATES,
};

struct turn_opts {
	const char *username; /* borrowed during turn_new() */
	const char *password;
	uint8_t family;       /* of the relayed address: 4 or 6 */
	uint32_t lifetime_s;  /* to ask for; 0: the server's default */
	uint32_t keepalive_s; /* longest silence on the stream; 0: 20 */
	/* UDP or DTLS: requests are sent again (RFC 8489, 6.2.1) */
	bool datagram;
	bool mobility; /* ask for a ticket in Allocate (RFC 8016, 3.1) */
	/* What turn_export() gave, borrowed during turn_new(): go on with that
	 * allocation, by Refresh with its ticket. NULL: Allocate. With
	 * `username` NULL the exported credentials are taken; else the names
	 * must be equal (EACCES), for the relay would refuse another user
	 * (RFC 8656, 4: 441). A blob that is none: EBADMSG. */
	const uint8_t *resume;
	size_t resume_len;
};

/* Whose fault a failure is: what to try next. */
enum turn_blame {
	TURN_BLAME_PATH = 0,   /* this connection's: any other may work */
	TURN_BLAME_SERVER,     /* every way to this server is as good */
	TURN_BLAME_LOGIN,      /* 401, 441: not before credentials change */
	TURN_BLAME_REDIRECT,   /* 300: turn_alternate() */
	TURN_BLAME_ALLOCATION, /* 437, resume refused: a new allocation on a
				* new connection */
	TURN_BLAME_MOBILITY,   /* 405 on a ticket: a new allocation, without */
	TURN_NUM_BLAMES,
};

/* Callbacks run inside turn_input() and turn_tick(); turn_free() may not be
 * called from them, turn_wrap() and turn_output() may. */
struct turn_events {
	/* READY: the relayed address is known. FAILED: for good. */
	void (*on_state)(void *arg, enum turn_state state, uint64_t now_ms);
	/* A datagram from `peer`; `data` borrowed until return. */
	void (*on_data)(void *arg, const struct endpoint *peer,
			const uint8_t *data, size_t len, uint64_t now_ms);
	/* The relay refused this peer (403, 443 …): the allocation lives. */
	void (*on_peer_refused)(void *arg, const struct endpoint *peer,
				unsigned int code, uint64_t now_ms);
	/* NULL, or: the relay took so long to answer a request. */
	void (*on_round_trip)(void *arg, uint32_t rtt_us);
};

/* NULL with errno. The machine copies and, in turn_free(), wipes secrets. */
struct turn *turn_new(const struct turn_opts *opts,
		      const struct turn_events *events, void *arg) MUST_CHECK;
void turn_free(struct turn *t);

/* Begin: the first Allocate is ready for turn_output(). */
void turn_start(struct turn *t, uint64_t now_ms);
/* Append the control messages that wait. Returns bytes appended; what does
 * not fit stays for the next call. */
size_t turn_output(struct turn *t, struct buf *out);
/* One frame of the framer. 0, or -EBADMSG when the stream should be closed. */
int turn_input(struct turn *t, const uint8_t *frame, size_t len,
	       uint64_t now_ms) MUST_CHECK;

/* Append `data` for `peer`, padded: [ChannelData], or [ChannelBind]
 * [ChannelData] for a peer's first packet. 0; -ENOBUFS: does not fit into
 * `out`, nothing was appended; -EACCES: the relay refused this peer, or the
 * peer is of the other family; -ENOTCONN: not READY; -EMSGSIZE: more than the
 * relay can be told in one frame; -ENOMEM: no room for one more peer; -EIO: no
 * randomness. */
int turn_wrap(struct turn *t, const struct endpoint *peer, const uint8_t *data,
	      size_t len, struct buf *out, uint64_t now_ms) MUST_CHECK;
/* The most that turn_wrap() adds to `len`: a request with the longest username,
 * realm and nonce of RFC 8489, an indication's header, padding. */
#define TURN_WRAP_OVERHEAD_MAX 2200

/* Ask for Refresh with lifetime 0: call before closing a healthy stream. The
 * state is IDLE from then on; turn_output() has the request. */
void turn_release(struct turn *t, uint64_t now_ms);

/* Datagram transports: the length of the first frame, padding included, of
 * frames that turn_output() and turn_wrap() have put one behind the other, so
 * that each can leave in a datagram of its own. 0: none. */
size_t turn_next_frame(const uint8_t *data, size_t len);

void turn_tick(struct turn *t, uint64_t now_ms);
/* CLOCK_NEVER after turn_release() says that the relay has answered, or that
 * there is nothing to wait for. */
uint64_t turn_deadline_ms(const struct turn *t);

/* Ask for a sign of life now, unless that is under way; over datagrams also
 * whether the allocation is still there. */
void turn_ping(struct turn *t, uint64_t now_ms);
/* As turn_opts.keepalive_s, from now on. */
void turn_set_keepalive(struct turn *t, uint32_t keepalive_s);
/* The last of anything from, and to, the relay. */
uint64_t turn_last_in_ms(const struct turn *t);
uint64_t turn_last_out_ms(const struct turn *t);
/* Smoothed round trip of requests; 0: none was answered yet. */
uint32_t turn_rtt_us(const struct turn *t);
size_t turn_peer_count(const struct turn *t);

/* Mobility (RFC 8016). */
bool turn_is_mobile(const struct turn *t); /* holds a ticket */
/* Append all that a later connection, also of another process, needs to go on
 * with this allocation. Secret: it holds the credentials. Peers for which
 * there is no room, the least recently used, are left out. 0; -ENOTSUP: no
 * ticket or no allocation; -ENOBUFS: not even without peers. Once a resumed
 * machine is READY this one must not be released, only freed. */
int turn_export(const struct turn *t, struct buf *out,
		uint64_t now_ms) MUST_CHECK;
/* What `old` has learned about peers since the export; when the resumed
 * machine is READY, before `old` is freed. */
void turn_adopt_peers(struct turn *t, const struct turn *old, uint64_t now_ms);

enum turn_state turn_state(const struct turn *t);
/* Valid from READY on. */
const struct endpoint *turn_relayed(const struct turn *t);
/* Why it FAILED: STUN error code (401, 486 … or 0), and words for a log line
 * that names the hop and never a secret. */
unsigned int turn_error(const struct turn *t, const char **words);
enum turn_blame turn_blame(const struct turn *t);
/* For 300 Try Alternate (RFC 8489, 10): where to, and the name that its
 * certificate has, or NULL. */
const struct endpoint *turn_alternate(const struct turn *t);
const char *turn_alternate_domain(const struct turn *t);

#endif
