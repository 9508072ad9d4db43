/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udp_packet.h - numbered, time-stamped datagrams between udp_bench's ends */
#ifndef BENCH_UDP_PACKET_H
#define BENCH_UDP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

#define PACKET_BYTES_MAX 1400
/* What takes longer one way is as good as lost in a call. */
#define LATE_NS (100 * NS_PER_MS)
/* How long stragglers are waited for. */
#define TAIL_NS (300 * NS_PER_MS)
/* How often what has to arrive is said again, TAIL_NS apart. */
#define REPEATS_MAX 40

/* The first byte of RTP (RFC 7983, 7), so that a tunnel which looks at it sees
 * media. */
#define PACKET_MARK 0x80u

enum kind {
	KIND_ECHO = 1,  /* send it back */
	KIND_COUNT = 2, /* count it */
	KIND_QUERY = 3, /* answer with what has been counted in `run` */
	KIND_BLAST = 4, /* send `number` packets at `rate_pps` to me */
};

struct packet {
	uint8_t mark;
	uint8_t kind;
	uint16_t size_bytes;
	uint32_t run;    /* tells one measurement from the next */
	uint32_t number; /* in the answer to a query: arrived in time */
	uint32_t rate_pps;
	uint64_t sent_ns; /* CLOCK_MONOTONIC: both ends on one machine */
};
_Static_assert(sizeof(struct packet) == 24, "smaller than a voice packet");

union datagram {
	struct packet head;
	uint8_t bytes[PACKET_BYTES_MAX];
};

struct peer {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	int sock;
};

/* What has arrived in one measurement. */
struct counter {
	uint32_t run;
	uint32_t count, late;
	uint64_t first_ns, last_ns; /* when those were sent */
};

/* Say what is wrong, with errno's words, and end. */
void fail(const char *what) __attribute__((noreturn));

uint64_t now_ns(void);
void sleep_until(uint64_t ns);
uint32_t new_run(void);

/* Resolve, and open an unbound socket of that family. */
struct peer peer_find(const char *address, const char *port);
/* Wait until `sock` can be read or the time has come. */
bool readable_before(int sock, uint64_t deadline_ns);

union datagram packet_new(enum kind kind, uint32_t run, size_t bytes);
bool packet_send(const struct peer *to, const union datagram *d, size_t bytes);
/* The next waiting datagram of `run`; false when there is none. */
bool packet_take(int sock, uint32_t run, union datagram *d);
void packet_count(struct counter *c, const struct packet *p, uint64_t now);
/* Send at a steady rate; what is due at one millisecond leaves in one go, like
 * the packets of a paced video frame. */
void packet_send_paced(const struct peer *to, union datagram *d, size_t bytes,
		       uint32_t packets, uint32_t rate_pps);

/* The server: never returns. */
int udp_echo_run(char **words);
/* The highest rate that is carried. */
int udp_rate_run(char **words);
/* How long bursts take to arrive whole. */
int udp_burst_run(char **words);
/* Send until an answer comes, so that whatever has to be set up on the way is;
 * then print `ready`. */
void warm_up(const struct peer *to, size_t bytes);

#endif
