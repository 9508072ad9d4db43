/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * relay.h - the fake TURN server behind a TCP and a UDP port, served by a loop
 * of the test's own
 */
#ifndef LIB_RELAY_H
#define LIB_RELAY_H

#include "fake/turn_server.h"
#include "loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#define RELAY_CONNS_MAX 256

struct relay_conn {
	struct relay_fixture *relay;
	struct turn_server_conn *turn;
	struct loop_fd watch;
	int fd;                  /* -1: free */
	struct sockaddr_in from; /* of datagrams; then `turn` NULL: free */
};

struct relay_fixture {
	struct loop *loop;
	struct turn_server *server;
	bool shared; /* the server is another fixture's */
	struct loop_fd watch, udp_watch;
	int fd, udp_fd;
	uint16_t port, udp_port; /* host order, on 127.0.0.1 */
	size_t accepted;         /* TCP connections */
	size_t udp_clients;      /* addresses that datagrams came from */
	bool reset;   /* connections that the server ends are reset */
	bool deaf;    /* datagrams are thrown away, streams not read */
	bool refused; /* TCP connections are reset as soon as they come */
	struct relay_conn conn[RELAY_CONNS_MAX];
	struct relay_conn udp[RELAY_CONNS_MAX];
};

/* User "alice", password "secret"; peers echo. `port` 0: any; the UDP port is
 * the same one where that is free. */
void relay_fixture_open(struct relay_fixture *r, struct loop *loop,
			uint16_t port);
/* Another way to the same server, which must be closed first. */
void relay_fixture_open_shared(struct relay_fixture *r, struct loop *loop,
			       uint16_t port, struct relay_fixture *first);
void relay_fixture_close(struct relay_fixture *r);
/* Reset all connections, as a proxy's idle cut or a restart does. UDP clients
 * are forgotten. */
void relay_fixture_cut(struct relay_fixture *r);
/* Hold back all that the relay says, both ways, without an end; then say it
 * all. */
void relay_fixture_stall(struct relay_fixture *r, bool stall);

#endif
