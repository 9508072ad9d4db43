/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_ask.c - what the relay says about peers
 *
 * Turns the answers to ChannelBind and CreatePermission into what may be sent
 * to whom (RFC 8656, 10 and 12).
 *
 * Theory of operation: a code is about the allocation, about channels, about
 * this peer, or about this moment. The first ends the machine, or makes Refresh
 * ask; without a channel a permission may be had; the last two concern nobody
 * but the peer. Nothing of a peer is touched after a callback, because the
 * owner may have sent from inside it.
 */
#include <config.h>

#include "stun_msg.h"
#include "turn_private.h"

#define AGAIN_MS  500 /* after a 5xx, then twice that … */
#define AGAIN_MAX 3   /* RFC 8489, 6.3.4: a limited number of times */

static void refused(struct turn *t, struct turn_peer *p, unsigned int code,
		    uint64_t now_ms)
{
	struct endpoint peer = p->addr;

	turn_peer_refuse(&t->peers, p, now_ms);
	if (t->events.on_peer_refused != NULL)
		t->events.on_peer_refused(t->arg, &peer, code, now_ms);
}

/* A channel cannot be had; perhaps a permission can. */
static void fall_back(struct turn *t, struct turn_peer *p, unsigned int code,
		      uint64_t now_ms)
{
	if (p->mode != TURN_PEER_CHANNEL) {
		refused(t, p, code, now_ms);
		return;
	}
	p->mode = TURN_PEER_PERMISSION;
	if (turn_peer_ask(&t->peers, p, now_ms) < 0)
		turn_peer_settle(&t->peers, p, false, now_ms);
	t->last_out_ms = now_ms;
}

static void answer_refused(struct turn *t, struct turn_peer *p,
			   const struct stun_txn_error *err, uint64_t now_ms)
{
	switch (err->code) {
	case 401:
	case 437:
	case 438:
	case 441:
		/* About the allocation, not about the peer. */
		turn_peer_settle(&t->peers, p, false, now_ms);
		turn_fail(t, err->code, err->reason, now_ms);
		break;
	case 400:
		/* Relays say so, too, when the allocation is gone. */
		turn_control_probe(t, now_ms);
		fall_back(t, p, err->code, now_ms);
		break;
	case 486:
	case 508:
		fall_back(t, p, err->code, now_ms);
		break;
	case 500:
		if (p->again < AGAIN_MAX)
			turn_peer_postpone(&t->peers, p, AGAIN_MS << p->again,
					   now_ms);
		else
			fall_back(t, p, err->code, now_ms);
		break;
	default:
		refused(t, p, err->code, now_ms);
		break;
	}
}

void turn_ask_answer(struct turn *t, const struct stun_msg *m, uint64_t now_ms)
{
	struct turn_peer *p = turn_peers_by_id(&t->peers, m->id);
	struct stun_txn_error err;
	uint32_t lifetime_s;

	if (t->state != TURN_STATE_READY || p == NULL)
		return;
	switch (stun_txn_answer(&p->txn, &t->cred, m, &err, now_ms)) {
	case STUN_TXN_IGNORE:
		break;
	case STUN_TXN_RETRY:
		p->due = true;
		t->last_out_ms = now_ms;
		break;
	case STUN_TXN_SUCCESS:
		/* No RFC has it there; a server that has it means it. */
		if (stun_msg_u32(m, STUN_ATTR_LIFETIME, &lifetime_s))
			turn_peers_limit(&t->peers, lifetime_s);
		turn_peer_settle(&t->peers, p, true, now_ms);
		break;
	case STUN_TXN_ERROR:
		answer_refused(t, p, &err, now_ms);
		break;
	}
}

void turn_ask_tick(struct turn *t, uint64_t now_ms)
{
	struct turn_peer *p, *next;
	bool asked = false;

	if (now_ms < t->peers.next_ms)
		return;
	for (p = t->peers.pending; p != NULL; p = next) {
		next = p->pend_next;
		if (stun_txn_resend_due(&p->txn, &t->cred, now_ms))
			p->due = true;
		if (now_ms < p->txn.deadline_ms)
			continue;
		/* The next datagram asks again; whether anybody is there is
		 * for Refresh to find out. */
		turn_peer_settle(&t->peers, p, false, now_ms);
		turn_control_probe(t, now_ms);
	}
	turn_peers_sweep(&t->peers, now_ms);
	for (p = t->peers.pending; p != NULL; p = p->pend_next)
		asked = asked || p->due;
	if (asked)
		t->last_out_ms = now_ms;
}
