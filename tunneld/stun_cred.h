/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_cred.h - long-term credentials, and what the server asks for in them
 * (RFC 8489, 9.2; RFC 4013)
 *
 * A server that offers password algorithms in its challenge gets SHA-256 or
 * MD5 keys and MESSAGE-INTEGRITY-SHA256 from then on, and a USERHASH if it
 * says that it can look users up by it. Any other gets what RFC 5389 had: an
 * MD5 key and MESSAGE-INTEGRITY. The nonce cookie keeps somebody in between
 * from making the former look like the latter.
 */
#ifndef STUN_CRED_H
#define STUN_CRED_H

#include "stun_auth.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct buf_reader;
struct stun_build;
struct stun_challenge;
struct stun_msg;

#define STUN_USERNAME_MAX   508 /* bytes; RFC 8489, 14.3: less than 509 */
#define STUN_REALM_MAX      763 /* RFC 8489, 14.9 and 14.10 */
#define STUN_NONCE_MAX      763
#define STUN_ALGORITHMS_MAX 256 /* ours: there are two, of 4 bytes each */
/* What stun_cred_save() writes at most. */
#define STUN_CRED_SAVE_MAX \
	(6 + STUN_REALM_MAX + STUN_NONCE_MAX + STUN_ALGORITHMS_MAX)

/* What one connection authenticates with. */
struct stun_cred {
	char *username, *password;        /* prepared; secret */
	struct stun_challenge *challenge; /* the last; NULL: none yet */
	struct stun_seal seal;            /* of the password for it */
	uint32_t challenges;              /* taken so far */
	uint32_t successes;               /* answers that it has verified */
	bool inherited; /* the challenge is another connection's */
};

/* 0, -EINVAL (name empty or too long), -ENOMEM or an error of saslprep().
 * Copies. */
int stun_cred_init(struct stun_cred *c, const char *username,
		   const char *password) MUST_CHECK;
void stun_cred_fini(struct stun_cred *c); /* wipes */

/* Take what a 401 or 438 asks for. A missing REALM is kept from before. 0, or
 *	-EBADMSG	no or malformed NONCE, REALM, PASSWORD-ALGORITHMS
 *	-EPROTO		less than the nonce, or an earlier one, promised
 *	-EPROTONOSUPPORT no password algorithm that we know
 *	-ENOTSUP	this OpenSSL lacks the hash
 *	-ENOMEM
 * after which the credentials are as they were. */
int stun_cred_challenge(struct stun_cred *c,
			const struct stun_msg *m) MUST_CHECK;
const char *stun_cred_words(int err); /* such an error in words */
bool stun_cred_ready(const struct stun_cred *c);
/* Does a 401 ask for anything else than what it has refused? */
bool stun_cred_asks_anew(const struct stun_cred *c, const struct stun_msg *m);
/* A nonce that promises password algorithms, without any (9.2.5). */
bool stun_cred_is_stripped(const struct stun_msg *m);

/* Append USERNAME or USERHASH, REALM, NONCE, PASSWORD-ALGORITHM(S) and the
 * integrity. Only when ready. */
void stun_cred_sign(const struct stun_cred *c, struct stun_build *b);
/* The integrity agreed upon; a weaker one counts as none. */
enum stun_auth_result stun_cred_verify(const struct stun_cred *c,
				       const struct stun_msg *m);
/* Is the server of RFC 8489, so that all it says must have an integrity? */
bool stun_cred_is_strict(const struct stun_cred *c);

/* The challenge, for a later connection to the same server, which saves the
 * round trip of a 401; STUN_CRED_SAVE_MAX bytes at most. No secret, but what
 * an eavesdropper of a UDP relay would see. Loading takes the same errors as
 * stun_cred_challenge(). */
void stun_cred_save(const struct stun_cred *c, struct buf *out);
int stun_cred_load(struct stun_cred *c, struct buf_reader *r) MUST_CHECK;

#endif
