/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verb_help.h - the description of a verb as --help shows it */
#ifndef VERB_HELP_H
#define VERB_HELP_H

#include "verb.h"

#include <stdio.h>

/* 80 columns; a screen of 24 lines if its author was brief. */
void verb_help_print(const struct verb *verb, FILE *to);
/* "-c, --config FILE", as help and the manual page have it. */
void verb_help_option(const struct verb_option *o, char *text, size_t max);
/* Those of a verb that does not name its own. */
extern const struct verb_status verb_help_status[];

#endif
