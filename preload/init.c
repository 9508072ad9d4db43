/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * init.c - the constructor: names bound and settings read, which are immutable
 * from then on; nothing is opened, allocated or printed
 */
#include <config.h>

#include "client.h"
#include "next.h"
#include "policy.h"
#include "trace.h"

__attribute__((constructor)) static void init(void)
{
	next_init();
	client_init();
	policy_init();
	trace_init();
}
