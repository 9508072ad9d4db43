/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_show.h - each value in force, for people and programs */
#ifndef CONF_SHOW_H
#define CONF_SHOW_H

#include "conf.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdio.h>

struct conf_show_opts {
	/* SECTION, SECTION.KEY, relay.NAME or relay.NAME.KEY; NULL: all */
	const char *what;
	bool origin; /* say where each value comes from */
	bool json;
};

/* Prints sections and keys as a file has them, or JSON. 0; -ENOENT when `what`
 * is not set; -EINVAL when there is no such thing, or -EBADMSG when the
 * configuration is wrong, both reported. */
int conf_show(const struct conf_source *source,
	      const struct conf_show_opts *opts, FILE *to,
	      conf_report_fn *report, void *arg) MUST_CHECK;

#endif
