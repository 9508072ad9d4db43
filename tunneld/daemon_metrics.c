/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daemon_metrics.c - metrics for those who do not ask by the control socket: a
 * file, and a listener
 *
 * A tunneld of one command has neither: it would take the place of another.
 */
#include <config.h>

#include "addr.h"
#include "conf.h"
#include "control.h"
#include "daemon.h"
#include "log.h"
#include "metrics_file.h"
#include "metrics_server.h"
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *metrics(void *arg, bool openmetrics, size_t *bytes)
{
	const struct tunneld *d = arg;

	return control_metrics(d->control, openmetrics, bytes);
}

/* The file */

static void write_file(struct tunneld *d)
{
	size_t bytes;
	char *text = control_metrics(d->control, false, &bytes);
	int err = text == NULL
			  ? -ENOMEM
			  : metrics_file_write(d->metrics_file, text, bytes);

	free(text);
	if (err < 0 && err != d->metrics_error)
		log_warn("metrics are not written: %s: %s", d->metrics_file,
			 strerror(-err));
	d->metrics_error = err;
}

static void on_interval(void *arg, uint64_t now_ms)
{
	struct tunneld *d = arg;

	write_file(d);
	loop_timer_set(d->loop, &d->write_metrics,
		       now_ms + d->conf->metrics.interval_s * 1000u,
		       on_interval, d);
}

/* Numbers that do not move any more would be taken for news. */
static void end_file(struct tunneld *d)
{
	loop_timer_stop(d->loop, &d->write_metrics);
	if (d->metrics_file != NULL)
		unlink(d->metrics_file);
	free(d->metrics_file);
	d->metrics_file = NULL;
	d->metrics_error = 0;
}

static void begin_file(struct tunneld *d)
{
	const char *path = d->conf->metrics.textfile;

	if (d->metrics_file != NULL && strcmp(d->metrics_file, path) == 0)
		return;
	end_file(d);
	if (path[0] == '\0')
		return;
	d->metrics_file = strdup(path);
	if (d->metrics_file != NULL)
		on_interval(d, loop_now_ms(d->loop));
}

/* The listener */

static void end_server(struct tunneld *d)
{
	metrics_server_free(d->metrics_server);
	d->metrics_server = NULL;
}

static void begin_server(struct tunneld *d)
{
	struct metrics_server_opts opts = {
		.loop = d->loop,
		.listen = d->conf->metrics.listen,
		.metrics = metrics,
		.arg = d,
	};
	char text[ADDR_TEXT_MAX];

	if (d->metrics_server != NULL &&
	    endpoint_equal(metrics_server_at(d->metrics_server), &opts.listen))
		return;
	end_server(d);
	if (opts.listen.family == ENDPOINT_NONE)
		return;
	d->metrics_server = metrics_server_new(&opts);
	if (d->metrics_server == NULL)
		log_warn("metrics are not served at %s: %s",
			 addr_format(&opts.listen, text), strerror(errno));
}

void daemon_metrics_apply(struct tunneld *d)
{
	if (d->opts->private_daemon)
		return;
	begin_file(d);
	begin_server(d);
}

void daemon_metrics_stop(struct tunneld *d)
{
	end_file(d);
	end_server(d);
}
