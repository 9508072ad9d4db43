/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * command.h - what a shell command prints; blocks, for pool threads only
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <turnout/compiler.h>

#include <stddef.h>
#include <stdint.h>

struct cancel;

#define COMMAND_BYTES_MAX 65536
/* Fits into any pipe at once (pipe(7)). */
#define COMMAND_INPUT_MAX 4096
/* Between SIGTERM and SIGKILL to its process group. */
#define COMMAND_GRACE_MS 500

struct command {
	const char *text; /* for /bin/sh -c */
	/* NULL, or what it may read: at most COMMAND_INPUT_MAX bytes */
	const char *input;
	uint64_t deadline_ms;
	struct cancel *cancel;
	/* what came of it */
	char *out; /* NUL-terminated; command_fini() wipes it */
	size_t len;
	char words[200]; /* "exit status 3: its first line on stderr" */
};

/* It gets `input` or /dev/null, a short list of variables that hold no secret,
 * and no descriptor of ours. What it leaves behind in its process group is
 * killed. 0 when it exits with 0, or -errno with words: -ETIMEDOUT, -ECANCELED,
 * -E2BIG, -ECHILD (exit status, signal), or what fork and the like say. */
int command_run(struct command *c) MUST_CHECK;
void command_fini(struct command *c);

#endif
