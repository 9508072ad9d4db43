/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace_filter.h - the kernel stops a process at the calls that leave */
#ifndef TRACE_FILTER_H
#define TRACE_FILTER_H

#include <turnout/compiler.h>

/* This process, and all that come from it, stop for their tracer at connect(2),
 * sendto(2), sendmsg(2), sendmmsg(2) and io_uring_setup(2), and nowhere else
 * (seccomp(2), SECCOMP_RET_TRACE). It must be traced already: without a tracer
 * these calls fail. Sets no_new_privs. 0; -ENOTSUP: not on this machine type;
 * -errno. */
int trace_filter_install(void) MUST_CHECK;

#endif
