/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tracer.c - the stops of a process and of all that come from it (ptrace(2))
 *
 * They are attached by PTRACE_SEIZE, so that stops by signals work as without
 * us, and stop for us at the calls of trace_filter.c, and when a process or a
 * thread begins or runs another program. If we end before them, they end, too:
 * without a tracer these calls would fail.
 */
#include <config.h>

#include "tracer.h"

#include "trace_decode.h"
#include "tracee.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include <sys/ptrace.h>
#include <sys/wait.h>

#define BUCKETS 256

struct tracer {
	const struct trace_sink *sink;
	struct trace_thread *bucket[BUCKETS];
	size_t threads; /* that have not ended */
};

static struct trace_thread **find(struct tracer *tr, pid_t tid)
{
	struct trace_thread **at = &tr->bucket[(unsigned int)tid % BUCKETS];

	while (*at != NULL && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

/* Known from now on, whichever of its own first stop and of its parent's event
 * comes first. NULL: out of memory; it runs on, unseen. */
static struct trace_thread *know(struct tracer *tr, pid_t tid)
{
	struct trace_thread **at = find(tr, tid);

	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return NULL;
		(*at)->tid = tid;
		tr->threads++;
	}
	if ((*at)->pid == 0)
		(*at)->pid = tracee_process(tid);
	return *at;
}

static void forget(struct tracer *tr, pid_t tid)
{
	struct trace_thread **at = find(tr, tid), *t = *at;

	if (t == NULL)
		return;
	*at = t->next;
	free(t);
	tr->threads--;
}

int tracer_seize(pid_t child)
{
	unsigned long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
				PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

	return ptrace(PTRACE_SEIZE, child, NULL, options) < 0 ? -errno : 0;
}

static void on_call(struct tracer *tr, struct trace_thread *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof(info), &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_SECCOMP)
		trace_decode(t, &info, tr->sink);
}

/* The thread that called execve() has become the process's first: under that
 * number it stops, whatever its own was. */
static void on_exec(struct tracer *tr, struct trace_thread *t)
{
	unsigned long former = 0;

	if (ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &former) == 0 &&
	    (pid_t)former != t->tid)
		forget(tr, (pid_t)former);
	trace_decode_exec(t, tr->sink);
}

static void on_birth(struct tracer *tr, pid_t parent)
{
	unsigned long child = 0;

	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child) == 0)
		know(tr, (pid_t)child);
}

static bool stops_group(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN ||
	       signal == SIGTTOU;
}

static void on_stop(struct tracer *tr, pid_t tid, int status)
{
	struct trace_thread *t = know(tr, tid);
	int signal = WSTOPSIG(status), how = PTRACE_CONT;

	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP:
		if (t != NULL)
			on_call(tr, t);
		signal = 0;
		break;
	case PTRACE_EVENT_EXEC:
		if (t != NULL)
			on_exec(tr, t);
		signal = 0;
		break;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		on_birth(tr, tid);
		signal = 0;
		break;
	case PTRACE_EVENT_STOP:
		/* A thread's first stop, or it stays stopped till SIGCONT. */
		if (stops_group(signal))
			how = PTRACE_LISTEN;
		signal = 0;
		break;
	default:
		break;
	}
	/* It may have been killed meanwhile; its end is reported. */
	ptrace(how, tid, NULL, (unsigned long)signal);
}

int tracer_run(pid_t child, const struct trace_sink *sink)
{
	struct tracer tr = { .sink = sink };
	int status, result = 0;
	pid_t tid;

	know(&tr, child);
	while (tr.threads > 0) {
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			break;
		if (WIFSTOPPED(status)) {
			on_stop(&tr, tid, status);
			continue;
		}
		if (tid == child)
			result = status;
		forget(&tr, tid);
	}
	for (size_t i = 0; i < BUCKETS; i++)
		while (tr.bucket[i] != NULL)
			forget(&tr, tr.bucket[i]->tid);
	return result;
}
