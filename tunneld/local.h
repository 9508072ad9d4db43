/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * local.h - batches of loopback datagrams: one worker's receive ring and send
 * batch, shared by all its flows one after the other
 */
#ifndef LOCAL_H
#define LOCAL_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stddef.h>
#include <stdint.h>

struct local;
struct worker_stats;

struct local *local_new(struct worker_stats *stats) MUST_CHECK;
void local_free(struct local *l);

/* A loopback UDP socket for one flow, non-blocking: a descriptor and its
 * address, or -errno. `family` 4 or 6. */
int local_socket(uint8_t family, struct endpoint *bound) MUST_CHECK;
/* The one that a flow had before: -EADDRINUSE when somebody else has it. */
int local_socket_at(const struct endpoint *bound) MUST_CHECK;

/* One datagram as received; all borrowed until the next local_recv(). */
struct local_datagram {
	const uint8_t *data;
	size_t len;
	struct endpoint from;
};

#define LOCAL_RECV_BATCH 32

/* Receive a batch. Returns the count (fewer than LOCAL_RECV_BATCH: none are
 * left), or -errno
 * (-ECONNREFUSED: the app's socket is gone). */
int local_recv(struct local *l, int fd, const struct local_datagram **batch);

/* The app at the other end of a flow's socket, and what it was given. */
struct local_app {
	int fd;
	uint64_t secret;
	uint64_t datagrams, bytes;
	uint64_t dropped; /* the kernel took them not */
};

/* Stage a datagram for the app, wire header put before it. `data` and `app` are
 * borrowed until local_flush(), which is called when the batch is full. */
void local_stage(struct local *l, struct local_app *app,
		 const struct endpoint *peer, const uint8_t *data, size_t len);
/* Send what is staged: runs of equal size as one segmented send. */
void local_flush(struct local *l);

#endif
