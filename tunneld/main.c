/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - tunneld: options and configuration, and then the daemon */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "log.h"
#include "options.h"
#include "proxy_connect.h"
#include "sandbox.h"
#include "snapshot.h"
#include "tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void say_nothing(void *arg, enum log_level level, const char *line)
{
	(void)arg, (void)level, (void)line;
}

/* Root that shall be somebody else is that before any secret is read: what that
 * user cannot read shows now, and not at the first reload. 0 or -1. */
static int become(struct tunneld *d, struct options *opts)
{
	struct conf_source source = opts->source;
	const char *user = opts->user;
	int err = 0;

	if (geteuid() != 0 || opts->private_daemon)
		return 0;
	source.no_secrets = true;
	d->conf = conf_load(&source, say_nothing, NULL);
	if (d->conf == NULL)
		return 0; /* it is read again, by somebody who says why */
	if (user == NULL && d->conf->run_as[0] != '\0')
		user = d->conf->run_as;
	if (user != NULL) {
		opts->system = true;
		err = daemon_become(d, user);
	}
	if (err < 0)
		log_err("cannot become %s: %s", user,
			err == -ENOENT ? "there is no such user"
				       : strerror(-err));
	conf_free(d->conf);
	d->conf = NULL;
	return err < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct options opts;
	struct tunneld d = { .opts = &opts, .signalfd = -1 };
	int status;

	leave_preload(argv);
	sandbox_hide_memory();
	status = options_parse(&opts, argc, argv);
	if (status >= 0)
		return status;
	log_open_journal(LOG_LEVEL_INFO, getenv("JOURNAL_STREAM"));
	if (opts.task != OPTIONS_RUN)
		return tasks_run(&opts);
	if (become(&d, &opts) < 0)
		return OPTIONS_EXIT_CONFIG;
	sandbox_enter();
	d.conf = conf_load(&opts.source, daemon_report_line, NULL);
	if (d.conf == NULL)
		return OPTIONS_EXIT_CONFIG;
	daemon_set_log_level(&d);
	if (geteuid() == 0 && !opts.private_daemon)
		log_warn("tunneld runs as root, which it need not: [daemon] "
			 "run_as = NAME");
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
