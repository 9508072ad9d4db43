/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rtp_loss.c - gaps in the sequence numbers of RTP streams (RFC 3550, A.1 and
 * A.3)
 *
 * Theory of operation. A stream has one of four places, by the hash of its
 * SSRC; when all are taken, the one heard of longest ago is forgotten and only
 * its sum kept. Many streams, or a stranger's random bytes, cost accuracy and
 * never time. What begins must come in order first, so that bytes which merely
 * look like RTP make no stream: of those one in 65536 would.
 */
#include <config.h>

#include "rtp_loss.h"

#include "buf.h"

#include <stdbool.h>

#define RTP_HEADER_BYTES 12
#define WAYS             4u
/* RFC 3550, A.1 */
#define MIN_SEQUENTIAL 2
#define MAX_DROPOUT    3000
#define MAX_MISORDER   100
#define SEQ_MOD        65536u
/* A stream that was not heard for so long has ended, or pauses. */
#define HEARD_MS 5000

/* RFC 7983, 7; RFC 5761, 4: what RTCP's packet types leave. */
static bool is_rtp(const uint8_t *data, size_t len)
{
	return len >= RTP_HEADER_BYTES && data[0] >= 128 && data[0] <= 191 &&
	       (data[1] < 192 || data[1] > 223);
}

static void begin(struct rtp_stream *s, uint32_t ssrc, uint16_t seq)
{
	*s = (struct rtp_stream){ .ssrc = ssrc,
				  .used = 1,
				  .next = (uint16_t)(seq + 1),
				  .probation = MIN_SEQUENTIAL - 1 };
}

static uint64_t expected(const struct rtp_stream *s)
{
	return s->probation > 0 || !s->used ? 0 : s->last - s->first + 1;
}

static void forget(struct rtp_loss *l, struct rtp_stream *s)
{
	l->expected += expected(s);
	l->received += s->received;
	s->used = 0;
}

static struct rtp_stream *find(struct rtp_loss *l, uint32_t ssrc, uint16_t seq)
{
	uint32_t hash = ssrc * 0x9e3779b1u >> 16;
	struct rtp_stream *set, *oldest;

	set = &l->stream[hash % (RTP_LOSS_STREAMS / WAYS) * WAYS];
	oldest = set;
	for (struct rtp_stream *s = set; s < set + WAYS; s++) {
		if (s->used && s->ssrc == ssrc)
			return s;
		if (!s->used || (oldest->used && s->seen_ms < oldest->seen_ms))
			oldest = s;
	}
	if (oldest->used)
		forget(l, oldest);
	begin(oldest, ssrc, seq);
	oldest->next = seq;
	oldest->probation = MIN_SEQUENTIAL;
	return oldest;
}

static void prove(struct rtp_stream *s, uint16_t seq)
{
	if (seq != s->next) {
		begin(s, s->ssrc, seq);
		return;
	}
	s->next = (uint16_t)(seq + 1);
	if (--s->probation > 0)
		return;
	/* From SEQ_MOD on, so that what is late may lie before it. */
	s->last = SEQ_MOD + seq;
	s->first = s->last - (MIN_SEQUENTIAL - 1);
	s->received = MIN_SEQUENTIAL;
}

void rtp_loss_note(struct rtp_loss *l, const uint8_t *data, size_t len,
		   uint64_t now_ms)
{
	struct rtp_stream *s;
	uint16_t seq, ahead;

	if (!is_rtp(data, len))
		return;
	seq = be16_get(data + 2);
	s = find(l, be32_get(data + 8), seq);
	s->seen_ms = now_ms;
	if (s->probation > 0) {
		prove(s, seq);
		return;
	}
	ahead = (uint16_t)(seq - (uint16_t)s->last);
	if (ahead < MAX_DROPOUT) {
		s->last += ahead;
		s->received++;
	} else if (ahead > SEQ_MOD - MAX_MISORDER) {
		s->received++; /* late, or twice */
	} else {               /* it has begun anew */
		forget(l, s);
		begin(s, s->ssrc, seq);
		s->seen_ms = now_ms;
	}
}

void rtp_loss_sum(const struct rtp_loss *l, uint64_t now_ms,
		  struct rtp_loss_sum *sum)
{
	uint64_t received = l->received;

	*sum = (struct rtp_loss_sum){ .expected = l->expected };
	for (size_t i = 0; i < RTP_LOSS_STREAMS; i++) {
		const struct rtp_stream *s = &l->stream[i];

		if (expected(s) == 0)
			continue;
		sum->expected += expected(s);
		received += s->received;
		sum->streams += now_ms < s->seen_ms + HEARD_MS;
	}
	/* Some came twice. */
	if (sum->expected > received)
		sum->lost = sum->expected - received;
}
