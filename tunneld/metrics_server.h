/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metrics_server.h - metrics for whoever scrapes them by HTTP
 *
 * One request a connection, GET or HEAD of /metrics, and nothing else.
 */
#ifndef METRICS_SERVER_H
#define METRICS_SERVER_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct metrics_server;

/* All that there is to tell; heap, or NULL: no memory. */
typedef char *(metrics_fn)(void *arg, bool openmetrics, size_t *bytes);

struct metrics_server_opts {
	struct loop *loop;
	struct endpoint listen; /* port 0: any that is free */
	metrics_fn *metrics;
	void *arg;
};

/* NULL with errno. */
struct metrics_server *metrics_server_new(
	const struct metrics_server_opts *opts) MUST_CHECK;
void metrics_server_free(struct metrics_server *s);
/* Where it listens. */
const struct endpoint *metrics_server_at(const struct metrics_server *s);

#endif
