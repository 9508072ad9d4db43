/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tasks.c - what tunneld does instead of serving: check the configuration, show
 * it, explain what it means for a destination
 */
#include <config.h>

#include "tasks.h"

#include "cancel.h"
#include "clock.h"
#include "conf.h"
#include "conf_show.h"
#include "daemon.h"
#include "explain.h"
#include "log.h"
#include "options.h"
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXPLAIN_TIMEOUT_MS 8000

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

/* What is told when a relay is made, which needs the secrets. */
static int check_logins(const struct conf *conf)
{
	int err = 0;

	for (size_t i = 0; i < conf->relay_count; i++) {
		const struct conf_relay *r = &conf->relay[i];

		if (r->password_file[0] != '\0' || r->secret_file[0] != '\0' ||
		    r->credentials_uri[0] != '\0' ||
		    r->credential_command[0] != '\0')
			continue;
		fprintf(stderr,
			"%s: relay %s has no credentials: write username and "
			"password_file, or secret_file\n",
			r->origin, r->name);
		err = -EINVAL;
	}
	return err;
}

static int check(const struct options *opts)
{
	char words[SNAPSHOT_WORDS_MAX];
	struct snapshot snapshot;
	struct conf *conf = conf_load(&opts->source, report_plainly, NULL);
	int err = conf == NULL ? -EBADMSG : 0;

	/* Nothing can be made of secrets that are elsewhere. */
	if (err == 0 && opts->source.no_secrets) {
		err = check_logins(conf);
	} else if (err == 0) {
		err = snapshot_init(&snapshot, conf, words);
		if (err < 0)
			fprintf(stderr, "%s\n", words);
		else
			snapshot_fini(&snapshot);
	}
	conf_free(conf);
	return err < 0 ? OPTIONS_EXIT_CONFIG : 0;
}

static int show(const struct options *opts)
{
	const struct conf_show_opts show = {
		.what = opts->what,
		.origin = opts->origin,
		.json = opts->json,
	};
	struct conf_source source = opts->source;
	int err;

	/* They are not shown, and not everybody's to read. */
	source.no_secrets = true;
	err = conf_show(&source, &show, stdout, report_errors, NULL);
	if (fflush(stdout) != 0 && err == 0)
		err = -errno;
	switch (err) {
	case 0:
		return 0;
	case -EBADMSG:
		return OPTIONS_EXIT_CONFIG;
	case -EINVAL:
		return OPTIONS_EXIT_USAGE;
	case -ENOENT:
		log_err("%s: not set", opts->what);
		return 1;
	default:
		log_err("%s", strerror(-err));
		return 1;
	}
}

/* Relays are named, but not logged in to: their secrets are not everybody's to
 * read. */
static void forget_secrets(struct conf *conf)
{
	for (size_t i = 0; i < conf->relay_count; i++) {
		struct conf_relay *r = &conf->relay[i];

		r->username[0] = r->password_file[0] = r->secret_file[0] = '\0';
		r->credentials_uri[0] = r->credentials_headers_file[0] = '\0';
		r->ca_file[0] = '\0';
		strcpy(r->credential_command, "false");
	}
}

static int explain_with(const struct options *opts, struct conf *conf)
{
	struct explain_query query = {
		.client = { .uid = opts->has_uid ? opts->uid : getuid(),
			    .program = opts->program != NULL ? opts->program
							     : "" },
		.json = opts->json,
	};
	char words[SNAPSHOT_WORDS_MAX];
	struct explain_env env = { .policy = NULL };
	struct snapshot snapshot;
	struct cancel cancel;
	int status;

	if (explain_target_parse(opts->what, &query.target, words,
				 sizeof(words)) < 0) {
		fprintf(stderr, "tunneld: %s\n", words);
		return OPTIONS_EXIT_USAGE;
	}
	if (snapshot_init(&snapshot, conf, words) < 0) {
		log_err("%s", words);
		return OPTIONS_EXIT_CONFIG;
	}
	env.policy = snapshot.policy;
	env.relays = snapshot.relays;
	cancel_init(&cancel);
	status = (int)explain(&query, &env, clock_now_ms() + EXPLAIN_TIMEOUT_MS,
			      &cancel, stdout);
	cancel_fini(&cancel);
	snapshot_fini(&snapshot);
	return status;
}

static int explain_one(const struct options *opts)
{
	struct conf_source source = opts->source;
	struct conf *conf;
	int status;

	/* The answer tells what came of a script. */
	log_set_level(LOG_LEVEL_ERROR);
	source.no_secrets = true;
	conf = conf_load(&source, report_errors, NULL);
	if (conf == NULL)
		return OPTIONS_EXIT_CONFIG;
	forget_secrets(conf);
	status = explain_with(opts, conf);
	conf_free(conf);
	return status;
}

int tasks_run(const struct options *opts)
{
	switch (opts->task) {
	case OPTIONS_CHECK:
		return check(opts);
	case OPTIONS_SHOW:
		return show(opts);
	default:
		return explain_one(opts);
	}
}
