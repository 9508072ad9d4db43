/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hop.h - a TCP connection to one host, made with the app's own socket where
 * that is possible; blocks, for pool threads only
 */
#ifndef HOP_H
#define HOP_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;

#define HOP_ASIDE 3

struct hop {
	const char *host; /* name or IP literal, no brackets */
	uint16_t port;
	int socket; /* the app's TCP socket, or -1; stays the caller's */
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	bool looked_up;       /* false: a failure is that of the look-up */
	struct endpoint peer; /* connected to, or tried last */
	/* private */
	int family;           /* of the app's socket */
	int flags;            /* its file status flags */
	int aside[HOP_ASIDE]; /* its options that would be in the way */
	bool started;         /* its state must be undone */
	bool mapped; /* and IPv4's functions taken off an IPv6 socket */
};

/* A connected descriptor, non-blocking: `socket` itself, or a new one that
 * the caller owns (CLOEXEC; TCP_NODELAY, or as the app's socket has it).
 * Or -errno: of lookup_host() while !looked_up, of connect(2) after it. The
 * app's socket is as it was then. */
int hop_connect(struct hop *h) MUST_CHECK;

/* Disconnects the app's socket and gives it back its flags. */
void hop_undo(struct hop *h);
/* After success: `fd`, the app's socket or the one in its place, is as the app
 * wants it (O_NONBLOCK, options). */
void hop_restore(const struct hop *h, int fd);

#endif
