/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hop.h - a TCP connection to one host, made with the app's own socket where
 * that is possible, or a UDP socket that is connected to it; blocks, for pool
 * threads only
 */
#ifndef HOP_H
#define HOP_H

#include "lookup.h"

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;

#define HOP_ASIDE 3

struct hop {
	const char *host; /* name or IP literal, no brackets */
	uint16_t port;
	int socket;   /* the app's TCP socket, or -1; stays the caller's */
	bool instead; /* a new socket goes in its place, whatever it can reach
		       */
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* hop_datagram(): begin at this one of the addresses */
	unsigned int first;
	/* what came of it */
	bool looked_up;       /* false: a failure is that of the look-up */
	struct endpoint peer; /* connected to, or tried last */
	struct endpoint addrs[LOOKUP_MAX];
	unsigned int addresses; /* in `addrs` */
	unsigned int address;   /* hop_datagram(): which of them `peer` is */
	/* private */
	int family;           /* of the app's socket */
	int flags;            /* its file status flags */
	int aside[HOP_ASIDE]; /* its options that would be in the way */
	bool started;         /* its state must be undone */
	bool mapped; /* and IPv4's functions taken off an IPv6 socket */
};

/* A connected descriptor, non-blocking: `socket` itself, or a new one that
 * the caller owns (CLOEXEC; TCP_NODELAY, or as the app's socket has it). All
 * addresses race (hop_race.h) unless there is an app's socket: that one tries
 * them in turn.
 * Or -errno: of lookup_host() while !looked_up, of connect(2) after it. The
 * app's socket is as it was then. */
int hop_connect(struct hop *h) MUST_CHECK;

/* A UDP socket that is connected to the first address, from `first` on, that
 * this host has a route to: whether it answers, nobody knows yet. Looks the
 * host up at the first call only. As hop_connect(), and -ENXIO when there is no
 * further address. */
int hop_datagram(struct hop *h) MUST_CHECK;

/* Disconnects the app's socket and gives it back its flags. */
void hop_undo(struct hop *h);
/* After success: `fd`, the app's socket or the one in its place, is as the app
 * wants it (O_NONBLOCK, options). */
void hop_restore(const struct hop *h, int fd);

#endif
