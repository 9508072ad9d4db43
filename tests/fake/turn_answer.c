/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_answer.c - the fake relay's answers, and whom it believes
 * (RFC 8489, 9.2.4 and 14)
 */
#include <config.h>

#include "turn_server_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two features, in the first two bits of 24 (RFC 8489, 9.2 and 18.1). */
#define COOKIE_PLAIN    ""
#define COOKIE_SHA256   "obMatJos2gAAA"
#define COOKIE_USERHASH "obMatJos2wAAA"

static const uint8_t algorithms[] = { 0, 2, 0, 0, 0, 1, 0, 0 };

void turn_answer_begin(struct answer *a, const struct stun_msg *m,
		       enum stun_class class)
{
	struct stun_attr seal;

	a->sha256 = stun_attr_find(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256,
				   &seal);
	buf_init(&a->buf, a->bytes, sizeof(a->bytes));
	stun_build_begin(&a->b, &a->buf, class, m->method, m->id);
}

void turn_answer_end(struct turn_server_conn *c, struct answer *a, bool seal)
{
	const struct turn_server_knobs *k = &c->s->knobs;

	if (k->unknown_attribute)
		stun_build_u32(&a->b, 0x7fff, 1);
	if (k->software != NULL)
		stun_build_bytes(&a->b, STUN_ATTR_SOFTWARE, k->software,
				 strlen(k->software));
	if (seal && a->sha256)
		stun_auth_sign_sha256(&a->b, c->s->key_sha256,
				      sizeof(c->s->key_sha256));
	else if (seal)
		stun_auth_sign(&a->b, c->s->key, sizeof(c->s->key));
	if (seal && k->break_integrity)
		a->bytes[a->buf.len - 1] ^= 1;
	stun_auth_fingerprint(&a->b);
	if (a->buf.failed)
		abort();
	turn_server_emit(c, a->bytes, a->buf.len);
}

void turn_answer_new_nonce(struct turn_server_conn *c, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	const char *cookie = COOKIE_PLAIN;

	if (k->sha256)
		cookie = k->userhash ? COOKIE_USERHASH : COOKIE_SHA256;
	snprintf(c->nonce, sizeof(c->nonce), "%s%016x", cookie, ++c->s->nonces);
	c->nonce_born_ms = now_ms;
}

static void put_challenge(struct turn_server_conn *c, struct answer *a)
{
	stun_build_bytes(&a->b, STUN_ATTR_REALM, c->s->realm,
			 strlen(c->s->realm));
	stun_build_bytes(&a->b, STUN_ATTR_NONCE, c->nonce, strlen(c->nonce));
	if (c->s->knobs.sha256)
		stun_build_bytes(&a->b, STUN_ATTR_PASSWORD_ALGORITHMS,
				 algorithms, sizeof(algorithms));
}

/* Not XORed; made by hand because no client sends it. */
static void put_alternate(const struct turn_server_knobs *k, struct answer *a)
{
	uint8_t *p = stun_build_attr(&a->b, STUN_ATTR_ALTERNATE_SERVER, 8);

	be16_set(p, 1);
	memcpy(p + 2, &k->alternate.port_be, 2);
	memcpy(p + 4, k->alternate.ip, 4);
	if (k->alternate_domain != NULL)
		stun_build_bytes(&a->b, STUN_ATTR_ALTERNATE_DOMAIN,
				 k->alternate_domain,
				 strlen(k->alternate_domain));
}

void turn_answer_error(struct turn_server_conn *c, const struct stun_msg *m,
		       unsigned int code, bool seal)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	struct answer a;
	uint8_t *p;

	turn_answer_begin(&a, m, STUN_CLASS_ERROR);
	p = stun_build_attr(&a.b, STUN_ATTR_ERROR_CODE, 4 + k->reason_len);
	be32_set(p, code / 100 << 8 | code % 100);
	if (k->reason_len > 0)
		memcpy(p + 4, k->reason, k->reason_len);
	if (code == 401 || code == 438)
		put_challenge(c, &a);
	if (code == 300)
		put_alternate(k, &a);
	c->s->stats.errors++;
	turn_answer_end(c, &a, seal);
}

void turn_answer_success(struct turn_server_conn *c, const struct stun_msg *m)
{
	struct answer a;

	turn_answer_begin(&a, m, STUN_CLASS_SUCCESS);
	turn_answer_end(c, &a, !c->s->knobs.no_integrity);
}

struct allocation *turn_answer_ticket(const struct turn_server_conn *c,
				      const struct stun_msg *m)
{
	struct stun_attr t;

	if (!stun_attr_find(m, STUN_ATTR_MOBILITY_TICKET, &t) ||
	    t.len != TICKET_LEN)
		return NULL;
	for (struct allocation *a = c->s->allocations; a != NULL; a = a->next) {
		if (memcmp(a->ticket, t.value, TICKET_LEN) == 0)
			return a;
	}
	return NULL;
}

/* Of this connection, or of the one whose allocation is asked for. */
static bool nonce_is_known(const struct turn_server_conn *c,
			   const struct stun_msg *m,
			   const struct stun_attr *nonce)
{
	const struct allocation *a = turn_answer_ticket(c, m);

	if (nonce->len == strlen(c->nonce) &&
	    memcmp(nonce->value, c->nonce, nonce->len) == 0)
		return true;
	return a != NULL && !c->s->knobs.mobile_nonce_fresh &&
	       nonce->len == strlen(a->nonce) &&
	       memcmp(nonce->value, a->nonce, nonce->len) == 0;
}

static bool user_is_known(struct turn_server *s, const struct stun_msg *m)
{
	struct stun_attr user;

	if (stun_attr_find(m, STUN_ATTR_USERHASH, &user)) {
		s->stats.userhashes++;
		return s->knobs.userhash && user.len == STUN_USERHASH_LEN &&
		       memcmp(user.value, s->userhash, user.len) == 0;
	}
	return stun_attr_find(m, STUN_ATTR_USERNAME, &user) &&
	       user.len == strlen(s->username) &&
	       memcmp(user.value, s->username, user.len) == 0;
}

static bool seal_is_good(struct turn_server *s, const struct stun_msg *m)
{
	struct stun_attr a, chosen;

	if (!s->knobs.sha256)
		return stun_auth_verify(m, s->key, sizeof(s->key)) ==
		       STUN_AUTH_GOOD;
	s->stats.sealed_sha256++;
	return stun_attr_find(m, STUN_ATTR_PASSWORD_ALGORITHMS, &a) &&
	       a.len == sizeof(algorithms) &&
	       memcmp(a.value, algorithms, a.len) == 0 &&
	       stun_attr_find(m, STUN_ATTR_PASSWORD_ALGORITHM, &chosen) &&
	       chosen.len == 4 && memcmp(chosen.value, algorithms, 4) == 0 &&
	       stun_auth_verify_sha256(m, s->key_sha256,
				       sizeof(s->key_sha256)) == STUN_AUTH_GOOD;
}

unsigned int turn_answer_authenticate(struct turn_server_conn *c,
				      const struct stun_msg *m, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	struct stun_attr nonce, realm;

	if (c->nonce[0] == '\0')
		turn_answer_new_nonce(c, now_ms);
	if (!stun_attr_find(m, STUN_ATTR_REALM, &realm) ||
	    !stun_attr_find(m, STUN_ATTR_NONCE, &nonce))
		return 401;
	if ((k->nonce_ms != 0 && now_ms >= c->nonce_born_ms + k->nonce_ms) ||
	    (k->stale_every != 0 && ++c->s->requests % k->stale_every == 0)) {
		turn_answer_new_nonce(c, now_ms);
		return 438;
	}
	if (!nonce_is_known(c, m, &nonce))
		return 438;
	return user_is_known(c->s, m) && seal_is_good(c->s, m) ? 0 : 401;
}
