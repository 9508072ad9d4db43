/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - the command line of tunneld */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "conf.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_SETTINGS_MAX 64

/* What tunneld is started for. */
enum options_task {
	OPTIONS_RUN = 0,
	OPTIONS_CHECK,   /* validate the configuration, or `source.only` */
	OPTIONS_SHOW,    /* print the configuration, or `what` of it */
	OPTIONS_EXPLAIN, /* what it means for the destination `what` */
};

#define OPTIONS_EXIT_USAGE 2
/* sysexits.h: systemd does not restart a daemon that cannot start. */
#define OPTIONS_EXIT_CONFIG 78

/* Everything is borrowed from argv. */
struct options {
	struct conf_source source;
	const char *set[OPTIONS_SETTINGS_MAX];
	const char *socket;
	const char *user; /* of a root that shall be none; NULL: not said */
	int watch_pid;    /* 0: none */
	int ready_fd;     /* -1: none */
	bool private_daemon;
	bool system;
	bool quiet;
	enum options_task task;
	const char *what; /* NULL: all */
	bool origin;
	bool json;
	/* EXPLAIN: of whom */
	const char *program; /* NULL: nobody in particular */
	uint32_t uid;
	bool has_uid;
};

/* < 0: go on; else the exit status, and what there is to say has been said. */
int options_parse(struct options *o, int argc, char **argv) MUST_CHECK;

#endif
