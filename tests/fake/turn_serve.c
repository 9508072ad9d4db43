/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_serve.c - what the fake relay does for a request
 * (RFC 8656, 7.2, 8.2, 10.2 and 12.2; RFC 8016, 3)
 */
#include <config.h>

#include "turn_server_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_lifetime(struct turn_server_conn *c, struct answer *a,
			 uint64_t now_ms)
{
	uint32_t s = c->s->knobs.lifetime_s;

	c->a->expires_ms = now_ms + (s != 0 ? s : 600) * 1000ull;
	if (s != 0)
		stun_build_u32(&a->b, STUN_ATTR_LIFETIME, s);
}

static void put_ticket(struct turn_server_conn *c, struct answer *a)
{
	struct turn_server *s = c->s;

	snprintf(c->a->ticket, sizeof(c->a->ticket), "%0*x", TICKET_LEN,
		 ++s->tickets);
	s->stats.tickets++;
	stun_build_bytes(&a->b, STUN_ATTR_MOBILITY_TICKET, c->a->ticket,
			 TICKET_LEN);
}

static struct allocation *allocate(struct turn_server_conn *c,
				   const struct stun_msg *m, uint32_t family)
{
	struct allocation *a = turn_server_must(calloc(1, sizeof(*a)));

	a->relayed = (struct endpoint){ .family = ENDPOINT_IPV4,
					.ip = { 198, 51, 100, 1 } };
	if (family == 0x02000000)
		a->relayed = (struct endpoint){ .family = ENDPOINT_IPV6,
						.ip = { 0x20, 1, 0x0d, 0xb8 } };
	a->relayed.port_be = htons(c->s->next_port++);
	if (c->s->knobs.relayed.family != 0)
		a->relayed = c->s->knobs.relayed;
	memcpy(a->id, m->id, sizeof(a->id));
	memcpy(a->nonce, c->nonce, sizeof(a->nonce));
	a->conn = c;
	a->next = c->s->allocations;
	c->s->allocations = a;
	c->a = a;
	return a;
}

static unsigned int count(const struct turn_server *s)
{
	unsigned int n = 0;

	for (const struct allocation *a = s->allocations; a != NULL;
	     a = a->next)
		n++;
	return n;
}

static unsigned int check_allocate(struct turn_server_conn *c,
				   const struct stun_msg *m, bool mobile)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	uint32_t transport;

	/* RFC 8656, 7.2: the same one again is answered again. */
	if (c->a != NULL && memcmp(c->a->id, m->id, sizeof(c->a->id)) != 0)
		return 437;
	if (!stun_msg_u32(m, STUN_ATTR_REQUESTED_TRANSPORT, &transport))
		return 400;
	if (transport != 0x11000000)
		return 442;
	if (mobile && !k->mobility)
		return 405;
	if (c->a == NULL && k->quota != 0 && count(c->s) >= k->quota)
		return 486;
	return 0;
}

static unsigned int serve_allocate(struct turn_server_conn *c,
				   const struct stun_msg *m, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	uint32_t family = 0x01000000;
	struct stun_attr ticket;
	bool mobile = stun_attr_find(m, STUN_ATTR_MOBILITY_TICKET, &ticket);
	unsigned int code = check_allocate(c, m, mobile);
	struct answer a;

	if (code != 0)
		return code;
	if (!stun_msg_u32(m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &family))
		family = 0x01000000;
	if (k->wrong_family)
		family ^= 0x03000000;
	if (c->a == NULL)
		allocate(c, m, family);
	turn_answer_begin(&a, m, STUN_CLASS_SUCCESS);
	if (!k->no_relayed_address)
		stun_build_address(&a.b, STUN_ATTR_XOR_RELAYED_ADDRESS,
				   &c->a->relayed);
	stun_build_address(&a.b, STUN_ATTR_XOR_MAPPED_ADDRESS, &c->a->relayed);
	put_lifetime(c, &a, now_ms);
	if (mobile)
		put_ticket(c, &a);
	turn_answer_end(c, &a, !k->no_integrity);
	return 0;
}

/* RFC 8016, 3.2.2: to this connection, away from the old one. */
static unsigned int move(struct turn_server_conn *c, const struct stun_msg *m)
{
	struct allocation *a = turn_answer_ticket(c, m);

	if (!c->s->knobs.mobility)
		return 405;
	if (c->a != NULL)
		return 400;
	if (a == NULL)
		return 437;
	if (a->conn != NULL) {
		a->conn->a = NULL;
		a->conn->lost = true;
	}
	a->conn = c;
	c->a = a;
	/* The session goes on where it was, or begins anew. */
	if (c->s->knobs.mobile_nonce_fresh)
		memcpy(a->nonce, c->nonce, sizeof(a->nonce));
	else
		memcpy(c->nonce, a->nonce, sizeof(c->nonce));
	c->s->stats.moves++;
	return 0;
}

static void release(struct turn_server_conn *c)
{
	turn_server_forget(c->s, c->a);
	c->a = NULL;
	c->lost = true;
	c->ended = c->s->knobs.reset_on_release;
}

static unsigned int serve_refresh(struct turn_server_conn *c,
				  const struct stun_msg *m, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	struct stun_attr ticket;
	unsigned int code = 0;
	struct answer a;
	uint32_t s;

	if (stun_attr_find(m, STUN_ATTR_MOBILITY_TICKET, &ticket)) {
		if (k->mobile_mute)
			return 0;
		code = move(c, m);
	}
	if (code != 0)
		return code;
	if (c->a == NULL)
		return k->refresh_400 ? 400 : 437;
	turn_answer_begin(&a, m, STUN_CLASS_SUCCESS);
	if (stun_msg_u32(m, STUN_ATTR_LIFETIME, &s) && s == 0) {
		release(c);
		stun_build_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	} else {
		put_lifetime(c, &a, now_ms);
		if (c->a->ticket[0] != '\0')
			put_ticket(c, &a);
	}
	turn_answer_end(c, &a, !k->no_integrity);
	return 0;
}

static bool same_ip(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, 16) == 0;
}

static void permit(struct allocation *a, const struct endpoint *peer,
		   uint64_t until_ms)
{
	struct permission *p;

	for (size_t i = 0; i < a->permissions; i++) {
		if (same_ip(&a->permission[i].ip, peer)) {
			a->permission[i].until_ms = until_ms;
			return;
		}
	}
	a->permission = turn_server_must(
		realloc(a->permission, (a->permissions + 1) * sizeof(*p)));
	p = &a->permission[a->permissions++];
	*p = (struct permission){ .ip = *peer, .until_ms = until_ms };
	p->ip.port_be = 0;
}

bool turn_serve_permitted(const struct turn_server_conn *c,
			  const struct endpoint *peer, uint64_t now_ms)
{
	const struct allocation *a = c->a;

	for (size_t i = 0; a != NULL && i < a->permissions; i++) {
		if (same_ip(&a->permission[i].ip, peer))
			return now_ms < a->permission[i].until_ms;
	}
	return false;
}

/* Common to CreatePermission and ChannelBind. */
static unsigned int check_peer(struct turn_server_conn *c,
			       const struct stun_msg *m, struct endpoint *peer)
{
	if (c->a == NULL)
		return 400; /* as coturn before 4.17; RFC 8656 says 437 */
	if (!stun_msg_address(m, STUN_ATTR_XOR_PEER_ADDRESS, peer))
		return 400;
	if (peer->family != c->a->relayed.family)
		return 443;
	if (same_ip(peer, &c->s->knobs.refuse))
		return 403;
	return 0;
}

static unsigned int serve_permission(struct turn_server_conn *c,
				     const struct stun_msg *m, uint64_t now_ms)
{
	uint32_t s = c->s->knobs.permission_s;
	struct endpoint peer;
	unsigned int code = check_peer(c, m, &peer);

	if (code != 0)
		return code;
	permit(c->a, &peer, now_ms + (s != 0 ? s : 300) * 1000ull);
	turn_answer_success(c, m);
	return 0;
}

static unsigned int check_channel(struct turn_server_conn *c, uint32_t number,
				  const struct endpoint *peer, uint64_t now_ms)
{
	const struct channel *ch = &c->a->channel[number];

	if (ch->peer.family != 0 && !endpoint_equal(&ch->peer, peer)) {
		if (now_ms < ch->until_ms)
			return 400;
		if (now_ms < ch->until_ms + HOLD_MS)
			c->s->stats.reused_early++;
	}
	for (size_t i = 0; i < CHANNELS; i++) {
		if (i != number && now_ms < c->a->channel[i].until_ms &&
		    endpoint_equal(&c->a->channel[i].peer, peer))
			return 400;
	}
	return 0;
}

static unsigned int serve_bind(struct turn_server_conn *c,
			       const struct stun_msg *m, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	uint32_t s = k->channel_s != 0 ? k->channel_s : 600;
	struct endpoint peer;
	unsigned int code = check_peer(c, m, &peer);
	struct answer a;
	uint32_t number;

	if (code != 0)
		return code;
	if (!stun_msg_u32(m, STUN_ATTR_CHANNEL_NUMBER, &number))
		return 400;
	number = (number >> 16) - CHANNEL_MIN;
	if (number >= CHANNELS)
		return 400;
	code = check_channel(c, number, &peer, now_ms);
	if (code != 0)
		return code;
	c->a->channel[number] = (struct channel){
		.peer = peer, .until_ms = now_ms + s * 1000ull
	};
	permit(c->a, &peer, now_ms + s * 1000ull);
	turn_answer_begin(&a, m, STUN_CLASS_SUCCESS);
	if (k->tell_channel)
		stun_build_u32(&a.b, STUN_ATTR_LIFETIME, s);
	turn_answer_end(c, &a, !k->no_integrity);
	return 0;
}

static unsigned int serve(struct turn_server_conn *c, const struct stun_msg *m,
			  uint64_t now_ms)
{
	unsigned int code;

	if (m->method == STUN_METHOD_ALLOCATE && c->s->knobs.redirect)
		return 300;
	code = turn_answer_authenticate(c, m, now_ms);
	if (code != 0)
		return code;
	switch (m->method) {
	case STUN_METHOD_ALLOCATE:
		return serve_allocate(c, m, now_ms);
	case STUN_METHOD_REFRESH:
		return serve_refresh(c, m, now_ms);
	case STUN_METHOD_CREATE_PERMISSION:
		return serve_permission(c, m, now_ms);
	case STUN_METHOD_CHANNEL_BIND:
		return serve_bind(c, m, now_ms);
	default:
		c->s->stats.bad_requests++;
		return 400;
	}
}

static bool forced(struct turn_server_knobs *k, const struct stun_msg *m)
{
	if (k->force_count == 0 ||
	    (k->force_method != 0 && k->force_method != m->method))
		return false;
	k->force_count--;
	return true;
}

static void expire(struct turn_server *s, uint64_t now_ms)
{
	struct allocation *a, *next;

	for (a = s->allocations; a != NULL; a = next) {
		next = a->next;
		if (now_ms < a->expires_ms)
			continue;
		if (a->conn != NULL) {
			a->conn->a = NULL;
			a->conn->lost = true;
		}
		turn_server_forget(s, a);
	}
}

void turn_serve(struct turn_server_conn *c, const struct stun_msg *m,
		uint64_t now_ms)
{
	struct turn_server_knobs *k = &c->s->knobs;
	struct stun_attr ticket;
	unsigned int code;

	expire(c->s, now_ms);
	c->s->stats.requests[m->method & 15]++;
	if (c->a == NULL && !c->lost && m->method != STUN_METHOD_ALLOCATE &&
	    m->method != STUN_METHOD_BINDING &&
	    !stun_attr_find(m, STUN_ATTR_MOBILITY_TICKET, &ticket))
		c->s->stats.early++;
	if (stun_msg_unknown(m) != 0)
		c->s->stats.bad_requests++;
	if (k->silent || (k->drop > 0 && k->drop-- > 0))
		return;
	if (forced(k, m)) {
		if (k->force_error == 401 || k->force_error == 438)
			turn_answer_new_nonce(c, now_ms);
		turn_answer_error(c, m, k->force_error, k->force_signed);
		return;
	}
	if (m->method == STUN_METHOD_BINDING) {
		struct answer a;

		turn_answer_begin(&a, m, STUN_CLASS_SUCCESS);
		if (c->source.family != 0)
			stun_build_address(&a.b, STUN_ATTR_XOR_MAPPED_ADDRESS,
					   &c->source);
		turn_answer_end(c, &a, false);
		return;
	}
	code = serve(c, m, now_ms);
	if (code != 0)
		turn_answer_error(c, m, code,
				  code != 300 && code != 401 && code != 438);
}
