/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_value.h - the table of keys, and their values put into struct conf */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf.h"
#include "conf_kind.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>

/* 0, or -EINVAL with words, or 1 with a warning; -ENOMEM without words. */
typedef int(conf_set_fn)(struct conf_target *t, const char *value);

struct conf_key {
	const char *section; /* "relay" stands for [relay NAME] */
	const char *name;
	conf_set_fn *set;
	bool repeatable;
	const char *initial; /* the default; "": not set */
	const char *form;
	const char *help;
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

/* A list as no_proxy is written: commas or blanks between the entries. What
 * cannot be read is refused, or only logged when `lenient`. */
int conf_add_no_proxy(struct conf_target *t, const char *list,
		      bool lenient) MUST_CHECK;
/* conf_env.c: the proxy that the environment names, credentials and no_proxy
 * included. Nothing set: no proxy. */
int conf_env_proxy(struct conf_target *t) MUST_CHECK;

#endif
