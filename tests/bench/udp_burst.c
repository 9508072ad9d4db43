/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_burst.c - how long a burst takes to arrive whole, like the packets of
 * one video frame
 *
 * Turns (size, packets of a burst) into the one-way time of each burst's last
 * packet, and how many bursts never became whole. After each the line is
 * silent, so that nothing pushes stragglers on.
 */
#include <config.h>

#include "udp_packet.h"

#include <stdio.h>
#include <stdlib.h>

#define BURSTS 30
/* All of a burst is due in its first millisecond. */
#define BURST_RATE_PPS 1000000u

struct burst {
	uint32_t arrived;
	uint64_t took_ns;
};

static struct burst receive_burst(const struct peer *to, size_t bytes,
				  uint32_t packets)
{
	struct burst b = { 0 };
	uint32_t run = new_run();
	union datagram d = packet_new(KIND_BLAST, run, bytes);
	uint64_t end = now_ns() + TAIL_NS;

	d.head.number = packets;
	d.head.rate_pps = BURST_RATE_PPS;
	packet_send(to, &d, sizeof(d.head));
	while (b.arrived < packets && readable_before(to->sock, end)) {
		while (packet_take(to->sock, run, &d)) {
			b.arrived += d.head.kind == KIND_COUNT;
			b.took_ns = now_ns() - d.head.sent_ns;
		}
	}
	return b;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int udp_burst_run(char **words)
{
	struct peer to = peer_find(words[0], words[1]);
	size_t bytes = (size_t)atoi(words[2]);
	uint32_t packets = (uint32_t)atoi(words[3]), lost = 0, whole = 0;
	uint64_t took_ns[BURSTS];

	warm_up(&to, bytes);
	for (int i = 0; i < BURSTS; i++) {
		struct burst b = receive_burst(&to, bytes, packets);

		lost += packets - b.arrived;
		if (b.arrived == packets)
			took_ns[whole++] = b.took_ns;
	}
	printf("{\"bursts\": %d, \"packets\": %u, \"whole\": %u, "
	       "\"lost\": %u",
	       BURSTS, packets, whole, lost);
	qsort(took_ns, whole, sizeof(took_ns[0]), compare);
	if (whole > 0)
		printf(", \"p50_us\": %.1f, \"max_us\": %.1f",
		       (double)took_ns[whole / 2] / 1e3,
		       (double)took_ns[whole - 1] / 1e3);
	puts("}");
	return 0;
}
