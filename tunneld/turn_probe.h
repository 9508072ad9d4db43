/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turn_probe.h - one allocation on one connection, tried out: does the relay
 * take us, and how do datagrams fare that come back through it; blocks, for
 * pool threads only
 *
 * It drives the machine that calls use (turn.h). Echoes are datagrams to our
 * own relayed address: the relay passes them to itself, and back to us.
 */
#ifndef TURN_PROBE_H
#define TURN_PROBE_H

#include "stream.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel;
struct creds_pair;
struct turn_probe;

struct turn_probe_opts {
	int fd;          /* connected, non-blocking; both are taken over */
	struct tls *tls; /* handshake done; NULL: in the clear */
	bool datagram;   /* UDP or DTLS */
	const struct creds_pair *pair; /* borrowed during turn_probe_new() */
	bool mobility;                 /* ask for a ticket */
	struct cancel *cancel;         /* borrowed */
};

struct turn_probe_facts {
	bool challenged; /* it has answered the first request by 401 */
	bool ready;      /* there is an allocation */
	bool mobile;     /* … with a ticket */
	bool silent;     /* nothing has come at all */
	char realm[128]; /* of the 401; printable */
	char software[64];
	uint32_t answer_us;  /* from the first request to its answer */
	uint32_t request_us; /* smoothed round trip of requests */
	unsigned int code;   /* STUN's, of the failure; 0: another one */
	char words[256];     /* of the failure; names no secret */
	struct endpoint relayed;
	struct endpoint alternate; /* 300: where to; family 0: not said */
};

/* NULL with errno; fd and tls are closed then, too. */
struct turn_probe *turn_probe_new(const struct turn_probe_opts *opts)
	MUST_CHECK;
/* Gives the allocation back. */
void turn_probe_free(struct turn_probe *p);

/* Allocate, until `deadline_ms`: an IPv4 address, or IPv6 where the relay has
 * no other. True: ready. */
bool turn_probe_allocate(struct turn_probe *p, uint64_t deadline_ms,
			 struct turn_probe_facts *out) MUST_CHECK;

#define TURN_PROBE_ECHOES_MAX 1024
#define TURN_PROBE_LOST       UINT32_MAX

struct turn_probe_echo {
	unsigned int count;   /* at most TURN_PROBE_ECHOES_MAX */
	uint32_t interval_us; /* between two */
	size_t bytes;         /* of each, 16 at least */
	uint32_t linger_ms;   /* to wait for the last ones */
	uint64_t deadline_ms;
	/* NULL, or: an echo has come */
	void (*on_echo)(void *arg, unsigned int seq, uint32_t rtt_us);
	void *arg;
	/* what came of it */
	unsigned int sent, heard;
	bool refused;        /* the relay does not pass to itself */
	bool ended;          /* the connection has */
	uint32_t sending_us; /* from the first to the last that was sent */
	uint32_t hearing_us; /* … that was heard */
	/* when the last was sent: of a stream, what had not arrived yet at
	 * whoever is at the other end of the connection */
	size_t unsent_bytes;
	uint32_t rtt_us[TURN_PROBE_ECHOES_MAX]; /* or TURN_PROBE_LOST */
};

/* Send and hear them. What the connection does not take is not sent: a
 * bottleneck shows in `sent`. */
void turn_probe_echo(struct turn_probe *p, struct turn_probe_echo *e);

#endif
