/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.c - datagrams at a rate -> how many came, how late, at what CPU cost
 *
 *   load send ADDRESS PORT BYTES RATE SECONDS   one way, to a sink
 *   load ping ADDRESS PORT BYTES RATE SECONDS   there and back, to an echo
 *   load sink ADDRESS PORT                      counts until nothing comes
 *   load echo ADDRESS PORT                      sends back until nothing comes
 *
 * Each prints one line of JSON. The datagrams look like audio (RTP, RFC 3550)
 * and carry when they were sent, in this machine's monotonic clock.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define SIZE_MAX_BYTES 1400
#define SIZE_MIN_BYTES 24
#define STAMP_AT       12 /* past an RTP header without extras */
#define IDLE_MS        1500
#define START_MS       15000
#define SECOND_NS      UINT64_C(1000000000)
#define TICK_NS        UINT64_C(1000000)
#define SAMPLES_MAX    100000
#define BURST_MAX      1000
#define SOCKET_BYTES   (4 << 20)

struct load {
	int fd;
	struct sockaddr_in address;
	size_t size;
	uint64_t rate, seconds;
	uint64_t sent, send_errors, received;
	uint32_t *sample_us;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void send_one(struct load *l)
{
	static uint8_t packet[SIZE_MAX_BYTES] = { 0x80, 111 };
	uint64_t stamp = now_ns();

	memcpy(packet + STAMP_AT, &stamp, sizeof(stamp));
	if (sendto(l->fd, packet, l->size, 0, (struct sockaddr *)&l->address,
		   sizeof(l->address)) < 0)
		l->send_errors++;
	else
		l->sent++;
}

/* Takes what has come; false when nothing had. */
static bool receive_one(struct load *l, bool echo)
{
	uint8_t packet[SIZE_MAX_BYTES + 1];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint64_t stamp;
	ssize_t n = recvfrom(l->fd, packet, sizeof(packet), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return errno == EINTR;
	if (n < SIZE_MIN_BYTES)
		return true;
	if (l->sample_us != NULL && l->received < SAMPLES_MAX) {
		memcpy(&stamp, packet + STAMP_AT, sizeof(stamp));
		l->sample_us[l->received] = (uint32_t)((now_ns() - stamp) /
						       1000);
	}
	l->received++;
	if (echo && sendto(l->fd, packet, (size_t)n, 0,
			   (struct sockaddr *)&from, from_len) < 0)
		l->send_errors++;
	return true;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t percentile(const struct load *l, unsigned int percent)
{
	uint64_t n = l->received < SAMPLES_MAX ? l->received : SAMPLES_MAX;

	return n == 0 ? 0 : l->sample_us[n * percent / 100];
}

static void report(struct load *l)
{
	uint64_t n = l->received < SAMPLES_MAX ? l->received : SAMPLES_MAX;

	printf("{\"sent\": %" PRIu64 ", \"send_errors\": %" PRIu64
	       ", \"received\": %" PRIu64 ", \"cpu_us\": %" PRIu64,
	       l->sent, l->send_errors, l->received, cpu_us());
	if (l->sample_us != NULL) {
		qsort(l->sample_us, n, sizeof(*l->sample_us), by_value);
		printf(", \"p50_us\": %u, \"p95_us\": %u, \"p99_us\": %u",
		       percentile(l, 50), percentile(l, 95), percentile(l, 99));
	}
	printf("}\n");
}

/* Waits for a datagram until `until_ns`. */
static bool wait_readable(struct load *l, uint64_t until_ns)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	uint64_t now = now_ns();
	struct timespec left = { 0 };

	if (until_ns > now) {
		left.tv_sec = (time_t)((until_ns - now) / SECOND_NS);
		left.tv_nsec = (long)((until_ns - now) % SECOND_NS);
	}
	return ppoll(&p, 1, &left, NULL) > 0;
}

/* One packet makes the way ready: name, allocation, channel. */
static void warm_up(struct load *l, bool answered)
{
	uint64_t until = now_ns() + SECOND_NS;

	send_one(l);
	while (now_ns() < until) {
		if (wait_readable(l, until) && receive_one(l, false) &&
		    answered)
			break;
	}
	l->sent = l->received = 0;
}

static void run_sender(struct load *l, bool answered)
{
	uint64_t begin, now, due = 0, wanted;
	int burst;

	warm_up(l, answered);
	begin = now_ns();
	wanted = l->rate * l->seconds;
	while (due < wanted) {
		now = now_ns();
		if (now - begin >= l->seconds * SECOND_NS)
			break; /* this machine can't send as fast */
		due = (now - begin) * l->rate / SECOND_NS + 1;
		if (due > wanted)
			due = wanted;
		for (burst = 0;
		     burst < BURST_MAX && l->sent + l->send_errors < due;
		     burst++)
			send_one(l);
		while (answered && receive_one(l, false))
			;
		wait_readable(l, now + (l->rate < 1000 ? SECOND_NS / l->rate
						       : TICK_NS));
	}
	while (answered && l->received < l->sent &&
	       wait_readable(l, now_ns() + SECOND_NS))
		receive_one(l, false);
}

static void run_receiver(struct load *l, bool echo)
{
	uint64_t wait_ms = START_MS;

	while (wait_readable(l, now_ns() + wait_ms * 1000000)) {
		while (receive_one(l, echo))
			;
		wait_ms = IDLE_MS;
	}
}

static int open_socket(struct load *l, bool receiver)
{
	int bytes = SOCKET_BYTES;

	l->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (l->fd < 0)
		return -errno;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (receiver &&
	    bind(l->fd, (struct sockaddr *)&l->address, sizeof(l->address)) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	struct load l = { .fd = -1 };
	bool receiver = argc == 4, answered;
	int err;

	if ((argc != 4 && argc != 7) ||
	    inet_pton(AF_INET, argv[2], &l.address.sin_addr) != 1) {
		fputs("usage: load send|ping|sink|echo ADDRESS PORT "
		      "[BYTES RATE SECONDS]\n",
		      stderr);
		return 2;
	}
	answered = strcmp(argv[1], "ping") == 0;
	l.address.sin_family = AF_INET;
	l.address.sin_port = htons((uint16_t)atoi(argv[3]));
	if (answered)
		l.sample_us = calloc(SAMPLES_MAX, sizeof(*l.sample_us));
	err = open_socket(&l, receiver);
	if (err) {
		fprintf(stderr, "load: %s\n", strerror(-err));
		return 1;
	}
	if (receiver) {
		run_receiver(&l, strcmp(argv[1], "echo") == 0);
	} else {
		l.size = (size_t)atoi(argv[4]);
		l.rate = (uint64_t)atoi(argv[5]);
		l.seconds = (uint64_t)atoi(argv[6]);
		if (l.size < SIZE_MIN_BYTES || l.size > SIZE_MAX_BYTES ||
		    l.rate == 0)
			return 2;
		run_sender(&l, answered);
	}
	report(&l);
	free(l.sample_us);
	return 0;
}
