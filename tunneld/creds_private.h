/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* creds_private.h - what the parts of creds share */
#ifndef CREDS_PRIVATE_H
#define CREDS_PRIVATE_H

#include "creds.h"

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

struct cancel;
struct dial_pool;

/* What a service or a command has said. On the heap: it is large. */
struct creds_served {
	char username[CREDS_USERNAME_MAX + 1];
	char password[CREDS_PASSWORD_MAX + 1];
	int64_t ttl_s;     /* 0: not said */
	int64_t expires_s; /* of the epoch; 0: not said */
	size_t uri_count;
	char uri[CREDS_URIS_MAX][CREDS_URI_MAX];
};

/* For one errand to the source; borrowed. */
struct creds_errand {
	const struct creds_opts *opts; /* kind URI or COMMAND */
	struct dial_pool *pool;
	uint64_t deadline_ms;
	struct cancel *cancel;
	char *words; /* CREDS_WORDS_MAX */
};

/* Blocks. 0, or -errno with words. */
int creds_obtain(const struct creds_errand *e,
		 struct creds_served *out) MUST_CHECK;

#endif
