/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_setting.h - settings of the command line into the list of entries */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include "conf_entries.h"

#include <stddef.h>

/* "SECTION.KEY=VALUE"; problems are reported. A relay that it names first
 * stands at place *relay_at in the order of preference, which moves on. */
void conf_setting_read(struct conf_entries *e, const char *setting,
		       size_t *relay_at);

#endif
