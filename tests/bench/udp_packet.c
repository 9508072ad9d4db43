/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_packet.c - datagrams of udp_bench, sent and taken one a call with
 * sendto() and recvfrom(), as WebRTC apps do
 */
#include <config.h>

#include "udp_packet.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BYTES   (4 << 20)
#define WARM_EVERY_MS   50
#define WARM_TIMEOUT_MS 20000

void fail(const char *what)
{
	fprintf(stderr, "udp_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S),
	};
}

void sleep_until(uint64_t ns)
{
	struct timespec t = timespec_of(ns);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
	       EINTR)
		;
}

uint32_t new_run(void)
{
	return (uint32_t)now_ns() ^ ((uint32_t)getpid() << 16);
}

static int open_socket(int family)
{
	int sock = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int bytes = RECEIVE_BYTES;

	if (sock < 0)
		fail("socket");
	/* The kernel gives what the system lets anyone have. */
	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return sock;
}

struct peer peer_find(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found;
	struct peer p = { .sock = -1 };
	int error = getaddrinfo(address, port, &hints, &found);

	if (error != 0) {
		fprintf(stderr, "udp_bench: %s: %s\n", address,
			gai_strerror(error));
		exit(1);
	}
	memcpy(&p.addr, found->ai_addr, found->ai_addrlen);
	p.addr_len = found->ai_addrlen;
	freeaddrinfo(found);
	p.sock = open_socket(p.addr.ss_family);
	return p;
}

bool readable_before(int sock, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	uint64_t now = now_ns();
	struct timespec t = timespec_of(deadline_ns > now ? deadline_ns - now
							  : 0);

	return ppoll(&p, 1, &t, NULL) > 0;
}

union datagram packet_new(enum kind kind, uint32_t run, size_t bytes)
{
	union datagram d;
	size_t i;

	for (i = 0; i < sizeof(d.bytes); i++)
		d.bytes[i] = (uint8_t)(i * 31);
	d.head = (struct packet){
		.mark = PACKET_MARK,
		.kind = (uint8_t)kind,
		.size_bytes = (uint16_t)bytes,
		.run = run,
	};
	return d;
}

bool packet_send(const struct peer *to, const union datagram *d, size_t bytes)
{
	return sendto(to->sock, d, bytes, 0, (const struct sockaddr *)&to->addr,
		      to->addr_len) == (ssize_t)bytes;
}

bool packet_take(int sock, uint32_t run, union datagram *d)
{
	struct sockaddr_storage from;
	socklen_t from_len;
	ssize_t n;

	do {
		from_len = sizeof(from);
		n = recvfrom(sock, d, sizeof(*d), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);
		if (n < 0 && errno != ECONNREFUSED)
			return false;
	} while (n < (ssize_t)sizeof(d->head) || d->head.mark != PACKET_MARK ||
		 d->head.run != run);
	return true;
}

void packet_count(struct counter *c, const struct packet *p, uint64_t now)
{
	if (p->run != c->run)
		*c = (struct counter){ .run = p->run };
	if (c->count + c->late == 0)
		c->first_ns = p->sent_ns;
	c->last_ns = p->sent_ns;
	if (now - p->sent_ns <= LATE_NS)
		c->count++;
	else
		c->late++;
}

void packet_send_paced(const struct peer *to, union datagram *d, size_t bytes,
		       uint32_t packets, uint32_t rate_pps)
{
	uint64_t begin = now_ns(), wake = begin;
	uint32_t due;

	d->head.number = 0;
	while (d->head.number < packets) {
		wake += NS_PER_MS;
		sleep_until(wake);
		due = (uint32_t)((wake - begin) * rate_pps / NS_PER_S);
		if (due > packets)
			due = packets;
		for (; d->head.number < due; d->head.number++) {
			d->head.sent_ns = now_ns();
			packet_send(to, d, bytes);
		}
	}
}

void warm_up(const struct peer *to, size_t bytes)
{
	uint32_t run = new_run();
	union datagram d = packet_new(KIND_ECHO, run, bytes), answer;
	uint64_t begin = now_ns(), next = begin;

	do {
		next += WARM_EVERY_MS * NS_PER_MS;
		if (next > begin + WARM_TIMEOUT_MS * NS_PER_MS) {
			errno = ETIMEDOUT;
			fail("no answer");
		}
		d.head.sent_ns = now_ns();
		packet_send(to, &d, bytes);
	} while (!readable_before(to->sock, next) ||
		 !packet_take(to->sock, run, &answer));
	fprintf(stderr, "warm after %" PRIu64 " us\n",
		(now_ns() - begin) / 1000);
	sleep_until(now_ns() + TAIL_NS);
	while (packet_take(to->sock, run, &answer))
		;
	puts("ready");
	fflush(stdout);
}
