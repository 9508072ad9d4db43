/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nameservers.c - whom the machine's resolver asks
 *
 * Turns a resolv.conf(5) file into addresses, and reads it again when it has
 * changed. Without a file, or without servers in it, libc asks this machine.
 */
#include <config.h>

#include "nameservers.h"

#include "addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#define LINE_BYTES 512

void nameservers_init(struct nameservers *n, const char *path)
{
	*n = (struct nameservers){ .path = strdup(path), .bytes = -1 };
}

void nameservers_fini(struct nameservers *n)
{
	free(n->path);
	n->path = NULL;
}

static void add_line(struct nameservers *n, char *line)
{
	char *rest = NULL, *word = strtok_r(line, " \t\r\n", &rest);

	if (word == NULL || strcmp(word, "nameserver") != 0 ||
	    n->count == NAMESERVERS_MAX)
		return;
	word = strtok_r(NULL, " \t\r\n", &rest);
	if (word == NULL)
		return;
	word[strcspn(word, "%")] = '\0'; /* of a link: fe80::1%eth0 */
	n->count += addr_parse_ip(word, &n->at[n->count]);
}

static void read_file(struct nameservers *n)
{
	FILE *f = fopen(n->path, "re");
	char line[LINE_BYTES];

	memset(n->at, 0, sizeof(n->at));
	n->count = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		add_line(n, line);
	if (f != NULL)
		fclose(f);
}

bool nameservers_refresh(struct nameservers *n)
{
	struct endpoint before[NAMESERVERS_MAX];
	size_t count = n->count;
	struct stat st;

	if (n->path == NULL)
		return false;
	if (stat(n->path, &st) < 0)
		memset(&st, 0, sizeof(st));
	if (st.st_size == n->bytes && st.st_ino == n->inode &&
	    st.st_mtim.tv_sec == n->mtime.tv_sec &&
	    st.st_mtim.tv_nsec == n->mtime.tv_nsec)
		return false;
	n->bytes = st.st_size;
	n->inode = st.st_ino;
	n->mtime = st.st_mtim;
	memcpy(before, n->at, sizeof(before));
	read_file(n);
	return n->count != count || memcmp(before, n->at, sizeof(before)) != 0;
}
