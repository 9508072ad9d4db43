/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.h - what was found out about each network, kept in a file over
 * restarts; no secrets in it
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <turnout/compiler.h>

#include <stdint.h>

struct memory;

/* The one used longest ago is forgotten first. */
#define MEMORY_NETWORKS_MAX 64
/* Of a relay's key; opaque here. */
#define MEMORY_KEY_MAX 400

enum memory_udp {
	MEMORY_UDP_UNKNOWN = 0,
	MEMORY_UDP_WORKS,
	MEMORY_UDP_FAILS,
	MEMORY_NUM_UDPS,
};

struct memory_network {
	uint64_t fingerprint; /* network_fingerprint_via(); not 0 */
	int64_t used_s;       /* seconds since 1970; set by memory_put() */
	char winner[MEMORY_KEY_MAX + 1]; /* printable; empty: none */
	enum memory_udp udp;
	uint8_t keepalive_s; /* learned for the winner; 0: nothing */
};

/* `path` NULL, or one that cannot be written: nothing is kept, but until the
 * end. The file is read now; what is not understood in it is left out. */
struct memory *memory_new(const char *path) MUST_CHECK;
void memory_free(struct memory *m);
/* NULL: an unknown network. Borrowed until the next call. */
const struct memory_network *memory_find(struct memory *m,
					 uint64_t fingerprint);
/* Add or replace, and write the file, which other daemons of the user may have
 * written meanwhile: their networks stay. Nothing is written when nothing is
 * new. 0, -EINVAL, or why the file could not be written: -errno. */
int memory_put(struct memory *m, const struct memory_network *network,
	       int64_t now_s);
/* Write the file once more, after what was in the way is gone. */
int memory_put_again(struct memory *m);

#endif
