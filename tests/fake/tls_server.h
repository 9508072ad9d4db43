/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls_server.h - a TLS or DTLS echo server on 127.0.0.1 or ::1 with a
 * certificate authority of its own, made at start and thrown away at the end
 */
#ifndef FAKE_TLS_SERVER_H
#define FAKE_TLS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

enum tls_server_way {
	TLS_SERVER_ECHO = 0,
	TLS_SERVER_TRUNCATE,  /* says "cut", then FIN without close_notify */
	TLS_SERVER_NOTIFY,    /* says "bye", then close_notify */
	TLS_SERVER_SILENT,    /* TCP only: never answers the handshake */
	TLS_SERVER_HANG_UP,   /* FIN instead of a handshake */
	TLS_SERVER_PLAINTEXT, /* an HTTP error instead of a handshake */
	TLS_SERVER_BURST,     /* eight records in one write */
	TLS_SERVER_SAY,       /* `answer` to a request, then close_notify */
	TLS_SERVER_DEAF,      /* handshake, then reads nothing */
	TLS_SERVER_RESET,     /* RST for an answer to the ClientHello */
	TLS_SERVER_GARBAGE,   /* bytes that are no record, for an answer */
	TLS_SERVER_STALL,     /* the first bytes of a ServerHello, then none */
	TLS_SERVER_LATE,      /* `answer` after the client's close_notify */
	TLS_SERVER_CUT,       /* says "cut", then RST */
	TLS_SERVER_FORWARD,   /* what is inside to `forward_port`, and back */
};

struct tls_server_opts {
	enum tls_server_way way;
	const char *answer;    /* SAY, LATE */
	uint16_t forward_port; /* on 127.0.0.1 */
	const char *name;      /* in the certificate; NULL: none */
	const char *ip;
	const char *common_name; /* NULL: as `name` */
	bool expired;
	bool stranger; /* signed by another authority than ca_file's */
	bool tls12;    /* 1.2 at most, as coturn of Debian 12 */
	bool tls11;    /* 1.1 at most */
	bool no_alpn;  /* selects no protocol */
	bool ipv6;     /* on ::1 */
	bool datagram; /* DTLS: ECHO, NOTIFY, SILENT, GARBAGE */
	/* TLS 1.2 then resumes by session identifier, 1.3 not at all */
	bool no_tickets;
	bool need_client; /* with a certificate of this server's authority */
	/* that many datagrams get lost first */
	unsigned int lose_in, lose_out;
};

struct tls_server;

struct tls_server *tls_server_new(const struct tls_server_opts *opts);
void tls_server_free(struct tls_server *s);
uint16_t tls_server_port(const struct tls_server *s);
const char *tls_server_ca_file(const struct tls_server *s);
/* One that `need_client` is content with, and its key: one file. */
const char *tls_server_client_file(const struct tls_server *s);
/* Of the last handshake: "stun.turn", "" when the client offered none. */
const char *tls_server_alpn(struct tls_server *s);
const char *tls_server_sni(struct tls_server *s); /* "": none was sent */
unsigned int tls_server_handshakes(struct tls_server *s);
unsigned int tls_server_resumed(struct tls_server *s); /* of the handshakes */
/* As after a restart: it knows no ticket and no session any more. */
void tls_server_forget(struct tls_server *s);

#endif
