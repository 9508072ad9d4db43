/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_server.c - a TURN relay on byte buffers
 *
 * Turns a client's stream into answers and datagrams for peers, checking all
 * that RFC 8656 lets a server check (11.2, 12.5 and, in turn_serve.c, more).
 */
#include <config.h>

#include "turn_server.h"

#include "turn_server_private.h"

#include <stdlib.h>
#include <string.h>

void *turn_server_must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct turn_server *turn_server_new(const char *username, const char *password,
				    const char *realm)
{
	struct turn_server *s = turn_server_must(calloc(1, sizeof(*s)));
	size_t realm_len = strlen(realm);

	s->username = turn_server_must(strdup(username));
	s->realm = turn_server_must(strdup(realm));
	s->next_port = 50000;
	s->knobs.lifetime_s = 600;
	if (stun_auth_key(username, realm, realm_len, password, s->key) < 0 ||
	    stun_auth_key_sha256(username, realm, realm_len, password,
				 s->key_sha256) < 0 ||
	    stun_auth_userhash(username, realm, realm_len, s->userhash) < 0)
		abort();
	return s;
}

void turn_server_forget(struct turn_server *s, struct allocation *a)
{
	struct allocation **at = &s->allocations;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	free(a->permission);
	free(a);
}

void turn_server_free(struct turn_server *s)
{
	if (s == NULL)
		return;
	while (s->allocations != NULL)
		turn_server_forget(s, s->allocations);
	free(s->username);
	free(s->realm);
	free(s);
}

struct turn_server_knobs *turn_server_knobs(struct turn_server *s)
{
	return &s->knobs;
}

const struct turn_server_stats *turn_server_stats(const struct turn_server *s)
{
	return &s->stats;
}

void turn_server_on_relay(struct turn_server *s, turn_server_relay_fn *fn,
			  void *arg)
{
	s->relay = fn;
	s->relay_arg = arg;
}

struct turn_server_conn *turn_server_accept(struct turn_server *s)
{
	struct turn_server_conn *c = turn_server_must(calloc(1, sizeof(*c)));

	c->s = s;
	if (framer_init(&c->framer) < 0)
		abort();
	return c;
}

struct turn_server_conn *turn_server_accept_datagrams(struct turn_server *s)
{
	struct turn_server_conn *c = turn_server_accept(s);

	c->datagrams = true;
	return c;
}

void turn_server_set_source(struct turn_server_conn *c,
			    const struct endpoint *source)
{
	c->source = *source;
}

void turn_server_close(struct turn_server_conn *c)
{
	if (c == NULL)
		return;
	if (c->a != NULL && c->a->ticket[0] != '\0')
		c->a->conn = NULL;
	else if (c->a != NULL)
		turn_server_forget(c->s, c->a);
	framer_fini(&c->framer);
	free(c->out);
	free(c);
}

bool turn_server_allocated(const struct turn_server_conn *c)
{
	return c->a != NULL;
}

struct endpoint turn_server_relayed(const struct turn_server_conn *c)
{
	static const struct endpoint none;

	return c->a != NULL ? c->a->relayed : none;
}

void turn_server_lose_allocation(struct turn_server_conn *c)
{
	if (c->a != NULL)
		turn_server_forget(c->s, c->a);
	c->a = NULL;
	c->lost = true;
}

static void append(struct turn_server_conn *c, const void *data, size_t len)
{
	if (c->out_max - c->out_len < len) {
		c->out_max = (c->out_len + len) * 2;
		c->out = turn_server_must(realloc(c->out, c->out_max));
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
}

void turn_server_emit(struct turn_server_conn *c, const void *data, size_t len)
{
	uint8_t head[4];

	be32_set(head, (uint32_t)len);
	if (c->datagrams)
		append(c, head, sizeof(head));
	append(c, data, len);
}

size_t turn_server_output(struct turn_server_conn *c, void *data, size_t max)
{
	size_t n = c->out_len < max ? c->out_len : max, head = 0;

	if (c->s->knobs.split != 0 && n > c->s->knobs.split)
		n = c->s->knobs.split;
	if (n == 0 || c->s->knobs.stall)
		return 0;
	if (c->datagrams) {
		head = 4;
		n = be32_get(c->out);
		if (n > max)
			abort();
	}
	memcpy(data, c->out + head, n);
	c->out_len -= head + n;
	memmove(c->out, c->out + head + n, c->out_len);
	return n;
}

static void to_peer(struct turn_server_conn *c, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (!turn_serve_permitted(c, peer, now_ms)) {
		c->s->stats.lost++;
		return;
	}
	c->s->stats.to_peers++;
	if (c->s->relay != NULL)
		c->s->relay(c->s->relay_arg, c, peer, data, len);
	if (c->s->knobs.echo)
		(void)turn_server_from_peer(c, peer, data, len, now_ms);
}

static void channel_data(struct turn_server_conn *c, const uint8_t *frame,
			 uint64_t now_ms)
{
	uint16_t number = (uint16_t)(be16_get(frame) - CHANNEL_MIN);
	const struct channel *ch = NULL;

	c->s->stats.channel_data++;
	if (c->a == NULL && !c->lost)
		c->s->stats.early++;
	if (c->a != NULL)
		ch = &c->a->channel[number];
	if (ch == NULL || now_ms >= ch->until_ms)
		c->s->stats.lost++;
	else
		to_peer(c, &ch->peer, frame + 4, be16_get(frame + 2), now_ms);
}

static void send_indication(struct turn_server_conn *c,
			    const struct stun_msg *m, uint64_t now_ms)
{
	struct endpoint peer;
	struct stun_attr a;

	c->s->stats.send_indications++;
	if (!stun_msg_address(m, STUN_ATTR_XOR_PEER_ADDRESS, &peer) ||
	    !stun_attr_find(m, STUN_ATTR_DATA, &a))
		c->s->stats.bad_requests++;
	else
		to_peer(c, &peer, a.value, a.len, now_ms);
}

static bool frame_in(struct turn_server_conn *c, const uint8_t *frame,
		     size_t len, uint64_t now_ms)
{
	struct stun_msg m;

	if (frame[0] >= 0x40) {
		channel_data(c, frame, now_ms);
		return true;
	}
	if (stun_msg_parse(&m, frame, len) < 0) {
		c->s->stats.bad_requests++;
		return false;
	}
	if (m.class == STUN_CLASS_REQUEST)
		turn_serve(c, &m, now_ms);
	else if (m.class == STUN_CLASS_INDICATION &&
		 m.method == STUN_METHOD_SEND)
		send_indication(c, &m, now_ms);
	return !c->ended;
}

/* RFC 8656, 12.5: one message a datagram, padded or not. */
static bool datagram_in(struct turn_server_conn *c, const uint8_t *data,
			size_t len, uint64_t now_ms)
{
	if (len < 4 || (data[0] >= 0x40 &&
			(data[0] >= 0x50 || be16_get(data + 2) + 4u > len ||
			 be16_get(data + 2) + 7u < len))) {
		c->s->stats.bad_requests++;
		return true;
	}
	return frame_in(c, data, len, now_ms);
}

static bool stream_in(struct turn_server_conn *c, uint64_t now_ms)
{
	const uint8_t *frame;
	int r;

	while ((r = framer_next(&c->framer, &frame)) > 0) {
		if (!frame_in(c, frame, (size_t)r, now_ms))
			return false;
	}
	/* What real relays lose their way by (RFC 8656, 12.5). */
	if (c->framer.padding == FRAMER_PADDING_LEFT_OUT)
		c->s->stats.unpadded++;
	if (r < 0 || c->framer.padding == FRAMER_PADDING_LEFT_OUT)
		c->s->stats.bad_requests++;
	return r == 0;
}

bool turn_server_input(struct turn_server_conn *c, const void *data, size_t len,
		       uint64_t now_ms)
{
	const uint8_t *in = data;
	size_t room, n;

	if (c->datagrams)
		return datagram_in(c, in, len, now_ms);
	while (len > 0) {
		uint8_t *space = framer_space(&c->framer, &room);

		n = len < room ? len : room;
		memcpy(space, in, n);
		framer_commit(&c->framer, n);
		in += n;
		len -= n;
		if (!stream_in(c, now_ms))
			return false;
	}
	return true;
}

static void emit_channel_data(struct turn_server_conn *c, size_t channel,
			      const void *data, size_t len)
{
	size_t pad = c->datagrams || c->s->knobs.unpadded ? 0 : -len & 3;
	uint8_t *frame = turn_server_must(calloc(1, 4 + len + pad));

	be16_set(frame, (uint16_t)(CHANNEL_MIN + channel));
	be16_set(frame + 2, (uint16_t)len);
	memcpy(frame + 4, data, len);
	turn_server_emit(c, frame, 4 + len + pad);
	free(frame);
}

bool turn_server_from_peer(struct turn_server_conn *c,
			   const struct endpoint *from, const void *data,
			   size_t len, uint64_t now_ms)
{
	static const uint8_t id[STUN_ID_LEN] = { 1 };
	struct answer a;

	if (!turn_serve_permitted(c, from, now_ms))
		return false;
	c->s->stats.from_peers++;
	for (size_t i = 0; i < CHANNELS; i++) {
		if (now_ms >= c->a->channel[i].until_ms ||
		    !endpoint_equal(&c->a->channel[i].peer, from))
			continue;
		emit_channel_data(c, i, data, len);
		return true;
	}
	buf_init(&a.buf, a.bytes, sizeof(a.bytes));
	stun_build_begin(&a.b, &a.buf, STUN_CLASS_INDICATION, STUN_METHOD_DATA,
			 id);
	stun_build_address(&a.b, STUN_ATTR_XOR_PEER_ADDRESS, from);
	stun_build_bytes(&a.b, STUN_ATTR_DATA, data, len);
	turn_server_emit(c, a.bytes, a.buf.len);
	return true;
}
