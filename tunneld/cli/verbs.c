/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verbs.c - the table of verbs: what turnout(1), its help and shells know */
#include <config.h>

#include "verbs.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
const struct verb *const verbs[] = {
	&run_verb,
	&shell_verb,
	&trace_verb,
	&doctor_verb,
	&status_verb,
	&flows_verb,
	&top_verb,
	&wait_verb,
	&ping_verb,
	&log_verb,
	&bugreport_verb,
	&metrics_verb,
	&explain_verb,
	&config_verb,
	&reload_verb,
	&proxy_verb,
	&help_verb,
	NULL,
};
/* clang-format on */

const struct verb *verbs_find(const char *name)
{
	for (size_t i = 0; verbs[i] != NULL; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}
