/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tasks.h - what tunneld does instead of serving */
#ifndef TASKS_H
#define TASKS_H

#include <turnout/compiler.h>

struct options;

/* opts->task, which is not OPTIONS_RUN. The exit status. */
int tasks_run(const struct options *opts) MUST_CHECK;

#endif
