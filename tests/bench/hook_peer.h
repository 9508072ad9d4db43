/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hook_peer.h - as much of tunneld as one UDP socket under libturnout.so needs
 */
#ifndef BENCH_HOOK_PEER_H
#define BENCH_HOOK_PEER_H

#include <stdint.h>

/* An address that the page says to tunnel. Nothing is ever sent there. */
#define HOOK_PEER_TUNNELLED      "203.0.113.10"
#define HOOK_PEER_TUNNELLED_PORT 9000

struct hook_peer {
	char dir[64]; /* holds the page and the control socket */
	char socket[96];
	int listener;
	int native; /* UDP sockets on 127.0.0.1 */
	int flow;
	uint16_t native_port, flow_port;
};

/* 0 or -errno. _fini also removes the files. */
int hook_peer_init(struct hook_peer *p) __attribute__((warn_unused_result));
void hook_peer_fini(struct hook_peer *p);

/* Serve one app until it closes the other end of `app`: register its flows,
 * and for each byte on `app` send back all datagrams that wait, then the byte.
 */
void hook_peer_serve(struct hook_peer *p, int app);

#endif
