/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_auth.h - keys, MESSAGE-INTEGRITY(-SHA256) and FINGERPRINT
 * (RFC 8489, 9.2.2, 14.4 to 14.7 and 18.5)
 *
 * Strings are taken as they are: see stun_cred.h for who prepares them.
 */
#ifndef STUN_AUTH_H
#define STUN_AUTH_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

struct evp_mac_ctx_st;
struct stun_build;
struct stun_msg;

#define STUN_KEY_LEN        16 /* of MD5 */
#define STUN_KEY_SHA256_LEN 32
#define STUN_KEY_MAX        STUN_KEY_SHA256_LEN
#define STUN_USERHASH_LEN   32

/* MD5, SHA-256 of username ":" realm ":" password. 0 or -ENOTSUP. */
int stun_auth_key(const char *username, const void *realm, size_t realm_len,
		  const char *password, uint8_t key[STUN_KEY_LEN]) MUST_CHECK;
int stun_auth_key_sha256(const char *username, const void *realm,
			 size_t realm_len, const char *password,
			 uint8_t key[STUN_KEY_SHA256_LEN]) MUST_CHECK;
/* SHA-256 of username ":" realm (14.4). 0 or -ENOTSUP. */
int stun_auth_userhash(const char *username, const void *realm,
		       size_t realm_len,
		       uint8_t hash[STUN_USERHASH_LEN]) MUST_CHECK;

enum stun_auth_result {
	STUN_AUTH_GOOD = 0,
	STUN_AUTH_BAD,
	STUN_AUTH_NONE, /* the attribute is not there */
};

/* MESSAGE-INTEGRITY: append, verify. */
void stun_auth_sign(struct stun_build *b, const void *key, size_t key_len);
enum stun_auth_result stun_auth_verify(const struct stun_msg *m,
				       const void *key, size_t key_len);
/* MESSAGE-INTEGRITY-SHA256; may have been truncated to 16 bytes or more. */
void stun_auth_sign_sha256(struct stun_build *b, const void *key,
			   size_t key_len);
enum stun_auth_result stun_auth_verify_sha256(const struct stun_msg *m,
					      const void *key, size_t key_len);

/* The same for who has many messages to one key: nothing is looked up. */
enum stun_seal_kind {
	STUN_SEAL_SHA1 = 0,
	STUN_SEAL_SHA256,
	STUN_NUM_SEALS,
};
struct stun_seal {
	enum stun_seal_kind kind;
	struct evp_mac_ctx_st *mac;
	uint8_t key[STUN_KEY_MAX]; /* secret */
	size_t key_len;
};

/* Copies the key, of STUN_KEY_MAX bytes at most. 0 or -ENOTSUP. */
int stun_seal_init(struct stun_seal *s, enum stun_seal_kind kind,
		   const void *key, size_t key_len) MUST_CHECK;
void stun_seal_fini(struct stun_seal *s); /* wipes; a zeroed one is fine */
void stun_seal_sign(const struct stun_seal *s, struct stun_build *b);
enum stun_auth_result stun_seal_verify(const struct stun_seal *s,
				       const struct stun_msg *m);

void stun_auth_fingerprint(struct stun_build *b);
enum stun_auth_result stun_auth_check_fingerprint(const struct stun_msg *m);

#endif
