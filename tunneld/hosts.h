/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hosts.h - the names in /etc/hosts; not thread-safe */
#ifndef HOSTS_H
#define HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <sys/types.h>

struct hosts {
	char *path;
	char **name; /* sorted, normalised (hostname.h) */
	size_t count, room;
	/* what the file was when it was read */
	struct timespec mtime;
	off_t bytes;
	ino_t inode;
};

void hosts_init(struct hosts *h, const char *path);
void hosts_fini(struct hosts *h);
/* `name` is normalised. One stat(2), and reading when the file has changed. */
bool hosts_contain(struct hosts *h, const char *name);

#endif
