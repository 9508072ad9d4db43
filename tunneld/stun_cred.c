/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stun_cred.c - long-term credentials, and what the server asks for in them
 *
 * Turns a user, a password and a server's challenge into attributes that
 * prove the former (RFC 8489, 9.2).
 *
 * Theory of operation: a challenge is taken as a whole or not at all, so that
 * whatever a forger sends leaves working credentials. Against bidding down
 * (9.2.1) there is the server, which knows its nonces, and the client, which
 * follows no challenge that offers less than its own nonce says, or than the
 * connection has seen before.
 */
#include <config.h>

#include "stun_cred.h"

#include "buf.h"
#include "saslprep.h"
#include "stun_msg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* RFC 8489, 9.2: "obMatJos2" and the base64 of 24 bits. */
#define COOKIE     "obMatJos2"
#define COOKIE_LEN (sizeof(COOKIE) - 1)
#define FLAGS_LEN  4

/* RFC 8489, 18.1 counts the bits from the left; its erratum 6290 and the
 * example in B.1 from the right. Servers do either, and the bits in the middle
 * mean nothing yet: each is taken from both ends. */
#define FLAGS_ALGORITHMS 0x800001u
#define FLAGS_ANONYMITY  0x400002u

#define ALGORITHM_NONE   0 /* none offered: MD5, and MESSAGE-INTEGRITY */
#define ALGORITHM_MD5    1 /* RFC 8489, 18.5 */
#define ALGORITHM_SHA256 2

/* SASLprep makes at most that many bytes of one (NFKC of U+FDFA). */
#define PREPARED_GROWTH 11

struct stun_challenge {
	uint16_t realm_len, nonce_len, algorithms_len;
	uint16_t algorithm;
	uint32_t flags; /* of the nonce cookie */
	bool modern;    /* has one */
	uint8_t userhash[STUN_USERHASH_LEN];
	uint8_t bytes[]; /* realm, nonce, algorithms */
};

/* What a challenge consists of, as views; NULL: not there. */
struct parts {
	const uint8_t *realm, *nonce, *algorithms;
	size_t realm_len, nonce_len, algorithms_len;
};

static void wipe_free(char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

static int prepare(const char *in, char **prepared)
{
	size_t max = strlen(in) * PREPARED_GROWTH + 1;
	char *out = malloc(max);
	int r;

	if (out == NULL)
		return -ENOMEM;
	r = saslprep(in, out, max);
	if (r == 0) {
		*prepared = strdup(out);
		if (*prepared == NULL)
			r = -ENOMEM;
	}
	wipe_free(out);
	return r;
}

int stun_cred_init(struct stun_cred *c, const char *username,
		   const char *password)
{
	int r;

	*c = (struct stun_cred){ 0 };
	r = prepare(username, &c->username);
	if (r == 0)
		r = prepare(password, &c->password);
	if (r == 0 &&
	    (*c->username == '\0' || strlen(c->username) > STUN_USERNAME_MAX))
		r = -EINVAL;
	if (r < 0)
		stun_cred_fini(c);
	return r;
}

void stun_cred_fini(struct stun_cred *c)
{
	wipe_free(c->username);
	wipe_free(c->password);
	free(c->challenge);
	stun_seal_fini(&c->seal);
	*c = (struct stun_cred){ 0 };
}

static int base64_digit(uint8_t c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static bool has_cookie(const uint8_t *nonce, size_t len)
{
	return len >= COOKIE_LEN + FLAGS_LEN &&
	       memcmp(nonce, COOKIE, COOKIE_LEN) == 0;
}

/* The security features of a nonce; none without a proper cookie. */
static uint32_t cookie_flags(const uint8_t *nonce, size_t len)
{
	uint32_t flags = 0;
	int digit;

	if (!has_cookie(nonce, len))
		return 0;
	for (size_t i = 0; i < FLAGS_LEN; i++) {
		digit = base64_digit(nonce[COOKIE_LEN + i]);
		if (digit < 0)
			return 0;
		flags = flags << 6 | (uint32_t)digit;
	}
	return flags;
}

/* The first of the server's list that we know: it has the preference (9.2.5).
 * Neither of the two takes parameters (18.5.1). ALGORITHM_NONE: no such one;
 * negative: malformed. */
static int pick_algorithm(const uint8_t *list, size_t len)
{
	struct buf_reader r;
	uint16_t algorithm, params_len;
	const uint8_t *params;
	int found = ALGORITHM_NONE;

	buf_reader_init(&r, list, len);
	while (r.left > 0) {
		/* RFC 8489, 14.11: parameters are padded to 4 bytes. */
		if (!buf_get_u16(&r, &algorithm) ||
		    !buf_get_u16(&r, &params_len) ||
		    !buf_take(&r, (params_len + 3u) & ~3u, &params))
			return -EBADMSG;
		if (found == ALGORITHM_NONE && params_len == 0 &&
		    (algorithm == ALGORITHM_MD5 ||
		     algorithm == ALGORITHM_SHA256))
			found = algorithm;
	}
	return found;
}

static const uint8_t *nonce_of(const struct stun_challenge *ch)
{
	return ch->bytes + ch->realm_len;
}

static const uint8_t *algorithms_of(const struct stun_challenge *ch)
{
	return ch->bytes + ch->realm_len + ch->nonce_len;
}

/* The realm as it goes into the key: without quotes and trailing NULs, and
 * prepared (9.2.2). One that cannot be prepared is taken as it is: then its
 * server did not do it either. Returns the length. */
static size_t realm_for_key(const struct stun_challenge *ch,
			    char out[STUN_REALM_MAX * PREPARED_GROWTH + 1])
{
	char raw[STUN_REALM_MAX + 1];
	const uint8_t *p = ch->bytes;
	size_t len = ch->realm_len;

	while (len > 0 && p[len - 1] == '\0')
		len--;
	if (len >= 2 && p[0] == '"' && p[len - 1] == '"') {
		p++;
		len -= 2;
	}
	memcpy(raw, p, len);
	raw[len] = '\0';
	if (memchr(raw, '\0', len) == NULL &&
	    saslprep(raw, out, STUN_REALM_MAX * PREPARED_GROWTH + 1) == 0)
		return strlen(out);
	memcpy(out, raw, len);
	return len;
}

static int derive(const struct stun_cred *c, struct stun_challenge *ch,
		  struct stun_seal *seal)
{
	char realm[STUN_REALM_MAX * PREPARED_GROWTH + 1];
	size_t realm_len = realm_for_key(ch, realm);
	uint8_t key[STUN_KEY_MAX];
	bool sha256 = ch->algorithm == ALGORITHM_SHA256;
	int r;

	r = stun_auth_userhash(c->username, realm, realm_len, ch->userhash);
	if (r < 0)
		return r;
	if (sha256)
		r = stun_auth_key_sha256(c->username, realm, realm_len,
					 c->password, key);
	else
		r = stun_auth_key(c->username, realm, realm_len, c->password,
				  key);
	if (r < 0)
		return r;
	/* 9.2.5: whatever the key, a server with algorithms gets SHA-256. */
	r = stun_seal_init(seal,
			   ch->algorithm != ALGORITHM_NONE ? STUN_SEAL_SHA256
							   : STUN_SEAL_SHA1,
			   key, sha256 ? STUN_KEY_SHA256_LEN : STUN_KEY_LEN);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

/* Does a challenge leave out what the connection has had already? The numbers
 * of the algorithms happen to be in order of strength. */
static bool is_weaker(const struct stun_challenge *now,
		      const struct stun_challenge *before)
{
	if (before == NULL)
		return false;
	return ((before->flags & FLAGS_ALGORITHMS) != 0 &&
		(now->flags & FLAGS_ALGORITHMS) == 0) ||
	       ((before->flags & FLAGS_ANONYMITY) != 0 &&
		(now->flags & FLAGS_ANONYMITY) == 0) ||
	       now->algorithm < before->algorithm;
}

static struct stun_challenge *challenge_new(const struct parts *p)
{
	struct stun_challenge *ch = calloc(1, sizeof(*ch) + p->realm_len +
						      p->nonce_len +
						      p->algorithms_len);

	if (ch == NULL)
		return NULL;
	ch->realm_len = (uint16_t)p->realm_len;
	ch->nonce_len = (uint16_t)p->nonce_len;
	ch->algorithms_len = (uint16_t)p->algorithms_len;
	memcpy(ch->bytes, p->realm, p->realm_len);
	memcpy(ch->bytes + p->realm_len, p->nonce, p->nonce_len);
	if (p->algorithms_len > 0)
		memcpy(ch->bytes + p->realm_len + p->nonce_len, p->algorithms,
		       p->algorithms_len);
	ch->modern = has_cookie(p->nonce, p->nonce_len);
	ch->flags = cookie_flags(p->nonce, p->nonce_len);
	return ch;
}

static bool same_key(const struct stun_challenge *a,
		     const struct stun_challenge *b)
{
	return a != NULL && a->algorithm == b->algorithm &&
	       a->realm_len == b->realm_len &&
	       memcmp(a->bytes, b->bytes, a->realm_len) == 0;
}

/* A challenge, checked; it is the caller's. */
static int read_challenge(const struct stun_cred *c, const struct parts *p,
			  struct stun_challenge **out)
{
	struct stun_challenge *ch;
	int algorithm = ALGORITHM_NONE;

	if (p->algorithms != NULL) {
		algorithm = pick_algorithm(p->algorithms, p->algorithms_len);
		if (algorithm < 0)
			return algorithm;
		if (algorithm == ALGORITHM_NONE)
			return -EPROTONOSUPPORT;
	}
	ch = challenge_new(p);
	if (ch == NULL)
		return -ENOMEM;
	ch->algorithm = (uint16_t)algorithm;
	if ((algorithm == ALGORITHM_NONE &&
	     (ch->flags & FLAGS_ALGORITHMS) != 0) ||
	    is_weaker(ch, c->challenge)) {
		free(ch);
		return -EPROTO;
	}
	*out = ch;
	return 0;
}

static int take(struct stun_cred *c, const struct parts *p)
{
	struct stun_challenge *ch;
	struct stun_seal seal;
	int r;

	r = read_challenge(c, p, &ch);
	if (r < 0)
		return r;
	if (same_key(c->challenge, ch)) {
		memcpy(ch->userhash, c->challenge->userhash,
		       sizeof(ch->userhash));
	} else {
		r = derive(c, ch, &seal);
		if (r < 0) {
			free(ch);
			return r;
		}
		stun_seal_fini(&c->seal);
		c->seal = seal;
		OPENSSL_cleanse(&seal, sizeof(seal));
	}
	free(c->challenge);
	c->challenge = ch;
	c->challenges++;
	return 0;
}

static bool fits(const struct parts *p)
{
	return p->realm_len > 0 && p->realm_len <= STUN_REALM_MAX &&
	       p->nonce_len > 0 && p->nonce_len <= STUN_NONCE_MAX &&
	       p->algorithms_len <= STUN_ALGORITHMS_MAX;
}

int stun_cred_challenge(struct stun_cred *c, const struct stun_msg *m)
{
	struct stun_attr realm, nonce, algorithms;
	struct parts p = { 0 };
	int r;

	if (!stun_attr_find(m, STUN_ATTR_NONCE, &nonce))
		return -EBADMSG;
	p.nonce = nonce.value;
	p.nonce_len = nonce.len;
	if (stun_attr_find(m, STUN_ATTR_REALM, &realm)) {
		p.realm = realm.value;
		p.realm_len = realm.len;
	} else if (c->challenge != NULL) {
		p.realm = c->challenge->bytes;
		p.realm_len = c->challenge->realm_len;
	}
	if (stun_attr_find(m, STUN_ATTR_PASSWORD_ALGORITHMS, &algorithms)) {
		p.algorithms = algorithms.value;
		p.algorithms_len = algorithms.len;
	}
	if (!fits(&p))
		return -EBADMSG;
	r = take(c, &p);
	if (r == 0)
		c->inherited = false;
	return r;
}

const char *stun_cred_words(int err)
{
	switch (err) {
	case -EBADMSG:
		return "challenge without realm or nonce";
	case -EPROTO:
		return "challenge that offers less than its nonce promises:"
		       " somebody may have changed it on its way";
	case -EPROTONOSUPPORT:
		return "challenge without a password algorithm that is known"
		       " here";
	case -ENOTSUP:
		return "this OpenSSL has not the hash that the relay asks for";
	default:
		return "out of memory or randomness";
	}
}

bool stun_cred_ready(const struct stun_cred *c)
{
	return c->challenge != NULL;
}

bool stun_cred_asks_anew(const struct stun_cred *c, const struct stun_msg *m)
{
	const struct stun_challenge *ch = c->challenge;
	struct stun_attr a;

	if (ch == NULL || c->inherited)
		return true;
	if (stun_attr_find(m, STUN_ATTR_REALM, &a) &&
	    (a.len != ch->realm_len || memcmp(a.value, ch->bytes, a.len) != 0))
		return true;
	/* from USERNAME to USERHASH */
	return stun_attr_find(m, STUN_ATTR_NONCE, &a) &&
	       (ch->flags & FLAGS_ANONYMITY) == 0 &&
	       (cookie_flags(a.value, a.len) & FLAGS_ANONYMITY) != 0;
}

bool stun_cred_is_stripped(const struct stun_msg *m)
{
	struct stun_attr nonce, algorithms;

	return stun_attr_find(m, STUN_ATTR_NONCE, &nonce) &&
	       (cookie_flags(nonce.value, nonce.len) & FLAGS_ALGORITHMS) != 0 &&
	       !stun_attr_find(m, STUN_ATTR_PASSWORD_ALGORITHMS, &algorithms);
}

void stun_cred_sign(const struct stun_cred *c, struct stun_build *b)
{
	const struct stun_challenge *ch = c->challenge;

	if (ch == NULL)
		return;
	/* RFC 8489, 9.2.5: the nonce says which. */
	if ((ch->flags & FLAGS_ANONYMITY) != 0)
		stun_build_bytes(b, STUN_ATTR_USERHASH, ch->userhash,
				 sizeof(ch->userhash));
	else
		stun_build_bytes(b, STUN_ATTR_USERNAME, c->username,
				 strlen(c->username));
	stun_build_bytes(b, STUN_ATTR_REALM, ch->bytes, ch->realm_len);
	stun_build_bytes(b, STUN_ATTR_NONCE, nonce_of(ch), ch->nonce_len);
	if (ch->algorithm != ALGORITHM_NONE) {
		stun_build_bytes(b, STUN_ATTR_PASSWORD_ALGORITHMS,
				 algorithms_of(ch), ch->algorithms_len);
		stun_build_u32(b, STUN_ATTR_PASSWORD_ALGORITHM,
			       (uint32_t)ch->algorithm << 16);
	}
	stun_seal_sign(&c->seal, b);
}

enum stun_auth_result stun_cred_verify(const struct stun_cred *c,
				       const struct stun_msg *m)
{
	if (c->challenge == NULL)
		return STUN_AUTH_NONE;
	return stun_seal_verify(&c->seal, m);
}

bool stun_cred_is_strict(const struct stun_cred *c)
{
	const struct stun_challenge *ch = c->challenge;

	return ch != NULL && (ch->modern || ch->algorithm != ALGORITHM_NONE);
}

void stun_cred_save(const struct stun_cred *c, struct buf *out)
{
	const struct stun_challenge *ch = c->challenge;

	if (ch == NULL) {
		buf_put_zero(out, 6);
		return;
	}
	buf_put_u16(out, ch->realm_len);
	buf_put_u16(out, ch->nonce_len);
	buf_put_u16(out, ch->algorithms_len);
	buf_put(out, ch->bytes,
		(size_t)ch->realm_len + ch->nonce_len + ch->algorithms_len);
}

int stun_cred_load(struct stun_cred *c, struct buf_reader *r)
{
	uint16_t realm_len, nonce_len, algorithms_len;
	struct parts p = { 0 };
	int err;

	if (!buf_get_u16(r, &realm_len) || !buf_get_u16(r, &nonce_len) ||
	    !buf_get_u16(r, &algorithms_len) ||
	    !buf_take(r, realm_len, &p.realm) ||
	    !buf_take(r, nonce_len, &p.nonce) ||
	    !buf_take(r, algorithms_len, &p.algorithms))
		return -EBADMSG;
	p.realm_len = realm_len;
	p.nonce_len = nonce_len;
	p.algorithms_len = algorithms_len;
	if (realm_len == 0 && nonce_len == 0)
		return 0; /* saved before there was any */
	if (algorithms_len == 0)
		p.algorithms = NULL;
	if (!fits(&p))
		return -EBADMSG;
	err = take(c, &p);
	if (err == 0)
		c->inherited = true;
	return err;
}
