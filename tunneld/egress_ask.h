/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * egress_ask.h - proxies that a script or the desktop names, as they are asked;
 * blocks, for pool threads only
 */
#ifndef EGRESS_ASK_H
#define EGRESS_ASK_H

#include "egress.h"

#include <turnout/compiler.h>

#include <stdint.h>

struct cancel;
struct desktop;
struct egress_ask;
struct pac;
struct proxy;

/* One of `pac` and `desktop`; `like` is what all proxies have in common, and
 * its TLS is for those that need it. Own references. NULL: out of memory. */
struct egress_ask *egress_ask_new(struct pac *pac, struct desktop *desktop,
				  struct proxy *like) MUST_CHECK;
void egress_ask_free(struct egress_ask *a);

/* 0, or -errno with words. The same proxy is the same object each time. */
int egress_ask(struct egress_ask *a, const char *host, uint16_t port,
	       uint64_t deadline_ms, struct cancel *cancel,
	       struct egress_way *way, char words[200]) MUST_CHECK;

void egress_ask_network_changed(struct egress_ask *a);

#endif
