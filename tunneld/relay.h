/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay.h - the relays to choose from, in order of preference; one immutable
 * set, shared by reference count and replaced whole on a reload
 */
#ifndef RELAY_H
#define RELAY_H

#include "creds.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dial_proxy;
struct tls_ctx;

/* How long a relay that failed is passed over while another is there. */
#define RELAY_PENALTY_MS 30000

struct relay {
	char name[64];
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port;
	struct tls_ctx *tls; /* NULL: TURN over plain TCP */
	struct creds creds;
	struct dial_proxy *proxy; /* NULL: directly */
	/* written by every worker: what the last attempt came to */
	_Atomic uint64_t penalty_until_ms;
	_Atomic uint32_t failing; /* 0, or the cause that the log has told */
};

struct relay_set {
	_Atomic uint32_t refs;
	size_t count;
	struct relay relay[];
};

/* A set of `count` zeroed relays, one reference; the caller fills them in and
 * thereby gives each `tls`, `creds` and `proxy` to the set. */
struct relay_set *relay_set_new(size_t count) MUST_CHECK;
struct relay_set *relay_set_get(struct relay_set *set);
void relay_set_put(struct relay_set *set);

/* The first that is not under penalty, or else the one whose penalty ends
 * first. NULL for an empty set. Borrowed from the set. */
struct relay *relay_choose(struct relay_set *set, uint64_t now_ms);
/* Note the outcome of an attempt. True when it is news (worth a log line): a
 * failure for another cause than the last (`cause` is not 0), or the first
 * success after a failure. */
bool relay_failed(struct relay *relay, uint32_t cause,
		  uint64_t now_ms) MUST_CHECK;
bool relay_worked(struct relay *relay) MUST_CHECK;

#endif
