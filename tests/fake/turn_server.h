/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_server.h - a TURN relay on byte buffers, strict about what it is sent
 * and able to misbehave (RFC 8656 over streams and datagrams; RFC 8489 with
 * both kinds of integrity; RFC 8016)
 *
 * No sockets, no clock: bytes of a client's stream, or its datagrams, go in,
 * those for it are read out, datagrams to peers come by callback. Out of
 * memory: abort().
 */
#ifndef FAKE_TURN_SERVER_H
#define FAKE_TURN_SERVER_H

#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turn_server;
struct turn_server_conn;

/* How to behave; may be changed at any time through turn_server_knobs(). */
struct turn_server_knobs {
	/* answer the next `force_count` requests of `force_method` (0: any)
	 * with this code; not signed unless `force_signed` */
	unsigned int force_error;
	unsigned int force_count;
	uint16_t force_method;
	bool force_signed;
	const char *reason; /* of forced errors; may hold anything */
	size_t reason_len;
	/* in 300, and to each Allocate while `redirect`, before any 401 */
	struct endpoint alternate;
	const char *alternate_domain; /* NULL: none */
	bool redirect;
	const char *software; /* in each answer; NULL: none */

	uint32_t lifetime_s; /* granted; 0: no LIFETIME attribute */
	uint32_t channel_s;  /* a channel lives; 0: 600 */
	uint32_t
		permission_s; /* a permission, other than a channel's; 0: 300 */
	bool tell_channel;    /* LIFETIME in answers to ChannelBind */
	unsigned int quota;   /* allocations at a time, then 486; 0: any */
	unsigned int drop;    /* do not answer the next so many requests */
	bool silent;          /* answer nothing at all */
	bool break_integrity; /* answers with a wrong seal */
	bool no_integrity;    /* successes without a seal */
	bool unknown_attribute; /* a comprehension-required one in answers */
	bool wrong_family;      /* a relayed address of the other family */
	bool no_relayed_address;
	struct endpoint relayed;  /* of all allocations; family 0: one each */
	bool echo;                /* peers send back what they get */
	size_t split;             /* at most so many bytes a read; 0: any */
	uint64_t nonce_ms;        /* a nonce gets stale after; 0: never */
	unsigned int stale_every; /* 438 to each so many-th request; 0: none */
	struct endpoint refuse;   /* a peer that is forbidden (403) */
	bool unpadded;            /* ChannelData without padding over streams */
	bool stall;               /* no output, until it ends */
	bool reset_on_release;    /* the connection ends with the allocation */
	bool refresh_400; /* instead of 437, as others do on ChannelBind */

	/* RFC 8489: offered in challenges */
	bool sha256, userhash;

	/* RFC 8016: tickets are given; else 405 to who asks for one */
	bool mobility;
	bool mobile_nonce_fresh; /* 438 to nonces of other connections */
	bool mobile_mute;        /* no answer to a ticket (coturn 4.6) */
};

/* What was seen; the tests' evidence. */
struct turn_server_stats {
	unsigned int requests[16]; /* by method */
	unsigned int errors;       /* answered */
	unsigned int bad_requests; /* that no client may send */
	unsigned int early;        /* data or requests before the allocation */
	unsigned int lost;         /* datagrams without channel or permission */
	unsigned int
		reused_early; /* channel numbers, before their hold ended */
	unsigned int to_peers, from_peers;
	unsigned int channel_data, send_indications;
	unsigned int tickets, moves; /* given; used */
	unsigned int unpadded;       /* ChannelData that owed padding */
	unsigned int sealed_sha256, userhashes; /* requests with these */
};

typedef void(turn_server_relay_fn)(void *arg, struct turn_server_conn *conn,
				   const struct endpoint *to,
				   const uint8_t *data, size_t len);

struct turn_server *turn_server_new(const char *username, const char *password,
				    const char *realm);
void turn_server_free(struct turn_server *s); /* after its connections */
struct turn_server_knobs *turn_server_knobs(struct turn_server *s);
const struct turn_server_stats *turn_server_stats(const struct turn_server *s);
/* Datagrams that clients send to peers. */
void turn_server_on_relay(struct turn_server *s, turn_server_relay_fn *fn,
			  void *arg);

struct turn_server_conn *turn_server_accept(struct turn_server *s);
/* … whose input and output are whole datagrams, one a call. */
struct turn_server_conn *turn_server_accept_datagrams(struct turn_server *s);
/* Where it comes from, for answers to Binding requests. */
void turn_server_set_source(struct turn_server_conn *c,
			    const struct endpoint *source);
/* An allocation that has a ticket outlives it. */
void turn_server_close(struct turn_server_conn *c);
/* False: the server would close the connection. */
bool turn_server_input(struct turn_server_conn *c, const void *data, size_t len,
		       uint64_t now_ms);
/* Bytes for the client, at most `max`; 0: none. */
size_t turn_server_output(struct turn_server_conn *c, void *data, size_t max);
/* A datagram arrives at the relayed address. False: no permission. */
bool turn_server_from_peer(struct turn_server_conn *c,
			   const struct endpoint *from, const void *data,
			   size_t len, uint64_t now_ms);
bool turn_server_allocated(const struct turn_server_conn *c);
struct endpoint turn_server_relayed(const struct turn_server_conn *c);
/* Forget the allocation, as after a restart: 437 on Refresh, 400 on others. */
void turn_server_lose_allocation(struct turn_server_conn *c);

#endif
