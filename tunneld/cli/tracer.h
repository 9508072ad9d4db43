/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tracer.h - follow a process and all that come from it (ptrace(2)) */
#ifndef TRACER_H
#define TRACER_H

#include "trace_event.h"

#include <turnout/compiler.h>

#include <sys/types.h>

/* The child waits, and has not installed its filter yet. 0 or -errno. */
int tracer_seize(pid_t child) MUST_CHECK;
/* Until the last of them has ended; the status of `child` as of wait(2). */
int tracer_run(pid_t child, const struct trace_sink *sink);

#endif
