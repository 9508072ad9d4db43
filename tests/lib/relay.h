/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay.h - the fake TURN server behind a TCP port, served by a loop of the
 * test's own
 */
#ifndef LIB_RELAY_H
#define LIB_RELAY_H

#include "fake/turn_server.h"
#include "loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_CONNS_MAX 256

struct relay_conn {
	struct relay_fixture *relay;
	struct turn_server_conn *turn;
	struct loop_fd watch;
	int fd; /* -1: free */
};

struct relay_fixture {
	struct loop *loop;
	struct turn_server *server;
	struct loop_fd watch;
	int fd;
	uint16_t port; /* host order, on 127.0.0.1 */
	size_t accepted;
	struct relay_conn conn[RELAY_CONNS_MAX];
};

/* User "alice", password "secret"; peers echo. `port` 0: any. */
void relay_fixture_open(struct relay_fixture *r, struct loop *loop,
			uint16_t port);
void relay_fixture_close(struct relay_fixture *r);
/* Reset all connections, as a proxy's idle cut or a restart does. */
void relay_fixture_cut(struct relay_fixture *r);

#endif
