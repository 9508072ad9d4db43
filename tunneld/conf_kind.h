/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_kind.h - kinds of values; each returns 0, or -EINVAL with words in the
 * target, or 1 with words that are a warning
 */
#ifndef CONF_KIND_H
#define CONF_KIND_H

#include "conf.h"

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a value goes and what it is relative to. */
struct conf_target {
	struct conf *conf;
	struct conf_relay *relay; /* for keys of [relay NAME] */
	const char *dir;    /* of relative paths; NULL: the working directory */
	const char *origin; /* of the value, for people */
	char *words;        /* filled with what is wrong */
	size_t words_max;
	bool no_secrets; /* files that are named may be missing */
};

/* Words into t->words; always -EINVAL. */
int conf_wrong(struct conf_target *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

int conf_kind_text(struct conf_target *t, char *out, size_t max,
		   const char *value) MUST_CHECK;
int conf_kind_number(struct conf_target *t, unsigned int min, unsigned int max,
		     uint8_t *out, const char *value) MUST_CHECK;
/* The index of `value` among `choices` (NULL-terminated); `form` lists them. */
int conf_kind_choice(struct conf_target *t, const char *const *choices,
		     const char *form, const char *value) MUST_CHECK;
int conf_kind_switch(struct conf_target *t, bool *out,
		     const char *value) MUST_CHECK;
int conf_kind_path(struct conf_target *t, char out[CONF_PATH_MAX],
		   const char *value) MUST_CHECK;
/* A file that can be read; one that moreover nobody else can. */
int conf_kind_file(struct conf_target *t, char out[CONF_PATH_MAX],
		   const char *value) MUST_CHECK;
int conf_kind_private(struct conf_target *t, char out[CONF_PATH_MAX],
		      const char *value) MUST_CHECK;
/* A file whose first line is a secret, and one of HTTP header lines. */
int conf_kind_secret(struct conf_target *t, char out[CONF_PATH_MAX],
		     const char *value) MUST_CHECK;
int conf_kind_headers(struct conf_target *t, char out[CONF_PATH_MAX],
		      const char *value) MUST_CHECK;

#endif
