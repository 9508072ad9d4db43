/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace_decode.c - a system call of a stopped thread -> what turnout did, or
 * that nobody did anything
 *
 * The library leaves a note before each call that policy has decided on. So a
 * call that sends something out of the machine, in a thread without such a
 * note, has gone around the library. Loopback is not out.
 */
#include <config.h>

#include "trace_decode.h"

#include "preflight.h"
#include "tracee.h"

#include <turnout/control.h>
#include <turnout/page.h>
#include <turnout/paths.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/ptrace.h>
#include <sys/syscall.h>

#define MESSAGES_MAX 64 /* of one sendmmsg(2) */
#define DNS_PORT     53

static void emit(struct trace_thread *t, const struct trace_sink *sink,
		 struct trace_event *event)
{
	event->pid = t->pid;
	if (event->program[0] == '\0')
		tracee_program(t->pid, event->program, sizeof(event->program));
	sink->on_event(sink->arg, event);
}

static bool stays_here(const struct endpoint *e)
{
	static const uint8_t one[16] = { [15] = 1 }, any[16];

	if (e->family == ENDPOINT_IPV4)
		return e->ip[0] == 127 || memcmp(e->ip, any, 4) == 0;
	return memcmp(e->ip, one, 16) == 0 || memcmp(e->ip, any, 16) == 0;
}

/* What the library has said */

static void take_note(struct trace_thread *t, uint64_t address,
		      const struct trace_sink *sink)
{
	struct trace_event event = { .kind = TRACE_DECIDED };
	struct trace_note note;

	if (tracee_read(t->tid, address, &note, sizeof(note)) < 0 ||
	    note.magic != TRACE_NOTE_MAGIC)
		return;
	t->note[t->notes++ % TRACE_NOTES] = note;
	event.action = note.action;
	event.protocol = note.protocol;
	event.dest = note.dest;
	emit(t, sink, &event);
}

/* Whether a decision stands behind this call. connect() of a UDP socket sends
 * nothing: the library asks the kernel for its own address that way. */
static bool was_decided(const struct trace_thread *t, uint8_t protocol,
			const struct endpoint *dest, bool connects)
{
	for (size_t i = 0; i < TRACE_NOTES; i++) {
		const struct trace_note *note = &t->note[i];

		if (note->magic != TRACE_NOTE_MAGIC ||
		    note->protocol != protocol ||
		    !endpoint_equal(&note->dest, dest))
			continue;
		if (note->action == POLICY_DIRECT ||
		    note->action == POLICY_PREFER_DIRECT ||
		    (connects && protocol == POLICY_UDP))
			return true;
	}
	return false;
}

/* What it has not */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void explain_unseen(struct trace_event *event, pid_t pid, uint64_t ip)
{
	struct tracee_place place;
	struct preflight p;

	tracee_place(pid, ip, &place);
	if (!place.preloaded) {
		preflight_look(event->program, &p);
		if (p.flaw != PREFLIGHT_FLAW_NONE)
			preflight_explain(&p, event->words,
					  sizeof(event->words));
		else
			snprintf(event->words, sizeof(event->words),
				 "the library is not in this process");
	} else if (strncmp(base_name(place.file), "libc.so", 7) != 0) {
		snprintf(event->words, sizeof(event->words),
			 "a system call made by %s itself, not through libc",
			 place.file[0] != '\0' ? place.file : "generated code");
	} else if (endpoint_port(&event->dest) == DNS_PORT) {
		snprintf(event->words, sizeof(event->words),
			 "libc's own resolver, which asks for the names that "
			 "policy calls direct");
	} else {
		snprintf(event->words, sizeof(event->words),
			 "made inside libc, where the library cannot see it");
	}
}

static uint8_t protocol_of(pid_t pid, int fd)
{
	switch (tracee_protocol(pid, fd)) {
	case IPPROTO_TCP:
		return POLICY_TCP;
	case IPPROTO_UDP:
		return POLICY_UDP;
	default:
		return POLICY_ANY;
	}
}

static void judge(struct trace_thread *t, int fd, const struct endpoint *dest,
		  const struct __ptrace_syscall_info *info,
		  const struct trace_sink *sink)
{
	struct trace_event event = { .kind = TRACE_UNSEEN, .dest = *dest };

	if (dest->family == ENDPOINT_NONE || stays_here(dest))
		return;
	event.protocol = protocol_of(t->pid, fd);
	if (was_decided(t, event.protocol, dest,
			info->seccomp.nr == SYS_connect))
		return;
	tracee_program(t->pid, event.program, sizeof(event.program));
	explain_unseen(&event, t->pid, info->instruction_pointer);
	emit(t, sink, &event);
}

/* A sandbox's process cannot be read; that is told, once a program. */
static void tell_lost(struct trace_thread *t, const struct trace_sink *sink)
{
	struct trace_event event = {
		.kind = TRACE_LOST,
		.words = "its sandbox does not let us read what it sends",
	};

	emit(t, sink, &event);
}

/* The system calls */

static void take_address(struct trace_thread *t, int fd, uint64_t address,
			 uint64_t len, const struct __ptrace_syscall_info *info,
			 const struct trace_sink *sink)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	struct endpoint dest;
	int err;

	if (len > sizeof(sa))
		len = sizeof(sa);
	err = tracee_read(t->tid, address, &sa, len);
	if (err == -EPERM)
		tell_lost(t, sink);
	if (err == 0 && endpoint_from_sockaddr(&dest, &sa, (socklen_t)len))
		judge(t, fd, &dest, info, sink);
}

/* A request of the library to tunneld: of these, only look-ups are news. */
static void take_request(struct trace_thread *t, const struct iovec *iov,
			 const struct trace_sink *sink)
{
	struct trace_event event = { .kind = TRACE_NAME };
	struct control_resolve body;
	struct control_header header;

	if (iov[0].iov_len != sizeof(header) ||
	    iov[1].iov_len != sizeof(body) ||
	    tracee_read(t->tid, (uintptr_t)iov[0].iov_base, &header,
			sizeof(header)) < 0 ||
	    header.magic != CONTROL_MAGIC || header.type != CONTROL_RESOLVE ||
	    tracee_read(t->tid, (uintptr_t)iov[1].iov_base, &body,
			sizeof(body)) < 0)
		return;
	snprintf(event.words, sizeof(event.words), "%.*s",
		 (int)sizeof(body.name), body.name);
	emit(t, sink, &event);
}

static void take_message(struct trace_thread *t, int fd,
			 const struct msghdr *msg,
			 const struct __ptrace_syscall_info *info,
			 const struct trace_sink *sink)
{
	struct iovec iov[2];

	if (msg->msg_name != NULL && msg->msg_namelen > 0)
		take_address(t, fd, (uintptr_t)msg->msg_name, msg->msg_namelen,
			     info, sink);
	else if (msg->msg_iovlen >= 2 &&
		 tracee_read(t->tid, (uintptr_t)msg->msg_iov, iov,
			     sizeof(iov)) == 0)
		take_request(t, iov, sink);
}

static void take_messages(struct trace_thread *t,
			  const struct __ptrace_syscall_info *info,
			  const struct trace_sink *sink)
{
	const uint64_t *args = info->seccomp.args;
	size_t n = args[2] < MESSAGES_MAX ? args[2] : MESSAGES_MAX;
	struct mmsghdr msg;

	for (size_t i = 0; i < n; i++) {
		if (tracee_read(t->tid, args[1] + i * sizeof(msg), &msg,
				sizeof(msg)) < 0)
			return;
		take_message(t, (int)args[0], &msg.msg_hdr, info, sink);
	}
}

void trace_decode(struct trace_thread *t,
		  const struct __ptrace_syscall_info *info,
		  const struct trace_sink *sink)
{
	struct trace_event uring = {
		.kind = TRACE_URING,
		.words = "what it sends through io_uring goes around libc",
	};
	const uint64_t *args = info->seccomp.args;
	struct msghdr msg;

	switch (info->seccomp.nr) {
	case SYS_connect:
		take_address(t, (int)args[0], args[1], args[2], info, sink);
		break;
	case SYS_sendto:
		if ((int)args[0] == TRACE_NOTE_FD &&
		    args[2] == sizeof(struct trace_note))
			take_note(t, args[1], sink);
		else if (args[4] != 0)
			take_address(t, (int)args[0], args[4], args[5], info,
				     sink);
		break;
	case SYS_sendmsg:
		if (tracee_read(t->tid, args[1], &msg, sizeof(msg)) == 0)
			take_message(t, (int)args[0], &msg, info, sink);
		break;
	case SYS_sendmmsg:
		take_messages(t, info, sink);
		break;
	case SYS_io_uring_setup:
		emit(t, sink, &uring);
		break;
	default:
		break;
	}
}

void trace_decode_exec(struct trace_thread *t, const struct trace_sink *sink)
{
	struct trace_event event = { .kind = TRACE_PROGRAM };
	struct preflight p;

	t->notes = 0;
	memset(t->note, 0, sizeof(t->note));
	tracee_program(t->pid, event.program, sizeof(event.program));
	preflight_look(event.program, &p);
	if (p.flaw != PREFLIGHT_FLAW_NONE)
		preflight_explain(&p, event.words, sizeof(event.words));
	else if (!tracee_has_env(t->pid, "LD_PRELOAD", sink->library))
		snprintf(event.words, sizeof(event.words),
			 "it was started without turnout's library in "
			 "LD_PRELOAD, by a program that made an environment of "
			 "its own");
	else
		return;
	emit(t, sink, &event);
}
