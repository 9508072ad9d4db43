/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.h - what is configured of each relay, and the candidates that it makes
 * once it is known where the relays are
 */
#ifndef PLAN_H
#define PLAN_H

#include "conf_uri.h"
#include "locate.h"
#include "relay.h"

#include <turnout/compiler.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct creds;
struct egress;
struct policy;
struct tls_ctx;

enum plan_path {
	PLAN_PATH_AUTO = 0, /* as policy has it for any TCP destination */
	PLAN_PATH_DIRECT,
	PLAN_PATH_PROXY,
};

struct plan_relay {
	char name[RELAY_NAME_MAX + 1];
	struct conf_uri uri; /* no host: the URIs come with `creds` */
	enum plan_path path;
	struct tls_ctx *tls; /* own references */
	struct creds *creds;
	bool no_redirect, no_mobility;
	uint8_t warm, keepalive_s;
};

/* Immutable once it is filled in; shared by reference count. */
struct plan {
	_Atomic uint32_t refs;
	struct egress *egress; /* NULL: no proxy; own references */
	struct policy *policy; /* that knows no relay yet */
	/* Where AUTO means the proxy, the direct way may be tried as well. */
	bool past_proxy;
	size_t count;
	struct plan_relay relay[];
};

struct plan *plan_new(size_t count) MUST_CHECK; /* zeroed, one reference */
struct plan *plan_get(struct plan *plan);
void plan_put(struct plan *plan);

/* Which ways lead to a host: of PLAN_WAY_*; 0: none. */
enum {
	PLAN_WAY_DIRECT = 1,
	PLAN_WAY_PROXY = 2
};
unsigned int plan_ways(const struct plan *plan, const struct plan_relay *relay,
		       const char *host, uint16_t port,
		       enum relay_transport transport);
/* Is it to be looked up where this URI's relay is? A name that only the proxy
 * is asked for means nothing here. */
bool plan_needs_dns(const struct plan *plan, const struct plan_relay *relay,
		    const struct conf_uri *uri);
/* Nothing can be tried before something has been looked up or fetched. */
bool plan_waits(const struct plan *plan, const struct plan_relay *relay);

#define PLAN_TARGETS_MAX 32

struct plan_targets {
	size_t count;
	struct {
		struct locate_target at;
		/* the URI's host, which the certificate is for */
		char name[CONTROL_NAME_MAX + 1];
	} target[PLAN_TARGETS_MAX];
};

/* Adds those that are not there yet, as far as there is room. */
void plan_add_targets(struct plan_targets *to, const struct conf_uri *uri,
		      const struct locate_target *target, size_t count);
/* UDP, DTLS, TCP, TLS: where several URIs have no order among them. */
void plan_sort_targets(struct plan_targets *targets);

/* The candidates, in order of preference. `found[i]`: the targets of relay i;
 * NULL, or `found` NULL: what its URI alone tells, none for one that waits.
 * NULL with errno. */
struct relay_set *plan_relays(const struct plan *plan,
			      struct plan_targets *const *found) MUST_CHECK;

#endif
