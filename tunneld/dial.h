/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dial.h - a pool of threads that open connections: TCP through the HTTP proxy
 * or directly, UDP directly, TLS or DTLS on it
 *
 * Name look-ups, libcurl and handshakes block, so they never run in an event
 * loop: a request goes to a thread, its result comes back as a task of the
 * loop that asked.
 */
#ifndef DIAL_H
#define DIAL_H

#include "cancel.h"
#include "dial_reason.h"
#include "loop.h"
#include "thread_pool.h"

#include <turnout/compiler.h>
#include <turnout/control.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct clock_skew;
struct egress;
struct tls;
struct tls_ctx;
struct tunnel_env;

enum dial_kind {
	DIAL_STREAM = 0, /* TCP; with `tls`: TLS */
	/* A connected UDP socket; with `tls`: DTLS. Never through a proxy,
	 * never an app's socket. */
	DIAL_DATAGRAM,
	DIAL_NUM_KINDS,
};

struct dial_request;
typedef void(dial_done_fn)(void *arg, struct dial_request *req,
			   uint64_t now_ms);

/* Filled by the caller on the heap (dial_request_new), owned by the pool from
 * dial_start() until `done` runs in `loop`'s thread; dial_request_free() by
 * the caller then. */
struct dial_request {
	/* what to reach */
	char host[CONTROL_NAME_MAX + 1]; /* name or IP literal, no brackets */
	uint16_t port;
	struct egress *egress; /* NULL: directly; reference taken over */
	enum dial_kind kind;
	/* DIAL_DATAGRAM without TLS: which of the host's addresses; nobody can
	 * tell here that one does not answer. See `addresses`. */
	unsigned int first;
	/* NULL: plain; dial_start() takes a reference of its own */
	struct tls_ctx *tls;
	/* what the certificate must be for; empty: `host` */
	char tls_name[CONTROL_NAME_MAX + 1];
	uint32_t timeout_ms; /* for all steps together; 0: 30 s */
	int socket; /* >= 0: the app's TCP socket to connect in place; owned */
	bool alpn_header; /* RFC 7639 on CONNECT, "stun.turn" */
	/* who wants it */
	struct loop *loop;
	dial_done_fn *done;
	/* NULL, or: frees `arg` when the pool ends first */
	thread_job_fn *drop;
	void *arg;
	/* what came of it, valid in `done` */
	enum dial_reason reason;
	int error;           /* 0 or the errno for the app */
	int fd;              /* >= 0: connected, non-blocking as asked; owned */
	bool same_socket;    /* `fd` is `socket`, with the app's own flags */
	struct tls *session; /* handshake done; owned by the caller now */
	struct endpoint peer; /* connected to, or tried last: host or proxy */
	/* DIAL_DATAGRAM: how many addresses the host has, and which of them
	 * `peer` is; the next one is tried with `first` = `address` + 1, and
	 * DIAL_TARGET_UNREACH says that there is none. */
	unsigned int addresses, address;
	long http_code;              /* of CONNECT; 0: none came */
	char detail[DIAL_WORDS_MAX]; /* for the log: names the hop, no secret */
	/* private to dial.c */
	struct dial_pool *pool;
	struct tls_ctx *trust;
	uint64_t deadline_ms;
	bool performed; /* a thread has taken it up */
	struct cancel cancel;
	struct thread_job job;
};
/* After any failure the app's socket is in `fd` again (same_socket, `socket`
 * -1), disconnected (AF_UNSPEC), with its flags restored, so that it can be
 * given back to the app. When a new socket had to take its place it has the
 * app's O_NONBLOCK, same_socket is false, and the app's own stays in `socket`
 * until dial_request_free(). */

struct dial_pool;

/* NULL with errno. */
struct dial_pool *dial_pool_new(unsigned int threads_max) MUST_CHECK;
/* Cancels what runs, joins the threads (a stuck one is left to itself after a
 * second). Requests that have not been delivered are freed. The loops must
 * have stopped for good, and not be freed yet. */
void dial_pool_free(struct dial_pool *pool);

struct dial_request *dial_request_new(void) MUST_CHECK;
/* Closes fd/socket/session that are still in it. */
void dial_request_free(struct dial_request *req);
/* Without an app's socket (a relay's connection) it goes before those with. */
void dial_start(struct dial_pool *pool, struct dial_request *req);
/* In the loop's thread, before `done`, which still runs (soon, with
 * DIAL_CANCELLED unless it was done before). */
void dial_cancel(struct dial_request *req);

/* For others that open tunnels in the pool's threads. */
const struct tunnel_env *dial_tunnel_env(struct dial_pool *pool);
/* The wall clock, put right by what HTTP answers have said. */
struct clock_skew *dial_skew(struct dial_pool *pool);
time_t dial_time(struct dial_pool *pool);

/* Run any blocking function in the pool (name look-ups). */
void dial_run(struct dial_pool *pool, struct thread_job *job);

#endif
