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
#define PORTS_MAX 3

/* Where a relay may take UDP: at the port of its UDP way, at that of the other
 * one (coturn listens for both on each), or at the usual one. */
static size_t find_ports(const struct relay_set *set, const struct relay *r,
			 uint16_t ports[PORTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < set->count && n == 0; i++)
		if (set->relay[i].transport == RELAY_TRANSPORT_UDP &&
		    strcmp(set->relay[i].host, r->host) == 0)
			ports[n++] = set->relay[i].port;
	if (n == 0 || ports[0] != r->port)
		ports[n++] = r->port;
	if (ports[0] != STUN_PORT && r->port != STUN_PORT)
		ports[n++] = STUN_PORT;
	return n;
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

/* Milliseconds, or -1: nobody answers. */
static int try_port(struct doctor_branch *b, struct hop *hop, uint16_t port)
{
	int fd, ms;

	hop->port = port;
	fd = hop_datagram(hop);
	if (fd < 0)
		return -1;
	ms = ask(b, fd);
	close(fd);
	return ms;
}

void doctor_udp(struct doctor_branch *b)
{
	struct relay *r = &b->env->relays->relay[0];
	struct hop hop = {
		.host = r->host,
		.socket = -1,
		.deadline_ms = doctor_deadline_ms(b, DOCTOR_HOP_MS),
		.cancel = &b->cancel,
	};
	struct doctor_names names = { .relay = r->name, .host = r->host };
	struct doctor_line *l = doctor_begin(b, DOCTOR_UDP_DIRECT, r->host);
	uint16_t ports[PORTS_MAX];
	size_t n = find_ports(b->env->relays, r, ports);
	int ms = -1;

	if (l == NULL)
		return;
	for (size_t i = 0; i < n && ms < 0; i++) {
		names.port = ports[i];
		ms = try_port(b, &hop, ports[i]);
		if (!hop.looked_up)
			break;
	}
	if (ms < 0)
		names.port = ports[0];
	if (hop.looked_up) {
		tell(l, ms, &names);
		return;
	}
	doctor_state(l, DOCTOR_INFO,
		     "the relay's name is not known outside of the proxy: "
		     "media go over TCP");
	doctor_advise(l, DOCTOR_CAUSE_UDP_CLOSED, &names);
}
