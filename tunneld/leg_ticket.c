/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_ticket.c - an allocation on its way from one connection to another
 *
 * Turns a leg into bytes of a private format, version first, and back. The
 * bytes come from our own state file; what is wrong in them is refused all the
 * same.
 */
#include <config.h>

#include "leg_ticket.h"

#include "buf.h"
#include "leg_private.h"
#include "turn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1

_Static_assert(TURN_EXPORT_MAX + 3 * (CONTROL_NAME_MAX + 2) + 64 +
			       LEG_HOPS_MAX * sizeof(struct endpoint) <=
		       LEG_TICKET_MAX,
	       "all parts at their longest");

struct leg_ticket *leg_ticket_new(const struct leg *leg, uint64_t now_ms)
{
	struct leg_ticket *t;
	struct buf out;

	/* A ticket proves nothing: some relays give one and then lose what
	 * they relay. */
	if (leg->turn == NULL || !turn_is_mobile(leg->turn) ||
	    relay_mobility(leg->relay) == RELAY_MOBILITY_NO)
		return NULL;
	t = calloc(1, sizeof(*t) + TURN_EXPORT_MAX);
	if (t == NULL)
		return NULL;
	buf_init(&out, t->blob, TURN_EXPORT_MAX);
	if (turn_export(leg->turn, &out, now_ms) < 0) {
		t->len = TURN_EXPORT_MAX;
		leg_ticket_free(t);
		return NULL;
	}
	t->len = out.len;
	t->family = leg->family;
	t->proven = relay_mobility(leg->relay) == RELAY_MOBILITY_YES;
	snprintf(t->name, sizeof(t->name), "%s", leg->relay->name);
	snprintf(t->host, sizeof(t->host), "%s", leg->relay->host);
	if (leg->place != NULL)
		t->place = *leg->place;
	return t;
}

void leg_ticket_free(struct leg_ticket *t)
{
	if (t == NULL)
		return;
	explicit_bzero(t->blob, t->len);
	free(t);
}

static void put_text(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	buf_put_u16(out, (uint16_t)len);
	buf_put(out, text, len);
}

int leg_ticket_encode(const struct leg_ticket *t, struct buf *out)
{
	size_t mark = out->len;

	buf_put_u8(out, FORMAT_VERSION);
	buf_put_u8(out, t->family);
	buf_put_u8(out, t->proven);
	put_text(out, t->name);
	put_text(out, t->host);
	buf_put(out, &t->place.address, sizeof(t->place.address));
	put_text(out, t->place.domain);
	buf_put_u8(out, (uint8_t)t->place.hops);
	buf_put(out, t->place.visited, sizeof(t->place.visited));
	buf_put_u32(out, (uint32_t)t->len);
	buf_put(out, t->blob, t->len);
	if (!out->failed)
		return 0;
	out->failed = false;
	out->len = mark;
	return -ENOBUFS;
}

static bool get_text(struct buf_reader *r, char *text, size_t max)
{
	uint16_t len;

	if (!buf_get_u16(r, &len) || len >= max || !buf_get(r, text, len))
		return false;
	text[len] = '\0';
	return strlen(text) == len;
}

static bool get_endpoint(struct buf_reader *r, struct endpoint *e)
{
	return buf_get(r, e, sizeof(*e)) && e->reserved == 0 &&
	       (e->family == ENDPOINT_NONE || e->family == ENDPOINT_IPV4 ||
		e->family == ENDPOINT_IPV6);
}

static bool get_place(struct buf_reader *r, struct leg_place *p)
{
	uint8_t hops;

	if (!get_endpoint(r, &p->address) ||
	    !get_text(r, p->domain, sizeof(p->domain)) ||
	    !buf_get_u8(r, &hops) || hops > LEG_HOPS_MAX)
		return false;
	p->hops = hops;
	for (int i = 0; i < LEG_HOPS_MAX; i++) {
		if (!get_endpoint(r, &p->visited[i]))
			return false;
	}
	return true;
}

static bool get_head(struct buf_reader *r, struct leg_ticket *t)
{
	uint8_t version, proven;
	uint32_t len;

	if (!buf_get_u8(r, &version) || version != FORMAT_VERSION ||
	    !buf_get_u8(r, &t->family) || !buf_get_u8(r, &proven) ||
	    !get_text(r, t->name, sizeof(t->name)) ||
	    !get_text(r, t->host, sizeof(t->host)) || !get_place(r, &t->place))
		return false;
	t->proven = proven == 1;
	return buf_get_u32(r, &len) && len == r->left && len > 0 &&
	       len <= TURN_EXPORT_MAX &&
	       (t->family == ENDPOINT_IPV4 || t->family == ENDPOINT_IPV6);
}

struct leg_ticket *leg_ticket_decode(const uint8_t *data, size_t len)
{
	struct leg_ticket *t = calloc(1, sizeof(*t) + len);
	struct buf_reader r;

	if (t == NULL)
		return NULL;
	buf_reader_init(&r, data, len);
	if (!get_head(&r, t)) {
		free(t);
		errno = EBADMSG;
		return NULL;
	}
	t->len = r.left;
	memcpy(t->blob, r.data, r.left);
	return t;
}
