/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn_server_private.h - what the files of the fake relay share */
#ifndef FAKE_TURN_SERVER_PRIVATE_H
#define FAKE_TURN_SERVER_PRIVATE_H

#include "../../tunneld/buf.h"
#include "../../tunneld/framer.h"
#include "../../tunneld/stun_auth.h"
#include "../../tunneld/stun_msg.h"
#include "turn_server.h"

#define CHANNEL_MIN 0x4000
#define CHANNELS    0x1000
#define HOLD_MS     300000
#define NONCE_MAX   32
#define TICKET_LEN  12
#define ANSWER_MAX  66000

struct channel {
	struct endpoint peer; /* family 0: never bound */
	uint64_t until_ms;
};

struct permission {
	struct endpoint ip; /* port 0 */
	uint64_t until_ms;
};

struct allocation {
	struct allocation *next;       /* of the server's */
	struct turn_server_conn *conn; /* NULL: gone, waits to be resumed */
	uint8_t id[STUN_ID_LEN];       /* of the Allocate */
	struct endpoint relayed;
	uint64_t expires_ms;
	char ticket[TICKET_LEN + 1]; /* "": not mobile */
	char nonce[NONCE_MAX + 1];   /* of its last connection */
	struct channel channel[CHANNELS];
	struct permission *permission;
	size_t permissions;
};

struct turn_server {
	char *username, *realm;
	uint8_t key[STUN_KEY_LEN], key_sha256[STUN_KEY_SHA256_LEN];
	uint8_t userhash[STUN_USERHASH_LEN];
	struct turn_server_knobs knobs;
	struct turn_server_stats stats;
	turn_server_relay_fn *relay;
	void *relay_arg;
	struct allocation *allocations;
	uint16_t next_port;
	unsigned int nonces, tickets, requests;
};

struct turn_server_conn {
	struct turn_server *s;
	struct allocation *a; /* NULL: none */
	bool datagrams;
	bool lost; /* had an allocation once */
	bool ended;
	struct endpoint source; /* family 0: not known */
	struct framer framer;
	uint8_t *out; /* of datagrams: a length (4), the bytes; and so on */
	size_t out_len, out_max;
	char nonce[NONCE_MAX + 1];
	uint64_t nonce_born_ms;
};

/* turn_server.c */
void *turn_server_must(void *p);
void turn_server_emit(struct turn_server_conn *c, const void *data, size_t len);
void turn_server_forget(struct turn_server *s, struct allocation *a);

/* turn_answer.c: one answer is begun, gets attributes and is finished */
struct answer {
	struct stun_build b;
	struct buf buf;
	bool sha256; /* the request was sealed so */
	uint8_t bytes[ANSWER_MAX];
};

void turn_answer_begin(struct answer *a, const struct stun_msg *m,
		       enum stun_class class);
void turn_answer_end(struct turn_server_conn *c, struct answer *a, bool seal);
void turn_answer_success(struct turn_server_conn *c, const struct stun_msg *m);
void turn_answer_error(struct turn_server_conn *c, const struct stun_msg *m,
		       unsigned int code, bool seal);
void turn_answer_new_nonce(struct turn_server_conn *c, uint64_t now_ms);
/* 0 when the request may be served, else the code to answer with. */
unsigned int turn_answer_authenticate(struct turn_server_conn *c,
				      const struct stun_msg *m,
				      uint64_t now_ms);
/* The allocation that the request has a ticket for, or NULL. */
struct allocation *turn_answer_ticket(const struct turn_server_conn *c,
				      const struct stun_msg *m);

/* turn_serve.c */
void turn_serve(struct turn_server_conn *c, const struct stun_msg *m,
		uint64_t now_ms);
bool turn_serve_permitted(const struct turn_server_conn *c,
			  const struct endpoint *peer, uint64_t now_ms);

#endif
