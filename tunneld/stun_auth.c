/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_auth.c - long-term credentials, MESSAGE-INTEGRITY and FINGERPRINT
 *
 * Turns a challenge and a password into a key, and a key and a message into
 * the proof that both belong together (RFC 8489, 9.2, 14.5 and 14.7).
 */
#include <config.h>

#include "stun_auth.h"

#include "buf.h"
#include "stun_msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define SHA1_LEN        20
#define ATTR_HEADER_LEN 4
#define FINGERPRINT_XOR 0x5354554eu /* RFC 8489, 14.7 */

static void wipe_free(char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

int stun_cred_init(struct stun_cred *c, const char *username,
		   const char *password)
{
	*c = (struct stun_cred){ 0 };
	if (*username == '\0' || strlen(username) > STUN_USERNAME_MAX)
		return -EINVAL;
	c->username = strdup(username);
	c->password = strdup(password);
	if (c->username == NULL || c->password == NULL) {
		stun_cred_fini(c);
		return -ENOMEM;
	}
	return 0;
}

void stun_cred_fini(struct stun_cred *c)
{
	wipe_free(c->username);
	wipe_free(c->password);
	free(c->realm);
	free(c->nonce);
	OPENSSL_cleanse(c->key, sizeof(c->key));
	*c = (struct stun_cred){ 0 };
}

static uint8_t *copy(const struct stun_attr *a)
{
	uint8_t *p = malloc(a->len);

	if (p != NULL)
		memcpy(p, a->value, a->len);
	return p;
}

int stun_cred_challenge(struct stun_cred *c, const struct stun_msg *m)
{
	struct stun_attr realm, nonce;
	uint8_t *p;
	int r;

	if (!stun_attr_find(m, STUN_ATTR_NONCE, &nonce) || nonce.len == 0 ||
	    nonce.len > STUN_NONCE_MAX)
		return -EBADMSG;
	if (stun_attr_find(m, STUN_ATTR_REALM, &realm)) {
		if (realm.len == 0 || realm.len > STUN_REALM_MAX)
			return -EBADMSG;
		p = copy(&realm);
		if (p == NULL)
			return -ENOMEM;
		free(c->realm);
		c->realm = p;
		c->realm_len = realm.len;
		r = stun_auth_key(c->username, c->realm, c->realm_len,
				  c->password, c->key);
		if (r < 0)
			return r;
	} else if (c->realm == NULL) {
		return -EBADMSG;
	}
	p = copy(&nonce);
	if (p == NULL)
		return -ENOMEM;
	free(c->nonce);
	c->nonce = p;
	c->nonce_len = nonce.len;
	c->challenges++;
	return 0;
}

bool stun_cred_ready(const struct stun_cred *c)
{
	return c->nonce != NULL;
}

int stun_auth_key(const char *username, const void *realm, size_t realm_len,
		  const char *password, uint8_t key[STUN_KEY_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	/* RFC 8489, 9.2.2 */
	ok = md != NULL && EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1 &&
	     EVP_DigestUpdate(md, username, strlen(username)) == 1 &&
	     EVP_DigestUpdate(md, ":", 1) == 1 &&
	     EVP_DigestUpdate(md, realm, realm_len) == 1 &&
	     EVP_DigestUpdate(md, ":", 1) == 1 &&
	     EVP_DigestUpdate(md, password, strlen(password)) == 1 &&
	     EVP_DigestFinal_ex(md, key, NULL) == 1;
	EVP_MD_CTX_free(md); /* wipes its state */
	return ok ? 0 : -ENOTSUP;
}

/* HMAC-SHA1 of the first `len` bytes of a message as if its attributes ended
 * with the MESSAGE-INTEGRITY that follows them (RFC 8489, 14.5). */
static bool integrity(const uint8_t *msg, size_t len, const void *key,
		      size_t key_len, uint8_t out[SHA1_LEN])
{
	char sha1[] = "SHA1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1,
						 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	uint8_t length[2];
	size_t n = 0;
	bool ok;

	be16_set(length, (uint16_t)(len + ATTR_HEADER_LEN + SHA1_LEN -
				    STUN_HEADER_LEN));
	ok = ctx != NULL && EVP_MAC_init(ctx, key, key_len, params) == 1 &&
	     EVP_MAC_update(ctx, msg, 2) == 1 &&
	     EVP_MAC_update(ctx, length, 2) == 1 &&
	     EVP_MAC_update(ctx, msg + 4, len - 4) == 1 &&
	     EVP_MAC_final(ctx, out, &n, SHA1_LEN) == 1 && n == SHA1_LEN;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

void stun_auth_sign(struct stun_build *b, const void *key, size_t key_len)
{
	size_t len = b->out->len - b->start;
	uint8_t *p = stun_build_attr(b, STUN_ATTR_MESSAGE_INTEGRITY, SHA1_LEN);

	if (p != NULL &&
	    !integrity(b->out->data + b->start, len, key, key_len, p))
		b->out->failed = true;
}

enum stun_auth_result stun_auth_verify(const struct stun_msg *m,
				       const void *key, size_t key_len)
{
	uint8_t want[SHA1_LEN];
	struct stun_attr a;

	if (!stun_attr_find(m, STUN_ATTR_MESSAGE_INTEGRITY, &a))
		return STUN_AUTH_NONE;
	if (a.len != SHA1_LEN ||
	    !integrity(m->data, a.at, key, key_len, want) ||
	    CRYPTO_memcmp(want, a.value, SHA1_LEN) != 0)
		return STUN_AUTH_BAD;
	return STUN_AUTH_GOOD;
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
