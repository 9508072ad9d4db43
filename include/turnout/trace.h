/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace.h - what libturnout.so tells a tracer: each decision of policy
 *
 * Only with ENV_TRACE in the environment. A note is a sendto(2) on descriptor
 * -1, which the kernel refuses with EBADF: it goes nowhere, needs nothing open,
 * and `turnout trace` sees it among the system calls of the same thread, before
 * whatever the decision leads to.
 */
#ifndef TURNOUT_TRACE_H
#define TURNOUT_TRACE_H

#include <turnout/endpoint.h>

#include <stdint.h>

#define ENV_TRACE "TURNOUT_TRACE" /* "1": tell */

#define TRACE_NOTE_FD    (-1)
#define TRACE_NOTE_MAGIC 0x5452ce01u

struct trace_note {
	uint32_t magic;
	uint8_t protocol; /* enum policy_protocol */
	uint8_t action;   /* enum policy_action */
	uint16_t reserved;
	struct endpoint dest;
};
_Static_assert(sizeof(struct trace_note) == 28, "note layout");

#endif
