/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor_ask.h - a report: from a tunneld that looks now, or from a file */
#ifndef DOCTOR_ASK_H
#define DOCTOR_ASK_H

#include <turnout/compiler.h>

#include <jansson.h>

struct run_args;

/* Asks the tunneld that runs; without one, or with options of `args` for one, a
 * private one that ends with this process. `relay` NULL: all. A new reference;
 * NULL when what is wrong was said. */
json_t *doctor_ask(const struct run_args *args, const char *relay) MUST_CHECK;
/* The report that `turnout doctor --json` has left in a file; "-" is stdin. */
json_t *doctor_ask_file(const char *path) MUST_CHECK;

#endif
