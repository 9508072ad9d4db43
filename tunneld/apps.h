/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * apps.h - the processes that have asked for something, and how often; a
 * bounded table of the control loop
 */
#ifndef APPS_H
#define APPS_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#define APPS_MAX           256
#define APPS_PROGRAM_BYTES 256

struct app {
	pid_t pid; /* 0: a free place */
	uint32_t uid;
	uint64_t birth; /* of the process, by /proc; 0: not told */
	char program[APPS_PROGRAM_BYTES]; /* path; empty: not told */
	uint64_t since_ms, seen_ms;
	uint64_t connects, connects_failed, lookups, sockets;
};

struct apps {
	struct app app[APPS_MAX];
};

/* The process asks for something; its place, or that of the one that was seen
 * longest ago. `program`: NULL: not to be told. */
struct app *apps_note(struct apps *a, pid_t pid, uint32_t uid,
		      const char *program, uint64_t now_ms);
/* NULL: it is not there any more. */
struct app *apps_find(struct apps *a, pid_t pid);
/* Forget those that have ended. */
void apps_sweep(struct apps *a);

#endif
