/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_auth.c - keys, MESSAGE-INTEGRITY(-SHA256) and FINGERPRINT
 *
 * Turns a password into a key, and a key and a message into the proof that
 * both belong together (RFC 8489, 9.2.2, 14.4 to 14.7 and 18.5).
 */
#include <config.h>

#include "stun_auth.h"

#include "buf.h"
#include "stun_msg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define HMAC_MAX        32
#define HMAC_SHA256_MIN 16 /* RFC 8489, 14.6: truncated */
#define ATTR_HEADER_LEN 4
#define FINGERPRINT_XOR 0x5354554eu /* RFC 8489, 14.7 */

static const struct {
	uint16_t attr;
	uint16_t len;
	const char *digest;
} seals[STUN_NUM_SEALS] = {
	[STUN_SEAL_SHA1] = { STUN_ATTR_MESSAGE_INTEGRITY, 20, "SHA1" },
	[STUN_SEAL_SHA256] = { STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 32,
			       "SHA256" },
};

/* username ":" realm, and ":" password if there is one. */
static int hash_login(const EVP_MD *type, const char *username,
		      const void *realm, size_t realm_len, const char *password,
		      uint8_t *out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	ok = md != NULL && EVP_DigestInit_ex(md, type, NULL) == 1 &&
	     EVP_DigestUpdate(md, username, strlen(username)) == 1 &&
	     EVP_DigestUpdate(md, ":", 1) == 1 &&
	     EVP_DigestUpdate(md, realm, realm_len) == 1 &&
	     (password == NULL ||
	      (EVP_DigestUpdate(md, ":", 1) == 1 &&
	       EVP_DigestUpdate(md, password, strlen(password)) == 1)) &&
	     EVP_DigestFinal_ex(md, out, NULL) == 1;
	EVP_MD_CTX_free(md); /* wipes its state */
	return ok ? 0 : -ENOTSUP;
}

int stun_auth_key(const char *username, const void *realm, size_t realm_len,
		  const char *password, uint8_t key[STUN_KEY_LEN])
{
	return hash_login(EVP_md5(), username, realm, realm_len, password, key);
}

int stun_auth_key_sha256(const char *username, const void *realm,
			 size_t realm_len, const char *password,
			 uint8_t key[STUN_KEY_SHA256_LEN])
{
	return hash_login(EVP_sha256(), username, realm, realm_len, password,
			  key);
}

int stun_auth_userhash(const char *username, const void *realm,
		       size_t realm_len, uint8_t hash[STUN_USERHASH_LEN])
{
	return hash_login(EVP_sha256(), username, realm, realm_len, NULL, hash);
}

static EVP_MAC_CTX *mac_new(enum stun_seal_kind kind)
{
	/* Only read, the parameter's type notwithstanding. */
	char *digest = (char *)seals[kind].digest;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac); /* the context keeps its own reference */
	if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* HMAC of the first `len` bytes of a message as if its attributes ended with
 * the integrity of `value_len` bytes that follows (RFC 8489, 14.5, 14.6). */
static bool hmac(EVP_MAC_CTX *mac, const void *key, size_t key_len,
		 const uint8_t *msg, size_t len, size_t value_len,
		 uint8_t out[HMAC_MAX])
{
	uint8_t length[2];
	size_t n = 0;

	be16_set(length, (uint16_t)(len + ATTR_HEADER_LEN + value_len -
				    STUN_HEADER_LEN));
	return mac != NULL && EVP_MAC_init(mac, key, key_len, NULL) == 1 &&
	       EVP_MAC_update(mac, msg, 2) == 1 &&
	       EVP_MAC_update(mac, length, 2) == 1 &&
	       EVP_MAC_update(mac, msg + 4, len - 4) == 1 &&
	       EVP_MAC_final(mac, out, &n, HMAC_MAX) == 1;
}

static void sign(enum stun_seal_kind kind, EVP_MAC_CTX *mac, const void *key,
		 size_t key_len, struct stun_build *b)
{
	size_t len = b->out->len - b->start;
	uint8_t *p = stun_build_attr(b, seals[kind].attr, seals[kind].len);
	uint8_t out[HMAC_MAX];

	if (p == NULL)
		return;
	if (hmac(mac, key, key_len, b->out->data + b->start, len,
		 seals[kind].len, out))
		memcpy(p, out, seals[kind].len);
	else
		b->out->failed = true;
}

static bool is_length(enum stun_seal_kind kind, size_t len)
{
	return len == seals[kind].len ||
	       (kind == STUN_SEAL_SHA256 && len >= HMAC_SHA256_MIN &&
		len < seals[kind].len && len % 4 == 0);
}

static enum stun_auth_result verify(enum stun_seal_kind kind, EVP_MAC_CTX *mac,
				    const void *key, size_t key_len,
				    const struct stun_msg *m)
{
	uint8_t want[HMAC_MAX];
	struct stun_attr a;

	if (!stun_attr_find(m, (enum stun_attr_type)seals[kind].attr, &a))
		return STUN_AUTH_NONE;
	if (!is_length(kind, a.len) ||
	    !hmac(mac, key, key_len, m->data, a.at, a.len, want) ||
	    CRYPTO_memcmp(want, a.value, a.len) != 0)
		return STUN_AUTH_BAD;
	return STUN_AUTH_GOOD;
}

static void sign_once(enum stun_seal_kind kind, struct stun_build *b,
		      const void *key, size_t key_len)
{
	EVP_MAC_CTX *mac = mac_new(kind);

	sign(kind, mac, key, key_len, b);
	EVP_MAC_CTX_free(mac);
}

static enum stun_auth_result verify_once(enum stun_seal_kind kind,
					 const struct stun_msg *m,
					 const void *key, size_t key_len)
{
	EVP_MAC_CTX *mac = mac_new(kind);
	enum stun_auth_result r = verify(kind, mac, key, key_len, m);

	EVP_MAC_CTX_free(mac);
	return r;
}

void stun_auth_sign(struct stun_build *b, const void *key, size_t key_len)
{
	sign_once(STUN_SEAL_SHA1, b, key, key_len);
}

enum stun_auth_result stun_auth_verify(const struct stun_msg *m,
				       const void *key, size_t key_len)
{
	return verify_once(STUN_SEAL_SHA1, m, key, key_len);
}

void stun_auth_sign_sha256(struct stun_build *b, const void *key,
			   size_t key_len)
{
	sign_once(STUN_SEAL_SHA256, b, key, key_len);
}

enum stun_auth_result stun_auth_verify_sha256(const struct stun_msg *m,
					      const void *key, size_t key_len)
{
	return verify_once(STUN_SEAL_SHA256, m, key, key_len);
}

int stun_seal_init(struct stun_seal *s, enum stun_seal_kind kind,
		   const void *key, size_t key_len)
{
	*s = (struct stun_seal){ .kind = kind, .mac = mac_new(kind) };
	if (s->mac == NULL || key_len > sizeof(s->key)) {
		stun_seal_fini(s);
		return -ENOTSUP;
	}
	memcpy(s->key, key, key_len);
	s->key_len = key_len;
	return 0;
}

void stun_seal_fini(struct stun_seal *s)
{
	EVP_MAC_CTX_free(s->mac); /* wipes */
	OPENSSL_cleanse(s, sizeof(*s));
}

void stun_seal_sign(const struct stun_seal *s, struct stun_build *b)
{
	sign(s->kind, s->mac, s->key, s->key_len, b);
}

enum stun_auth_result stun_seal_verify(const struct stun_seal *s,
				       const struct stun_msg *m)
{
	return verify(s->kind, s->mac, s->key, s->key_len, m);
}

/* CRC-32 of ITU V.42, as RFC 8489, 14.7 has it; four bits a step. */
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* Over the first `len` bytes of a message whose FINGERPRINT follows them. */
static uint32_t fingerprint(const uint8_t *msg, size_t len)
{
	uint8_t head[4];
	uint32_t crc;

	memcpy(head, msg, 2);
	be16_set(head + 2,
		 (uint16_t)(len + ATTR_HEADER_LEN + 4 - STUN_HEADER_LEN));
	crc = crc32(0, head, sizeof(head));
	return crc32(crc, msg + 4, len - 4) ^ FINGERPRINT_XOR;
}

void stun_auth_fingerprint(struct stun_build *b)
{
	size_t len = b->out->len - b->start;
	uint8_t *p = stun_build_attr(b, STUN_ATTR_FINGERPRINT, 4);

	if (p != NULL)
		be32_set(p, fingerprint(b->out->data + b->start, len));
}

enum stun_auth_result stun_auth_check_fingerprint(const struct stun_msg *m)
{
	struct stun_attr a;

	if (!stun_attr_find(m, STUN_ATTR_FINGERPRINT, &a))
		return STUN_AUTH_NONE;
	/* It is the last attribute (RFC 8489, 14.7). */
	if (a.len != 4 || a.at + ATTR_HEADER_LEN + 4 != m->len ||
	    be32_get(a.value) != fingerprint(m->data, a.at))
		return STUN_AUTH_BAD;
	return STUN_AUTH_GOOD;
}
