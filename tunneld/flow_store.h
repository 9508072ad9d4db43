/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow_store.h - the flows that are open, in a file, so that a restarted
 * daemon goes on with them
 *
 * The file holds secrets (those of flows, and what continues an allocation):
 * mode 0600, in a directory where nobody else can put one, and gone once it
 * has been read.
 */
#ifndef FLOW_STORE_H
#define FLOW_STORE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

/* Of one allocation; opaque here. */
#define FLOW_STORE_RESUME_MAX 65536
/* An allocation that nobody refreshed for longer has ended. */
#define FLOW_STORE_RESUME_S 3600

enum {
	FLOW_STORE_IPV4 = 0,
	FLOW_STORE_IPV6,
	FLOW_STORE_FAMILIES
};

struct flow_saved {
	uint64_t cookie, secret;
	uid_t uid;
	struct endpoint bound; /* the flow's loopback port */
	struct endpoint app;   /* where the app sends from; family 0: unknown */
	char *program;         /* heap; NULL: not to be told */
	struct flow_saved_uplink {
		bool open;
		uint8_t *resume; /* heap; NULL: nothing to go on with */
		size_t resume_len;
	} uplink[FLOW_STORE_FAMILIES];
};

/* Replaces the file whole. 0 or -errno (-EPERM: the directory is not safe). */
int flow_store_write(const char *path, const struct flow_saved *flows,
		     size_t count) MUST_CHECK;
/* What it holds, for flow_store_free(); the file is removed, whatever is in
 * it. `*flows` NULL: nothing that is of use (no file, of another boot, another
 * owner's, broken). */
size_t flow_store_read(const char *path, struct flow_saved **flows) MUST_CHECK;
/* Also wipes the array and what it points to. */
void flow_store_free(struct flow_saved *flows, size_t count);

#endif
