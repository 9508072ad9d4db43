/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nameservers.h - whom the machine's resolver asks: the name servers in
 * resolv.conf(5)
 */
#ifndef NAMESERVERS_H
#define NAMESERVERS_H

#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <sys/types.h>

#define NAMESERVERS_MAX 3 /* resolv.conf(5): more are not asked */

struct nameservers {
	char *path;
	off_t bytes; /* of the file as it was read; -1: not read yet */
	ino_t inode;
	struct timespec mtime;
	size_t count;
	struct endpoint at[NAMESERVERS_MAX]; /* ports 0 */
};

void nameservers_init(struct nameservers *n, const char *path);
void nameservers_fini(struct nameservers *n);
/* Read the file if it has changed. True: others stand in it than before. */
bool nameservers_refresh(struct nameservers *n);

#endif
