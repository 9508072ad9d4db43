/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_resume.c - an allocation that goes from one connection to the next
 *
 * Turns an allocation into bytes, and these into a machine that goes on with it
 * (RFC 8016, 3.2).
 *
 * Theory of operation: the bytes hold what the Refresh with the ticket needs -
 * credentials and challenge of the old connection, because the relay takes no
 * others for this allocation - and the peers, so that their channels serve at
 * once. No clock is common to both sides, so times are written as ages and
 * become times again in turn_start(). Who wrote the bytes cannot be known: all
 * of them are checked before the first one is used.
 *
 *	magic, version, family, 0 (1 byte each); time left, ms (4)
 *	username, password, ticket: length (2) and bytes
 *	challenge, as stun_cred_save() has it: length (2) and bytes
 *	relayed address; next channel (2); number of peers (2)
 *	each peer: address, mode, granted (1 each), channel (2), ages of grant,
 *	request and use, ms (4 each)
 *	address: family (1), port (2), 4 or 16 bytes
 */
#include <config.h>

#include "buf.h"
#include "clock.h"
#include "turn_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define EXPORT_MAGIC        0x54
#define EXPORT_VERSION      1
#define EXPORT_PASSWORD_MAX 1024 /* ours */

struct text {
	const uint8_t *data;
	uint16_t len;
};

/* Writing */

static void put_text(struct buf *out, const void *data, size_t len)
{
	buf_put_u16(out, (uint16_t)len);
	buf_put(out, data, len);
}

static void put_endpoint(struct buf *out, const struct endpoint *e)
{
	buf_put_u8(out, e->family);
	buf_put(out, &e->port_be, sizeof(e->port_be));
	buf_put(out, e->ip, e->family == ENDPOINT_IPV6 ? 16 : 4);
}

static void put_age(struct buf *out, uint64_t at_ms, uint64_t now_ms)
{
	uint64_t age_ms = now_ms > at_ms ? now_ms - at_ms : 0;

	buf_put_u32(out, age_ms < UINT32_MAX ? (uint32_t)age_ms : UINT32_MAX);
}

static void put_challenge(struct buf *out, const struct stun_cred *cred)
{
	size_t at = out->len;

	buf_put_u16(out, 0);
	stun_cred_save(cred, out);
	if (!out->failed)
		buf_set_u16(out, at, (uint16_t)(out->len - at - 2));
}

static void put_peer(struct buf *out, const struct turn_peer *p,
		     uint64_t now_ms)
{
	put_endpoint(out, &p->addr);
	buf_put_u8(out, (uint8_t)p->mode);
	buf_put_u8(out, p->granted);
	buf_put_u16(out, p->channel);
	put_age(out, p->granted_ms, now_ms);
	put_age(out, p->asked_ms, now_ms);
	put_age(out, p->used_ms, now_ms);
}

struct listing {
	const struct turn_peer **peer;
	size_t count;
};

static void list_peer(void *arg, struct turn_peer *p)
{
	struct listing *l = arg;

	/* A refusal is soon said again. */
	if (p->mode != TURN_PEER_REFUSED)
		l->peer[l->count++] = p;
}

static int later_first(const void *a, const void *b)
{
	const struct turn_peer *const *p = a, *const *q = b;

	return ((*q)->used_ms > (*p)->used_ms) -
	       ((*q)->used_ms < (*p)->used_ms);
}

/* As many as there is room for; without memory none, which costs each peer one
 * request and no more. */
static void put_peers(struct buf *out, const struct turn_peers *ps,
		      uint64_t now_ms)
{
	struct listing l = { 0 };
	size_t at = out->len;
	uint16_t n = 0;

	buf_put_u16(out, 0);
	if (ps->count > 0)
		l.peer = calloc(ps->count, sizeof(const struct turn_peer *));
	if (l.peer == NULL || out->failed)
		goto out;
	turn_peers_each(ps, list_peer, &l);
	qsort(l.peer, l.count, sizeof(const struct turn_peer *), later_first);
	for (; n < l.count; n++) {
		size_t mark = out->len;

		put_peer(out, l.peer[n], now_ms);
		if (!out->failed)
			continue;
		out->failed = false;
		out->len = mark;
		break;
	}
	buf_set_u16(out, at, n);
out:
	free(l.peer);
}

bool turn_is_mobile(const struct turn *t)
{
	return t->ticket_len > 0;
}

static bool can_export(const struct turn *t, uint64_t now_ms)
{
	bool lives = t->state == TURN_STATE_READY ||
		     (t->state == TURN_STATE_ALLOCATING && t->resuming) ||
		     (t->state == TURN_STATE_FAILED &&
		      t->blame == TURN_BLAME_PATH);

	return lives && turn_is_mobile(t) &&
	       t->relayed.family != ENDPOINT_NONE && now_ms < t->expires_ms &&
	       stun_cred_ready(&t->cred) &&
	       strlen(t->cred.password) <= EXPORT_PASSWORD_MAX;
}

int turn_export(const struct turn *t, struct buf *out, uint64_t now_ms)
{
	size_t mark = out->len;

	if (!can_export(t, now_ms))
		return -ENOTSUP;
	buf_put_u8(out, EXPORT_MAGIC);
	buf_put_u8(out, EXPORT_VERSION);
	buf_put_u8(out, t->family);
	buf_put_u8(out, 0);
	buf_put_u32(out, (uint32_t)(t->expires_ms - now_ms));
	put_text(out, t->cred.username, strlen(t->cred.username));
	put_text(out, t->cred.password, strlen(t->cred.password));
	put_text(out, t->ticket, t->ticket_len);
	put_challenge(out, &t->cred);
	put_endpoint(out, &t->relayed);
	buf_put_u16(out, (uint16_t)t->peers.channel_cursor);
	put_peers(out, &t->peers, now_ms);
	if (!out->failed)
		return 0;
	OPENSSL_cleanse(out->data + mark, out->len - mark);
	out->failed = false;
	out->len = mark;
	return -ENOBUFS;
}

/* Reading */

static bool get_text(struct buf_reader *r, size_t max, struct text *x)
{
	return buf_get_u16(r, &x->len) && x->len <= max &&
	       buf_take(r, x->len, &x->data);
}

static bool get_endpoint(struct buf_reader *r, struct endpoint *e)
{
	*e = (struct endpoint){ 0 };
	if (!buf_get_u8(r, &e->family) ||
	    (e->family != ENDPOINT_IPV4 && e->family != ENDPOINT_IPV6))
		return false;
	return buf_get(r, &e->port_be, sizeof(e->port_be)) &&
	       buf_get(r, e->ip, e->family == ENDPOINT_IPV6 ? 16 : 4);
}

static bool get_age(struct buf_reader *r, uint64_t *age_ms)
{
	uint32_t v;
	bool ok = buf_get_u32(r, &v);

	*age_ms = ok ? v : 0;
	return ok;
}

static bool get_peer(struct buf_reader *r, struct turn_peer *p)
{
	uint8_t mode, granted;

	if (!get_endpoint(r, &p->addr) || !buf_get_u8(r, &mode) ||
	    !buf_get_u8(r, &granted) || !buf_get_u16(r, &p->channel) ||
	    !get_age(r, &p->granted_ms) || !get_age(r, &p->asked_ms) ||
	    !get_age(r, &p->used_ms))
		return false;
	p->mode = (enum turn_peer_mode)mode;
	p->granted = granted;
	return mode < TURN_PEER_REFUSED && granted <= 1 &&
	       (mode != TURN_PEER_CHANNEL || p->channel != 0);
}

static int restore_peer(struct buf_reader *r, struct turn *t)
{
	struct turn_peer in = { 0 }, *p;

	if (!get_peer(r, &in) || in.addr.family != t->family ||
	    turn_peers_find(&t->peers, &in.addr) != NULL)
		return -EBADMSG;
	p = turn_peers_restore(&t->peers, &in.addr, in.channel);
	if (p == NULL)
		return -ENOMEM;
	if (p->channel != in.channel)
		return -EBADMSG; /* none of ours, or another peer's */
	p->mode = in.mode;
	p->granted = in.granted;
	p->granted_ms = in.granted_ms;
	p->asked_ms = in.asked_ms;
	p->used_ms = in.used_ms;
	return 0;
}

static int get_peers(struct buf_reader *r, struct turn *t)
{
	uint16_t cursor, n;
	int err = 0;

	if (!get_endpoint(r, &t->relayed) || t->relayed.family != t->family ||
	    !buf_get_u16(r, &cursor) || !buf_get_u16(r, &n))
		return -EBADMSG;
	while (n-- > 0 && err == 0)
		err = restore_peer(r, t);
	/* Bytes that nobody has asked for are a sign of a mistake. */
	if (err == 0 && r->left > 0)
		err = -EBADMSG;
	t->peers.channel_cursor = cursor;
	return err;
}

/* The credentials that were exported, unless the owner has some for the same
 * user. */
static int init_cred(struct turn *t, const struct turn_opts *opts,
		     const struct text *name, const struct text *password)
{
	char user[STUN_USERNAME_MAX + 1] = { 0 };
	char secret[EXPORT_PASSWORD_MAX + 1] = { 0 };
	int err;

	memcpy(user, name->data, name->len);
	memcpy(secret, password->data, password->len);
	if (strlen(user) != name->len || strlen(secret) != password->len)
		err = -EBADMSG;
	else if (opts->username == NULL)
		err = stun_cred_init(&t->cred, user, secret);
	else
		err = stun_cred_init(&t->cred, opts->username,
				     opts->password != NULL ? opts->password
							    : secret);
	if (err == 0 && strcmp(t->cred.username, user) != 0)
		err = -EACCES;
	OPENSSL_cleanse(secret, sizeof(secret));
	return err;
}

static int get_challenge(struct turn *t, const struct text *challenge)
{
	struct buf_reader r;
	int err;

	buf_reader_init(&r, challenge->data, challenge->len);
	err = stun_cred_load(&t->cred, &r);
	return err == 0 && r.left > 0 ? -EBADMSG : err;
}

struct secrets {
	struct text username, password, ticket, challenge;
};

static bool get_secrets(struct buf_reader *r, struct secrets *x)
{
	return get_text(r, STUN_USERNAME_MAX, &x->username) &&
	       get_text(r, EXPORT_PASSWORD_MAX, &x->password) &&
	       get_text(r, TURN_TICKET_MAX, &x->ticket) && x->ticket.len > 0 &&
	       get_text(r, STUN_CRED_SAVE_MAX, &x->challenge);
}

int turn_resume_import(struct turn *t, const struct turn_opts *opts)
{
	uint8_t magic, version, family, zero;
	struct buf_reader r;
	struct secrets x;
	uint32_t left_ms;
	int err;

	buf_reader_init(&r, opts->resume, opts->resume_len);
	if (!buf_get_u8(&r, &magic) || magic != EXPORT_MAGIC ||
	    !buf_get_u8(&r, &version) || version != EXPORT_VERSION ||
	    !buf_get_u8(&r, &family) || !buf_get_u8(&r, &zero) || zero != 0 ||
	    !buf_get_u32(&r, &left_ms) || !get_secrets(&r, &x))
		return -EBADMSG;
	if (family != t->family)
		return -EINVAL;
	err = init_cred(t, opts, &x.username, &x.password);
	if (err == 0)
		err = get_challenge(t, &x.challenge);
	if (err == 0)
		err = get_peers(&r, t);
	if (err < 0)
		return err;
	memcpy(t->ticket, x.ticket.data, x.ticket.len);
	t->ticket_len = x.ticket.len;
	t->expires_ms = left_ms;
	t->resuming = true;
	return 0;
}

/* Going on */

struct birth {
	uint64_t now_ms;
};

/* An age that the clock has no time for is very old. */
static void date_peer(void *arg, struct turn_peer *p)
{
	uint64_t now_ms = ((const struct birth *)arg)->now_ms;

	if (p->granted_ms > now_ms)
		p->granted = false;
	p->granted_ms = now_ms > p->granted_ms ? now_ms - p->granted_ms : 0;
	p->asked_ms = now_ms > p->asked_ms ? now_ms - p->asked_ms : 0;
	p->used_ms = now_ms > p->used_ms ? now_ms - p->used_ms : 0;
}

void turn_resume_start(struct turn *t, uint64_t now_ms)
{
	struct birth b = { .now_ms = now_ms };

	turn_peers_each(&t->peers, date_peer, &b);
	t->peers.next_ms = now_ms; /* look at all once it is READY */
	t->expires_ms += now_ms;
	turn_control_begin(t, TURN_CONTROL_REFRESH, now_ms);
}

static void adopt_peer(void *arg, struct turn_peer *old)
{
	struct turn *t = arg;
	struct turn_peer *p = turn_peers_find(&t->peers, &old->addr);

	if (p == NULL) {
		p = turn_peers_restore(&t->peers, &old->addr, old->channel);
		if (p == NULL)
			return;
		p->asked_ms = old->asked_ms;
	}
	if (old->used_ms > p->used_ms)
		p->used_ms = old->used_ms;
	/* The answer to a later request has come to the old connection or is
	 * lost: if in doubt it is asked again. */
	if (old->granted && old->granted_ms >= p->granted_ms &&
	    old->channel == p->channel && !p->txn.active) {
		p->granted = true;
		p->granted_ms = old->granted_ms;
		p->mode = old->mode;
	}
}

void turn_adopt_peers(struct turn *t, const struct turn *old, uint64_t now_ms)
{
	if (old->family != t->family)
		return;
	turn_peers_each(&old->peers, adopt_peer, t);
	t->peers.next_ms = now_ms;
}
