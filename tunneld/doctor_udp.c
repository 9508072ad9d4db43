/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_udp.c - does UDP get past the firewall? Binding requests to the relay,
 * without the proxy (RFC 8489, 6.2.1)
 */
#include <config.h>

#include "buf.h"
#include "clock.h"
#include "doctor_relay.h"
#include "doctor_way.h"
#include "hop.h"
#include "lookup.h"
#include "stun_auth.h"
#include "stun_msg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <sys/socket.h>

#define TRIES     4
#define TRY_MS    300
#define STUN_PORT 3478

/* The port that a relay's own UDP way has, or the usual one. */
static uint16_t port_of(const struct relay_set *set, const struct relay *relay)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->relay[i].transport == RELAY_TRANSPORT_UDP &&
		    strcmp(set->relay[i].host, relay->host) == 0)
			return set->relay[i].port;
	return STUN_PORT;
}

static bool is_answer(const uint8_t *data, ssize_t n, const uint8_t *id)
{
	struct stun_msg m;

	return n > 0 && stun_msg_parse(&m, data, (size_t)n) == 0 &&
	       m.class != STUN_CLASS_REQUEST &&
	       memcmp(m.id, id, STUN_ID_LEN) == 0;
}

/* Milliseconds to the answer, or -1: there is none. */
static int ask(struct doctor_branch *b, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t id[STUN_ID_LEN], data[512];
	uint64_t began = clock_now_ms();
	struct stun_build build;
	struct buf out;

	if (RAND_bytes(id, sizeof(id)) != 1)
		return -1;
	for (int i = 0; i < TRIES && !cancel_is_set(&b->cancel); i++) {
		uint64_t until = clock_now_ms() + TRY_MS, now;
		ssize_t n;

		buf_init(&out, data, sizeof(data));
		stun_build_begin(&build, &out, STUN_CLASS_REQUEST,
				 STUN_METHOD_BINDING, id);
		stun_auth_fingerprint(&build);
		n = send(fd, data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ECONNREFUSED)
			return -1;
		while ((now = clock_now_ms()) < until &&
		       poll(&p, 1, (int)(until - now)) > 0) {
			n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
			if (is_answer(data, n, id))
				return (int)(clock_now_ms() - began);
			if (n < 0)
				return -1;
		}
	}
	return -1;
}

static void tell(struct doctor_line *l, int ms,
		 const struct doctor_names *names)
{
	if (ms < 0) {
		doctor_state(l, DOCTOR_INFO,
			     "UDP does not get through: media go over TCP, "
			     "which turnout keeps in time");
		doctor_advise(l, DOCTOR_CAUSE_UDP_CLOSED, names);
		return;
	}
	doctor_figure(l, "%d ms", ms);
	doctor_value(l, "rtt_ms", ms);
	doctor_state(l, DOCTOR_OK, "UDP gets to the relay and back");
}

void doctor_udp(struct doctor_branch *b)
{
	struct relay *r = &b->env->relays->relay[0];
	struct hop hop = {
		.host = r->host,
		.port = port_of(b->env->relays, r),
		.socket = -1,
		.deadline_ms = doctor_deadline_ms(b, DOCTOR_HOP_MS),
		.cancel = &b->cancel,
	};
	const struct doctor_names names = { .relay = r->name,
					    .host = r->host,
					    .port = hop.port };
	char about[DIAL_HOST_PORT_MAX];
	struct doctor_line *l;
	int fd;

	dial_format_host(about, r->host, hop.port);
	l = doctor_begin(b, DOCTOR_UDP_DIRECT, about);
	if (l == NULL)
		return;
	fd = hop_datagram(&hop);
	if (fd < 0) {
		doctor_state(l, DOCTOR_INFO, "%s: media go over TCP",
			     hop.looked_up ? strerror(-fd)
					   : "the relay's name is not known "
					     "outside of the proxy");
		doctor_advise(l, DOCTOR_CAUSE_UDP_CLOSED, &names);
		return;
	}
	tell(l, ask(b, fd), &names);
	close(fd);
}
