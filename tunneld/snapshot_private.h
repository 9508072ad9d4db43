/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot_private.h - what the parts of snapshot.c tell each other */
#ifndef SNAPSHOT_PRIVATE_H
#define SNAPSHOT_PRIVATE_H

#include "snapshot.h"

#include <turnout/compiler.h>

struct conf;

/* s->egress, or NULL where there is no proxy. 0, or -errno with words. */
int snapshot_make_egress(struct snapshot *s, const struct conf *conf,
			 char words[SNAPSHOT_WORDS_MAX]) MUST_CHECK;

#endif
