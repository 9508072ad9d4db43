/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_env.h - proxies as other programs are told of them: the environment,
 * and lists of no_proxy
 */
#ifndef CONF_ENV_H
#define CONF_ENV_H

#include "conf_kind.h"

#include <turnout/compiler.h>

#include <stdbool.h>

/* A list as no_proxy is written: commas or blanks between the entries. What
 * cannot be read is refused, or only logged when `lenient`. */
int conf_add_no_proxy(struct conf_target *t, const char *list,
		      bool lenient) MUST_CHECK;
/* The proxy that the environment names, credentials and no_proxy
 * included. Nothing set: no proxy. */
int conf_env_proxy(struct conf_target *t) MUST_CHECK;
/* What the environment told `conf`, for people: "https_proxy: http://a:3128",
 * a password as stars. The caller frees; NULL: no memory. */
char *conf_env_format(const struct conf *conf) MUST_CHECK;

#endif
