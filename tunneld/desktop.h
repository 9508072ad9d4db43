/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * desktop.h - which proxies the settings of the desktop name for a destination;
 * blocks, for pool threads only
 */
#ifndef DESKTOP_H
#define DESKTOP_H

#include "pac_list.h"

#include <turnout/compiler.h>

#include <stdint.h>

struct cancel;
struct desktop;

/* One reference; NULL: out of memory. */
struct desktop *desktop_new(void) MUST_CHECK;
struct desktop *desktop_get(struct desktop *d);
void desktop_put(struct desktop *d);

/* For a TCP connection to host:port. 0, or -errno with words; there is no other
 * way then. `cancel` may not be NULL. Answers are used for half a minute. */
int desktop_find(struct desktop *d, const char *host, uint16_t port,
		 uint64_t deadline_ms, struct cancel *cancel,
		 struct pac_list *list, char words[200]) MUST_CHECK;

/* From any thread: what was answered before does not count any more. */
void desktop_network_changed(struct desktop *d);

#endif
