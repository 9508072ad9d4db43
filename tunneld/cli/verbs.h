/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verbs.h - the verbs of turnout(1): a main() each, listed in turnout.c */
#ifndef VERBS_H
#define VERBS_H

/* Exit statuses. `run` passes the command's own through, and keeps 125 to 127
 * for itself as env(1) and timeout(1) do. */
enum verb_exit {
	VERB_OK = 0,
	VERB_FAILED = 1,
	VERB_USAGE = 2,
	VERB_RUN_FAILED = 125,
	VERB_RUN_NOT_RUNNABLE = 126,
	VERB_RUN_NOT_FOUND = 127,
};

/* argv[0] is the verb. Each returns an exit status. */
int verb_run(int argc, char **argv);
int verb_shell(int argc, char **argv);
int verb_trace(int argc, char **argv);
int verb_metrics(int argc, char **argv);
int verb_log(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_flows(int argc, char **argv);
int verb_proxy(int argc, char **argv);
int verb_config(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_explain(int argc, char **argv);

#endif
