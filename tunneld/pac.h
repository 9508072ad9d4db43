/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac.h - proxy auto-config: which proxies a script names for a destination;
 * blocks, for pool threads only
 */
#ifndef PAC_H
#define PAC_H

#include "pac_fetch.h"
#include "pac_list.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct cancel;
struct pac;

struct pac_options {
	struct pac_place from; /* without `name`; copied */
	pac_fetch_fn *fetch_url;
	/* What a test has otherwise: the helper's path, and how long an answer
	 * may take. NULL and 0: ours. */
	const char *program;
	uint32_t answer_ms;
};

/* Scripts can be run: the build has libpacparser. */
bool pac_is_built_in(void);

/* One reference; NULL: out of memory. Nothing is fetched or started yet. */
struct pac *pac_new(const struct pac_options *options) MUST_CHECK;
struct pac *pac_get(struct pac *p);
void pac_put(struct pac *p); /* the last ends the processes */

/* FindProxyForURL() for a TCP connection to host:port. 0, or -errno with words:
 * what the script says is binding, so that there is no way then, not even
 * directly. */
int pac_find(struct pac *p, const char *host, uint16_t port,
	     uint64_t deadline_ms, struct cancel *cancel, struct pac_list *list,
	     char words[200]) MUST_CHECK;

/* "pac+http://host": for people, without what may be a key. */
void pac_name(const struct pac *p, char *out, size_t max);

/* From any thread. */
void pac_network_changed(struct pac *p);

#endif
