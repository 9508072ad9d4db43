/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_rate.c - the highest one-way rate that is carried
 *
 * Turns (size, direction) into packets per second by trying: a rate is carried
 * when all but 0.1 % arrive, each within LATE_NS. Twice as much while that
 * holds, half as much until it does, then halving of the interval. A failure
 * must repeat: one stutter of the machine is not the tunnel's. A rate that the
 * sender itself does not reach is not carried either.
 */
#include <config.h>

#include "udp_packet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIAL_MS     300
#define TRIALS_MAX   16
#define HALVINGS     3
#define RATE_PPS_MIN 100u
#define RATE_PPS_MAX 1000000u

struct search {
	struct peer to;
	size_t bytes;
	bool down;
	int trials;
	double best_lost; /* of the best rate */
};

/* What the server has counted; a question that gets lost is asked again. */
static uint32_t ask_count(const struct peer *to, uint32_t run)
{
	union datagram d = packet_new(KIND_QUERY, run, sizeof(d.head)), answer;
	uint64_t deadline;
	int tries;

	sleep_until(now_ns() + LATE_NS);
	for (tries = 0; tries < REPEATS_MAX; tries++) {
		packet_send(to, &d, sizeof(d.head));
		deadline = now_ns() + TAIL_NS;
		while (readable_before(to->sock, deadline)) {
			if (packet_take(to->sock, run, &answer) &&
			    answer.head.kind == KIND_QUERY)
				return answer.head.number;
		}
	}
	errno = ETIMEDOUT;
	fail("no count");
}

/* Whether `packets` left at about the rate that was wanted. */
static bool in_time(uint64_t took_ns, uint32_t packets, uint32_t rate_pps)
{
	return took_ns <= packets * NS_PER_S / rate_pps * 105 / 100 + NS_PER_MS;
}

/* These return how many packets arrived in time. */
static uint32_t try_up(struct search *s, uint32_t packets, uint32_t rate_pps)
{
	uint32_t run = new_run(), arrived;
	union datagram d = packet_new(KIND_COUNT, run, s->bytes);
	uint64_t took = now_ns();

	packet_send_paced(&s->to, &d, s->bytes, packets, rate_pps);
	took = now_ns() - took;
	arrived = ask_count(&s->to, run);
	return in_time(took, packets, rate_pps) ? arrived : 0;
}

/* The server sends; it is asked again until the first packet comes. */
static uint32_t try_down(struct search *s, uint32_t packets, uint32_t rate_pps)
{
	struct counter c = { .run = new_run() };
	union datagram d = packet_new(KIND_BLAST, c.run, s->bytes);
	uint64_t end;
	int tries;

	d.head.number = packets;
	d.head.rate_pps = rate_pps;
	for (tries = 0; tries < REPEATS_MAX; tries++) {
		packet_send(&s->to, &d, sizeof(d.head));
		if (readable_before(s->to.sock, now_ns() + TAIL_NS))
			break;
	}
	end = now_ns() + packets * NS_PER_S / rate_pps + TAIL_NS;
	while (c.count + c.late < packets && readable_before(s->to.sock, end)) {
		while (packet_take(s->to.sock, c.run, &d)) {
			if (d.head.kind == KIND_COUNT)
				packet_count(&c, &d.head, now_ns());
		}
	}
	return in_time(c.last_ns - c.first_ns, packets, rate_pps) ? c.count : 0;
}

static bool carried(struct search *s, uint32_t rate_pps)
{
	uint32_t packets = rate_pps * TRIAL_MS / 1000, arrived;
	int tries;

	for (tries = 0; tries < 2; tries++) {
		s->trials++;
		arrived = s->down ? try_down(s, packets, rate_pps)
				  : try_up(s, packets, rate_pps);
		sleep_until(now_ns() + TAIL_NS / 3);
		if ((uint64_t)(packets - arrived) * 1000 <= packets) {
			s->best_lost = (double)(packets - arrived) /
				       (double)packets;
			return true;
		}
	}
	return false;
}

static uint32_t search(struct search *s, uint32_t start_pps)
{
	uint32_t good = 0, bad = 0, rate = start_pps;
	int halvings = 0;

	while (s->trials < TRIALS_MAX && halvings <= HALVINGS &&
	       rate >= RATE_PPS_MIN && rate <= RATE_PPS_MAX) {
		if (carried(s, rate))
			good = rate;
		else
			bad = rate;
		if (good == 0)
			rate = bad / 2;
		else if (bad == 0)
			rate = good * 2;
		else
			rate = good + (bad - good) / 2;
		halvings += good != 0 && bad != 0;
	}
	return good;
}

int udp_rate_run(char **words)
{
	struct search s = {
		.to = peer_find(words[0], words[1]),
		.bytes = (size_t)atoi(words[2]),
		.down = strcmp(words[4], "down") == 0,
	};
	uint32_t best;

	warm_up(&s.to, s.bytes);
	best = search(&s, (uint32_t)atoi(words[3]));
	printf("{\"rate_pps\": %u, \"lost\": %.5f, \"trials\": %d}\n", best,
	       s.best_lost, s.trials);
	return best == 0;
}
