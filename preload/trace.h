/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace.h - decisions of policy, told to `turnout trace` */
#ifndef TRACE_H
#define TRACE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>
#include <turnout/page.h>

#include <stdbool.h>

/* Read the environment; called from the constructor and never again. */
void trace_init(void);

extern bool trace_wanted; /* written by trace_init() only */
void trace_send(enum policy_protocol protocol, const struct endpoint *dest,
		enum policy_action action);

/* Leaves errno alone. A load and a branch when nobody traces. */
static inline void trace_tell(enum policy_protocol protocol,
			      const struct endpoint *dest,
			      enum policy_action action)
{
	if (unlikely(trace_wanted))
		trace_send(protocol, dest, action);
}

#endif
