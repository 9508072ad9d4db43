/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * locate.h - a relay's URI to hosts, ports and transports (RFC 5928)
 */
#ifndef LOCATE_H
#define LOCATE_H

#include "relay.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cancel;
struct conf_uri;

#define LOCATE_MAX 16 /* targets of one URI; more are left out */
/* How long it may take; a silent name server may cost a second more. */
#define LOCATE_WAIT_MS 2000

struct locate_target {
	char host[CONTROL_NAME_MAX + 1]; /* name or literal */
	uint16_t port;
	enum relay_transport transport;
};

/* Without a port, and with a name: DNS is to tell where it is. */
bool locate_needs_dns(const struct conf_uri *uri);
/* The URI's own host at its port, or the default one, for each transport that
 * it means. In order of preference; returns how many (> 0). */
size_t locate_plain(const struct conf_uri *uri,
		    struct locate_target out[LOCATE_MAX]);

struct locate_opts {
	const struct endpoint *server; /* as for srv_resolver_new() */
	uint64_t deadline_ms;
	struct cancel *cancel; /* may be NULL */
	uint32_t seed;         /* of the weighted choice; random */
};

/* Asks for NAPTR and SRV records; blocks, for pool threads only. Returns how
 * many targets (locate_plain() where DNS knows nothing better), 0 when DNS says
 * that there is no such service, or -EAGAIN: no answer. `*ttl_s`: how long it
 * is good for; UINT32_MAX: nobody says. */
int locate(const struct conf_uri *uri, const struct locate_opts *opts,
	   struct locate_target out[LOCATE_MAX], uint32_t *ttl_s) MUST_CHECK;

#endif
