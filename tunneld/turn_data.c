/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_data.c - datagrams of a TURN allocation
 *
 * Turns (peer, datagram) into ChannelData or Send indications and back
 * (RFC 8656, 10 to 12).
 *
 * Theory of operation: a peer's first datagram goes out behind the ChannelBind
 * that it needs, in one piece: relays work a stream off in order, so nobody
 * waits for the answer. A relay that will not bind is asked for a permission
 * instead, and then takes Send indications. Nothing of a peer is touched after
 * a callback, because the owner may have sent from inside it.
 */
#include <config.h>

#include "buf.h"
#include "stun_msg.h"
#include "turn_private.h"

#include <errno.h>
#include <string.h>

#define CHANNEL_HEADER_LEN 4
#define DATAGRAM_MAX       0xffff
#define UDP_PAYLOAD_MAX    65507 /* RFC 768 in RFC 791 */

static void build_request(struct turn *t, struct turn_peer *p, struct buf *out)
{
	struct stun_build b;

	stun_txn_build_begin(&p->txn, &b, out);
	if (p->txn.method == STUN_METHOD_CHANNEL_BIND)
		stun_build_u32(&b, STUN_ATTR_CHANNEL_NUMBER,
			       (uint32_t)p->channel << 16);
	stun_build_address(&b, STUN_ATTR_XOR_PEER_ADDRESS, &p->addr);
	stun_txn_build_end(&p->txn, &b, &t->cred);
}

static void put_channel_data(const struct turn_peer *p, const uint8_t *data,
			     size_t len, struct buf *out)
{
	/* RFC 8656, 12.5: a must over TCP and TLS, and allowed over UDP, where
	 * it lets turn_next_frame() find the next one. */
	size_t pad = -len & 3;
	uint8_t *w = buf_reserve(out, CHANNEL_HEADER_LEN + len + pad);

	if (w == NULL)
		return;
	be16_set(w, p->channel);
	be16_set(w + 2, (uint16_t)len);
	w += CHANNEL_HEADER_LEN;
	if (len > 0)
		memcpy(w, data, len);
	memset(w + len, 0, pad);
}

/* RFC 8656, 11.1. Its id only has to differ from the last. */
static void put_send_indication(struct turn *t, const struct turn_peer *p,
				const uint8_t *data, size_t len,
				struct buf *out)
{
	uint8_t *id = t->indication_id;
	struct stun_build b;

	be32_set(id, be32_get(id) + 1);
	stun_build_begin(&b, out, STUN_CLASS_INDICATION, STUN_METHOD_SEND, id);
	stun_build_address(&b, STUN_ATTR_XOR_PEER_ADDRESS, &p->addr);
	stun_build_bytes(&b, STUN_ATTR_DATA, data, len);
}

/* The header, the address and DATA's own header count too. */
static size_t datagram_max(const struct turn *t, const struct turn_peer *p)
{
	size_t address = p->addr.family == ENDPOINT_IPV6 ? 24 : 12;
	size_t whole = STUN_HEADER_LEN + 0xfffc;

	if (t->datagram)
		whole = UDP_PAYLOAD_MAX & ~3;
	if (p->mode == TURN_PEER_PERMISSION)
		return whole - STUN_HEADER_LEN - address - 4;
	return t->datagram ? whole - CHANNEL_HEADER_LEN : DATAGRAM_MAX;
}

/* All of it, or -ENOBUFS and nothing. */
static int append(struct turn *t, struct turn_peer *p, const uint8_t *data,
		  size_t len, struct buf *out)
{
	size_t mark = out->len;

	if (p->due)
		build_request(t, p, out);
	if (p->mode == TURN_PEER_CHANNEL)
		put_channel_data(p, data, len, out);
	else
		put_send_indication(t, p, data, len, out);
	if (out->failed) {
		out->failed = false;
		out->len = mark;
		return -ENOBUFS;
	}
	p->due = false;
	return 0;
}

int turn_wrap(struct turn *t, const struct endpoint *peer, const uint8_t *data,
	      size_t len, struct buf *out, uint64_t now_ms)
{
	struct turn_peer *p;
	int r;

	if (t->state != TURN_STATE_READY)
		return -ENOTCONN;
	if (len > DATAGRAM_MAX)
		return -EMSGSIZE;
	if (out->failed)
		return -ENOBUFS;
	p = turn_peers_find(&t->peers, peer);
	if (p == NULL) {
		/* The relay would answer 443 (RFC 8656, 9.2). */
		if (peer->family != t->family)
			return -EACCES;
		p = turn_peers_add(&t->peers, peer, now_ms);
		if (p == NULL)
			return -ENOMEM;
	}
	if (turn_peer_needs_ask(&t->peers, p, now_ms)) {
		r = turn_peer_ask(&t->peers, p, now_ms);
		if (r < 0)
			return r;
	}
	if (p->mode == TURN_PEER_REFUSED)
		return -EACCES;
	if (len > datagram_max(t, p))
		return -EMSGSIZE;
	r = append(t, p, data, len, out);
	if (r < 0)
		return r;
	turn_peer_used(&t->peers, p, now_ms);
	t->last_out_ms = now_ms;
	return 0;
}

size_t turn_next_frame(const uint8_t *data, size_t len)
{
	size_t n;

	if (len < CHANNEL_HEADER_LEN)
		return 0;
	n = be16_get(data + 2) +
	    (data[0] >= 0x40 ? CHANNEL_HEADER_LEN : STUN_HEADER_LEN);
	n = (n + 3) & ~(size_t)3;
	return n <= len ? n : 0;
}

bool turn_data_output(struct turn *t, struct buf *out)
{
	struct turn_peer *p;

	for (p = t->peers.pending; p != NULL; p = p->pend_next) {
		size_t mark = out->len;

		if (!p->due)
			continue;
		build_request(t, p, out);
		if (out->failed) {
			out->failed = false;
			out->len = mark;
			return false;
		}
		p->due = false;
	}
	return true;
}

static void deliver(struct turn *t, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (t->events.on_data != NULL)
		t->events.on_data(t->arg, peer, data, len, now_ms);
}

int turn_data_channel(struct turn *t, const uint8_t *frame, size_t len,
		      uint64_t now_ms)
{
	size_t n = be16_get(frame + 2);
	struct endpoint peer;
	struct turn_peer *p;

	if (n > len - CHANNEL_HEADER_LEN)
		return -EBADMSG;
	p = turn_peers_by_channel(&t->peers, be16_get(frame));
	/* RFC 8656, 12.6: unbound channels are silently ignored. */
	if (t->state != TURN_STATE_READY || p == NULL)
		return 0;
	turn_peer_used(&t->peers, p, now_ms);
	peer = p->addr;
	deliver(t, &peer, frame + CHANNEL_HEADER_LEN, n, now_ms);
	return 0;
}

/* RFC 8656, 11.4: from a peer that has a permission but no channel, or from
 * another port of its address. */
void turn_data_indication(struct turn *t, const struct stun_msg *m,
			  uint64_t now_ms)
{
	struct endpoint peer;
	struct turn_peer *p;
	struct stun_attr a;

	if (t->state != TURN_STATE_READY || stun_msg_unknown(m) != 0 ||
	    !stun_msg_address(m, STUN_ATTR_XOR_PEER_ADDRESS, &peer) ||
	    !stun_attr_find(m, STUN_ATTR_DATA, &a))
		return;
	p = turn_peers_find(&t->peers, &peer);
	if (p != NULL)
		turn_peer_used(&t->peers, p, now_ms);
	deliver(t, &peer, a.value, a.len, now_ms);
}
