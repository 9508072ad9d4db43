/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unit_of.h - which unit of systemd a tunneld runs as */
#ifndef UNIT_OF_H
#define UNIT_OF_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

#define UNIT_NAME_MAX 255 /* systemd.unit(5) */

struct unit_of {
	char name[UNIT_NAME_MAX + 1]; /* "tunneld.service" */
	bool user;                    /* of a user's systemd */
};

/* From the text of /proc/PID/cgroup. False: it is no service. */
bool unit_of_cgroup(const char *text, struct unit_of *unit) MUST_CHECK;
/* Whose log is the journal's: `status` is what tunneld says of itself. False:
 * it is not. */
bool unit_of_status(const char *status, struct unit_of *unit) MUST_CHECK;

#endif
