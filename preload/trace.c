/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace.c - a decision of policy -> a note among this thread's system calls
 * (turnout/trace.h)
 */
#include <config.h>

#include "trace.h"

#include "next.h"

#include <turnout/trace.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/auxv.h>

bool trace_wanted;

void trace_init(void)
{
	const char *value = getenv(ENV_TRACE);

	trace_wanted = value != NULL && strcmp(value, "1") == 0 &&
		       getauxval(AT_SECURE) == 0;
}

void trace_send(enum policy_protocol protocol, const struct endpoint *dest,
		enum policy_action action)
{
	const struct trace_note note = {
		.magic = TRACE_NOTE_MAGIC,
		.protocol = (uint8_t)protocol,
		.action = (uint8_t)action,
		.dest = *dest,
	};
	int error = errno;

	next.sendto(TRACE_NOTE_FD, &note, sizeof(note), 0, NULL, 0);
	errno = error;
}
