/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor_way.h - one relay's hops up to where TURN begins */
#ifndef DOCTOR_WAY_H
#define DOCTOR_WAY_H

#include "doctor_advice.h"
#include "doctor_line.h"
#include "tunnel.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct proxy;
struct tls;

#define DOCTOR_HOP_MS 4000 /* of a look-up, a connect, a handshake */

/* What the hops of a branch hand on; zeroed before, doctor_way_fini() after. */
struct doctor_way {
	struct doctor_branch *branch;
	struct doctor_names names;
	char proxy_at[DIAL_HOST_PORT_MAX]; /* "P:p" */
	char target[DIAL_HOST_PORT_MAX];   /* "R:r" */
	struct proxy *proxy; /* that is used; NULL: directly; own reference */
	bool through;        /* a proxy leads there */
	struct tunnel tunnel;
	int fd;               /* -1: none; owned */
	struct tls *tls;      /* NULL: none; owned */
	unsigned int open_ms; /* how long it took to open `fd` */
};

void doctor_way_init(struct doctor_way *w, struct doctor_branch *b);
void doctor_way_fini(struct doctor_way *w);

/* Lines proxy.name to relay.tcp. Then there is a connection, or the branch has
 * its root. UDP has no connection: only its host is looked up. */
void doctor_way_reach(struct doctor_way *w);
/* Lines relay.tls and relay.alpn; nothing where the way has no TLS. */
void doctor_way_secure(struct doctor_way *w);
/* The line of a host's name; false: it is the root. `unknown`: the cause where
 * the resolver answers, and does not know it. */
bool doctor_way_look_up(struct doctor_way *w, enum doctor_probe probe,
			const char *host, enum doctor_cause unknown);
/* One more connection to the relay on the way that has worked. */
int doctor_way_again(struct doctor_way *w) MUST_CHECK;

/* doctor_proxy.c: lines proxy.name, proxy.tcp and proxy.tls of the proxies that
 * lead there; the first that can be reached is used. */
void doctor_proxy_reach(struct doctor_way *w);
/* … and proxy.schemes, proxy.login, proxy.connect: what came of tunnel_open(),
 * `fd` >= 0 or not. */
void doctor_proxy_judge(struct doctor_way *w);

#endif
