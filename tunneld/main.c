/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - tunneld: options and configuration, and then the daemon */
#include <config.h>

#include "conf.h"
#include "conf_show.h"
#include "daemon.h"
#include "log.h"
#include "options.h"
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* sysexits.h: systemd does not restart a daemon that cannot start. */
#define EXIT_CONFIG 78
#define EXIT_USAGE  2

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

/* Who only looks is told what is wrong; the rest is shown. */
static void report_errors(void *arg, enum log_level level, const char *line)
{
	if (level == LOG_LEVEL_ERROR)
		daemon_report_line(arg, level, line);
}

/* As compilers tell it: nobody but the file is meant. */
static void report_plainly(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s%s\n",
		level == LOG_LEVEL_ERROR ? "" : "warning: ", line);
}

static int check(const struct options *opts)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct snapshot snapshot;
	struct conf *conf = conf_load(&opts->source, report_plainly, NULL);
	int err = conf == NULL ? -EBADMSG : 0;

	/* Nothing can be made of secrets that are elsewhere. */
	if (err == 0 && !opts->source.no_secrets) {
		err = snapshot_init(&snapshot, conf, words);
		if (err < 0)
			fprintf(stderr, "%s\n", words);
		else
			snapshot_fini(&snapshot);
	}
	conf_free(conf);
	return err < 0 ? EXIT_CONFIG : 0;
}

static int show(struct options *opts)
{
	const struct conf_show_opts show = {
		.what = opts->what,
		.origin = opts->origin,
		.json = opts->json,
	};
	int err;

	/* They are not shown, and not everybody's to read. */
	opts->source.no_secrets = true;
	err = conf_show(&opts->source, &show, stdout, report_errors, NULL);
	if (fflush(stdout) != 0 && err == 0)
		err = -errno;
	switch (err) {
	case 0:
		return 0;
	case -EBADMSG:
		return EXIT_CONFIG;
	case -EINVAL:
		return EXIT_USAGE;
	case -ENOENT:
		log_err("%s: not set", opts->what);
		return 1;
	default:
		log_err("%s", strerror(-err));
		return 1;
	}
}

int main(int argc, char **argv)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct options opts;
	struct tunneld d = { .opts = &opts, .signalfd = -1 };
	int status;

	leave_preload(argv);
	status = options_parse(&opts, argc, argv);
	if (status >= 0)
		return status;
	log_open(LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	if (opts.task == OPTIONS_SHOW)
		return show(&opts);
	if (opts.task == OPTIONS_CHECK)
		return check(&opts);
	d.conf = conf_load(&opts.source, daemon_report_line, NULL);
	if (d.conf == NULL)
		return EXIT_CONFIG;
	daemon_set_log_level(&d);
	if (snapshot_init(&d.snapshot, d.conf, words) < 0) {
		log_err("%s", words);
		conf_free(d.conf);
		return EXIT_CONFIG;
	}
	status = daemon_run(&d);
	snapshot_fini(&d.snapshot);
	conf_free(d.conf);
	return status;
}
