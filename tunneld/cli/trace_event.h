/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace_event.h - one thing that a traced program did */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

enum trace_kind {
	TRACE_DECIDED = 1, /* the library saw the call, and policy decided */
	TRACE_UNSEEN = 2,  /* a call that can send, past the library */
	TRACE_NAME = 3,    /* a name was looked up, by tunneld */
	TRACE_PROGRAM = 4, /* a program that the library is not in */
	TRACE_URING = 5,   /* io_uring: what goes that way is not seen */
	TRACE_LOST = 6,    /* a process whose memory we may not read */
};

/* Passed through a pipe: at most PIPE_BUF bytes, so none is torn. */
struct trace_event {
	uint8_t kind;     /* enum trace_kind */
	uint8_t action;   /* of TRACE_DECIDED: enum policy_action */
	uint8_t protocol; /* enum policy_protocol; 0: neither */
	uint8_t reserved;
	int32_t pid;
	struct endpoint dest; /* of the first two */
	char program[512];
	/* of TRACE_NAME the name, of others the reason; else "" */
	char words[1024];
};
_Static_assert(sizeof(struct trace_event) <= 4096, "one write to a pipe");

/* Where events go. */
struct trace_sink {
	const char *library; /* of LD_PRELOAD: a program without it is told */
	/* Called while a process is stopped: be quick. */
	void (*on_event)(void *arg, const struct trace_event *event);
	void *arg;
};

#endif
