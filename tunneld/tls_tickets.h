/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls_tickets.h - sessions that a later connection to the same server may
 * resume; bounded, for any thread
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

/* Whose tickets: the name that the certificate was verified for, and where
 * the server is. */
struct tls_key {
	char name[256];
	char server[256];
	uint16_t port; /* 0: nothing is kept, nothing is resumed */
	bool datagram;
};

struct tls_tickets;

struct tls_tickets *tls_tickets_new(void) MUST_CHECK; /* NULL with errno */
void tls_tickets_free(struct tls_tickets *tt);

/* Keeps a copy: what becomes of `session` in its connection (an end without
 * close_notify makes it useless) does not touch it. */
void tls_tickets_put(struct tls_tickets *tt, const struct tls_key *key,
		     const SSL_SESSION *session);
/* The newest, to be freed by the caller; NULL: none. A ticket of TLS 1.3 is
 * given once (RFC 8446, C.4), a session of 1.2 until it expires. */
SSL_SESSION *tls_tickets_take(struct tls_tickets *tt,
			      const struct tls_key *key) MUST_CHECK;
/* A handshake with one of them has failed. */
void tls_tickets_forget(struct tls_tickets *tt, const struct tls_key *key);

#endif
