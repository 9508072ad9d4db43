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

#endif
