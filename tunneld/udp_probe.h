/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp_probe.h - does UDP work directly in this network, in both directions and
 * to ports that no rule of a firewall knows? Asked of a relay.
 */
#ifndef UDP_PROBE_H
#define UDP_PROBE_H

#include <turnout/compiler.h>

#include <stdint.h>

struct leg_env;
struct relay_set;
struct udp_probe;

/* Media waits for the answer at most so long. */
#define UDP_PROBE_MS 500

enum udp_verdict {
	UDP_VERDICT_UNKNOWN = 0, /* no relay takes UDP: nobody to ask */
	UDP_VERDICT_BLOCKED,     /* not even the relay is reached */
	/* … but nothing else is, or each peer would see another port of ours
	 * (RFC 4787, 4.1: not endpoint-independent), so that some could not be
	 * called */
	UDP_VERDICT_RELAY,
	UDP_VERDICT_OPEN,
	UDP_NUM_VERDICTS,
};

/* Once, in the loop of `env`; udp_probe_free() may be called from it. */
typedef void(udp_probe_fn)(void *arg, enum udp_verdict verdict,
			   uint64_t now_ms);

/* Begins at once; the answer comes within UDP_PROBE_MS, never from inside
 * this call. Takes a reference of `relays`; `env` is borrowed. NULL with
 * errno. */
struct udp_probe *udp_probe_new(struct leg_env *env, struct relay_set *relays,
				udp_probe_fn *done, void *arg) MUST_CHECK;
/* `done` does not run any more. */
void udp_probe_free(struct udp_probe *p);

const char *udp_verdict_name(enum udp_verdict verdict); /* "blocked" … */

#endif
