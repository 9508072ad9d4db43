/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verbs.h - the verbs of turnout(1), each described in the file of its name */
#ifndef VERBS_H
#define VERBS_H

#include "verb.h"

extern const struct verb run_verb, shell_verb, trace_verb;
extern const struct verb doctor_verb;
extern const struct verb status_verb, flows_verb, top_verb, wait_verb;
extern const struct verb ping_verb;
extern const struct verb metrics_verb, log_verb, bugreport_verb;
extern const struct verb config_verb, explain_verb, reload_verb, proxy_verb;
extern const struct verb help_verb;

/* All of them, in the order of help; NULL ends. */
extern const struct verb *const verbs[];

/* NULL: there is none. */
const struct verb *verbs_find(const char *name);

#endif
