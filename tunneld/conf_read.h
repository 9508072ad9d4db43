/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_read.h - everything that a source names, read into one list */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf_entries.h"

/* Reads what `source` names, and marks what is locked. `e` is initialised;
 * problems are reported and set `failed`. */
void conf_read(struct conf_entries *e, const struct conf_source *source);

#endif
