/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - tunneld: options and configuration, and then the daemon */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "log.h"
#include "options.h"
#include "proxy_connect.h"
#include "snapshot.h"
#include "tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/resource.h>

/* A daemon under the preload library would be its own customer: take the
 * library out and start afresh. Other preloaded libraries stay. */
static void leave_preload(char **argv)
{
	const char *value = getenv("LD_PRELOAD");
	char *kept, *list, *item, *save = NULL;

	if (value == NULL || strstr(value, "libturnout.so") == NULL)
		return;
	kept = calloc(1, strlen(value) + 2);
	list = strdup(value);
	if (kept == NULL || list == NULL)
		return;
	for (item = strtok_r(list, ": ", &save); item != NULL;
	     item = strtok_r(NULL, ": ", &save)) {
		if (strstr(item, "libturnout.so") != NULL)
			continue;
		if (kept[0] != '\0')
			strcat(kept, ":");
		strcat(kept, item);
	}
	if (kept[0] != '\0')
		setenv("LD_PRELOAD", kept, 1);
	else
		unsetenv("LD_PRELOAD");
	execv("/proc/self/exe", argv);
	fprintf(stderr, "tunneld: cannot start without LD_PRELOAD: %s\n",
		strerror(errno));
	exit(1);
}

/* Passwords are in our memory: no core file, and no other process of the user
 * that reads it. LeakSanitizer needs to (ptrace(2)). */
static void hide_memory(void)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct options opts;
	struct tunneld d = { .opts = &opts, .signalfd = -1 };
	int status;

	leave_preload(argv);
	hide_memory();
	status = options_parse(&opts, argc, argv);
	if (status >= 0)
		return status;
	log_open_journal(LOG_LEVEL_INFO, getenv("JOURNAL_STREAM"));
	if (opts.task != OPTIONS_RUN)
		return tasks_run(&opts);
	d.conf = conf_load(&opts.source, daemon_report_line, NULL);
	if (d.conf == NULL)
		return OPTIONS_EXIT_CONFIG;
	daemon_set_log_level(&d);
	if (snapshot_init(&d.snapshot, d.conf, words) < 0) {
		log_err("%s", words);
		conf_free(d.conf);
		return OPTIONS_EXIT_CONFIG;
	}
	status = daemon_run(&d);
	snapshot_fini(&d.snapshot);
	conf_free(d.conf);
	if (proxy_connect_left() > 0)
		_exit(status);
	return status;
}
