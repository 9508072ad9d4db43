/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_section.h - names of sections and keys, and what was meant instead */
#ifndef CONF_SECTION_H
#define CONF_SECTION_H

#include "conf_entries.h"
#include "conf_value.h"

#include <stdbool.h>

/* "relay NAME" is cut in two; `*relay` points into `section`, or is NULL. */
void conf_section_split(char *section, char **relay);
/* False, and reported, when there is no such section. `relay`: the NAME of
 * [relay NAME], or NULL. */
bool conf_section_check(struct conf_entries *e, const char *origin,
			const char *section, const char *relay);
const struct conf_key *conf_section_find_key(const char *section,
					     const char *name);
void conf_section_unknown_key(struct conf_entries *e, const char *origin,
			      const char *section, const char *name);

#endif
