/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_source.h - where a proxy auto-config script comes from, and the script
 * that is in force; blocks, for pool threads only
 */
#ifndef PAC_SOURCE_H
#define PAC_SOURCE_H

#include "pac_fetch.h"

#include <turnout/compiler.h>

struct pac_wait;

struct pac_source;

/* Copies what `from` names, without `name`, which is made here. `fetch_url`
 * for those that are URLs. */
struct pac_source *pac_source_new(const struct pac_place *from,
				  pac_fetch_fn *fetch_url) MUST_CHECK;
void pac_source_free(struct pac_source *s);

/* A reference to the script that is in force. Fetches it when it is time, or
 * waits for who does. 0, or -errno with words. */
int pac_source_take(struct pac_source *s, struct pac_wait *w,
		    struct pac_script **script) MUST_CHECK;

/* From any thread: the script of the last network is not for this one. */
void pac_source_network_changed(struct pac_source *s);

/* The path, or the URL's scheme and host: what follows may hold a key. */
const char *pac_source_name(const struct pac_source *s);

#endif
