/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace_decode.h - a system call that is about to be made -> what it means */
#ifndef TRACE_DECODE_H
#define TRACE_DECODE_H

#include "trace_event.h"

#include <turnout/trace.h>

#include <stdint.h>

struct __ptrace_syscall_info;

#define TRACE_NOTES 16 /* what a thread may decide before it acts on it */

/* A thread, with the notes that the library has left in it. */
struct trace_thread {
	pid_t tid, pid;
	struct trace_thread *next; /* of the tracer's table */
	struct trace_note note[TRACE_NOTES];
	unsigned int notes; /* ever */
};

void trace_decode(struct trace_thread *t,
		  const struct __ptrace_syscall_info *info,
		  const struct trace_sink *sink);
/* It runs another program now. */
void trace_decode_exec(struct trace_thread *t, const struct trace_sink *sink);

#endif
