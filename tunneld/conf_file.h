/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_file.h - configuration files, one by one or by directories, into the
 * list of entries; problems are reported there
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "conf_entries.h"

#include <stdbool.h>

#include <sys/types.h>

/* `optional`: it may be missing. */
void conf_file_read(struct conf_entries *e, const char *path,
		    enum conf_layer layer, bool optional);
/* Its *.conf, in the order of their names. */
void conf_file_read_dir(struct conf_entries *e, const char *dir, bool optional);
/* Likewise, as locks: directory and files must be such that `owner` alone can
 * write them. The directory may be missing. */
void conf_file_read_policy(struct conf_entries *e, const char *dir,
			   uid_t owner);

#endif
