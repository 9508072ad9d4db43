/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leg_lab.h - what tests of legs, races and uplinks stand on: a loop, a pool,
 * counters, fake relays on loopback, and a set of ways to them
 */
#ifndef LIB_LEG_LAB_H
#define LIB_LEG_LAB_H

#include "clock.h"
#include "creds.h"
#include "dial.h"
#include "leg.h"
#include "lib/relay.h"
#include "lib/unit.h"
#include "log.h"
#include "loop.h"
#include "race.h" /* and tunneld/relay.h */
#include "stats.h"
#include "turn.h"

#include <dirent.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Longer than any step takes on a machine that is busy. */
#define LAB_PATIENCE_MS 20000
#define LAB_RELAYS_MAX  4

struct lab {
	struct loop *loop;
	struct worker_stats stats;
	struct leg_env env;
	struct relay_fixture relay[LAB_RELAYS_MAX];
	size_t relays;
	int hole; /* a socket that takes no connections, or -1 */
	uint16_t hole_port;
	int plug[2]; /* what fills its backlog */
	struct loop_timer poll;
	uint64_t give_up_ms;
	bool (*done)(void *arg);
	void *arg;
	bool timed_out;
};

static const struct endpoint lab_peer = { .family = ENDPOINT_IPV4,
					  .port_be = 0x8813, /* 5000 */
					  .ip = { 203, 0, 113, 7 } };

static inline void lab_open(struct lab *lab, size_t relays)
{
	log_open(LOG_LEVEL_ERROR, false);
	memset(lab, 0, sizeof(*lab));
	lab->hole = lab->plug[0] = lab->plug[1] = -1;
	lab->loop = loop_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(lab->loop);
	for (; lab->relays < relays; lab->relays++)
		relay_fixture_open(&lab->relay[lab->relays], lab->loop, 0);
	lab->env = (struct leg_env){ .loop = lab->loop,
				     .pool = dial_pool_new(8),
				     .stats = &lab->stats };
}

/* One more fixture, another way to the first one's server. */
static inline void lab_add_way(struct lab *lab)
{
	relay_fixture_open_shared(&lab->relay[lab->relays++], lab->loop, 0,
				  &lab->relay[0]);
}

static inline void lab_close(struct lab *lab)
{
	leg_env_fini(&lab->env);
	/* What shares a server with an earlier one goes first. */
	while (lab->relays > 0)
		relay_fixture_close(&lab->relay[--lab->relays]);
	for (int i = 0; i < 2; i++) {
		if (lab->plug[i] >= 0)
			close(lab->plug[i]);
	}
	if (lab->hole >= 0)
		close(lab->hole);
	loop_drain(lab->loop);
	dial_pool_free(lab->env.pool);
	loop_free(lab->loop);
}

/* A port where connect() gets no answer: its backlog is full. */
static inline uint16_t lab_black_hole(struct lab *lab)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);

	lab->hole = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(lab->hole, (struct sockaddr *)&in, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(lab->hole, 0), 0);
	getsockname(lab->hole, (struct sockaddr *)&in, &len);
	for (int i = 0; i < 2; i++) {
		lab->plug[i] = socket(
			AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(lab->plug[i], (struct sockaddr *)&in, len);
	}
	lab->hole_port = ntohs(in.sin_port);
	return lab->hole_port;
}

/* A port where nobody listens. */
static inline uint16_t lab_closed_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, len), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	close(fd);
	return ntohs(in.sin_port);
}

static inline void lab_fill(struct relay *r, const char *name, uint16_t port)
{
	struct creds_opts opts = { .kind = CREDS_STATIC,
				   .username = "alice",
				   .secret = "secret" };
	const char *words;

	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->host, sizeof(r->host), "127.0.0.1");
	r->port = port;
	r->transport = RELAY_TRANSPORT_TCP;
	r->creds = creds_new(&opts, &words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r->creds);
}

/* A way to each fixture: "r0", "r1" … */
static inline struct relay_set *lab_set(struct lab *lab)
{
	struct relay_set *set = relay_set_new(lab->relays);
	char name[8];

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (size_t i = 0; i < lab->relays; i++) {
		snprintf(name, sizeof(name), "r%zu", i);
		lab_fill(&set->relay[i], name, lab->relay[i].port);
	}
	return set;
}

static inline void lab_on_poll(void *arg, uint64_t now_ms)
{
	struct lab *lab = arg;

	lab->timed_out = now_ms > lab->give_up_ms;
	if (lab->timed_out || lab->done(lab->arg))
		loop_stop(lab->loop);
	else
		loop_timer_set(lab->loop, &lab->poll, now_ms + 1, lab_on_poll,
			       lab);
}

/* Run the loop until `done` says so. False: it took too long. */
static inline bool lab_run(struct lab *lab, bool (*done)(void *arg), void *arg)
{
	uint64_t now_ms = clock_now_ms();

	lab->done = done;
	lab->arg = arg;
	lab->give_up_ms = now_ms + LAB_PATIENCE_MS;
	loop_timer_set(lab->loop, &lab->poll, now_ms + 1, lab_on_poll, lab);
	CU_ASSERT_EQUAL(loop_run(lab->loop), 0);
	return !lab->timed_out;
}

static inline bool lab_is_time(void *arg)
{
	return clock_now_ms() >= *(uint64_t *)arg;
}

/* Run the loop for so long. */
static inline void lab_pass(struct lab *lab, uint32_t ms)
{
	uint64_t end_ms = clock_now_ms() + ms;

	(void)lab_run(lab, lab_is_time, &end_ms);
}

/* As a stopped process: what comes is not read, and nothing is answered. */
static inline void lab_stall(struct lab *lab, size_t relay, bool stalled)
{
	struct relay_fixture *r = &lab->relay[relay];

	loop_fd_set(lab->loop, &r->watch, stalled ? EPOLLRDHUP : EPOLLIN);
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		if (r->conn[i].fd >= 0)
			loop_fd_set(lab->loop, &r->conn[i].watch,
				    stalled ? EPOLLRDHUP : EPOLLIN);
	}
}

static inline size_t lab_conns(const struct lab *lab, size_t relay)
{
	size_t n = 0;

	for (size_t i = 0; i < RELAY_CONNS_MAX; i++)
		n += lab->relay[relay].conn[i].fd >= 0;
	return n;
}

/* The one that has an allocation; NULL: none. */
static inline struct relay_conn *lab_allocated(struct lab *lab, size_t relay)
{
	for (size_t i = 0; i < RELAY_CONNS_MAX; i++) {
		struct relay_conn *c = &lab->relay[relay].conn[i];

		if (c->fd >= 0 && turn_server_allocated(c->turn))
			return c;
	}
	return NULL;
}

static inline size_t lab_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static inline size_t lab_heap_bytes(void)
{
	return mallinfo2().uordblks;
}

#endif
