/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_auth.h - long-term credentials, MESSAGE-INTEGRITY and FINGERPRINT
 * (RFC 8489, 9.2, 14.5 and 14.7; MD5 key, HMAC-SHA1)
 *
 * Usernames and passwords are taken as they are: no OpaqueString preparation
 * (RFC 8265), so that both ends must be configured with the same bytes.
 */
#ifndef STUN_AUTH_H
#define STUN_AUTH_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stun_build;
struct stun_msg;

#define STUN_KEY_LEN      16
#define STUN_USERNAME_MAX 508 /* bytes; RFC 8489, 14.3: less than 509 */
#define STUN_REALM_MAX    763 /* RFC 8489, 14.9 and 14.10 */
#define STUN_NONCE_MAX    763

/* What one connection authenticates with. */
struct stun_cred {
	char *username;
	char *password;
	uint8_t *realm, *nonce; /* as the server gave them; NULL: not yet */
	size_t realm_len, nonce_len;
	uint8_t key[STUN_KEY_LEN];
	uint32_t challenges; /* taken so far */
};

/* 0, -EINVAL (name empty or too long) or -ENOMEM. Copies. */
int stun_cred_init(struct stun_cred *c, const char *username,
		   const char *password) MUST_CHECK;
void stun_cred_fini(struct stun_cred *c); /* wipes */
/* Take REALM and NONCE of a 401 or 438. A missing REALM is kept from before.
 * 0, -EBADMSG, -ENOMEM, -ENOTSUP (no MD5 in this OpenSSL). */
int stun_cred_challenge(struct stun_cred *c,
			const struct stun_msg *m) MUST_CHECK;
bool stun_cred_ready(const struct stun_cred *c);

/* MD5(username ":" realm ":" password). 0 or -ENOTSUP. */
int stun_auth_key(const char *username, const void *realm, size_t realm_len,
		  const char *password, uint8_t key[STUN_KEY_LEN]) MUST_CHECK;

/* Append MESSAGE-INTEGRITY / FINGERPRINT. */
void stun_auth_sign(struct stun_build *b, const void *key, size_t key_len);
void stun_auth_fingerprint(struct stun_build *b);

enum stun_auth_result {
	STUN_AUTH_GOOD = 0,
	STUN_AUTH_BAD,
	STUN_AUTH_NONE, /* the attribute is not there */
};
enum stun_auth_result stun_auth_verify(const struct stun_msg *m,
				       const void *key, size_t key_len);
enum stun_auth_result stun_auth_check_fingerprint(const struct stun_msg *m);

#endif
