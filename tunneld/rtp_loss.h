/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rtp_loss.h - how much of the RTP that comes by was lost before it came, by
 * the sequence numbers of its streams
 *
 * Under SRTP the header stays in clear (RFC 3711, 3.1), so that much can be
 * known of somebody else's media. What it cannot know: the loss behind us,
 * which only receivers tell, in reports that are encrypted. No I/O, no memory
 * of its own, constant time: it stands in the data path.
 */
#ifndef RTP_LOSS_H
#define RTP_LOSS_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

#define RTP_LOSS_STREAMS 64 /* a power of two */

struct rtp_stream {
	uint32_t ssrc;
	uint32_t first, last; /* extended sequence numbers */
	uint32_t received;
	uint16_t next;     /* on probation: to be expected */
	uint8_t probation; /* so many more in order make it a stream */
	uint8_t used;
	uint64_t seen_ms;
};

/* The caller's storage, zeroed. */
struct rtp_loss {
	struct rtp_stream stream[RTP_LOSS_STREAMS];
	uint64_t expected, received; /* of streams that were forgotten */
};

struct rtp_loss_sum {
	unsigned int streams; /* heard in the last seconds */
	uint64_t expected, lost;
};

/* Any datagram: what is not RTP is passed over. */
void rtp_loss_note(struct rtp_loss *l, const uint8_t *data, size_t len,
		   uint64_t now_ms);
void rtp_loss_sum(const struct rtp_loss *l, uint64_t now_ms,
		  struct rtp_loss_sum *sum);

#endif
