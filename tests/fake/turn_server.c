/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_server.c - a TURN relay on byte buffers
 *
 * Turns a client's stream into answers and datagrams for peers, checking all
 * that RFC 8656 lets a server check (7.2, 8.2, 10.2, 11.2, 12.2 and 12.5).
 */
#include <config.h>

#include "turn_server.h"

#include "../../tunneld/buf.h"
#include "../../tunneld/framer.h"
#include "../../tunneld/stun_auth.h"
#include "../../tunneld/stun_msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL_MIN   0x4000
#define CHANNELS      0x1000
#define CHANNEL_MS    600000
#define PERMISSION_MS 300000
#define HOLD_MS       300000
#define NONCE_LEN     16
#define ANSWER_MAX    66000

struct turn_server {
	char *username, *realm;
	uint8_t key[STUN_KEY_LEN];
	struct turn_server_knobs knobs;
	struct turn_server_stats stats;
	turn_server_relay_fn *relay;
	void *relay_arg;
	uint16_t next_port;
	unsigned int nonces;
};

struct channel {
	struct endpoint peer; /* family 0: never bound */
	uint64_t until_ms;
};

struct permission {
	struct endpoint ip; /* port 0 */
	uint64_t until_ms;
};

struct turn_server_conn {
	struct turn_server *s;
	struct framer framer;
	uint8_t *out;
	size_t out_len, out_max;
	bool allocated, lost;
	struct endpoint relayed;
	uint64_t expires_ms;
	char nonce[NONCE_LEN + 1];
	uint64_t nonce_born_ms;
	struct channel channel[CHANNELS];
	struct permission *permission;
	size_t permissions;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

struct turn_server *turn_server_new(const char *username, const char *password,
				    const char *realm)
{
	struct turn_server *s = must(calloc(1, sizeof(*s)));

	s->username = must(strdup(username));
	s->realm = must(strdup(realm));
	s->next_port = 50000;
	s->knobs.lifetime_s = 600;
	if (stun_auth_key(username, realm, strlen(realm), password, s->key) < 0)
		abort();
	return s;
}

void turn_server_free(struct turn_server *s)
{
	if (s == NULL)
		return;
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
	struct turn_server_conn *c = must(calloc(1, sizeof(*c)));

	c->s = s;
	if (framer_init(&c->framer) < 0)
		abort();
	return c;
}

void turn_server_close(struct turn_server_conn *c)
{
	if (c == NULL)
		return;
	framer_fini(&c->framer);
	free(c->out);
	free(c->permission);
	free(c);
}

bool turn_server_allocated(const struct turn_server_conn *c)
{
	return c->allocated;
}

struct endpoint turn_server_relayed(const struct turn_server_conn *c)
{
	return c->relayed;
}

void turn_server_lose_allocation(struct turn_server_conn *c)
{
	c->allocated = false;
	c->lost = true;
}

static void emit(struct turn_server_conn *c, const void *data, size_t len)
{
	if (c->out_max - c->out_len < len) {
		c->out_max = (c->out_len + len) * 2;
		c->out = must(realloc(c->out, c->out_max));
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
}

size_t turn_server_output(struct turn_server_conn *c, void *data, size_t max)
{
	size_t n = c->out_len < max ? c->out_len : max;

	if (c->s->knobs.split != 0 && n > c->s->knobs.split)
		n = c->s->knobs.split;
	if (n == 0)
		return 0;
	memcpy(data, c->out, n);
	memmove(c->out, c->out + n, c->out_len - n);
	c->out_len -= n;
	return n;
}

/* One answer: begin, attributes by the caller, finish. */
struct answer {
	struct stun_build b;
	struct buf buf;
	uint8_t bytes[ANSWER_MAX];
};

static void answer_begin(struct answer *a, const struct stun_msg *m,
			 enum stun_class class)
{
	buf_init(&a->buf, a->bytes, sizeof(a->bytes));
	stun_build_begin(&a->b, &a->buf, class, m->method, m->id);
}

static void answer_end(struct turn_server_conn *c, struct answer *a, bool seal)
{
	const struct turn_server_knobs *k = &c->s->knobs;

	if (k->unknown_attribute)
		stun_build_u32(&a->b, 0x7fff, 1);
	if (seal)
		stun_auth_sign(&a->b, c->s->key, sizeof(c->s->key));
	if (seal && k->break_integrity)
		a->bytes[a->buf.len - 1] ^= 1;
	stun_auth_fingerprint(&a->b);
	if (a->buf.failed)
		abort();
	emit(c, a->bytes, a->buf.len);
}

static void new_nonce(struct turn_server_conn *c, uint64_t now_ms)
{
	snprintf(c->nonce, sizeof(c->nonce), "%0*x", NONCE_LEN, ++c->s->nonces);
	c->nonce_born_ms = now_ms;
}

static void answer_error(struct turn_server_conn *c, const struct stun_msg *m,
			 unsigned int code, bool seal)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	struct answer a;
	uint8_t *p;

	answer_begin(&a, m, STUN_CLASS_ERROR);
	p = stun_build_attr(&a.b, STUN_ATTR_ERROR_CODE, 4 + k->reason_len);
	be32_set(p, code / 100 << 8 | code % 100);
	if (k->reason_len > 0)
		memcpy(p + 4, k->reason, k->reason_len);
	if (code == 401 || code == 438) {
		stun_build_bytes(&a.b, STUN_ATTR_REALM, c->s->realm,
				 strlen(c->s->realm));
		stun_build_bytes(&a.b, STUN_ATTR_NONCE, c->nonce, NONCE_LEN);
	}
	if (code == 300) {
		/* Not XORed; made by hand because no client sends it. */
		p = stun_build_attr(&a.b, STUN_ATTR_ALTERNATE_SERVER, 8);
		be16_set(p, 1);
		memcpy(p + 2, &k->alternate.port_be, 2);
		memcpy(p + 4, k->alternate.ip, 4);
	}
	c->s->stats.errors++;
	answer_end(c, &a, seal);
}

static void answer_success(struct turn_server_conn *c, const struct stun_msg *m)
{
	struct answer a;

	answer_begin(&a, m, STUN_CLASS_SUCCESS);
	answer_end(c, &a, !c->s->knobs.no_integrity);
}

/* 0 when the request may be served, else the code it was answered with. */
static unsigned int authenticate(struct turn_server_conn *c,
				 const struct stun_msg *m, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	struct stun_attr user, nonce, realm;

	if (c->nonce[0] == '\0')
		new_nonce(c, now_ms);
	if (!stun_attr_find(m, STUN_ATTR_USERNAME, &user) ||
	    !stun_attr_find(m, STUN_ATTR_REALM, &realm) ||
	    !stun_attr_find(m, STUN_ATTR_NONCE, &nonce))
		return 401;
	if (k->nonce_ms != 0 && now_ms >= c->nonce_born_ms + k->nonce_ms) {
		new_nonce(c, now_ms);
		return 438;
	}
	if (nonce.len != NONCE_LEN ||
	    memcmp(nonce.value, c->nonce, NONCE_LEN) != 0)
		return 438;
	if (user.len != strlen(c->s->username) ||
	    memcmp(user.value, c->s->username, user.len) != 0 ||
	    stun_auth_verify(m, c->s->key, sizeof(c->s->key)) != STUN_AUTH_GOOD)
		return 401;
	return 0;
}

static void put_lifetime(struct turn_server_conn *c, struct answer *a,
			 uint64_t now_ms)
{
	uint32_t s = c->s->knobs.lifetime_s;

	c->expires_ms = now_ms + (s != 0 ? s : 600) * 1000ull;
	if (s != 0)
		stun_build_u32(&a->b, STUN_ATTR_LIFETIME, s);
}

static unsigned int serve_allocate(struct turn_server_conn *c,
				   const struct stun_msg *m, uint64_t now_ms)
{
	const struct turn_server_knobs *k = &c->s->knobs;
	struct answer a;
	uint32_t transport, family = 0x01000000;

	if (c->allocated)
		return 437;
	if (!stun_msg_u32(m, STUN_ATTR_REQUESTED_TRANSPORT, &transport))
		return 400;
	if (transport != 0x11000000)
		return 442;
	if (!stun_msg_u32(m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &family))
		family = 0x01000000;
	if (k->wrong_family)
		family ^= 0x03000000;
	c->relayed = (struct endpoint){ .family = ENDPOINT_IPV4,
					.ip = { 198, 51, 100, 1 } };
	if (family == 0x02000000)
		c->relayed = (struct endpoint){ .family = ENDPOINT_IPV6,
						.ip = { 0x20, 1, 0x0d, 0xb8 } };
	c->relayed.port_be = htons(c->s->next_port++);
	c->allocated = true;
	answer_begin(&a, m, STUN_CLASS_SUCCESS);
	if (!k->no_relayed_address)
		stun_build_address(&a.b, STUN_ATTR_XOR_RELAYED_ADDRESS,
				   &c->relayed);
	stun_build_address(&a.b, STUN_ATTR_XOR_MAPPED_ADDRESS, &c->relayed);
	put_lifetime(c, &a, now_ms);
	answer_end(c, &a, !k->no_integrity);
	return 0;
}

static unsigned int serve_refresh(struct turn_server_conn *c,
				  const struct stun_msg *m, uint64_t now_ms)
{
	struct answer a;
	uint32_t s;

	if (!c->allocated)
		return 437;
	answer_begin(&a, m, STUN_CLASS_SUCCESS);
	if (stun_msg_u32(m, STUN_ATTR_LIFETIME, &s) && s == 0) {
		c->allocated = false;
		stun_build_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	} else {
		put_lifetime(c, &a, now_ms);
	}
	answer_end(c, &a, !c->s->knobs.no_integrity);
	return 0;
}

static bool same_ip(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, 16) == 0;
}

static void permit(struct turn_server_conn *c, const struct endpoint *peer,
		   uint64_t now_ms)
{
	struct permission *p;

	for (size_t i = 0; i < c->permissions; i++) {
		if (same_ip(&c->permission[i].ip, peer)) {
			c->permission[i].until_ms = now_ms + PERMISSION_MS;
			return;
		}
	}
	c->permission = must(
		realloc(c->permission, (c->permissions + 1) * sizeof(*p)));
	p = &c->permission[c->permissions++];
	*p = (struct permission){ .ip = *peer,
				  .until_ms = now_ms + PERMISSION_MS };
	p->ip.port_be = 0;
}

static bool permitted(const struct turn_server_conn *c,
		      const struct endpoint *peer, uint64_t now_ms)
{
	for (size_t i = 0; i < c->permissions; i++)
		if (same_ip(&c->permission[i].ip, peer))
			return now_ms < c->permission[i].until_ms;
	return false;
}

/* Common to CreatePermission and ChannelBind. */
static unsigned int check_peer(struct turn_server_conn *c,
			       const struct stun_msg *m, struct endpoint *peer)
{
	if (!c->allocated)
		return 400; /* as coturn before 4.17; RFC 8656 says 437 */
	if (!stun_msg_address(m, STUN_ATTR_XOR_PEER_ADDRESS, peer))
		return 400;
	if (peer->family != c->relayed.family)
		return 443;
	if (same_ip(peer, &c->s->knobs.refuse))
		return 403;
	return 0;
}

static unsigned int serve_permission(struct turn_server_conn *c,
				     const struct stun_msg *m, uint64_t now_ms)
{
	struct endpoint peer;
	unsigned int code = check_peer(c, m, &peer);

	if (code != 0)
		return code;
	permit(c, &peer, now_ms);
	answer_success(c, m);
	return 0;
}

static unsigned int serve_bind(struct turn_server_conn *c,
			       const struct stun_msg *m, uint64_t now_ms)
{
	struct endpoint peer;
	unsigned int code = check_peer(c, m, &peer);
	struct channel *ch;
	uint32_t number;

	if (code != 0)
		return code;
	if (!stun_msg_u32(m, STUN_ATTR_CHANNEL_NUMBER, &number))
		return 400;
	number = (number >> 16) - CHANNEL_MIN;
	if (number >= CHANNELS)
		return 400;
	ch = &c->channel[number];
	if (ch->peer.family != 0 && !endpoint_equal(&ch->peer, &peer)) {
		if (now_ms < ch->until_ms)
			return 400;
		if (now_ms < ch->until_ms + HOLD_MS)
			c->s->stats.reused_early++;
	}
	for (size_t i = 0; i < CHANNELS; i++)
		if (i != number && now_ms < c->channel[i].until_ms &&
		    endpoint_equal(&c->channel[i].peer, &peer))
			return 400;
	ch->peer = peer;
	ch->until_ms = now_ms + CHANNEL_MS;
	permit(c, &peer, now_ms);
	answer_success(c, m);
	return 0;
}

static unsigned int serve(struct turn_server_conn *c, const struct stun_msg *m,
			  uint64_t now_ms)
{
	unsigned int code = authenticate(c, m, now_ms);

	if (code != 0)
		return code;
	if (c->allocated && now_ms >= c->expires_ms)
		c->allocated = false;
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

static void request(struct turn_server_conn *c, const struct stun_msg *m,
		    uint64_t now_ms)
{
	struct turn_server_knobs *k = &c->s->knobs;
	unsigned int code;

	c->s->stats.requests[m->method & 15]++;
	if (!c->allocated && !c->lost && m->method != STUN_METHOD_ALLOCATE &&
	    m->method != STUN_METHOD_BINDING)
		c->s->stats.early++;
	if (stun_msg_unknown(m) != 0)
		c->s->stats.bad_requests++;
	if (k->silent || (k->drop > 0 && k->drop-- > 0))
		return;
	if (forced(k, m)) {
		if (k->force_error == 401 || k->force_error == 438)
			new_nonce(c, now_ms);
		answer_error(c, m, k->force_error, k->force_signed);
		return;
	}
	if (m->method == STUN_METHOD_BINDING) {
		struct answer a;

		answer_begin(&a, m, STUN_CLASS_SUCCESS);
		answer_end(c, &a, false);
		return;
	}
	code = serve(c, m, now_ms);
	if (code != 0)
		answer_error(c, m, code, code != 401 && code != 438);
}

static void to_peer(struct turn_server_conn *c, const struct endpoint *peer,
		    const uint8_t *data, size_t len, uint64_t now_ms)
{
	if (!permitted(c, peer, now_ms)) {
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
	struct channel *ch = &c->channel[number];

	c->s->stats.channel_data++;
	if (!c->allocated && !c->lost)
		c->s->stats.early++;
	if (!c->allocated || now_ms >= ch->until_ms)
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

static bool frame_in(struct turn_server_conn *c, const uint8_t *frame, int len,
		     uint64_t now_ms)
{
	struct stun_msg m;

	if (frame[0] >= 0x40) {
		channel_data(c, frame, now_ms);
		return true;
	}
	if (stun_msg_parse(&m, frame, (size_t)len) < 0) {
		c->s->stats.bad_requests++;
		return false;
	}
	if (m.class == STUN_CLASS_REQUEST)
		request(c, &m, now_ms);
	else if (m.class == STUN_CLASS_INDICATION &&
		 m.method == STUN_METHOD_SEND)
		send_indication(c, &m, now_ms);
	return true;
}

bool turn_server_input(struct turn_server_conn *c, const void *data, size_t len,
		       uint64_t now_ms)
{
	const uint8_t *in = data, *frame;
	size_t room, n;
	int r;

	while (len > 0) {
		uint8_t *space = framer_space(&c->framer, &room);

		n = len < room ? len : room;
		memcpy(space, in, n);
		framer_commit(&c->framer, n);
		in += n;
		len -= n;
		while ((r = framer_next(&c->framer, &frame)) > 0)
			if (!frame_in(c, frame, r, now_ms))
				return false;
		if (r < 0) {
			c->s->stats.bad_requests++;
			return false;
		}
	}
	return true;
}

bool turn_server_from_peer(struct turn_server_conn *c,
			   const struct endpoint *from, const void *data,
			   size_t len, uint64_t now_ms)
{
	static const uint8_t id[STUN_ID_LEN] = { 1 };
	uint8_t head[4], pad[4] = { 0 };
	struct answer a;

	if (!c->allocated || !permitted(c, from, now_ms))
		return false;
	c->s->stats.from_peers++;
	for (size_t i = 0; i < CHANNELS; i++) {
		if (now_ms >= c->channel[i].until_ms ||
		    !endpoint_equal(&c->channel[i].peer, from))
			continue;
		be16_set(head, (uint16_t)(CHANNEL_MIN + i));
		be16_set(head + 2, (uint16_t)len);
		emit(c, head, 4);
		emit(c, data, len);
		emit(c, pad, -len & 3);
		return true;
	}
	buf_init(&a.buf, a.bytes, sizeof(a.bytes));
	stun_build_begin(&a.b, &a.buf, STUN_CLASS_INDICATION, STUN_METHOD_DATA,
			 id);
	stun_build_address(&a.b, STUN_ATTR_XOR_PEER_ADDRESS, from);
	stun_build_bytes(&a.b, STUN_ATTR_DATA, data, len);
	emit(c, a.bytes, a.buf.len);
	return true;
}
